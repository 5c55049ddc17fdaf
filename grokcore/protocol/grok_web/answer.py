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
    Event,
    Failed,
    Finished,
    FoundPicture,
    Text,
    Thinking,
    ToolUse,
)
from ..counters import Counters
from ..upstream_words import cleaned
from .cards import parse_card
from .citations import Citations
from .gallery import Gallery
from .lines import LineReader
from .markup import Element, TagFilter
from .references import MOST_CARDS, References
from .server_tools import tool_use_in_element
from .stream_keys import WORK_TAGS
from .wholeness import Agreement, AnswerText, is_visible

__all__ = ["MAX_ANSWER_CHARS", "TRANSITIONS", "Answer", "Input", "State"]

_RENDERED = frozenset({"grok:render"})
"""Elements that the decoder replaces by the cards they refer to, whatever else is filtered."""

MAX_ANSWER_CHARS = 8 * 1024 * 1024
"""Characters of one answer, with its thinking and its tool calls."""

MOST_TOOL_USES = 2000
"""Tool calls of one answer that become events. A deep search makes some dozens."""


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


class Answer:
    """The answer of one stream.

    :ivar events: new events, in order; the decoder replaces the list when it has passed them on.
    :ivar begun: whether events have been passed on.
    :param filtered_tags: names for :class:`~grokcore.protocol.grok_web.markup.TagFilter`.
    :param assets_url: base of relative addresses of pictures and files, without a slash at its end;
        empty leaves them as Grok sent them.
    :param lines: the reader of the stream's lines, which counts damaged ones.
    """

    def __init__(
        self,
        filtered_tags: frozenset[str],
        assets_url: str,
        lines: LineReader,
        counters: Counters,
    ) -> None:
        self.state = State.OPEN
        self.events: list[Event] = []
        self.begun = False
        self.citations = Citations()
        self.gallery = Gallery(assets_url)
        self._lines = lines
        self._counters = counters
        self._filtered_tags = filtered_tags
        self._thinking_filter = TagFilter(filtered_tags)
        self._thought_mid_line = False
        self._answer_filter = TagFilter(filtered_tags | _RENDERED)
        self._references = References(self.citations, self.gallery, filtered_tags)
        self._stop_seen = False
        self._visible = False
        self._chars = 0
        self._raw = AnswerText()
        self._compared = False  # whether a modelResponse has been compared with the tokens,
        self._proven = False  # and begins with them to the letter
        self._tool_uses = 0
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
        self._chars += len(token)
        if self._chars > MAX_ANSWER_CHARS:
            self.step(Input.ERROR, _too_long())
        elif isinstance(tag, str) and tag in WORK_TAGS:
            reported = bool(self.events) and self.events[-1] is self._last_tool_use
            self.report_tool(None if reported else tool_use_in_element(token))
        elif tag == "header":
            # The title of a step: a line of its own (the tokens carry no line breaks around it).
            self.step(what, f"\n{token}\n" if self._thought_mid_line else f"{token}\n")
        else:
            self.step(what, token)

    def report_tool(self, tool_use: ToolUse | None) -> None:
        """Report a tool call, unless it is a repetition: often a line has it twice, as an object
        and as an element in the token.
        """
        if tool_use is None or tool_use == self._last_tool_use or self._tool_uses >= MOST_TOOL_USES:
            self.events.append(Activity())
        else:
            self._last_tool_use = tool_use
            self._tool_uses += 1
            self.events.append(tool_use)

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

    def _think(self, token: str) -> None:
        self._thought_mid_line = not token.endswith("\n")
        if "<" not in token and not self._thinking_filter.holding:
            self._emit(Thinking, token)
            return
        pieces = self._thinking_filter.split(token)
        for piece in pieces:
            if isinstance(piece, Element):
                self.report_tool(tool_use_in_element(piece.text))
        self._emit(Thinking, "".join(piece for piece in pieces if isinstance(piece, str)))

    def _drop_late_thought(self, _: str) -> None:
        self._counters.late_thoughts += 1
        self.events.append(Activity())

    def _answer(self, token: str) -> None:
        if not self._raw:
            self._end_thinking()
        self._raw.add(token)
        if "<" not in token and not self._answer_filter.holding:
            self._emit(Text, token)
            return
        before = len(self.events)
        run: list[str] = []  # texts that no event separates
        for piece in self._answer_filter.split(token):
            shown = piece if isinstance(piece, str) else self._references.in_place_of(piece)
            if isinstance(shown, str):
                run.append(shown)
            elif shown is not None:
                self._emit_run(run)
                self._show([shown])
        self._emit_run(run)
        if len(self.events) == before:
            self.events.append(Activity())

    def _show(self, events: list[Event]) -> None:
        """Add events other than text."""
        self._visible = self._visible or any(isinstance(event, FoundPicture) for event in events)
        self.events += events

    def _emit_run(self, run: list[str]) -> None:
        text = "".join(run)
        run.clear()
        if text:
            self._emit(Text, text)

    def _end_thinking(self) -> None:
        held_back = self._thinking_filter.close()
        if held_back:
            self._emit(Thinking, held_back)

    def _emit(self, event: type[Text | Thinking], text: str) -> None:
        self.events.append(event(text) if text else Activity())
        if event is Text and not self._visible:
            self._visible = is_visible(text)

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
            if self._raw.agreement(text, self._filtered_tags | _RENDERED) is Agreement.BROKEN:
                self._fail(
                    IncompleteAnswer(
                        "Parts of the answer were lost on the way: Grok's own record of it has "
                        "more."
                    )
                )
            return
        self._chars += len(rest)
        if self._chars > MAX_ANSWER_CHARS:
            self._fail(_too_long())
        elif rest:
            self._answer(rest)

    def _show_the_rest(self) -> None:
        """Show held-back text, pictures and files; fail if there is nothing visible."""
        if not self._raw:
            self._end_thinking()
        rest = self._answer_filter.close()
        if rest:
            self._emit(Text, rest)
        self._show(self._references.late())
        self._show(self.gallery.rest())
        if self.gallery.all_moderated:
            self._fail(
                ContentPolicyViolation("Grok moderated what it had made, and shows nothing of it.")
            )
        elif self.gallery.fault and self.gallery.empty:
            self._fail(_not_made(self.gallery.fault))
        elif self.gallery.unfinished:
            self._fail(
                IncompleteAnswer(
                    "Grok began a picture or a video, and its answer ended without it."
                )
            )
        elif not self._visible and self.gallery.empty:
            self._fail(EmptyAnswer("Grok's stream ended in good order without an answer in it."))

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
            self.events.append(Finished())

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
        if self._stop_seen and not self._visible:
            self._fail(EmptyAnswer("Grok's stream ended in good order without any answer in it."))
        elif self.begun:
            self._fail(IncompleteAnswer("Grok's stream broke off before the answer was complete."))
        elif self._lines.junk and not lines_read:
            self._fail(UpstreamFailure("What Grok sent is not its stream format."))
        else:
            self._fail(EmptyAnswer("Grok's stream ended without an answer in it."))

    def _fail(self, error: GrokApiError) -> None:
        self.state = State.ENDED
        self.events.append(Failed(error))


# An input that is missing is ignored. A soft stop while Grok still reasons ends a step and not the
# answer, unless nothing follows: the answer is empty then. Work, thinking or text behind a soft
# stop takes it back.
# ruff: noqa: SLF001 - the table names actions of the class above
TRANSITIONS: dict[tuple[State, Input], tuple[State, Callable[[Answer, Any], None]]] = {
    (State.OPEN, Input.THOUGHT): (State.REASONING, Answer._think),
    (State.OPEN, Input.ANSWER): (State.ANSWERING, Answer._answer),
    (State.OPEN, Input.STOP): (State.STOPPED, Answer._nothing),
    (State.OPEN, Input.FINAL): (State.CONCLUDED, Answer._conclude),
    (State.OPEN, Input.ERROR): (State.ENDED, Answer._fail),
    (State.OPEN, Input.END): (State.ENDED, Answer._end_unsaid),
    (State.REASONING, Input.THOUGHT): (State.REASONING, Answer._think),
    (State.REASONING, Input.ANSWER): (State.ANSWERING, Answer._answer),
    (State.REASONING, Input.STOP): (State.REASONING, Answer._note_stop),
    (State.REASONING, Input.FINAL): (State.CONCLUDED, Answer._conclude),
    (State.REASONING, Input.ERROR): (State.ENDED, Answer._fail),
    (State.REASONING, Input.END): (State.ENDED, Answer._end_unsaid),
    (State.ANSWERING, Input.THOUGHT): (State.ANSWERING, Answer._drop_late_thought),
    (State.ANSWERING, Input.ANSWER): (State.ANSWERING, Answer._answer),
    (State.ANSWERING, Input.STOP): (State.STOPPED, Answer._nothing),
    (State.ANSWERING, Input.FINAL): (State.CONCLUDED, Answer._conclude),
    (State.ANSWERING, Input.ERROR): (State.ENDED, Answer._fail),
    (State.ANSWERING, Input.END): (State.ENDED, Answer._end_unsaid),
    (State.STOPPED, Input.THOUGHT): (State.ANSWERING, Answer._drop_late_thought),
    (State.STOPPED, Input.ANSWER): (State.ANSWERING, Answer._answer),
    (State.STOPPED, Input.WORK): (State.ANSWERING, Answer._nothing),
    (State.STOPPED, Input.FINAL): (State.CONCLUDED, Answer._conclude),
    (State.STOPPED, Input.ERROR): (State.ENDED, Answer._fail),
    (State.STOPPED, Input.END): (State.ENDED, Answer._end_stopped),
    (State.CONCLUDED, Input.ERROR): (State.ENDED, Answer._fail),
    (State.CONCLUDED, Input.END): (State.ENDED, Answer._finish),
}


def _not_made(fault: str) -> GrokApiError:
    """The failure of a picture that could not be made (``rate_limit`` was seen in 2026)."""
    if "limit" in fault:
        return QuotaExhausted("The Grok account has used up its allowance for pictures.")
    return UpstreamFailure(f"Grok could not make the picture ({cleaned(fault)}).")


def _too_long() -> GrokApiError:
    size = MAX_ANSWER_CHARS // (1024 * 1024)
    return AnswerTooLong(
        f"Grok's answer has more than {size} million characters; it was stopped there."
    )
