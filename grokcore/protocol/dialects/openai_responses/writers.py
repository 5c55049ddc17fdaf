"""Answers in the shape of the Responses API: a stream of events, or one body. Two writers over the
same assembly.

Rules
-----
Each is Open Responses' (2026-04-24), or was tried with the clients that insist on it (2026-11).

1. An event's name equals its ``type``. Events are numbered from 0 without gaps, and have no
   ``id:``.
2. ``response.created`` is the first event, and ``[DONE]`` the last line.
3. The summary events carry reasoning: all clients share those.
4. Arguments of calls come in one delta. Codex acts on the whole item, other clients on the deltas.
5. An error is an event of its own, then ``response.failed``. openai-python and openai-node need the
   former, Codex the latter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, assert_never

import orjson

from ....errors import GrokApiError
from ...conversation.events import End, Event, Finished
from ...conversation.tools import ToolKind
from ..dialect import AnswerHead
from .assembly import Assembly, Closed, Grown, Opened, Step
from .failures import error_event, failed_error
from .output_items import (
    CallItem,
    OutputItem,
    SearchItem,
    TextItem,
    item_added,
    output_text,
    summary_text,
)
from .request import ResponsesRequest
from .response_object import ResponseObject
from .store import StoredItem

__all__ = ["DONE", "AnswerWriter", "EventWriter"]

DONE = b"data: [DONE]\n\n"

_REASONS = {End.LENGTH: "max_output_tokens", End.REFUSAL: "content_filter"}
"""Reasons of incomplete answers, by their end."""


class _Answer:
    """An answer while it is written.

    :param now: returns seconds since 1970; called when the answer is whole.
    """

    def __init__(self, asked: ResponsesRequest, head: AnswerHead, now: Callable[[], int]) -> None:
        self._object = ResponseObject(asked, head)
        self._assembly = Assembly(head, shows_search=asked.shows_search)
        self._now = now
        self._body = b""

    def usage(self) -> dict[str, Any]:
        """Estimates so far, as chat completions name them."""
        return self._assembly.usage()

    def body(self) -> bytes:
        """The Response object of a stream's last event, or of a whole answer; empty before."""
        return self._body

    @property
    def response_id(self) -> str:
        """The response's id."""
        return self._object.id

    @property
    def output(self) -> tuple[StoredItem, ...]:
        """The response's items."""
        return self._assembly.done


class AnswerWriter(_Answer):
    """A collector of an answer as one Response object."""

    def add(self, events: Iterable[Event]) -> None:
        """Collect *events*."""
        events = list(events)
        for _ in self._assembly.steps(events):
            pass
        if events and isinstance(events[-1], Finished):
            self._body = _whole(self._object, self._assembly, events[-1].end, self._now)


class EventWriter(_Answer):
    """A writer of an answer as server-sent events."""

    def __init__(self, asked: ResponsesRequest, head: AnswerHead, now: Callable[[], int]) -> None:
        super().__init__(asked, head, now)
        self._number = 0
        self._before_delta = b""

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes for *events*; after :class:`Finished`, the end of the stream."""
        events = list(events)
        written = [self._beginning()]
        for step in self._assembly.steps(events):
            written += self._of_step(step)
        if events and isinstance(events[-1], Finished):
            written += self._ending(events[-1].end)
        return b"".join(written)

    def empty(self) -> bytes:
        """A repeated ``response.in_progress``: Codex' timer ignores comments."""
        return self._beginning() or self._event(
            "response.in_progress", b'"response":', self._object.in_progress
        )

    def fail(self, error: GrokApiError) -> bytes:
        """The end of an answer that broke off."""
        beginning = self._beginning()
        shown = orjson.dumps({**error_event(error), "sequence_number": self._next()})
        self._body = self._object.failed(
            failed_error(error), self._assembly.output(), self._assembly.usage()
        )
        failed = self._event("response.failed", b'"response":', self._body)
        return b"".join((beginning, b"event: error\ndata: ", shown, b"\n\n", failed, DONE))

    # Events --------------------------------------------------------------------------------------

    def _beginning(self) -> bytes:
        if self._number:
            return b""
        return b"".join(
            self._event(f"response.{state}", b'"response":', self._object.in_progress)
            for state in ("created", "in_progress")
        )

    def _ending(self, end: End) -> Iterator[bytes]:
        self._body = _whole(self._object, self._assembly, end, self._now)
        state = "incomplete" if end in _REASONS else "completed"
        yield self._event(f"response.{state}", b'"response":', self._body)
        yield DONE

    def _of_step(self, step: Step) -> Iterator[bytes]:
        match step:
            case Grown(_, text):
                yield b"".join(
                    (
                        self._before_delta,
                        b"%d" % self._next(),
                        b',"delta":',
                        orjson.dumps(text),
                        b"}\n\n",
                    )
                )
            case Opened(item):
                yield self._event(
                    "response.output_item.added",
                    b'"output_index":%d,"item":' % item.index,
                    item_added(item),
                )
                yield from self._after_beginning(item)
            case Closed(item, data):
                yield from self._before_end(item)
                yield self._event(
                    "response.output_item.done", b'"output_index":%d,"item":' % item.index, data
                )
            case _ as never:
                assert_never(never)

    def _after_beginning(self, item: OutputItem) -> Iterator[bytes]:
        match item:
            case TextItem():
                yield self._part_added(item)
            case SearchItem():
                for state in ("in_progress", "searching"):
                    yield self._event(f"response.web_search_call.{state}", _place(item))
            case CallItem():
                return
            case _ as never:
                assert_never(never)

    def _part_added(self, item: TextItem) -> bytes:
        """The event of the item's only part. The beginning of all deltas is rendered here once."""
        place = _place(item) + _part_index(item)
        kind = "reasoning_summary_text" if item.reasoning else "output_text"
        name = f"response.{kind}.delta".encode()
        logprobs = b"" if item.reasoning else b'"logprobs":[],'
        self._before_delta = b"".join(
            (
                b"event: ",
                name,
                b'\ndata: {"type":"',
                name,
                b'",',
                place,
                b",",
                logprobs,
                b'"sequence_number":',
            )
        )
        return self._event(f"{_part_event(item)}.added", place + b',"part":', _part(item))

    def _before_end(self, item: OutputItem) -> Iterator[bytes]:
        match item:
            case TextItem():
                yield from self._text_done(item)
            case CallItem():
                yield from self._call_done(item)
            case SearchItem():
                yield self._event("response.web_search_call.completed", _place(item))
            case _ as never:
                assert_never(never)

    def _text_done(self, item: TextItem) -> Iterator[bytes]:
        place = _place(item) + _part_index(item)
        for index, annotation in enumerate(item.annotations):
            yield self._event(
                "response.output_text.annotation.added",
                place + b',"annotation_index":%d,"annotation":' % index,
                orjson.dumps(annotation),
            )
        kind = "reasoning_summary_text" if item.reasoning else "output_text"
        logprobs = b"" if item.reasoning else b',"logprobs":[]'
        text = b"".join((b'"', item.escaped, b'"'))
        yield self._event(f"response.{kind}.done", place + logprobs + b',"text":', text)
        yield self._event(f"{_part_event(item)}.done", place + b',"part":', _part(item))

    def _call_done(self, item: CallItem) -> Iterator[bytes]:
        custom = item.call.kind is ToolKind.CUSTOM
        kind = "custom_tool_call_input" if custom else "function_call_arguments"
        arguments = orjson.dumps(item.call.arguments)
        place = _place(item)
        yield self._event(f"response.{kind}.delta", place + b',"delta":', arguments)
        name = orjson.dumps(item.call.name)
        named = b',"input":' if custom else b"".join((b',"name":', name, b',"arguments":'))
        yield self._event(f"response.{kind}.done", place + named, arguments)

    def _event(self, name: str, fields: bytes, value: bytes = b"") -> bytes:
        """An event. *fields* are JSON; the last one may have its *value* apart."""
        kind = name.encode()
        head = (b"event: ", kind, b'\ndata: {"type":"', kind, b'","sequence_number":')
        return b"".join((*head, b"%d," % self._next(), fields, value, b"}\n\n"))

    def _next(self) -> int:
        number, self._number = self._number, self._number + 1
        return number


def _whole(shown: ResponseObject, assembly: Assembly, end: End, now: Callable[[], int]) -> bytes:
    output, usage = assembly.output(), assembly.usage()
    if end in _REASONS:
        return shown.incomplete(_REASONS[end], output, usage)
    return shown.completed(now(), output, usage)


def _place(item: OutputItem) -> bytes:
    return b'"item_id":"%b","output_index":%d' % (item.id.encode(), item.index)


def _part_index(item: TextItem) -> bytes:
    return b',"summary_index":0' if item.reasoning else b',"content_index":0'


def _part_event(item: TextItem) -> str:
    return "response.reasoning_summary_part" if item.reasoning else "response.content_part"


def _part(item: TextItem) -> bytes:
    return summary_text(item) if item.reasoning else output_text(item)
