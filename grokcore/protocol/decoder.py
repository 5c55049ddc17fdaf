"""Grok's answer stream, decoded: bytes in, events out.

Theory
------
A stream is a sequence of JSON lines in one of two envelopes (grok-protocol.md §3.1): ``{"result": {"response": {…}}}``
for a new conversation, ``{"result": {…}}`` for a follow-up; ``{"error": {…}}`` at the top when the call itself failed.
Every key of a line is looked up in :mod:`grokcore.protocol.stream_keys`, which says what *kind* of news it is; the kinds
that move the answer along are inputs of a small machine:

========== =========================================================================================================
OPEN       nothing of the answer yet
REASONING  thinking has been seen, the answer has not begun
ANSWERING  the answer has begun; from now on thinking is late, and dropped (multi-agent models send it so)
STOPPED    the soft stop: Grok says that the text is complete. A modelResponse, and a title, still follow
ENDED      a modelResponse, a failure or the end of the stream; nothing after it matters
========== =========================================================================================================

What happens for each state and input stands in :data:`TRANSITIONS`.

Rules
-----
1. Nothing is raised, whatever comes: junk lines, unknown keys and values of unexpected types are counted in
   :class:`Counters` and skipped; what ends an answer is an event.
2. An answer is :class:`~grokcore.protocol.events.Finished` only if Grok said so (soft stop or modelResponse) *and* it
   holds something. Everything else that ends is :class:`~grokcore.protocol.events.Failed`.
3. The machine never looks ahead and never reads settings: tag names are passed in, and whether thinking is shown is the
   writer's business.
4. Events don't depend on how the bytes were cut.
"""

from __future__ import annotations

import enum
import zlib
from collections.abc import Callable
from typing import Any

from attrs import Factory, define

from ..errors import (
    ContentPolicyViolation,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    LineTooLong,
    QuotaExhausted,
    UpstreamFailure,
)
from .cards import Card, parse_card, parse_reference
from .events import Activity, Event, Failed, Finished, FoundPicture, Text, Thinking, ToolUse
from .gallery import Gallery
from .lines import LineReader
from .markup import Element, TagFilter
from .refusals import cleaned, refusal_of_error_line, refusal_of_stream_error
from .sources import Sources
from .stream_keys import KEYS, Kind
from .tool_use import tool_use_in_card, tool_use_in_element

__all__ = ["TRANSITIONS", "Counters", "Decoder", "Input", "State"]


_WORK_TAGS = frozenset({"raw_function_result", "tool_usage_card"})
"""Tags whose tokens are a tool's call or result, never text (an empty result token is not the end either: §3.2)."""

_THINKING_TAGS = frozenset({"header", "summary"})

_PLAIN_TOKEN_KEYS = frozenset({"token", "isThinking", "isSoftStop", "messageTag", "messageStepId", "responseId"})
"""A line with no other keys than these is a token and nothing else: nearly every line is."""

_RENDERED = frozenset({"grok:render"})
"""Elements whose place is filled with what they stand for, whatever else is filtered."""

MOST_CARDS = 500
"""Cards that are kept of one answer."""

MAX_UNKNOWN_KEYS = 100
"""How many different unknown keys are told apart; an upstream that invents more is not worth more memory."""


class State(enum.Enum):
    """See the theory."""

    OPEN = enum.auto()
    REASONING = enum.auto()
    ANSWERING = enum.auto()
    STOPPED = enum.auto()
    ENDED = enum.auto()


class Input(enum.Enum):
    """What a line can mean to the machine."""

    THOUGHT = enum.auto()
    ANSWER = enum.auto()
    STOP = enum.auto()
    FINAL = enum.auto()
    ERROR = enum.auto()
    END = enum.auto()


# (state, input) -> (next state, name of the method that handles it); an input that is missing is ignored.
# A soft stop while Grok still reasons is the end of a step, not of the answer, unless nothing follows: the end of the
# stream then finds no answer and says so.
TRANSITIONS: dict[tuple[State, Input], tuple[State, str]] = {
    (State.OPEN, Input.THOUGHT): (State.REASONING, "_think"),
    (State.OPEN, Input.ANSWER): (State.ANSWERING, "_answer"),
    (State.OPEN, Input.STOP): (State.STOPPED, "_nothing"),
    (State.OPEN, Input.FINAL): (State.ENDED, "_conclude"),
    (State.OPEN, Input.ERROR): (State.ENDED, "_fail"),
    (State.OPEN, Input.END): (State.ENDED, "_end_unsaid"),
    (State.REASONING, Input.THOUGHT): (State.REASONING, "_think"),
    (State.REASONING, Input.ANSWER): (State.ANSWERING, "_answer"),
    (State.REASONING, Input.STOP): (State.REASONING, "_note_stop"),
    (State.REASONING, Input.FINAL): (State.ENDED, "_conclude"),
    (State.REASONING, Input.ERROR): (State.ENDED, "_fail"),
    (State.REASONING, Input.END): (State.ENDED, "_end_unsaid"),
    (State.ANSWERING, Input.THOUGHT): (State.ANSWERING, "_drop_late_thought"),
    (State.ANSWERING, Input.ANSWER): (State.ANSWERING, "_answer"),
    (State.ANSWERING, Input.STOP): (State.STOPPED, "_nothing"),
    (State.ANSWERING, Input.FINAL): (State.ENDED, "_conclude"),
    (State.ANSWERING, Input.ERROR): (State.ENDED, "_fail"),
    (State.ANSWERING, Input.END): (State.ENDED, "_end_unsaid"),
    (State.STOPPED, Input.THOUGHT): (State.STOPPED, "_drop_late_thought"),
    (State.STOPPED, Input.ANSWER): (State.STOPPED, "_answer"),
    (State.STOPPED, Input.FINAL): (State.ENDED, "_conclude"),
    (State.STOPPED, Input.ERROR): (State.ENDED, "_fail"),
    (State.STOPPED, Input.END): (State.ENDED, "_finish"),
}


@define
class Counters:
    """What was passed over, for ``/health``."""

    junk_lines: int = 0
    unknown_keys: dict[str, int] = Factory(dict)
    odd_values: int = 0
    late_thoughts: int = 0
    other_side: int = 0

    def add(self, other: Counters) -> None:
        """Take over another stream's counts."""
        self.junk_lines += other.junk_lines
        self.odd_values += other.odd_values
        self.late_thoughts += other.late_thoughts
        self.other_side += other.other_side
        for key, count in other.unknown_keys.items():
            if key in self.unknown_keys or len(self.unknown_keys) < MAX_UNKNOWN_KEYS:
                self.unknown_keys[key] = self.unknown_keys.get(key, 0) + count


class Decoder:
    """One answer stream.

    :param filtered_tags: names for :class:`~grokcore.protocol.markup.TagFilter`.
    """

    def __init__(self, filtered_tags: frozenset[str] = frozenset()) -> None:
        self.state = State.OPEN
        self.counters = Counters()
        self._lines = LineReader()
        self._lines_read = 0
        self._events: list[Event] = []
        self._thinking_filter = TagFilter(filtered_tags)
        self._thought_mid_line = False
        self._answer_filter = TagFilter(filtered_tags | _RENDERED)
        self._filtered_tags = filtered_tags
        self._begun = False
        self._stop_seen = False
        self._visible = False
        # The raw answer so far, as its length and checksum: enough to tell what a modelResponse adds to it.
        self._raw_length = 0
        self._raw_checksum = 0
        self._cards: dict[str, Card] = {}
        self._sources = Sources()
        self._gallery = Gallery()
        self._last_tool_use: ToolUse | None = None

    @property
    def stopped(self) -> bool:
        """Whether Grok has said that the text is complete while its last lines are still to come."""
        return self.state is State.STOPPED

    @property
    def ended(self) -> bool:
        """Whether the last event has been given out."""
        return self.state is State.ENDED

    def receive(self, data: bytes) -> list[Event]:
        """Take any number of bytes, return the events they complete, in order.

        After :class:`Finished` or :class:`Failed` nothing more comes.
        """
        return self._read(self._lines.feed(data))

    def close(self) -> list[Event]:
        """The upstream stream has ended (or is not waited for any longer): the events that follow from that."""
        events = self._read(self._lines.close())
        self._events = []
        self._step(Input.END, None)
        return events + self._events

    def _read(self, objects: list[dict[str, Any]]) -> list[Event]:
        self._events = []
        for line in objects:
            if self.state is State.ENDED:
                break
            self._read_line(line)
        if self._lines.too_long:
            self._step(Input.ERROR, LineTooLong("Grok sent a line beyond all reason; the answer was stopped there."))
        self.counters.junk_lines = self._lines.junk
        self._begun = self._begun or bool(self._events)
        return self._events

    # From a line to inputs -----------------------------------------------------------------------------------------

    def _read_line(self, line: dict[str, Any]) -> None:
        self._lines_read += 1
        if line.get("error"):
            self._step(Input.ERROR, refusal_of_error_line(line["error"]))
            return
        result = line.get("result")
        if not isinstance(result, dict):
            self._unknown(next(iter(line), "{}"))
            return
        response = result.get("response")
        if isinstance(response, dict):
            self._read_response(response)
        else:
            self._read_response({key: value for key, value in result.items() if key != "response"})

    def _read_response(self, line: dict[str, Any]) -> None:
        if line.keys() <= _PLAIN_TOKEN_KEYS:
            self._read_token(line)
            return
        side = line.get("sideBySideIndex")
        if isinstance(side, int) and side > 0:
            # An A/B answer (the payload allows them): the second would be interleaved with the first.
            self.counters.other_side += 1
            return
        if line.get("error"):
            error = refusal_of_stream_error(line["error"])
            if error is not None:
                self._step(Input.ERROR, error)
                return
        self._read_side_news(line)
        self._read_token(line)
        if line.get("modelResponse") is not None:
            self._step(Input.FINAL, line["modelResponse"])

    def _read_side_news(self, line: dict[str, Any]) -> None:
        working = False
        before = len(self._events)
        for key, value in line.items():
            kind = KEYS.get(key)
            match kind:
                case None:
                    self._unknown(key)
                case Kind.WORK:
                    working = working or value is not None
                case Kind.PROGRESS if isinstance(value, dict):
                    self._events += self._gallery.note(key, value)
                case Kind.SEARCH:
                    working = working or value is not None
                    self._add(self._sources.found(value))
                case Kind.TOOL if value is not None:
                    self._tell_tool(tool_use_in_card(value))
                case Kind.CARD if isinstance(value, dict):
                    working = True
                    self._note_card(parse_card(value.get("jsonData")))
        if working and len(self._events) == before:
            self._events.append(Activity())

    def _tell_tool(self, tool_use: ToolUse | None) -> None:
        """A tool call. Often it stands in one line twice: as an object, and as an element in the token."""
        if tool_use is None or tool_use == self._last_tool_use:
            self._events.append(Activity())
        else:
            self._last_tool_use = tool_use
            self._events.append(tool_use)

    def _add(self, event: Event | None) -> None:
        if event is not None:
            self._events.append(event)

    def _note_card(self, card: Card | None) -> None:
        if card is None:
            self.counters.odd_values += 1
        elif card.is_generated:
            self._events += self._gallery.note_card(card)
        else:
            if card.is_file:
                self._gallery.keep_file(card)
            if card.id and len(self._cards) < MOST_CARDS:
                self._cards[card.id] = card

    def _read_token(self, line: dict[str, Any]) -> None:
        token, tag = line.get("token"), line.get("messageTag")
        thinking = line.get("isThinking") is True or (isinstance(tag, str) and tag in _THINKING_TAGS)
        if isinstance(token, str):
            if token:
                self._read_text(token, tag, Input.THOUGHT if thinking else Input.ANSWER)
        elif isinstance(token, dict):
            self._events.append(Activity())  # a search call of 2025: {"action", "action_input"}
        elif token is not None:
            self.counters.odd_values += 1
        if line.get("isSoftStop") is True and not thinking and tag != "raw_function_result":
            self._step(Input.STOP, None)

    def _read_text(self, token: str, tag: object, what: Input) -> None:
        if isinstance(tag, str) and tag in _WORK_TAGS:
            told = bool(self._events) and self._events[-1] is self._last_tool_use
            self._tell_tool(None if told else tool_use_in_element(token))
        elif tag == "header":
            # The title of a step: a line of its own (the tokens carry no line breaks around it).
            self._step(what, f"\n{token}\n" if self._thought_mid_line else f"{token}\n")
        else:
            self._step(what, token)

    def _unknown(self, key: str) -> None:
        counts = self.counters.unknown_keys
        if key in counts or len(counts) < MAX_UNKNOWN_KEYS:
            counts[key] = counts.get(key, 0) + 1

    # The machine ---------------------------------------------------------------------------------------------------

    def _step(self, what: Input, value: Any) -> None:
        transition = TRANSITIONS.get((self.state, what))
        if transition is not None:
            self.state, handler = transition
            action: Callable[[Any], None] = getattr(self, handler)
            action(value)

    def _nothing(self, _: Any) -> None:
        """The state has changed, and that is all."""

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
                self._tell_tool(tool_use_in_element(piece.text))
        self._emit(Thinking, "".join(piece for piece in pieces if isinstance(piece, str)))

    def _drop_late_thought(self, _: str) -> None:
        self.counters.late_thoughts += 1
        self._events.append(Activity())

    def _answer(self, token: str) -> None:
        if not self._raw_length:
            self._end_thinking()
        self._raw_length += len(token)
        self._raw_checksum = _checksum(token, self._raw_checksum)
        if "<" not in token and not self._answer_filter.holding:
            self._emit(Text, token)
            return
        rendered: list[Event] = []
        for piece in self._answer_filter.split(token):
            found = Text(piece) if isinstance(piece, str) else self._rendered(piece)
            last = rendered[-1] if rendered else None
            if isinstance(found, Text) and isinstance(last, Text):
                rendered[-1] = Text(last.text + found.text)  # nothing stands between them any more
            elif found is not None and found != Text(""):
                rendered.append(found)
        self._visible = self._visible or any(isinstance(event, Text) and event.text.strip() for event in rendered)
        self._events += rendered or [Activity()]

    def _rendered(self, element: Element) -> Event | None:
        """What is put in an element's place; None if nothing is."""
        if not element.text[:12].lower().startswith("<grok:render"):
            return tool_use_in_element(element.text)
        reference = parse_reference(element.text)
        card = self._cards.get(reference.card_id)
        if reference.is_citation or (card is not None and card.is_citation):
            return self._sources.cite(reference, card)
        if card is not None and card.is_picture and card.url.startswith(("https://", "http://")):
            return FoundPicture(card.url, card.title, card.link)
        if card is not None and card.is_file and card.url:
            return self._gallery.show_file(card)
        kept = "grok:render" not in self._filtered_tags and card is None and "generated" not in reference.kind
        return Text(element.text) if kept else None

    def _end_thinking(self) -> None:
        held_back = self._thinking_filter.close()
        if held_back:
            self._emit(Thinking, held_back)

    def _emit(self, event: type[Text | Thinking], text: str) -> None:
        self._events.append(event(text) if text else Activity())
        if event is Text and not self._visible:
            self._visible = bool(text.strip())

    def _conclude(self, response: Any) -> None:
        """A modelResponse: the whole answer once more, its pictures, and what went wrong."""
        if not isinstance(response, dict):
            self.counters.odd_values += 1
            response = {}
        error = _error_in(response)
        if error is not None:
            self._fail(error)
            return
        cards = response.get("cardAttachmentsJson")
        for value in cards if isinstance(cards, list) else []:
            self._note_card(parse_card(value))
        for key in ("webSearchResults", "citedWebSearchResults"):
            self._add(self._sources.found(response.get(key)))
        self._add_missing_text(response.get("message"))
        self._gallery.conclude(response.get("generatedImageUrls"))
        self._finish()

    def _add_missing_text(self, message: Any) -> None:
        """The part of the whole answer that no token brought: all of it, when the tokens were left out."""
        if not isinstance(message, str) or len(message) <= self._raw_length:
            return
        if _checksum(message[: self._raw_length], 0) == self._raw_checksum:
            self._answer(message[self._raw_length :])

    def _finish(self, _: Any = None) -> None:
        """Grok has said that the answer is complete; it is one only if there is something in it."""
        if not self._raw_length:
            self._end_thinking()
        rest = self._answer_filter.close()
        if rest:
            self._emit(Text, rest)
        self._events += self._gallery.rest()
        if self._gallery.all_moderated:
            self._fail(ContentPolicyViolation("Grok moderated what it had made, and shows nothing of it."))
        elif self._gallery.fault and self._gallery.empty:
            self._fail(_not_made(self._gallery.fault))
        elif self._visible or not self._gallery.empty:
            self._events.append(Finished())
        else:
            self._fail(EmptyAnswer("Grok's stream ended in good order without an answer in it."))

    def _end_unsaid(self, _: Any) -> None:
        """The stream ended, and Grok never said that the answer was complete."""
        if self._stop_seen and not self._visible:
            self._fail(EmptyAnswer("Grok's stream ended in good order without any answer in it."))
        elif self._begun:
            self._fail(IncompleteAnswer("Grok's stream broke off before the answer was complete."))
        elif self.counters.junk_lines and not self._lines_read:
            self._fail(UpstreamFailure("What Grok sent is not its stream format."))
        else:
            self._fail(EmptyAnswer("Grok's stream ended without an answer in it."))

    def _fail(self, error: GrokApiError) -> None:
        self._events.append(Failed(error))


def _not_made(fault: str) -> GrokApiError:
    """A picture could not be made (``rate_limit`` was seen in 2026)."""
    if "limit" in fault:
        return QuotaExhausted("The Grok account has used up its allowance for pictures.")
    return UpstreamFailure(f"Grok could not make the picture ({cleaned(fault)}).")


def _checksum(text: str, start: int) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"), start)


def _error_in(response: dict[str, Any]) -> GrokApiError | None:
    """The failure that a modelResponse reports, in either form (§4.3)."""
    errors = response.get("streamErrors")
    for error in errors if isinstance(errors, list) else []:
        found = refusal_of_stream_error(error)
        if found is not None:
            return found
    error = response.get("error")
    return refusal_of_error_line({"message": cleaned(error)}) if isinstance(error, str) and error else None
