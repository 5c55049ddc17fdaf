"""Parts of an answer that both lanes of grok.com share, since both carry the same elements, cards
and pages: its text and thinking, tool calls, sources, pictures and files.

A lane's own class adds the states of an answer, and what moves it from one to another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from ...errors import (
    AnswerTooLong,
    ContentPolicyViolation,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    QuotaExhausted,
    UpstreamFailure,
)
from ..conversation.events import (
    Activity,
    End,
    Event,
    Failed,
    Finished,
    FoundPicture,
    Text,
    Thinking,
    ToolCall,
    ToolUse,
    Unusable,
)
from ..counters import Counters
from ..emulation.reading import CallReader
from ..upstream_words import cleaned
from .call_markup import without_marks
from .citations import Citations
from .gallery import Gallery
from .markup import Element, TagFilter
from .references import References
from .server_tools import tool_use_in_element
from .wholeness import Agreement, AnswerText, is_visible

__all__ = ["MAX_ANSWER_CHARS", "MOST_TOOL_USES", "AnswerParts"]

_RENDERED = frozenset({"grok:render"})
"""Elements that are replaced by the cards they refer to, whatever else is filtered."""

_MAY_FOLLOW_CALLS = (ToolCall, Activity, Failed, Unusable, Finished)
"""Events that show nothing to a reader, and the end."""

MAX_ANSWER_CHARS = 8 * 1024 * 1024
"""Characters of one answer, with its thinking and its tool calls."""

MOST_TOOL_USES = 2000
"""Tool calls of one answer that become events. A deep search makes some dozens."""


class AnswerParts(ABC):
    """The answer of one stream.

    :cvar empty_message: for an answer that is complete and holds nothing visible.
    :ivar events: new events, in order; the decoder replaces the list when it has passed them on.
    :ivar begun: whether events have been passed on.
    :ivar cut_short: whether the answer has ended because the rest is not wanted.
    :param filtered_tags: names for :class:`~grokcore.protocol.grok_web.markup.TagFilter`.
    :param assets_url: base of relative addresses of pictures and files, without a slash at its end;
        empty leaves them as Grok sent them.
    :param calls: takes calls of the client's tools out of the text; None leaves all text.
    """

    empty_message: ClassVar[str]

    def __init__(
        self,
        filtered_tags: frozenset[str],
        assets_url: str,
        counters: Counters,
        calls: CallReader | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.begun = False
        self.cut_short = False
        self._calls = calls
        self._call_shown = False
        self._thoughts: list[str] = []  # kept for calls in them
        self.citations = Citations()
        self.gallery = Gallery(assets_url)
        self._counters = counters
        self._elements = filtered_tags | _RENDERED
        self._thinking_filter = TagFilter(filtered_tags)
        self._thought_mid_line = False
        self._answer_filter = TagFilter(self._elements)
        self._references = References(self.citations, self.gallery, filtered_tags)
        self._visible = False
        self._chars = 0
        self._raw = AnswerText()
        self._tool_uses = 0

    @abstractmethod
    def _fail(self, error: GrokApiError) -> None:
        """End the answer with a failure."""

    @abstractmethod
    def _end(self) -> None:
        """Go into the state in which nothing more is read."""

    @abstractmethod
    def _remember_tool(self, tool_use: ToolUse) -> bool:
        """Remember a tool call; return False if Grok only repeats one."""

    def report_tool(self, tool_use: ToolUse | None) -> None:
        """Report a tool call, unless there is none, or it is a repetition, or one too many."""
        if (
            tool_use is None
            or self._tool_uses >= MOST_TOOL_USES
            or not self._remember_tool(tool_use)
        ):
            self.events.append(Activity())
        else:
            self._tool_uses += 1
            self.events.append(tool_use)

    # Text and thinking ---------------------------------------------------------------------------

    def _is_too_long_with(self, text: str) -> bool:
        """Count the characters of *text*; fail if the answer has too many with them."""
        self._chars += len(text)
        if self._chars <= MAX_ANSWER_CHARS:
            return False
        size = MAX_ANSWER_CHARS // (1024 * 1024)
        self._fail(
            AnswerTooLong(
                f"Grok's answer has more than {size} million characters; it was stopped there."
            )
        )
        return True

    def _show_thought(self, text: str) -> None:
        self._thought_mid_line = not text.endswith("\n")
        if self._calls is not None:
            self._thoughts.append(text)
        if "<" not in text and not self._thinking_filter.holding:
            self.events.append(Thinking(text))
            return
        pieces = self._thinking_filter.split(text)
        for piece in pieces:
            if isinstance(piece, Element):
                self.report_tool(tool_use_in_element(piece.text))
        passed = "".join(piece for piece in pieces if isinstance(piece, str))
        self.events.append(Thinking(passed) if passed else Activity())

    def _end_thinking(self) -> None:
        held_back = self._thinking_filter.close()
        if held_back:
            self.events.append(Thinking(held_back))

    def _drop_late_thought(self, _: object) -> None:
        self._counters.late_thoughts += 1
        self.events.append(Activity())

    def _show_token(self, token: str) -> None:
        """Show a piece of the answer's text, with what stands in the places of its elements."""
        if not self._raw:
            self._end_thinking()
        self._raw.add(token)
        if self._calls is None:
            self._show_words(token)
            return
        before = len(self.events)
        self._show_pieces(self._calls.feed(token))
        if self._calls.cut:
            self._cut()
        elif len(self.events) == before:
            self.events.append(Activity())

    def show_plain(self, token: str) -> bool:
        """The short way of a token in the middle of an answer: show it, if nothing has to be looked
        at but its characters; else do nothing, and return False.
        """
        if (
            not token
            or "<" in token
            or self._calls is not None
            or not self._raw
            or self._answer_filter.holding
            or self._chars + len(token) > MAX_ANSWER_CHARS
        ):
            return False
        self._chars += len(token)
        self._raw.add(token)
        self.events.append(Text(token))
        if not self._visible:
            self._visible = is_visible(token)
        return True

    def _show_pieces(self, pieces: Iterable[str | ToolCall]) -> None:
        """Show text and calls. Of Grok's elements, calls lose only those that refer to a card of
        this answer: a call may write a file that holds some.
        """
        for piece in pieces:
            if isinstance(piece, str):
                self._show_words(piece)
            else:
                self._show_text(self._answer_filter.close())
                self._visible = True
                self.events.append(without_marks(piece, self._references.refers))

    def _cut(self) -> None:
        """End the answer here: what follows its calls is not wanted."""
        self._show_the_rest()
        self._end()
        self.cut_short = True
        if not (self.events and isinstance(self.events[-1], Failed)):
            self.events.append(self._whole())

    def passed_on(self, events: list[Event]) -> list[Event]:
        """*events*, with activities for all that would show something behind a call: a citation, a
        picture that has become ready.
        """
        if self._calls is None:
            return events
        passed: list[Event] = []
        for event in events:
            follows = self._call_shown and not isinstance(event, _MAY_FOLLOW_CALLS)
            passed.append(Activity() if follows else event)
            self._call_shown = self._call_shown or isinstance(event, ToolCall)
        return passed

    def _show_words(self, token: str) -> None:
        """Show text without calls in it."""
        if "<" not in token and not self._answer_filter.holding:
            self.events.append(Text(token))
            self._visible = self._visible or is_visible(token)
            return
        before = len(self.events)
        run: list[str] = []  # texts that no event separates
        for piece in self._answer_filter.split(token):
            shown = piece if isinstance(piece, str) else self._references.in_place_of(piece)
            if isinstance(shown, str):
                run.append(shown)
            elif shown is not None:
                self._show_text("".join(run))
                run.clear()
                self._show([shown])
        self._show_text("".join(run))
        if len(self.events) == before:
            self.events.append(Activity())

    def _show_text(self, text: str) -> None:
        if text:
            self.events.append(Text(text))
            self._visible = self._visible or is_visible(text)

    def _show(self, events: Iterable[Event]) -> None:
        """Add events other than text."""
        for event in events:
            self._visible = self._visible or isinstance(event, FoundPicture)
            self.events.append(event)

    def _shows_loss(self, whole: str, pieces: AnswerText) -> bool:
        """Whether *pieces* are less than the *whole* text, by Grok's own copy of it."""
        return pieces.agreement(whole, self._elements) is Agreement.BROKEN

    # The end -------------------------------------------------------------------------------------

    @property
    def complete_with_calls(self) -> bool:
        """Whether the answer is complete without an end of Grok's: its last call has closed."""
        return self._calls is not None and self._calls.called

    def _whole(self) -> Finished | Unusable:
        """The last event of an answer that is complete."""
        if self._calls is None:
            return Finished()
        ending: Finished | Unusable = Finished(End.CALLS if self._calls.called else End.STOP)
        return self._calls.unusable() or ending

    def _show_the_rest(self) -> None:
        """Show held-back text, pictures and files; fail if there is nothing visible."""
        if not self._raw:
            self._end_thinking()
        if self._calls is not None:
            self._show_pieces(self._calls.close("".join(self._thoughts)))
            self._visible = self._visible or self._calls.unusable() is not None
        self._show_text(self._answer_filter.close())
        self._show(self._references.late())
        self._show(self.gallery.rest())
        error = self._fault_of_the_gallery()
        if error is None and not self._visible and self.gallery.empty:
            error = EmptyAnswer(self.empty_message)
        if error is not None:
            self._fail(error)

    def _fault_of_the_gallery(self) -> GrokApiError | None:
        if self.gallery.all_moderated:
            return ContentPolicyViolation(
                "Grok moderated what it had made, and shows nothing of it."
            )
        if self.gallery.fault and self.gallery.empty:
            return _not_made(self.gallery.fault)
        if self.gallery.unfinished:
            return IncompleteAnswer(
                "Grok began a picture or a video, and its answer ended without it."
            )
        return None


def _not_made(fault: str) -> GrokApiError:
    """The failure of a picture that could not be made (``rate_limit`` was seen in 2026)."""
    if "limit" in fault:
        return QuotaExhausted("The Grok account has used up its allowance for pictures.")
    return UpstreamFailure(f"Grok could not make the picture ({cleaned(fault)}).")
