"""Grok's answer stream, decoded: bytes in, events out.

Theory
------
A stream is a sequence of JSON lines in one of two envelopes (grok-protocol.md §3.1): ``{"result":
{"response": {…}}}`` for a new conversation, ``{"result": {…}}`` for a follow-up; ``{"error": {…}}``
at the top when the call itself failed. Every key of a line is looked up in
:mod:`grokcore.protocol.grok_web.stream_keys`, which says what *kind* of news it is. The kinds that
move the answer on are inputs of a small machine (:mod:`.answer`); others are events of their own.

Rules
-----
1. Nothing is raised for any input: junk lines, unknown keys and values of unexpected types are
   counted in :class:`Counters` and skipped; the end of an answer is an event.
2. The decoder never looks ahead and never reads settings: tag names and the address of relative
   paths are passed in, and whether thinking is shown is the writer's business.
3. Events don't depend on how the bytes were cut. So the last event comes with
   :meth:`Decoder.close`, unless a failure comes before.
"""

from __future__ import annotations

from typing import Any

from ...errors import GrokApiError, LineTooLong
from ..conversation.events import Activity, Event
from ..counters import MAX_KEY_CHARS, Counters
from ..emulation.reading import CallReader
from ..upstream_words import cleaned
from .answer import Answer, Input, State
from .lines import MAX_LINE_BYTES, LineReader
from .refusals import refusal_of_error_line, refusal_of_stream_error
from .server_tools import tool_use_in_card
from .stream_keys import KEYS, THINKING_TAGS, Kind
from .wholeness import is_visible

__all__ = ["Decoder"]

_PLAIN_TOKEN_KEYS = frozenset(
    {"token", "isThinking", "isSoftStop", "messageTag", "messageStepId", "responseId"}
)
"""A line with no other keys than these is a token and nothing else: nearly every line is."""

_PLAIN_TAGS = (None, "final")
"""Tags of a token of the answer itself."""

_PARTS_OF_AN_ANSWER = ("generatedImageUrls", "cardAttachmentsJson", "fileAttachments", "fileUris")
"""Lists of a modelResponse that may hold an answer when its ``message`` is empty (grok-protocol.md
§3.4).
"""


class Decoder:
    """Decodes one answer stream.

    :param filtered_tags: names for :class:`~grokcore.protocol.grok_web.markup.TagFilter`.
    :param assets_url: base of relative addresses of pictures and files, without a slash at its end;
        empty leaves them as Grok sent them.
    :param calls: takes calls of the client's tools out of the text; None leaves all text.
    :ivar answered_by: the model that answered, in Grok's words; empty as long as it names none.
    """

    def __init__(
        self,
        filtered_tags: frozenset[str] = frozenset(),
        assets_url: str = "",
        calls: CallReader | None = None,
    ) -> None:
        self.counters = Counters()
        self.answered_by = ""
        self._lines = LineReader()
        self._lines_read = 0
        self._answer = Answer(filtered_tags, assets_url, self._lines, self.counters, calls)

    @property
    def stopped(self) -> bool:
        """Whether Grok's last word is that the text is complete, while its last lines are still to
        come; or its last call is whole.
        """
        answer = self._answer
        return answer.state is State.STOPPED or (
            answer.state is State.ANSWERING and answer.complete_with_calls
        )

    @property
    def concluded(self) -> bool:
        """Whether the whole answer has come, and only an error could still spoil it."""
        return self._answer.state is State.CONCLUDED

    @property
    def cut_short(self) -> bool:
        """Whether the answer has ended because the rest is not wanted."""
        return self._answer.cut_short

    @property
    def ended(self) -> bool:
        """Whether the last event has been returned."""
        return self._answer.state is State.ENDED

    def receive(self, data: bytes) -> list[Event]:
        """Take any number of bytes, return the events they complete, in order.

        Nothing comes after the last one, :class:`~grokcore.protocol.conversation.events.Finished`
        or :class:`~grokcore.protocol.conversation.events.Failed`.
        """
        return self._read(self._lines.feed(data))

    def close(self) -> list[Event]:
        """The upstream stream has ended, or nobody waits for it any longer: return the last
        events.
        """
        events = self._read(self._lines.close())
        self._answer.events = []
        self._answer.step(Input.END, self._lines_read)
        return events + self._answer.passed_on(self._answer.events)

    def _read(self, objects: list[dict[str, Any]]) -> list[Event]:
        answer = self._answer
        events: list[Event] = []
        answer.events = events
        for line in objects:
            if answer.state is State.ENDED:
                break
            if answer.state is not State.ANSWERING or not self._read_plain(line):
                self._read_line(line)
        if self._lines.too_long and answer.state is not State.CONCLUDED:
            answer.step(
                Input.ERROR,
                LineTooLong(
                    f"Grok sent a line longer than {MAX_LINE_BYTES // 1024**2} MiB; the answer was "
                    "cut off there."
                ),
            )
        self.counters.junk_lines = self._lines.junk
        answer.begun = answer.begun or bool(events)
        return answer.passed_on(events)

    def _read_plain(self, line: dict[str, Any]) -> bool:
        """The short way of a line that is a token of the answer and nothing else; False for any
        other line, of which nothing is noted then. Nearly every line goes here.
        """
        try:
            response = line["result"]["response"]
            token = response["token"]
            plain = (
                len(line) == 1
                and token.__class__ is str
                and response.keys() <= _PLAIN_TOKEN_KEYS
                and response.get("isThinking") is not True
                and response.get("isSoftStop") is not True
                and response.get("messageTag") in _PLAIN_TAGS
                and self._answer.show_plain(token)
            )
        except (KeyError, TypeError, AttributeError):
            return False
        self._lines_read += plain
        return plain

    def _read_line(self, line: dict[str, Any]) -> None:
        self._lines_read += 1
        if line.get("error"):
            self._answer.step(Input.ERROR, refusal_of_error_line(line["error"]))
            return
        result = line.get("result")
        if not isinstance(result, dict):
            self.counters.note_key(next(iter(line), "{}"))
            return
        response = result.get("response")
        if isinstance(response, dict):
            self._read_response(response)
        else:
            self._read_response({key: value for key, value in result.items() if key != "response"})

    def _read_response(self, line: dict[str, Any]) -> None:
        if self._answer.state is State.CONCLUDED:
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
        """Whether the line reports an error of Grok's, and not only of a tool's."""
        response = line.get("modelResponse")
        error = refusal_of_stream_error(line["error"]) if line.get("error") else None
        if error is None and isinstance(response, dict):
            error = _error_in(response)
        if error is not None:
            self._answer.step(Input.ERROR, error)
        return error is not None

    def _read_model_response(self, response: Any) -> None:
        """A modelResponse: an end of the answer if the answer is in it, and it does not call itself
        a part.
        """
        if not isinstance(response, dict):
            self.counters.odd_values += 1
            return
        if isinstance(model := response.get("model"), str):
            self.answered_by = model[:MAX_KEY_CHARS]
        if response.get("partial") is not True and _holds_an_answer(response):
            self._answer.step(Input.FINAL, response)

    def _read_side_news(self, line: dict[str, Any]) -> None:
        answer = self._answer
        working = False
        before = len(answer.events)
        for key, value in line.items():
            match KEYS.get(key):
                case None:
                    self.counters.note_key(key)
                case Kind.WORK:
                    working = working or value is not None
                case Kind.PROGRESS if isinstance(value, dict):
                    answer.events += answer.gallery.note(key, value)
                case Kind.SEARCH:
                    working = working or value is not None
                    answer.add(answer.citations.read_results(value))
                case Kind.TOOL if value is not None:
                    answer.report_tool(tool_use_in_card(value))
                case Kind.CARD if isinstance(value, dict):
                    working = True
                    answer.note_card(value.get("jsonData"))
        if working and len(answer.events) == before:
            answer.events.append(Activity())
        if len(answer.events) > before:
            answer.step(Input.WORK, None)

    def _read_token(self, line: dict[str, Any]) -> None:
        token, tag = line.get("token"), line.get("messageTag")
        thinking = line.get("isThinking") is True or (isinstance(tag, str) and tag in THINKING_TAGS)
        if isinstance(token, str):
            if token:
                self._answer.read_text(token, tag, Input.THOUGHT if thinking else Input.ANSWER)
        elif isinstance(token, dict):
            # A search call of 2025: {"action", "action_input"}.
            self._answer.events.append(Activity())
        elif token is not None:
            self.counters.odd_values += 1
        if line.get("isSoftStop") is True and not thinking and tag != "raw_function_result":
            self._answer.step(Input.STOP, None)


def _holds_an_answer(response: dict[str, Any]) -> bool:
    message = response.get("message")
    return (isinstance(message, str) and is_visible(message)) or any(
        isinstance(value := response.get(name), list) and value for name in _PARTS_OF_AN_ANSWER
    )


def _error_in(response: dict[str, Any]) -> GrokApiError | None:
    """The failure that a modelResponse reports, in either form (§4.3)."""
    errors = response.get("streamErrors")
    for error in errors if isinstance(errors, list) else []:
        refusal = refusal_of_stream_error(error)
        if refusal is not None:
            return refusal
    error = response.get("error")
    return (
        refusal_of_error_line({"message": cleaned(error)})
        if isinstance(error, str) and error
        else None
    )
