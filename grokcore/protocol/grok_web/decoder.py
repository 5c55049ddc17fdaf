"""Grok's answer stream, decoded: bytes in, events out.

Theory
------
A stream is a sequence of JSON lines in one of two envelopes (grok-protocol.md §3.1): ``{"result":
{"response": {…}}}`` for a new conversation, ``{"result": {…}}`` for a follow-up; ``{"error": {…}}``
at the top when the call itself failed. Every key of a line is looked up in
:mod:`grokcore.protocol.grok_web.stream_keys`, which says what *kind* of news it is; the kinds that
move the answer along are inputs of a small machine:

========== =========================================================================================
OPEN       nothing of the answer yet
REASONING  thinking has been seen, the answer has not begun
ANSWERING  the answer has begun; thinking is late from now on (multi-agent models), and dropped
STOPPED    the soft stop: Grok calls the text complete; a modelResponse and a title follow, or more
CONCLUDED  a modelResponse has come; of what follows, only an error matters
ENDED      a failure, or the end of the stream
========== =========================================================================================

What happens for each state and input stands in
:data:`~grokcore.protocol.grok_web.answer_states.TRANSITIONS`.

Rules
-----
1. Nothing is raised, whatever comes: junk lines, unknown keys and values of unexpected types are
   counted in :class:`Counters` and skipped; what ends an answer is an event.
2. An answer is :class:`~grokcore.protocol.conversation.events.Finished` only if Grok's last word
   was that it is complete *and* it holds something to see. Everything else that ends is
   :class:`~grokcore.protocol.conversation.events.Failed`. That word is a modelResponse with an
   answer in it, not a partial one; or a soft stop behind which nothing of the answer follows. What
   goes on after a soft stop needs a new end.
3. An answer of which text is known to be missing fails, though Grok calls it complete
   (:mod:`.wholeness`).
4. The machine never looks ahead and never reads settings: tag names and the address of relative
   paths are passed in, and whether thinking is shown is the writer's business.
5. Events don't depend on how the bytes were cut. So the last event comes with
   :meth:`Decoder.close`, if not a failure comes before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import (
    AnswerTooLong,
    ContentPolicyViolation,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    LineTooLong,
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
from .answer_states import TRANSITIONS, Input, State
from .cards import Card, parse_card
from .citations import Sources
from .gallery import Gallery
from .lines import LineReader
from .markup import Element, TagFilter
from .references import MOST_CARDS, References
from .refusals import refusal_of_error_line, refusal_of_stream_error
from .server_tools import tool_use_in_card, tool_use_in_element
from .stream_keys import KEYS, THINKING_TAGS, WORK_TAGS, Kind
from .wholeness import Agreement, AnswerText, is_visible

__all__ = ["MAX_ANSWER_CHARS", "Decoder"]


_PLAIN_TOKEN_KEYS = frozenset(
    {"token", "isThinking", "isSoftStop", "messageTag", "messageStepId", "responseId"}
)
"""A line with no other keys than these is a token and nothing else: nearly every line is."""

_RENDERED = frozenset({"grok:render"})
"""Elements whose place is filled with what they stand for, whatever else is filtered."""

MAX_ANSWER_CHARS = 8 * 1024 * 1024
"""Characters of one answer, its thinking and what is told of its tools included."""

MOST_TOOL_USES = 2000
"""Tool calls that are told of one answer. A deep search makes some dozens."""

_PARTS_OF_AN_ANSWER = ("generatedImageUrls", "cardAttachmentsJson", "fileAttachments", "fileUris")
"""Lists of a modelResponse that may hold an answer when its ``message`` is empty (grok-protocol.md
§3.4).
"""


class Decoder:
    """One answer stream.

    :param filtered_tags: names for :class:`~grokcore.protocol.grok_web.markup.TagFilter`.
    :param assets_url: where relative addresses of pictures and files belong, without a slash at its
        end; empty leaves them as Grok sent them.
    """

    def __init__(self, filtered_tags: frozenset[str] = frozenset(), assets_url: str = "") -> None:
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
        self._chars = 0
        self._raw = AnswerText()
        self._compared = False  # whether a modelResponse has been set beside the tokens,
        self._proven = False  # and begins with them to the letter
        self._tool_uses = 0
        self._sources = Sources()
        self._gallery = Gallery(assets_url)
        self._references = References(self._sources, self._gallery, filtered_tags)
        self._last_tool_use: ToolUse | None = None

    @property
    def stopped(self) -> bool:
        """Whether Grok's last word is that the text is complete, while its last lines are still to
        come.
        """
        return self.state is State.STOPPED

    @property
    def concluded(self) -> bool:
        """Whether the whole answer has come, and only an error could still spoil it."""
        return self.state is State.CONCLUDED

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
        """The upstream stream has ended (or is not waited for any longer): the events that follow
        from that.
        """
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
        if self._lines.too_long and self.state is not State.CONCLUDED:
            self._step(
                Input.ERROR,
                LineTooLong("Grok sent a line beyond all reason; the answer was stopped there."),
            )
        self.counters.junk_lines = self._lines.junk
        self._begun = self._begun or bool(self._events)
        return self._events

    # From a line to inputs -----------------------------------------------------------------------

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
        if self.state is State.CONCLUDED:
            self._look_for_an_error(line)
            return
        if line.keys() <= _PLAIN_TOKEN_KEYS:
            self._read_token(line)
            return
        side = line.get("sideBySideIndex")
        if isinstance(side, int) and side > 0:
            # An A/B answer (the payload allows them): the second would be interleaved with the
            # first.
            self.counters.other_side += 1
            return
        if self._look_for_an_error(line):
            return
        self._read_side_news(line)
        self._read_token(line)
        if line.get("modelResponse") is not None:
            self._read_model_response(line["modelResponse"])

    def _look_for_an_error(self, line: dict[str, Any]) -> bool:
        """Whether there was one, of Grok's and not only of a tool's."""
        response = line.get("modelResponse")
        error = refusal_of_stream_error(line["error"]) if line.get("error") else None
        if error is None and isinstance(response, dict):
            error = _error_in(response)
        if error is not None:
            self._step(Input.ERROR, error)
        return error is not None

    def _read_model_response(self, response: Any) -> None:
        """A modelResponse: an end of the answer if the answer is in it, and it does not call itself
        a part.
        """
        if not isinstance(response, dict):
            self.counters.odd_values += 1
            return
        if response.get("partial") is not True and _holds_an_answer(response):
            self._step(Input.FINAL, response)

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
        if len(self._events) > before:
            self._step(Input.WORK, None)

    def _tell_tool(self, tool_use: ToolUse | None) -> None:
        """A tool call. Often it stands in one line twice: as an object, and as an element in the
        token.
        """
        if tool_use is None or tool_use == self._last_tool_use or self._tool_uses >= MOST_TOOL_USES:
            self._events.append(Activity())
        else:
            self._last_tool_use = tool_use
            self._tool_uses += 1
            self._events.append(tool_use)

    def _add(self, event: Event | None) -> None:
        if event is not None:
            self._events.append(event)

    def _note_card(self, card: Card | None) -> None:
        if card is None:
            self.counters.odd_values += 1
        else:
            self._events += self._references.note(card)

    def _read_token(self, line: dict[str, Any]) -> None:
        token, tag = line.get("token"), line.get("messageTag")
        thinking = line.get("isThinking") is True or (isinstance(tag, str) and tag in THINKING_TAGS)
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
        self._chars += len(token)
        if self._chars > MAX_ANSWER_CHARS:
            self._step(Input.ERROR, _too_long())
        elif isinstance(tag, str) and tag in WORK_TAGS:
            told = bool(self._events) and self._events[-1] is self._last_tool_use
            self._tell_tool(None if told else tool_use_in_element(token))
        elif tag == "header":
            # The title of a step: a line of its own (the tokens carry no line breaks around it).
            self._step(what, f"\n{token}\n" if self._thought_mid_line else f"{token}\n")
        else:
            self._step(what, token)

    def _unknown(self, key: str) -> None:
        self.counters.note_key(key)

    # The machine ---------------------------------------------------------------------------------

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
        if not self._raw:
            self._end_thinking()
        self._raw.add(token)
        if "<" not in token and not self._answer_filter.holding:
            self._emit(Text, token)
            return
        before = len(self._events)
        run: list[str] = []  # text between which nothing stands any more
        for piece in self._answer_filter.split(token):
            found = piece if isinstance(piece, str) else self._references.in_place_of(piece)
            if isinstance(found, str):
                run.append(found)
            elif found is not None:
                self._emit_run(run)
                self._show([found])
        self._emit_run(run)
        if len(self._events) == before:
            self._events.append(Activity())

    def _show(self, events: list[Event]) -> None:
        """Something else than text."""
        self._visible = self._visible or any(isinstance(event, FoundPicture) for event in events)
        self._events += events

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
        self._events.append(event(text) if text else Activity())
        if event is Text and not self._visible:
            self._visible = is_visible(text)

    def _conclude(self, response: dict[str, Any]) -> None:
        """The whole answer once more: what of it no line has brought."""
        cards = response.get("cardAttachmentsJson")
        for value in cards[:MOST_CARDS] if isinstance(cards, list) else []:
            self._note_card(parse_card(value))
        for key in ("webSearchResults", "citedWebSearchResults"):
            self._add(self._sources.found(response.get(key)))
        self._add_missing_text(response.get("message"))
        if self.state is State.CONCLUDED:
            self._gallery.conclude(response.get("generatedImageUrls"))
            self._show_the_rest()

    def _add_missing_text(self, message: Any) -> None:
        """The part of the whole answer that no token brought: all of it, when the tokens were left
        out.
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
        """What is held back, and the pictures and files; a failure if there is nothing to see."""
        if not self._raw:
            self._end_thinking()
        rest = self._answer_filter.close()
        if rest:
            self._emit(Text, rest)
        self._show(self._references.late())
        self._show(self._gallery.rest())
        if self._gallery.all_moderated:
            self._fail(
                ContentPolicyViolation("Grok moderated what it had made, and shows nothing of it.")
            )
        elif self._gallery.fault and self._gallery.empty:
            self._fail(_not_made(self._gallery.fault))
        elif self._gallery.unfinished:
            self._fail(
                IncompleteAnswer(
                    "Grok began a picture or a video, and its answer ended without it."
                )
            )
        elif not self._visible and self._gallery.empty:
            self._fail(EmptyAnswer("Grok's stream ended in good order without an answer in it."))

    def _end_stopped(self, _: Any) -> None:
        """The stream ended behind a soft stop."""
        self._show_the_rest()
        self._finish(None)

    def _finish(self, _: Any) -> None:
        """The stream ended, and Grok's last word was that the answer is complete."""
        if self._events and isinstance(self._events[-1], Failed):
            return
        if self._lost_lines():
            self._fail(
                IncompleteAnswer(
                    "Lines of Grok's answer came damaged, and nothing shows that its text is whole."
                )
            )
        else:
            self._events.append(Finished())

    def _lost_lines(self) -> bool:
        """Whether a line was passed over that may have held some of the answer, with no proof that
        all of it is here.
        """
        if self._lines.damaged_media and not self._gallery.empty:
            return True  # a picture, or that one is moderated
        if self._compared:
            return self._lines.junk > 0 and not self._proven
        return self._lines.damaged > 0

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
        self.state = State.ENDED
        self._events.append(Failed(error))


def _not_made(fault: str) -> GrokApiError:
    """A picture could not be made (``rate_limit`` was seen in 2026)."""
    if "limit" in fault:
        return QuotaExhausted("The Grok account has used up its allowance for pictures.")
    return UpstreamFailure(f"Grok could not make the picture ({cleaned(fault)}).")


def _too_long() -> GrokApiError:
    size = MAX_ANSWER_CHARS // (1024 * 1024)
    return AnswerTooLong(
        f"Grok's answer has more than {size} million characters; it was stopped there."
    )


def _holds_an_answer(response: dict[str, Any]) -> bool:
    message = response.get("message")
    return (isinstance(message, str) and is_visible(message)) or any(
        isinstance(value := response.get(name), list) and value for name in _PARTS_OF_AN_ANSWER
    )


def _error_in(response: dict[str, Any]) -> GrokApiError | None:
    """The failure that a modelResponse reports, in either form (§4.3)."""
    errors = response.get("streamErrors")
    for error in errors if isinstance(errors, list) else []:
        found = refusal_of_stream_error(error)
        if found is not None:
            return found
    error = response.get("error")
    return (
        refusal_of_error_line({"message": cleaned(error)})
        if isinstance(error, str) and error
        else None
    )
