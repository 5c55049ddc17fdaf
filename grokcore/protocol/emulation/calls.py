"""Calls of the client's tools in an answer, and the policy for those that can't be made.

Rules
-----
1. A call whose name and arguments can be read is given out, even if the arguments break the tool's
   schema: agents hand the model an error, and no question is lost (tried with Codex 0.171, Claude
   Code 2.1 and opencode 1.18, 2026-11). If the client forces a call, or calls the tool strict, such
   a call is a fault.
2. A call that can't be read is a fault, and so is an answer without the call that it had to be. The
   whole calls beside it are given out. Its text is never shown.
3. Where a call is forced, text is kept until the first one: it may be the arguments alone, as JSON.
4. Calls in the reasoning count only if the answer has no text, and they end the reasoning.
5. A correction consists of calls: its text is dropped. If the client wants text in a form, the
   correction of an answer without calls may be that text.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import ToolCallFailed
from ..conversation.events import ToolCall, Unusable
from ..conversation.question import Repair
from ..conversation.tools import Choice, Toolbox
from .declared import Declared, DeclaredCall, UnusableCall
from .forms import CallForm
from .sieve import Piece, Sieve
from .written import WrittenCall

__all__ = ["MOST_HELD_CHARS", "MOST_SAID_CHARS", "ToolSieve"]

MOST_HELD_CHARS = 8 * 1024
"""Text before a forced call that is kept; more is shown."""

MOST_JSON_CHARS = 1024 * 1024
"""As much is kept if the text begins as JSON does."""

MOST_SAID_CHARS = 128 * 1024
"""Characters of an unusable answer that Grok is shown."""

_MOST_FAULTS = 5


class ToolSieve:
    """Takes calls out of the text of one answer; a
    :class:`~grokcore.protocol.emulation.reading.CallReader`.

    :param form: in which the model was asked to write calls.
    :param repair: the answer that this one corrects.
    :param text_in_form: whether a text answer has to have a form, which is checked elsewhere.
    """

    def __init__(
        self,
        toolbox: Toolbox,
        form: CallForm,
        repair: Repair | None = None,
        *,
        text_in_form: bool = False,
    ) -> None:
        self._toolbox, self._form = toolbox, form
        self._forced = toolbox.choice is Choice.REQUIRED
        self._corrects = repair is not None
        self._before = 0 if repair is None else repair.calls
        may_be_text = repair is None or (text_in_form and not repair.calls)
        self._needs_call = self._forced or not may_be_text
        self._declared = Declared(toolbox.callable, must_fit=self._forced)
        self._sieve = Sieve(form, self._can_be_read)
        self._faults: list[str] = []
        self._given = 0
        self._full = False  # the one allowed call has come
        self._held = _HeldText()
        self._holds = self._forced
        self._said = _Said()

    @property
    def holding(self) -> bool:
        """Whether text is held back, or a call is open."""
        return self._sieve.holding or bool(self._held.size)

    @property
    def called(self) -> bool:
        """Whether a call was given out, and the text is outside of one."""
        return self._given > 0 and (self._full or not self._sieve.inside)

    @property
    def cut(self) -> bool:
        """Whether nothing more is wanted."""
        return self._full or self._sieve.cut

    def feed(self, text: str) -> list[str | ToolCall]:
        """Take a piece of text; return text and whole calls, in order."""
        if self.cut:
            return []
        self._said.add(text)
        return self._take(self._sieve.feed(text))

    def close(self, thinking: str = "") -> list[str | ToolCall]:
        """The text has ended: return the rest."""
        taken = self._take(self._sieve.close())
        if not self._given and not self._faults:
            taken += self._calls_elsewhere(thinking)
        return taken

    def unusable(self) -> Unusable | None:
        """After :meth:`close`: the faults; None if the answer can be used."""
        if self._faults:
            error = ToolCallFailed(
                "Grok called a tool in a way that could not be read, or that does not fit the "
                "tool's declaration."
            )
            return Unusable(self._said.text(), tuple(self._faults[:_MOST_FAULTS]), error)
        if self._given or not self._needs_call:
            return None
        names = ", ".join(tool.full_name for tool in self._toolbox.callable[:_MOST_FAULTS])
        return Unusable(
            self._said.text(),
            (f"The answer has to be a call of a function ({names}), and holds none.",),
            ToolCallFailed("Grok called no tool, although the request requires a call."),
        )

    # Pieces --------------------------------------------------------------------------------------

    def _take(self, pieces: Iterable[Piece]) -> list[str | ToolCall]:
        taken: list[str | ToolCall] = []
        for piece in pieces:
            if self._full:
                break
            if isinstance(piece, str):
                taken += self._shown(piece)
            elif isinstance(piece, WrittenCall):
                taken += self._called_with(piece)
        return taken

    def _shown(self, text: str) -> list[str]:
        if self._corrects and self._needs_call:
            return []
        if not self._holds:
            return [text]
        self._held.add(text)
        if self._held.size <= (MOST_JSON_CHARS if self._held.like_json else MOST_HELD_CHARS):
            return []
        self._holds = False
        return [self._held.taken()]

    def _called_with(self, written: WrittenCall) -> list[str | ToolCall]:
        """The call, behind the text before it; nothing if it can't be made."""
        self._full = not self._toolbox.parallel
        try:
            call = self._declared.read(written)
        except UnusableCall as error:
            self._faults.append(str(error))
            return []
        return self._with_held_text(self._event(call))

    def _with_held_text(self, call: ToolCall) -> list[str | ToolCall]:
        self._holds = False
        held = self._held.taken()
        return [held, call] if held else [call]

    def _event(self, call: DeclaredCall) -> ToolCall:
        tool, index = call.tool, self._before + self._given
        self._given += 1
        return ToolCall(index, tool.name, call.arguments, tool.namespace, tool.kind)

    # Calls in other places -----------------------------------------------------------------------

    def _can_be_read(self, written: WrittenCall) -> bool:
        try:
            self._declared.read(written)
        except UnusableCall:
            return False
        return True

    def _calls_elsewhere(self, thinking: str) -> list[str | ToolCall]:
        """Calls of an answer in whose text there are none."""
        said = self._said.text()
        if not said.strip():
            return [self._event(call) for call in self._thought_of(thinking)]
        call = None
        if self._needs_call and not self._said.cut:
            call = self._declared.whole_answer(said)
        if call is None:
            return []
        self._held.taken()
        return [self._event(call)]

    def _thought_of(self, thinking: str) -> list[DeclaredCall]:
        """The calls at the end of the reasoning, if all of them can be made."""
        sieve = Sieve(self._form, strict=True)
        calls: list[WrittenCall] = []
        for piece in [*sieve.feed(thinking), *sieve.close()]:
            if isinstance(piece, WrittenCall):
                calls.append(piece)
            elif isinstance(piece, str) and piece.strip():
                calls.clear()
        try:
            read = [self._declared.read(written) for written in calls]
        except UnusableCall:
            return []
        return read if self._toolbox.parallel else read[:1]


class _HeldText:
    """Text that is kept until a call comes.

    :ivar size: characters.
    :ivar like_json: whether it begins as JSON does, alone or in a code block.
    """

    def __init__(self) -> None:
        self.size = 0
        self.like_json = True
        self._blank = True
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self.size += len(text)
        if self._blank and text.strip():
            self._blank = False
            self.like_json = text.lstrip()[0] in "{`"

    def taken(self) -> str:
        """All of it; nothing is kept any more."""
        text = "".join(self._pieces)
        self._pieces, self.size = [], 0
        return text


class _Said:
    """The beginning of an answer.

    :ivar cut: whether more came than is kept.
    """

    def __init__(self) -> None:
        self.cut = False
        self._size = 0
        self._pieces: list[str] = []

    def add(self, text: str) -> None:
        room = MOST_SAID_CHARS - self._size
        self.cut = self.cut or len(text) > room
        if room > 0:
            self._pieces.append(text[:room])
            self._size += len(text)

    def text(self) -> str:
        return "".join(self._pieces)
