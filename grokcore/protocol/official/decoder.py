"""An answer of xAI's Responses API, decoded: bytes of an event stream in, events out.

Theory
------
Each event is a JSON object whose ``type`` says what it is (the shapes are OpenAI's; docs.x.ai, and
recordings of public clients, 2026-11). Nearly all are pieces of text; the others bring whole parts
and items, and at the end the whole response, with what it cost.

Rules
-----
1. Nothing is raised, whatever comes: junk, unknown types, and values of unexpected types are
   counted in :class:`~grokcore.protocol.counters.Counters` and skipped.
2. Only a terminal event ends an answer in good order. An end of the bytes before it, a lost piece,
   a call without an end: :class:`~grokcore.protocol.conversation.events.Failed`.
3. An event that could not be read may have held text. The copy of the answer in the terminal event
   is the only proof that none is missing.
4. What follows the terminal event, or is of another response, is counted as ``other_side``.
5. Events don't depend on how the bytes were cut.
6. A response without a stream (``application/json``) is an answer too: some proxies don't stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from ...errors import (
    AnswerTooLong,
    GrokApiError,
    IncompleteAnswer,
    LineTooLong,
    UpstreamFailure,
)
from ..conversation.events import Activity, Event, Failed
from ..conversation.tools import Tool
from ..counters import MAX_KEY_CHARS, Counters
from ..lenient_json import loads
from ..models import LaneName
from .answer import MAX_ANSWER_CHARS, Answer, Place
from .calls import Calls
from .endings import Ending, ended
from .event_types import DELTA, TERMINAL, Kind, kind_of
from .items import Items
from .refusals import error_of_event
from .sse import MAX_LINE_BYTES, EventReader

__all__ = ["Decoder"]


class Decoder:
    """The decoder of one answer.

    :param upstream_tools: the client's tools by the names that were sent.
    :param lane: the lane that asked; it decides the advice of errors.
    :ivar answered_by: the model that answers, in xAI's words; empty as long as it names none.
    """

    def __init__(
        self, upstream_tools: Mapping[str, Tool], *, lane: LaneName = LaneName.API
    ) -> None:
        self.counters = Counters()
        self.answered_by = ""
        self._lane = lane
        self._reader = EventReader()
        self._answer = Answer(self.counters)
        self._calls = Calls(upstream_tools)
        self._items = Items(self._answer, self._calls, self.counters)
        self._response_id = ""
        self._readable = False
        self._lost = False
        self._ended = False
        self._concluded = False

    @property
    def stopped(self) -> bool:
        """Never: the event that says so ends the answer."""
        return False

    @property
    def concluded(self) -> bool:
        """Whether the whole answer has come."""
        return self._concluded

    @property
    def cut_short(self) -> bool:
        """Never: everything of an answer is wanted, its cost comes last."""
        return False

    def receive(self, data: bytes) -> list[Event]:
        """Take any number of bytes; return the events they complete, in order.

        Nothing comes after the last one: :class:`~grokcore.protocol.conversation.events.Finished`
        or :class:`~grokcore.protocol.conversation.events.Failed`.
        """
        self._read_all(self._reader.feed(data))
        if self._reader.too_long and not self._ended:
            size = MAX_LINE_BYTES // 1024**2
            self._fail(
                LineTooLong(
                    f"xAI sent a line longer than {size} MiB; the answer was cut off there."
                )
            )
        return self._take_events()

    def close(self) -> list[Event]:
        """The bytes have ended: the events that follow from that."""
        self._read_all(self._reader.close())
        if not self._ended:
            self._answer.end_text()
            if self.counters.junk_lines and not self._readable:
                self._fail(UpstreamFailure("What xAI sent is not its format of events."))
            else:
                self._fail(IncompleteAnswer("xAI's stream broke off before its answer's end."))
        return self._take_events()

    def _take_events(self) -> list[Event]:
        events, self._answer.events = self._answer.events, []
        return events

    def _fail(self, error: GrokApiError) -> None:
        self._ended = True
        self._answer.events.append(Failed(error))

    def _read_all(self, found: list[bytes]) -> None:
        for data in found:
            if self._ended:
                self.counters.other_side += 1
                continue
            try:
                event = orjson.loads(data)
            except orjson.JSONDecodeError:
                event = _mended(data)
            if isinstance(event, dict):
                self._readable = True
                self._read(event)
            else:
                self.counters.junk_lines += 1
                self._lost = True
            if self._answer.too_long and not self._ended:
                self._stop_too_long()

    def _stop_too_long(self) -> None:
        size = MAX_ANSWER_CHARS // 1024**2
        self._fail(
            AnswerTooLong(
                f"xAI's answer has more than {size} million characters; it was stopped there."
            )
        )

    def _read(self, event: dict[str, Any]) -> None:
        name = event.get("type")
        kind = kind_of(name) if name != DELTA else Kind.TEXT
        if kind is None:
            if event.get("error"):
                self._read_error(event)
            elif event.get("object") == "response" and "output" in event:
                told = "incomplete" if "status" in event else "completed"
                self._read_life(f"response.{told}", event)  # its own status goes before that
            else:
                self.counters.note_key(name if isinstance(name, str) else next(iter(event), "{}"))
        elif "response_id" in event and not self._is_own(event["response_id"]):
            self.counters.other_side += 1
        elif kind is Kind.TEXT:
            self._read_text(event)
        elif kind is Kind.LIFE:
            self._read_life(str(name), event.get("response"))
        else:
            self._read_other(kind, event)

    def _is_own(self, which: object) -> bool:
        """Whether an event with this id of a response belongs to the answer: the first id is the
        answer's.
        """
        if not isinstance(which, str) or not which:
            return True
        self._response_id = self._response_id or which
        return which == self._response_id

    def _read_text(self, event: dict[str, Any]) -> None:
        text = event.get("delta")
        if isinstance(text, str):
            if text:
                self._answer.write(_place(event, "content_index"), text)
        else:
            self._note_odd()

    def _read_other(self, kind: Kind, event: dict[str, Any]) -> None:
        answer, place = self._answer, _place(event, "content_index")
        match kind:
            case Kind.REFUSAL:
                self._items.refuse(place, event.get("delta"), whole=event.get("refusal"))
            case Kind.THOUGHT | Kind.WHOLE_THOUGHT:
                self._read_thought(kind, event)
            case Kind.WHOLE_TEXT if isinstance(text := event.get("text"), str):
                answer.compare(place, text)
            case Kind.PART:
                self._items.read_part(place, event.get("part"))
            case Kind.ANNOTATION:
                answer.sources.note(event.get("annotation"))
            case Kind.ARGUMENTS:
                arguments = event.get("arguments", event.get("input"))
                answer.chars += self._calls.finish(event, arguments)
                answer.events.append(Activity())
            case Kind.WORK:
                answer.events.append(Activity())
            case Kind.ITEM_ADDED | Kind.ITEM_DONE:
                self._read_item(event, done=kind is Kind.ITEM_DONE)
            case Kind.ERROR:
                self._read_error(event)
            case _:
                self._note_odd()

    def _read_item(self, event: dict[str, Any], *, done: bool) -> None:
        item = event.get("item")
        which = item.get("id") if isinstance(item, dict) else None
        self._items.read(item, _place({"item_id": which, **event}, "")[0], done=done)

    def _read_thought(self, kind: Kind, event: dict[str, Any]) -> None:
        place = _place(event, "summary_index" if "summary_index" in event else "content_index")
        delta, text = event.get("delta"), event.get("text")
        if kind is Kind.THOUGHT and isinstance(delta, str):
            if delta:
                self._answer.think(place, delta)
        elif kind is Kind.WHOLE_THOUGHT and isinstance(text, str):
            self._answer.compare_thought(place, text)
        else:
            self.counters.odd_values += 1

    def _note_odd(self) -> None:
        """Count a value of an unexpected type, which may have been text."""
        self.counters.odd_values += 1
        self._lost = True

    def _read_error(self, event: dict[str, Any]) -> None:
        self._answer.end_text()
        self._fail(error_of_event(event, lane=self._lane))

    # The response as a whole ---------------------------------------------------------------------

    def _read_life(self, name: str, response: object) -> None:
        """An event of the whole response: it begins, goes on, or ends."""
        if not isinstance(response, dict):
            self.counters.odd_values += 1
            return
        which, model = response.get("id"), response.get("model")
        if not self._is_own(which):
            self.counters.other_side += 1
            return
        if isinstance(model, str) and model:
            self.answered_by = model[:MAX_KEY_CHARS]
        if name in TERMINAL:
            self._end(name.removeprefix("response."), response)

    def _end(self, status: str, response: dict[str, Any]) -> None:
        proven = self._items.read_output(response)
        self._answer.end_text()
        if self._answer.too_long:
            self._stop_too_long()
            return
        lost = (self._lost and not proven) or self._answer.broken
        ending = Ending(self._answer, self._calls, self._items.refusal, lost=lost, lane=self._lane)
        self._ended = True
        last = ended(ending, status, response)
        self._concluded = not isinstance(last[-1], Failed)
        self._answer.events += last


def _place(event: dict[str, Any], part: str) -> Place:
    index, inner = event.get("output_index"), event.get(part)
    if not isinstance(index, int):
        index = str(event.get("item_id") or "")
    return index, inner if isinstance(inner, int) else 0


def _mended(data: bytes) -> Any:
    """The value of nearly valid JSON; None if it is no JSON."""
    try:
        return loads(data)
    except ValueError:
        return None
