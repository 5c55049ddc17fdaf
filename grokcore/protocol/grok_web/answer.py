"""An answer while it is read: a small machine whose inputs are the news of Grok's lines, and whose
outputs are events.

Theory
------
========== =========================================================================================
OPEN       nothing of the answer yet
REASONING  thinking has come, the answer has not begun
ANSWERING  the answer has begun; thinking is late from now on (multi-agent models), and dropped
STOPPED    the soft stop: Grok calls the text complete; a modelResponse and a title follow, or more
CONCLUDED  a modelResponse has come; of all that follows, only an error matters
ENDED      a failure, or the end of the stream
========== =========================================================================================

:data:`TRANSITIONS` names the next state and the action for each state and input.

Rules
-----
1. An answer is :class:`~grokcore.protocol.conversation.events.Finished` only if Grok's last word
   was that it is complete *and* it holds something visible. Every other end is
   :class:`~grokcore.protocol.conversation.events.Failed`. That word is a modelResponse with an
   answer in it, not a partial one; or a soft stop behind which nothing of the answer follows. Text
   behind a soft stop needs a new end.
2. An answer of which text is known to be missing fails, though Grok calls it complete
   (:mod:`.wholeness`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from ...errors import EmptyAnswer, GrokApiError, IncompleteAnswer, UpstreamFailure
from ..conversation.events import Event, Failed, ToolUse
from ..counters import Counters
from ..emulation.reading import CallReader
from .answer_parts import AnswerParts
from .cards import parse_card
from .lines import LineReader
from .references import MOST_CARDS
from .server_tools import tool_use_in_element
from .stream_keys import WORK_TAGS

__all__ = ["TRANSITIONS", "Answer", "Input", "State"]


class State(enum.Enum):
    """Progress of an answer."""

    OPEN = enum.auto()
    REASONING = enum.auto()
    ANSWERING = enum.auto()
    STOPPED = enum.auto()
    CONCLUDED = enum.auto()
    ENDED = enum.auto()


class Input(enum.Enum):
    """News of a line, as far as it moves the answer on."""

    THOUGHT = enum.auto()
    ANSWER = enum.auto()
    WORK = enum.auto()
    STOP = enum.auto()
    FINAL = enum.auto()
    ERROR = enum.auto()
    END = enum.auto()


class Answer(AnswerParts):
    """The answer of one stream; see :class:`.answer_parts.AnswerParts`.

    :param lines: the reader of the stream's lines, which counts damaged ones.
    """

    empty_message = "Grok's stream ended in good order without an answer in it."

    def __init__(
        self,
        filtered_tags: frozenset[str],
        assets_url: str,
        lines: LineReader,
        counters: Counters,
        calls: CallReader | None = None,
    ) -> None:
        super().__init__(filtered_tags, assets_url, counters, calls)
        self.state = State.OPEN
        self._lines = lines
        self._stop_seen = False
        self._compared = False  # whether a modelResponse has been compared with the tokens,
        self._proven = False  # and begins with them to the letter
        self._last_tool_use: ToolUse | None = None

    def step(self, what: Input, value: Any) -> None:
        """Move on by an input. An input that is missing in the table is ignored.

        :param value: the token of THOUGHT and ANSWER, the modelResponse of FINAL, the exception of
            ERROR, the number of lines read at END; else None.
        """
        transition = TRANSITIONS.get((self.state, what))
        if transition is not None:
            self.state, action = transition
            action(self, value)

    # News that do not move the answer on -------------------------------------------------------

    def read_text(self, token: str, tag: object, what: Input) -> None:
        """Read a token that is not empty; a tool's is a call, any other one an input."""
        if self._is_too_long_with(token):
            return
        if isinstance(tag, str) and tag in WORK_TAGS:
            reported = bool(self.events) and self.events[-1] is self._last_tool_use
            self.report_tool(None if reported else tool_use_in_element(token))
        elif tag == "header":
            # The title of a step: a line of its own (the tokens carry no line breaks around it).
            self.step(what, f"\n{token}\n" if self._thought_mid_line else f"{token}\n")
        else:
            self.step(what, token)

    def _remember_tool(self, tool_use: ToolUse) -> bool:
        # Often a line has a call twice, as an object and as an element in the token.
        if tool_use == self._last_tool_use:
            return False
        self._last_tool_use = tool_use
        return True

    def add(self, event: Event | None) -> None:
        """Add an event, if there is one."""
        if event is not None:
            self.events.append(event)

    def note_card(self, data: object) -> None:
        """Keep the card in a ``jsonData`` string."""
        card = parse_card(data)
        if card is None:
            self._counters.odd_values += 1
        else:
            self.events += self._references.note(card)

    # Actions -------------------------------------------------------------------------------------

    def _nothing(self, _: Any) -> None:
        pass

    def _note_stop(self, _: Any) -> None:
        self._stop_seen = True

    def _conclude(self, response: dict[str, Any]) -> None:
        """Read a modelResponse, the whole answer once more, for parts that no line has brought."""
        cards = response.get("cardAttachmentsJson")
        for value in cards[:MOST_CARDS] if isinstance(cards, list) else []:
            self.note_card(value)
        for key in ("webSearchResults", "citedWebSearchResults"):
            self.add(self.citations.read_results(response.get(key)))
        self._add_missing_text(response.get("message"))
        if self.state is State.CONCLUDED:
            self.gallery.conclude(response.get("generatedImageUrls"))
            self._show_the_rest()

    def _add_missing_text(self, message: Any) -> None:
        """Add the text of the whole answer that no token brought: all of it, if Grok sent no
        tokens.
        """
        text = message if isinstance(message, str) else ""
        rest = self._raw.rest_in(text)
        self._compared, self._proven = True, rest is not None
        if rest is None:
            if self._shows_loss(text, self._raw):
                self._fail(
                    IncompleteAnswer(
                        "Parts of the answer were lost on the way: Grok's own record of it has "
                        "more."
                    )
                )
        elif rest and not self._is_too_long_with(rest):
            self._show_token(rest)

    def _end_stopped(self, lines_read: int) -> None:
        """The stream ended behind a soft stop."""
        self._show_the_rest()
        self._finish(lines_read)

    def _finish(self, _: int) -> None:
        """The stream ended, and Grok's last word was that the answer is complete."""
        if self.events and isinstance(self.events[-1], Failed):
            return
        if self._lost_lines():
            self._fail(
                IncompleteAnswer(
                    "Lines of Grok's answer came damaged, and nothing shows that its text is whole."
                )
            )
        else:
            self.events.append(self._whole())

    def _lost_lines(self) -> bool:
        """Whether a skipped line may have held some of the answer, and no proof shows that all of
        it is here.
        """
        if self._lines.damaged_media and not self.gallery.empty:
            return True  # the line may have held a picture, or that one is moderated
        if self._compared:
            return self._lines.junk > 0 and not self._proven
        return self._lines.damaged > 0

    def _end_unsaid(self, lines_read: int) -> None:
        """The stream ended, and Grok never said that the answer was complete."""
        if self.complete_with_calls:
            self._cut()
        elif self._stop_seen and not self._visible and self._calls is not None:
            self._end_stopped(lines_read)  # the reasoning may hold calls
        elif self._stop_seen and not self._visible:
            self._fail(EmptyAnswer("Grok's stream ended in good order without any answer in it."))
        elif self.begun:
            self._fail(IncompleteAnswer("Grok's stream broke off before the answer was complete."))
        elif self._lines.junk and not lines_read:
            self._fail(UpstreamFailure("What Grok sent is not its stream format."))
        else:
            self._fail(EmptyAnswer("Grok's stream ended without an answer in it."))

    def _end(self) -> None:
        self.state = State.ENDED

    def _fail(self, error: GrokApiError) -> None:
        self._end()
        self.events.append(Failed(error))


# An input that is missing is ignored. A soft stop while Grok still reasons ends a step and not the
# answer, unless nothing follows: the answer is empty then. Work, thinking or text behind a soft
# stop takes it back.
# ruff: noqa: SLF001 - the table names actions of the class above
TRANSITIONS: dict[tuple[State, Input], tuple[State, Callable[[Answer, Any], None]]] = {
    (State.OPEN, Input.THOUGHT): (State.REASONING, Answer._show_thought),
    (State.OPEN, Input.ANSWER): (State.ANSWERING, Answer._show_token),
    (State.OPEN, Input.STOP): (State.STOPPED, Answer._nothing),
    (State.OPEN, Input.FINAL): (State.CONCLUDED, Answer._conclude),
    (State.OPEN, Input.ERROR): (State.ENDED, Answer._fail),
    (State.OPEN, Input.END): (State.ENDED, Answer._end_unsaid),
    (State.REASONING, Input.THOUGHT): (State.REASONING, Answer._show_thought),
    (State.REASONING, Input.ANSWER): (State.ANSWERING, Answer._show_token),
    (State.REASONING, Input.STOP): (State.REASONING, Answer._note_stop),
    (State.REASONING, Input.FINAL): (State.CONCLUDED, Answer._conclude),
    (State.REASONING, Input.ERROR): (State.ENDED, Answer._fail),
    (State.REASONING, Input.END): (State.ENDED, Answer._end_unsaid),
    (State.ANSWERING, Input.THOUGHT): (State.ANSWERING, Answer._drop_late_thought),
    (State.ANSWERING, Input.ANSWER): (State.ANSWERING, Answer._show_token),
    (State.ANSWERING, Input.STOP): (State.STOPPED, Answer._nothing),
    (State.ANSWERING, Input.FINAL): (State.CONCLUDED, Answer._conclude),
    (State.ANSWERING, Input.ERROR): (State.ENDED, Answer._fail),
    (State.ANSWERING, Input.END): (State.ENDED, Answer._end_unsaid),
    (State.STOPPED, Input.THOUGHT): (State.ANSWERING, Answer._drop_late_thought),
    (State.STOPPED, Input.ANSWER): (State.ANSWERING, Answer._show_token),
    (State.STOPPED, Input.WORK): (State.ANSWERING, Answer._nothing),
    (State.STOPPED, Input.FINAL): (State.CONCLUDED, Answer._conclude),
    (State.STOPPED, Input.ERROR): (State.ENDED, Answer._fail),
    (State.STOPPED, Input.END): (State.ENDED, Answer._end_stopped),
    (State.CONCLUDED, Input.ERROR): (State.ENDED, Answer._fail),
    (State.CONCLUDED, Input.END): (State.ENDED, Answer._finish),
}
