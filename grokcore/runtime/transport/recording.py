"""Recording: Grok's responses to questions, as redacted files for a report.

Theory
------
A transport around the real one. The bytes of an exchange go on at once, and are kept in memory
until the response has ended. A worker thread then redacts them, and writes the file
(:mod:`~grokcore.runtime.transport.recorded_files`). So an answer never waits for the
disk, be it slow or hanging, and a recording costs its reader less than a microsecond per piece. The
price: if the process is killed, answers under way leave nothing on the disk.

Rules
-----
1. No client or caller sees a failure of a recording: the recording is lost, and one line of the log
   reports it.
2. Nothing is written before it is redacted; a file is there whole or not at all.
3. Memory, files and their sizes are bounded. The oldest files go; only files of our own making are
   ever deleted.
4. Files are touched in the worker thread only, one at a time.
"""

from __future__ import annotations

import functools
from collections import deque
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import trio

from ...protocol.grok_web.payload import CHAT_PATH
from ..disk.disk_thread import InThread, own_thread
from ..disk.finishing import work_then_finish
from .recorded_exchange import RecordedExchange, Recording
from .recorded_files import MAX_FILE_BYTES, MAX_FILES, RecordFolder
from .recorded_socket import RecordedSocket
from .seam import Exchange, Heartbeat, SocketExchange, SocketTransport, Transport, UpstreamRequest

__all__ = ["RecordingTransport"]

MAX_AT_ONCE = MAX_FILES
"""Recordings in memory: under way, or ended and not written yet. Further responses are not
recorded.
"""

MAX_HELD_BYTES = 32 * 1024 * 1024
"""Bytes of all recordings in memory. A recording that would exceed them is cut off."""

FLUSH_S = 2.0
"""Seconds that the end of the server waits for the disk."""


class _Inner(Transport, SocketTransport, Protocol):
    """A transport of requests and websockets."""


class RecordingTransport:
    """Makes requests and websockets as *inner* does. While :meth:`run` runs, it records the
    responses to questions, and all websockets: each serves a question.

    :param folder: where the files go; made, for this user only, before the first one.
    :param tag_names: elements that the decoder filters; their names stay readable.
    :param in_thread: runs the writing without holding up the server; default: in a worker thread.
        Replaced in tests.
    """

    def __init__(
        self,
        inner: _Inner,
        folder: Path,
        tag_names: frozenset[str] = frozenset(),
        *,
        in_thread: InThread[None] | None = None,
    ) -> None:
        self._inner = inner
        self._folder = RecordFolder(folder, tag_names)
        self._in_thread = in_thread or own_thread()
        self._under_way: dict[Recording, None] = {}
        self._ended: deque[Recording] = deque()
        self._held_bytes = 0
        self._marked = trio.Event()
        self._closing = False

    def open(self, request: UpstreamRequest) -> Exchange:
        """Begin an exchange of the inner transport; one for a question is recorded."""
        exchange = self._inner.open(request)
        path = urlsplit(request.url).path
        return RecordedExchange(exchange, path, self) if path.endswith(CHAT_PATH) else exchange

    def connect(self, request: UpstreamRequest, heartbeat: Heartbeat | None) -> SocketExchange:
        """Begin a websocket of the inner transport, and record it."""
        return RecordedSocket(self._inner, request, heartbeat, self)

    # For exchanges -------------------------------------------------------------------------------

    def begin(self, recording: Recording) -> bool:
        """See :class:`~grokcore.runtime.transport.recorded_exchange.Recorder`."""
        if len(self._under_way) + len(self._ended) >= MAX_AT_ONCE:
            self._folder.failed(f"there are more than {MAX_AT_ONCE} at once")
            return False
        self._under_way[recording] = None
        return True

    def add(self, recording: Recording, data: bytes, more: int = 0) -> bool:
        """See :class:`~grokcore.runtime.transport.recorded_exchange.Recorder`."""
        if recording.end:
            return False
        size = len(data) + more
        if recording.size + size > MAX_FILE_BYTES or self._held_bytes + size > MAX_HELD_BYTES:
            self.end(recording, "cut")
            return False
        recording.data += data
        recording.size += size
        self._held_bytes += size
        return True

    def end(self, recording: Recording, end: str) -> None:
        """See :class:`~grokcore.runtime.transport.recorded_exchange.Recorder`."""
        if not recording.end:
            recording.end = end
            del self._under_way[recording]
            self._ended.append(recording)
            self._marked.set()

    # Writing -------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write recordings as they end until cancelled; then, within FLUSH_S, those that are left,
        and those under way as ``abandoned``.
        """
        await work_then_finish(
            self._write_until_closing, self._close, FLUSH_S, task_status=task_status
        )

    def _close(self) -> None:
        for recording in list(self._under_way):
            self.end(recording, "abandoned")
        self._closing = True
        self._marked.set()

    async def _write_until_closing(self) -> None:
        while not self._closing:
            await self._marked.wait()
            self._marked = trio.Event()
            while self._ended:
                await self._write(self._ended[0])
                self._held_bytes -= self._ended.popleft().size

    async def _write(self, recording: Recording) -> None:
        try:
            await self._in_thread(functools.partial(self._folder.write, recording))
        except RuntimeError as error:  # no thread to be had
            self._folder.failed(str(error))
