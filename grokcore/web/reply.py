"""Responses: an answer as one body or as a stream of server-sent events, with heartbeats while there is nothing to say."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import orjson
import trio
from quart import Response
from quart.wrappers.response import ResponseBody

from ..errors import GrokApiError, InternalError
from ..protocol.chat import KEEP_ALIVE, AnswerWriter, ChunkWriter
from ..protocol.events import Finished
from ..runtime.gateway import Completion

__all__ = ["EventStream", "Start", "json_response", "whole_answer"]

SILENT_CHUNK_S = 60.0
"""Silence after which an empty chunk goes out beside the comments: LangChain's chunk timeout of 120 s does not take
comments for a sign of life."""

BLOCKED_S = 0.02
"""A write that takes longer than this (seconds) was held up by the client, and no clock counts it; a normal one takes
some 0.1 ms."""

_log = logging.getLogger(__name__)


def json_response(value: Any, status: int = 200) -> Response:
    """*value* (or bytes that are JSON already) as a response."""
    body = value if isinstance(value, bytes) else orjson.dumps(value)
    return Response(body, status=status, content_type="application/json")


async def whole_answer(completion: Completion, writer: AnswerWriter) -> bytes:
    """The body of a non-streamed answer.

    :raises GrokApiError: there was none, or not all of it.
    """
    await completion.start()
    while True:
        events = await completion.next_events()
        writer.add(events)
        if isinstance(events[-1], Finished):
            return writer.body()


class Start:
    """A completion's start, run as a task of the request, so that one can wait for it in portions."""

    def __init__(self, completion: Completion, nursery: trio.Nursery) -> None:
        self._done = trio.Event()
        self._error: Exception | None = None
        nursery.start_soon(self._run, completion)

    async def _run(self, completion: Completion) -> None:
        try:
            await completion.start()
        except Exception as error:  # boundary: whatever it was reaches whoever waits, in `wait`
            self._error = error
        self._done.set()

    async def wait(self, until: float) -> bool:
        """Wait for it until then (trio's time); whether it has come.

        :raises GrokApiError: the start failed.
        """
        with trio.CancelScope(deadline=until):
            await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._done.is_set()


class EventStream(ResponseBody):
    """The body of a streamed answer, for Quart to iterate over.

    No scope spans two steps of the iteration. The completion is closed by the request's lifetime, not here.

    :param heartbeat_s: silence (seconds) after which a sign of life is sent.
    """

    def __init__(self, completion: Completion, start: Start, writer: ChunkWriter, *, heartbeat_s: float) -> None:
        self._completion = completion
        self._start = start
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
            data = self._writer.fail(_as_ours(error, self._completion.request_id))
        self._handed_over = trio.current_time()
        return data

    async def _next_bytes(self, wake_at: float) -> bytes:
        self._started = self._started or await self._start.wait(wake_at)
        if not self._started:
            return self._sign_of_life()
        while events := await self._completion.next_events(wake_at):
            self._over = isinstance(events[-1], Finished)
            data = self._writer.write(events)
            if data:
                self._last_chunk = trio.current_time()
                return data
            if trio.current_time() >= wake_at:
                break
        return self._sign_of_life()

    def _sign_of_life(self) -> bytes:
        if trio.current_time() - self._last_chunk < SILENT_CHUNK_S:
            return KEEP_ALIVE
        self._last_chunk = trio.current_time()
        return self._writer.empty()


def _as_ours(error: Exception, request_id: str) -> GrokApiError:
    if isinstance(error, GrokApiError):
        return error
    _log.error("a bug ended the answer to %s", request_id, exc_info=error)
    return InternalError("An internal error ended the answer; the server's log has it under this request id.")
