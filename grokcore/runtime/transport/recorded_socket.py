"""A websocket that is recorded: its upgrade, the messages of both sides, and its close."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

import trio
from attrs import evolve

from ...errors import TransportFailure
from ...protocol.recording.socket_lines import LONGEST_SENT_BYTES
from .recorded_exchange import RecordedExchange, Recorder, SocketRecording
from .seam import Heartbeat, ResponseHead, SocketClosed, SocketTransport, UpstreamRequest

__all__ = ["RecordedSocket"]

PIECE_BYTES = 64
"""Bytes that a message or a piece takes beside its content, about."""

_SWITCHING_PROTOCOLS = 101


class RecordedSocket(RecordedExchange):
    """See :class:`~grokcore.runtime.transport.seam.SocketExchange`.

    Messages that are sent before the response's head has come are kept until then. A heartbeat is
    noted by the transport's own thread, and taken in with the next news.
    """

    def __init__(
        self,
        sockets: SocketTransport,
        request: UpstreamRequest,
        heartbeat: Heartbeat | None,
        recorder: Recorder,
    ) -> None:
        self._clock = trio.lowlevel.current_clock()
        self._began = self._clock.current_time()
        self._sent: deque[tuple[int, bytes]] = deque()
        self._sent_headers = request.headers
        if heartbeat is not None:
            heartbeat = evolve(heartbeat, message=self._noting(heartbeat))
        self._socket = sockets.connect(request, heartbeat)
        super().__init__(self._socket, urlsplit(request.url).path, recorder)
        self._messages: SocketRecording | None = None
        self._begun = False

    async def head(self) -> ResponseHead:
        head = await self._inner.head()
        if not self._begun:
            self._begun = True
            recording = SocketRecording(self._path, head, sent_headers=self._sent_headers)
            self._begin(recording)
            self._messages = recording if self._recording is not None else None
            self._take_sent()
            if head.status != _SWITCHING_PROTOCOLS:
                self._end("whole")  # a refusal has no body
        return head

    def send(self, *messages: bytes) -> None:
        """See :class:`~grokcore.runtime.transport.seam.SocketExchange`."""
        self._socket.send(*messages)
        self._sent.extend((self._now_ms(), message) for message in messages)
        if self._begun:
            self._take_sent()

    def _noting(self, heartbeat: Heartbeat) -> Callable[[], bytes]:
        def message() -> bytes:
            beat = heartbeat.message()
            self._sent.append((self._now_ms(), beat))
            return beat

        return message

    def _take_sent(self) -> None:
        recording = self._messages
        while self._sent:
            at_ms, message = self._sent.popleft()
            kept = min(len(message), LONGEST_SENT_BYTES) + PIECE_BYTES
            if recording is not None and self._recorder.add(recording, b"", kept):
                recording.log.note_sent(message, len(recording.data), at_ms)

    def _note(self, data: bytes) -> None:
        recording = self._messages
        if not data:
            self._end("whole")
        elif recording is not None:
            self._take_sent()
            if self._recorder.add(recording, data, PIECE_BYTES):
                recording.log.note_heard(len(recording.data), self._now_ms())

    def _broke(self, failure: TransportFailure) -> None:
        if not isinstance(failure, SocketClosed):
            self._end("broken")
        elif self._messages is not None:
            self._messages.closed = self._messages.closed or failure
            self._end("closed")

    def _end(self, end: str) -> None:
        if self._messages is not None and not self._messages.end:
            self._take_sent()
            self._messages.ended_ms = self._now_ms()
        super()._end(end)

    def _now_ms(self) -> int:
        return int((self._clock.current_time() - self._began) * 1000)
