"""An exchange whose response is recorded as it is read."""

from __future__ import annotations

from typing import Protocol

from attrs import define, field

from ...errors import TransportFailure
from ...protocol.recording.socket_lines import MessageLog
from .seam import Exchange, ResponseHead, SocketClosed

__all__ = ["RecordedExchange", "Recorder", "Recording", "SocketRecording"]


@define(eq=False)
class Recording:
    """A response in memory.

    :ivar data: its bytes so far; unchanged once *end* is set.
    :ivar size: bytes that it takes, *data* among them.
    :ivar end: the reason of the end: ``whole``, ``broken`` by the connection, ``closed`` by Grok,
        ``abandoned`` by us, or ``cut`` off here for its size. Empty while more may come.
    """

    path: str
    head: ResponseHead
    data: bytearray = field(factory=bytearray)
    size: int = 0
    end: str = ""


@define(eq=False)
class SocketRecording(Recording):
    """A websocket in memory.

    :ivar sent_headers: of the upgrade.
    :ivar ended_ms: milliseconds from its beginning to its end.
    :ivar closed: Grok's close, if it was not in good order.
    """

    sent_headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    log: MessageLog = field(factory=MessageLog)
    ended_ms: int = 0
    closed: SocketClosed | None = None


class Recorder(Protocol):
    """The owner of recordings."""

    def begin(self, recording: Recording) -> bool:
        """Take a recording in; false if there are too many."""

    def add(self, recording: Recording, data: bytes, more: int = 0) -> bool:
        """Add a piece of the response; false if the recording has ended. Never waits.

        :param more: bytes that are kept beside the piece.
        """

    def end(self, recording: Recording, end: str) -> None:
        """End a recording, unless it has ended: the first reason counts."""


class RecordedExchange:
    """See :class:`~grokcore.runtime.transport.seam.Exchange`."""

    def __init__(self, inner: Exchange, path: str, recorder: Recorder) -> None:
        self._inner = inner
        self._path = path
        self._recorder = recorder
        self._recording: Recording | None = None

    async def head(self) -> ResponseHead:
        head = await self._inner.head()
        if self._recording is None:
            self._begin(Recording(self._path, head))
        return head

    async def read(self) -> bytes:
        try:
            data = await self._inner.read()
        except TransportFailure as failure:
            self._broke(failure)
            raise
        self._note(data)
        return data

    def read_nowait(self) -> bytes | None:
        try:
            data = self._inner.read_nowait()
        except TransportFailure as failure:
            self._broke(failure)
            raise
        if data is not None:
            self._note(data)
        return data

    async def wait(self) -> None:
        await self._inner.wait()

    def wake(self) -> None:
        self._inner.wake()

    async def aclose(self) -> None:
        self._end("abandoned")
        await self._inner.aclose()

    def _begin(self, recording: Recording) -> None:
        if self._recorder.begin(recording):
            self._recording = recording

    def _broke(self, _: TransportFailure) -> None:
        self._end("broken")

    def _note(self, data: bytes) -> None:
        if not data:
            self._end("whole")
        elif self._recording is not None:
            self._recorder.add(self._recording, data)

    def _end(self, end: str) -> None:
        if self._recording is not None:
            self._recorder.end(self._recording, end)
