"""An answer as one body, or as a stream of server-sent events with heartbeats during silence."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

import trio

from ...errors import GrokApiError, InternalError
from ...protocol.conversation.events import Event, Finished, Unusable
from ...protocol.dialects.dialect import Collector, StreamWriter
from ...protocol.dialects.one_line import on_one_line
from ...protocol.dialects.openai_chat.writers import KEEP_ALIVE
from ..delivery import Delivery
from ..responses import SteppedBody
from .background import Background
from .choices import AnyCompletion

__all__ = ["EventStream", "collect"]

SILENT_CHUNK_S = 60.0
"""Seconds of silence after which an empty chunk is sent beside the comments: LangChain's chunk
timeout of 120 s ignores comments."""

BLOCKED_S = 0.02
"""Seconds. A write that takes longer was delayed by the client, and its time is not counted by any
clock; a normal write takes some 0.1 ms."""

_log = logging.getLogger(__name__)


async def collect(
    completion: AnyCompletion, collector: Collector, delivery: Delivery | None = None
) -> None:
    """Run *completion* to its end and pass its events to *collector*.

    :param delivery: delivery of its media; None keeps Grok's own addresses.
    :raises GrokApiError: if there is no answer, or it is incomplete.
    """
    await completion.start()
    while True:
        events = await completion.next_events()
        if isinstance(events[-1], Unusable):
            await completion.repair(events[-1])
            continue
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
    :param soften: returns the end that clients want in place of an error; None if they want the
        error.
    :param on_failure: called with the error that ended the stream early.
    :param on_whole: called when the whole answer has been written.
    """

    def __init__(
        self,
        completion: AnyCompletion,
        writer: StreamWriter,
        nursery: trio.Nursery,
        *,
        heartbeat_s: float,
        delivery: Delivery | None = None,
        soften: Callable[[GrokApiError], Finished | None] = lambda _: None,
        on_failure: Callable[[GrokApiError], None] = lambda _: None,
        on_whole: Callable[[], None] = lambda: None,
    ) -> None:
        self._soften = soften
        self._on_failure = on_failure
        self._on_whole = on_whole
        self._softened: Finished | None = None
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
        try:
            self._started = await self._start.wait(until)
        except GrokApiError as error:
            if self._soften(error) is None:
                raise
            self._on_failure(error)  # which may change its words
            self._softened = self._soften(error)
            self._started = True
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
            data = self._failed(_as_ours(error, self._completion.request_id))
        self._handed_over = trio.current_time()
        return on_one_line(data)

    def _failed(self, failure: GrokApiError) -> bytes:
        self._over = True
        self._on_failure(failure)
        end = self._soften(failure)
        return self._writer.fail(failure) if end is None else self._writer.write([end])

    async def _next_bytes(self, wake_at: float) -> bytes:
        if self._softened is not None:
            return self._written([self._softened])
        self._started = self._started or await self._start.wait(wake_at)
        if not self._started:
            return self._sign_of_life()
        if self._media is not None:
            return await self._delivered(self._media, wake_at)
        while events := await self._completion.next_events(wake_at):
            if isinstance(events[-1], Unusable):
                return self._mended(events[-1])
            if self._delivery is not None and self._delivery.concerns(events):
                return await self._send_for_media(self._delivery, events, wake_at)
            data = self._written(events)
            if data:
                return data
            if trio.current_time() >= wake_at:
                break
        return self._sign_of_life()

    def _written(self, events: list[Event]) -> bytes:
        """The bytes for *events*, at least one."""
        data = self._writer.write(events)
        if data:
            self._last_chunk = trio.current_time()
        if isinstance(events[-1], Finished):
            self._over = True
            self._on_whole()
        return data

    def _mended(self, unusable: Unusable) -> bytes:
        """Ask Grok in the background to correct its answer; return a sign of life."""
        repair = functools.partial(self._completion.repair, unusable)
        self._start, self._started = Background(repair, self._nursery), False
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
        return self._written(media.result)  # something: media always shows

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
