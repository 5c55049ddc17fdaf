"""An answer as one body, or as a stream of server-sent events with heartbeats during silence."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

import trio

from ...errors import GrokApiError, InternalError
from ...protocol.conversation.events import Event, Finished
from ...protocol.dialects.dialect import Collector, StreamWriter
from ...protocol.dialects.one_line import on_one_line
from ...protocol.dialects.openai_chat.writers import KEEP_ALIVE
from ...runtime.completion.gateway import Completion
from ..delivery import Delivery
from ..responses import SteppedBody
from .background import Background

__all__ = ["EventStream", "collect"]

SILENT_CHUNK_S = 60.0
"""Seconds of silence after which an empty chunk is sent beside the comments: LangChain's chunk
timeout of 120 s ignores comments."""

BLOCKED_S = 0.02
"""Seconds. A write that takes longer was delayed by the client, and its time is not counted by any
clock; a normal write takes some 0.1 ms."""

_log = logging.getLogger(__name__)


async def collect(
    completion: Completion, collector: Collector, delivery: Delivery | None = None
) -> None:
    """Run *completion* to its end and pass its events to *collector*.

    :param delivery: delivery of its media; None keeps Grok's own addresses.
    :raises GrokApiError: if there is no answer, or it is incomplete.
    """
    await completion.start()
    while True:
        events = await completion.next_events()
        if delivery is not None and delivery.concerns(events):
            deliver = functools.partial(delivery.deliver, completion, events)
            events = await completion.aside(deliver)
        collector.add(events)
        if isinstance(events[-1], Finished):
            return


class EventStream(SteppedBody):
    """The body of a streamed answer; Quart iterates over it.

    Call :meth:`begin` before the response's head goes out. From then on the stream meets all
    obligations of the completion's caller: it commits before the first byte, reports a slow client,
    and stops the clocks while media are fetched. The request's lifetime closes the completion.

    :param nursery: the request's nursery, for background tasks.
    :param heartbeat_s: seconds of silence after which a sign of life is sent.
    :param delivery: delivery of the answer's media; None keeps Grok's own addresses.
    :param on_failure: called with the error that ended the stream early.
    """

    def __init__(
        self,
        completion: Completion,
        writer: StreamWriter,
        nursery: trio.Nursery,
        *,
        heartbeat_s: float,
        delivery: Delivery | None = None,
        on_failure: Callable[[GrokApiError], None] | None = None,
    ) -> None:
        self._on_failure = on_failure
        self._completion = completion
        self._nursery = nursery
        self._start = Background(completion.start, nursery)
        self._delivery = delivery
        self._media: Background[list[Event]] | None = None
        self._started = False
        self._writer = writer
        self._heartbeat_s = heartbeat_s
        self._over = False
        self._handed_over = self._last_chunk = trio.current_time()  # set again by begin()

    async def begin(self, until: float) -> None:
        """Wait for the answer's first event. After that the response begins, with or without it.

        :param until: trio's time at which the wait ends.
        :raises GrokApiError: if the completion failed to start.
        """
        self._started = await self._start.wait(until)
        if not self._started:
            self._completion.commit()
        self._handed_over = self._last_chunk = trio.current_time()

    async def __aexit__(self, *_: object) -> None:
        self._over = True

    async def __anext__(self) -> bytes:
        if self._over:
            raise StopAsyncIteration
        now = trio.current_time()
        if now - self._handed_over > BLOCKED_S:
            self._completion.client_was_slow(now - self._handed_over)
        try:
            data = await self._next_bytes(now + self._heartbeat_s)
        except Exception as error:  # boundary: the head is out, so the stream carries the error
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
        if self._media is not None:
            return await self._delivered(self._media, wake_at)
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

    async def _send_for_media(
        self, delivery: Delivery, events: list[Event], wake_at: float
    ) -> bytes:
        """Send what precedes the media; fetch the media in the background."""
        at_once, rest = delivery.split(events)
        deliver = functools.partial(delivery.deliver, self._completion, rest)
        self._media = Background(deliver, self._nursery)
        data = self._writer.write(at_once)
        if not data:
            return await self._delivered(self._media, wake_at)
        self._last_chunk = trio.current_time()
        return data

    async def _delivered(self, media: Background[list[Event]], wake_at: float) -> bytes:
        """The events with their media, or a sign of life if the media have not arrived by
        *wake_at*. Grok's answer is not read further until they have.
        """
        if not await self._completion.aside(functools.partial(media.wait, wake_at)):
            return self._sign_of_life()
        self._media = None
        self._over = isinstance(media.result[-1], Finished)
        self._last_chunk = trio.current_time()
        return self._writer.write(media.result)  # something: media always shows

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
    return InternalError(
        "An internal error ended the answer; the server's log has it under this request id."
    )
