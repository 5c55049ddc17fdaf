"""The answer while it is read: a small machine whose inputs are the news of Grok's frames, and
whose outputs are events.

========= ==========================================================================================
OPEN      nothing of the answer yet
REASONING thinking has been seen, the answer has not begun
ANSWERING the answer has begun; thinking is late from now on, and dropped
ENDED     ``response.done``, a failure, or the end of the connection
========= ==========================================================================================

:data:`TRANSITIONS` names the next state and the action for each state and input.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from ...errors import EmptyAnswer, GrokApiError, IncompleteAnswer, UpstreamFailure
from ..conversation.events import Activity, Failed, FoundPicture, ToolUse
from ..counters import Counters
from ..emulation.reading import CallReader
from ..grok_web.answer_parts import AnswerParts
from ..grok_web.cards import MOST_ADDRESS_CHARS, Card
from ..grok_web.wholeness import AnswerText
from .chunk_values import citation
from .frames import Lost
from .refusals import refusal_of_close

__all__ = [
    "MOST_CITATIONS",
    "MOST_MODERATED",
    "TRANSITIONS",
    "Answer",
    "Input",
    "State",
    "Thought",
]

MOST_CITATIONS = 2000
"""Places of one answer that cite something."""

MOST_MODERATED = 500
"""Names of moderated pictures. With more of them no picture is shown any more."""


class State(enum.Enum):
    """How far an answer is."""

    OPEN = enum.auto()
    REASONING = enum.auto()
    ANSWERING = enum.auto()
    ENDED = enum.auto()


class Input(enum.Enum):
    """The meaning of an event to the machine."""

    THOUGHT = enum.auto()
    ANSWER = enum.auto()
    WHOLE = enum.auto()
    CITATION = enum.auto()
    DONE = enum.auto()
    ERROR = enum.auto()
    END = enum.auto()


@frozen
class Thought:
    """A piece of the reasoning.

    :ivar step: the step that it belongs to; each begins a line. Empty if that is not known.
    """

    text: str
    step: str = ""


class Answer(AnswerParts):
    """The answer of one conversation; see
    :class:`~grokcore.protocol.grok_web.answer_parts.AnswerParts`.

    :ivar finished: whether the whole answer has come.
    :ivar readable: whether a frame could be read.
    :ivar passing_error: an error that Grok reported and went on after; None if there was none.
    """

    empty_message = "Grok ended its answer in good order, with nothing in it."

    def __init__(
        self,
        filtered_tags: frozenset[str],
        assets_url: str,
        counters: Counters,
        calls: CallReader | None = None,
    ) -> None:
        super().__init__(filtered_tags, assets_url, counters, calls)
        self.state = State.OPEN
        self.finished = False
        self.readable = False
        self.passing_error: GrokApiError | None = None
        self._lost_content = False
        self._lost_media = False
        self._thought_step = ""
        self._part = self._raw  # the pieces since Grok's last copy of a part
        self._proven = False  # whether Grok's own copy of the text begins with all pieces
        self._reported: set[ToolUse] = set()
        self._places = 0
        self._moderated: set[str] = set()

    def step(self, what: Input, value: Any) -> None:
        """Move on by an input. An input that is missing in the table is ignored.

        :param value: a :class:`Thought`; the text of ANSWER and WHOLE; the value of CITATION; the
            exception of ERROR; the reason at END, if Grok gave one; else None.
        """
        transition = TRANSITIONS.get((self.state, what))
        if transition is not None:
            self.state, action = transition
            action(self, value)

    # News that do not move the answer on ---------------------------------------------------------

    def note_lost(self, lost: Lost) -> None:
        """Count a frame that could not be read."""
        self._counters.junk_lines += 1
        self.doubt(text=lost.content, media=lost.media)

    def doubt(self, *, text: bool, media: bool) -> None:
        """Note that a piece of the text, or a picture, video or file, may be missing."""
        self._lost_content = self._lost_content or text
        self._lost_media = self._lost_media or media

    def _remember_tool(self, tool_use: ToolUse) -> bool:
        # Grok repeats a call as it goes on, also behind others.
        if tool_use in self._reported:
            return False
        self._reported.add(tool_use)
        return True

    def find(self, results: list[dict[str, Any]]) -> None:
        """Pages that a search has found; an activity if there is nothing new."""
        self.events.append(self.citations.read_results(results) or Activity())

    # Pictures, videos, files ---------------------------------------------------------------------

    def note_card(self, card: Card) -> None:
        """A card of any kind: of a picture that is being made, or for an element to come."""
        if card.is_generated:
            self.note_picture(card)
        else:
            self.events += self._references.note(card) or [Activity()]

    def note_picture(self, card: Card) -> None:
        """How far a picture is. One that was moderated once is never shown."""
        names = {card.id, card.url} - {""}
        if card.moderated:
            self._moderated |= {name[:MOST_ADDRESS_CHARS] for name in names}
        elif len(self._moderated) > MOST_MODERATED or names & self._moderated:
            self.events.append(Activity())
            return
        self.events += self.gallery.note_card(card)

    def note_progress(self, key: str, value: dict[str, Any]) -> None:
        """How far a video is, or the work as a whole."""
        self.events += self.gallery.note(key, value)

    def note_file(self, card: Card) -> None:
        """A file, which is shown where it comes."""
        shown = self.gallery.show_file(card) if card.url else None
        self.events.append(shown or Activity())

    def show_found_picture(self, card: Card) -> None:
        """A picture of the web."""
        if card.url.startswith(("https://", "http://")):
            self._show([FoundPicture(card.url, card.title, card.link)])
        else:
            self.events.append(Activity())

    # Actions -------------------------------------------------------------------------------------

    def _think(self, thought: Thought) -> None:
        text = thought.text
        if self._is_too_long_with(text):
            return
        if self._thought_mid_line and thought.step != self._thought_step:
            text = f"\n{text}"
        self._thought_step = thought.step
        self._show_thought(text)

    def _write(self, text: str) -> None:
        if self._is_too_long_with(text):
            return
        self._show_token(text)
        if self._part is not self._raw:
            self._part.add(text)
        self._proven = False

    def _compare(self, text: str) -> None:
        """Read Grok's own copy of the text, or of its last part: what no piece brought is added.

        A copy that shows that text was lost makes the answer fail.
        """
        rest = self._raw.rest_in(text)
        if rest is None and self._part:
            rest = self._part.rest_in(text)
        if rest is not None:
            if rest:
                self._write(rest)
            self._proven = True
        elif (
            self._part and self._shows_loss(text, self._part) and self._shows_loss(text, self._raw)
        ):
            self._fail(
                IncompleteAnswer(
                    "Parts of the answer were lost on the way: Grok's own copy of it has more."
                )
            )
        self._part = AnswerText()

    def _cite(self, value: Mapping[str, Any]) -> None:
        """A citation at this place of the text."""
        self._places += 1
        cited = self.citations.cite(*citation(value)) if self._places <= MOST_CITATIONS else None
        self.events.append(cited or Activity())

    def _find_cited(self, value: Mapping[str, Any]) -> None:
        """A citation that has no place in the text, since that has not begun: a page."""
        _, card = citation(value)
        self.find([{"url": card.url}] if card else [])

    def _conclude(self, _: None) -> None:
        """Grok says that the answer is complete: show the rest, and look for signs of loss."""
        self._show_the_rest()
        if self.events and isinstance(self.events[-1], Failed):
            return
        if self._lost_media or (self._lost_content and not self._proven):
            self._fail(
                IncompleteAnswer(
                    "Frames of Grok's answer came damaged, and nothing shows that it is whole."
                )
            )
        else:
            self.finished = True
            self.events.append(self._whole())

    def _break_off(self, reason: object) -> None:
        """The connection or the session has ended, and Grok has not called the answer complete."""
        error = refusal_of_close(reason) or self.passing_error
        if self.complete_with_calls:
            self._cut()
        elif error is not None:
            self._fail(error)
        elif self.begun or self.events:
            self._fail(
                IncompleteAnswer("Grok's connection broke off before the answer was complete.")
            )
        elif self._counters.junk_lines and not self.readable:
            self._fail(UpstreamFailure("What Grok sent is not its format of frames."))
        else:
            self._fail(EmptyAnswer("Grok's connection ended without an answer in it."))

    def _end(self) -> None:
        self.state = State.ENDED

    def _fail(self, error: GrokApiError) -> None:
        self._end()
        self.events.append(Failed(error))


# Nothing leads out of ENDED: what follows an answer's end is another's, or nobody's.
# ruff: noqa: SLF001 - the table names actions of the class above
TRANSITIONS: dict[tuple[State, Input], tuple[State, Callable[[Answer, Any], None]]] = {
    (State.OPEN, Input.THOUGHT): (State.REASONING, Answer._think),
    (State.OPEN, Input.ANSWER): (State.ANSWERING, Answer._write),
    (State.OPEN, Input.WHOLE): (State.ANSWERING, Answer._compare),
    (State.OPEN, Input.CITATION): (State.OPEN, Answer._find_cited),
    (State.OPEN, Input.DONE): (State.ENDED, Answer._conclude),
    (State.OPEN, Input.ERROR): (State.ENDED, Answer._fail),
    (State.OPEN, Input.END): (State.ENDED, Answer._break_off),
    (State.REASONING, Input.THOUGHT): (State.REASONING, Answer._think),
    (State.REASONING, Input.ANSWER): (State.ANSWERING, Answer._write),
    (State.REASONING, Input.WHOLE): (State.ANSWERING, Answer._compare),
    (State.REASONING, Input.CITATION): (State.REASONING, Answer._find_cited),
    (State.REASONING, Input.DONE): (State.ENDED, Answer._conclude),
    (State.REASONING, Input.ERROR): (State.ENDED, Answer._fail),
    (State.REASONING, Input.END): (State.ENDED, Answer._break_off),
    (State.ANSWERING, Input.THOUGHT): (State.ANSWERING, Answer._drop_late_thought),
    (State.ANSWERING, Input.ANSWER): (State.ANSWERING, Answer._write),
    (State.ANSWERING, Input.WHOLE): (State.ANSWERING, Answer._compare),
    (State.ANSWERING, Input.CITATION): (State.ANSWERING, Answer._cite),
    (State.ANSWERING, Input.DONE): (State.ENDED, Answer._conclude),
    (State.ANSWERING, Input.ERROR): (State.ENDED, Answer._fail),
    (State.ANSWERING, Input.END): (State.ENDED, Answer._break_off),
}
