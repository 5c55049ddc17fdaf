"""Responses: an answer as one body or as a stream of server-sent events, with heartbeats while there is nothing to say."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

import orjson
import trio
from quart import Response
from quart.wrappers.response import ResponseBody

from ..errors import GrokApiError, InternalError
from ..protocol.conversation.events import Event, Finished
from ..protocol.dialects.one_line import on_one_line
from ..protocol.dialects.openai_chat.writers import KEEP_ALIVE, AnswerWriter, ChunkWriter
from ..runtime.completion.gateway import Completion
from .delivery import Delivery

__all__ = ["Errand", "EventStream", "Start", "json_response", "whole_answer"]

SILENT_CHUNK_S = 60.0
"""Silence after which an empty chunk goes out beside the comments: LangChain's chunk timeout of 120 s does not take
comments for a sign of life."""

BLOCKED_S = 0.02
"""A write that takes longer than this (seconds) was held up by the client, and no clock counts it; a normal one takes
some 0.1 ms."""

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


def json_response(value: Any, status: int = 200) -> Response:
    """*value* (or bytes that are JSON already) as a response."""
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return Response(on_one_line(body), status=status, content_type="application/json")


async def whole_answer(completion: Completion, writer: AnswerWriter, delivery: Delivery | None = None) -> bytes:
    """The body of a non-streamed answer.

    :param delivery: how its pictures are delivered; None gives Grok's own addresses.
    :raises GrokApiError: there was none, or not all of it.
    """
    await completion.start()
    while True:
        events = await completion.next_events()
        if delivery is not None and delivery.concerns(events):
            deliver = functools.partial(delivery.deliver, completion.asset_access, events)
            events = await completion.aside(deliver)
        writer.add(events)
        if isinstance(events[-1], Finished):
            return writer.body()


class Errand(Generic[_T]):
    """Some work for a request, run as a task of it, so that one can wait for it in portions.

    :ivar nursery: the request's.
    """

    def __init__(self, work: Callable[[], Awaitable[_T]], nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self._done = trio.Event()
        self._error: Exception | None = None
        self._found: list[_T] = []
        nursery.start_soon(self._run, work)

    @property
    def found(self) -> _T:
        """What the work has returned; it must have come to its end."""
        return self._found[0]

    async def _run(self, work: Callable[[], Awaitable[_T]]) -> None:
        try:
            self._found.append(await work())
        except Exception as error:  # boundary: whatever it was reaches whoever waits, in `wait`
            self._error = error
        self._done.set()

    async def wait(self, until: float) -> bool:
        """Wait for it until then (trio's time); whether it has come to its end.

        :raises Exception: what the work raised.
        """
        with trio.CancelScope(deadline=until):
            await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._done.is_set()


class Start(Errand[None]):
    """A completion's start; ``wait`` raises GrokApiError if it failed."""

    def __init__(self, completion: Completion, nursery: trio.Nursery) -> None:
        super().__init__(completion.start, nursery)


class EventStream(ResponseBody):
    """The body of a streamed answer, for Quart to iterate over.

    No scope spans two steps of the iteration. The completion is closed by the request's lifetime, not here.

    :param heartbeat_s: silence (seconds) after which a sign of life is sent.
    :param delivery: how the answer's pictures are delivered; None gives Grok's own addresses.
    :param on_failure: is told of what ended the stream before its end.
    """

    def __init__(
        self,
        completion: Completion,
        start: Start,
        writer: ChunkWriter,
        *,
        heartbeat_s: float,
        delivery: Delivery | None = None,
        on_failure: Callable[[GrokApiError], None] | None = None,
    ) -> None:
        self._on_failure = on_failure
        self._completion = completion
        self._start = start
        self._delivery = delivery
        self._parcel: Errand[list[Event]] | None = None
        self._started = False
        self._writer = writer
        self._heartbeat_s = heartbeat_s
        self._over = False
        self._handed_over = self._last_chunk = trio.current_time()

    async def __aenter__(self) -> AsyncIterator[bytes]:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._over = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._over:
            raise StopAsyncIteration
        now = trio.current_time()
        if now - self._handed_over > BLOCKED_S:
            self._completion.client_was_slow(now - self._handed_over)
        try:
            data = await self._next_bytes(now + self._heartbeat_s)
        except Exception as error:  # boundary: headers are out, so an error can only be told inside the stream
            self._over = True
            failure = _as_ours(error, self._completion.request_id)
            if self._on_failure is not None:
                self._on_failure(failure)
            data = self._writer.fail(failure)
        self._handed_over = trio.current_time()
        return on_one_line(data)

    async def _next_bytes(self, wake_at: float) -> bytes:
        self._started = self._started or await self._start.wait(wake_at)
        if not self._started:
            return self._sign_of_life()
        if self._parcel is not None:
            return await self._delivered(self._parcel, wake_at)
        while events := await self._completion.next_events(wake_at):
            if self._delivery is not None and self._delivery.concerns(events):
                return await self._send_for_media(self._delivery, events, wake_at)
            self._over = isinstance(events[-1], Finished)
            data = self._writer.write(events)
            if data:
                self._last_chunk = trio.current_time()
                return data
            if trio.current_time() >= wake_at:
                break
        return self._sign_of_life()

    async def _send_for_media(self, delivery: Delivery, events: list[Event], wake_at: float) -> bytes:
        """Show what comes before it meanwhile."""
        at_once, rest = delivery.split(events)
        deliver = functools.partial(delivery.deliver, self._completion.asset_access, rest)
        self._parcel = Errand(deliver, self._start.nursery)
        data = self._writer.write(at_once)
        if not data:
            return await self._delivered(self._parcel, wake_at)
        self._last_chunk = trio.current_time()
        return data

    async def _delivered(self, parcel: Errand[list[Event]], wake_at: float) -> bytes:
        """The events with their media, if it has come by then. Until it has, nothing more is read of Grok's answer."""
        if not await self._completion.aside(functools.partial(parcel.wait, wake_at)):
            return self._sign_of_life()
        self._parcel = None
        self._over = isinstance(parcel.found[-1], Finished)
        self._last_chunk = trio.current_time()
        return self._writer.write(parcel.found)  # something: media always shows

    def _sign_of_life(self) -> bytes:
        if trio.current_time() - self._last_chunk < SILENT_CHUNK_S:
            return KEEP_ALIVE
        self._last_chunk = trio.current_time()
        return self._writer.empty()


def _as_ours(error: Exception, request_id: str) -> GrokApiError:
    if isinstance(error, GrokApiError):
        return error
    kind = {"fold": ("bug", repr(error)[:200])}
    _log.error("a bug ended the answer to %s", request_id, exc_info=error, extra=kind)
    return InternalError("An internal error ended the answer; the server's log has it under this request id.")
