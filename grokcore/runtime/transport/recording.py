"""Recording: Grok's responses to questions, as redacted files for a report.

Theory
------
A transport around the real one. The bytes of an exchange go on at once, and are kept in memory
until the response has ended. A worker thread then redacts them
(:mod:`grokcore.protocol.recording.redact`) and writes the file. So an answer never waits for the
disk, be it slow or hanging, and a recording costs its reader less than a microsecond per piece. The
price: if the process is killed, answers under way leave nothing on the disk.

A file is a header, the lines that Grok sent, redacted, and, unless the response came to its end, a
last line with the reason. Header and last line are objects with the key ``grok2api_record``.

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

import contextlib
import functools
import logging
import os
import re
import secrets
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import trio
from attrs import define, field

from ...errors import TransportFailure
from ...protocol.grok_web.payload import CHAT_PATH
from ...protocol.recording.redact import redacted
from ..disk.disk_thread import InThread, own_thread
from ..disk.files import make_folder, replace_file
from ..disk.finishing import work_then_finish
from .seam import Exchange, ResponseHead, Transport, UpstreamRequest

__all__ = ["RECORD_KEY", "RECORD_VERSION", "RecordingTransport"]

RECORD_KEY = "grok2api_record"
"""Key that only the recorder's own lines have."""

RECORD_VERSION = 1

MAX_FILE_BYTES = 4 * 1024 * 1024
"""A longer response is cut off there, and so is its file."""

MAX_FILES = 100

MAX_AT_ONCE = MAX_FILES
"""Recordings in memory: under way, or ended and not written yet. Further responses are not
recorded.
"""

MAX_HELD_BYTES = 32 * 1024 * 1024
"""Bytes of all recordings in memory. A recording that would exceed them is cut off."""

FLUSH_S = 2.0
"""Seconds that the end of the server waits for the disk."""

_OURS = re.compile(r"\.?(\d{8}T\d{9}Z-[0-9a-f]{8}\.ndjson)(?:\.[0-9a-f]{8}\.tmp)?")
"""Names of our files, and of those that a killed process has left unfinished."""

_log = logging.getLogger(__name__)


@define(eq=False)
class _Recording:
    """A response in memory.

    :ivar data: its bytes so far; unchanged once *end* is set.
    :ivar end: the reason of the end: ``whole``, ``broken`` by the connection, ``abandoned`` by us,
        or ``cut`` off here for its size. Empty while more may come.
    """

    path: str
    head: ResponseHead
    data: bytearray = field(factory=bytearray)
    end: str = ""


class RecordingTransport:
    """Makes requests as *inner* does, and records the responses to questions while :meth:`run`
    runs.

    :param folder: where the files go; made, for this user only, before the first one.
    :param tag_names: elements that the decoder filters; their names stay readable.
    :param in_thread: runs the writing without holding up the server; default: in a worker thread.
        Replaced in tests.
    """

    def __init__(
        self,
        inner: Transport,
        folder: Path,
        tag_names: frozenset[str] = frozenset(),
        *,
        in_thread: InThread[None] | None = None,
    ) -> None:
        self._inner = inner
        self._folder = _Folder(folder, tag_names)
        self._in_thread = in_thread or own_thread()
        self._under_way: dict[_Recording, None] = {}
        self._ended: deque[_Recording] = deque()
        self._held_bytes = 0
        self._marked = trio.Event()
        self._closing = False

    def open(self, request: UpstreamRequest) -> Exchange:
        """Begin an exchange of the inner transport; one for a question is recorded."""
        exchange = self._inner.open(request)
        path = urlsplit(request.url).path
        return _RecordedExchange(exchange, path, self) if path.endswith(CHAT_PATH) else exchange

    # For exchanges -------------------------------------------------------------------------------

    def begin(self, path: str, head: ResponseHead) -> _Recording | None:
        """Begin a recording; None if there are too many."""
        if len(self._under_way) + len(self._ended) >= MAX_AT_ONCE:
            self._folder.failed(f"there are more than {MAX_AT_ONCE} at once")
            return None
        recording = _Recording(path, head)
        self._under_way[recording] = None
        return recording

    def add(self, recording: _Recording, data: bytes) -> None:
        """Add a piece of the response. Never waits."""
        if recording.end:
            return
        size = len(recording.data) + len(data)
        if size > MAX_FILE_BYTES or self._held_bytes + len(data) > MAX_HELD_BYTES:
            self.end(recording, "cut")
            return
        recording.data += data
        self._held_bytes += len(data)

    def end(self, recording: _Recording, end: str) -> None:
        """End a recording, unless it has ended: the first reason counts."""
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
                self._held_bytes -= len(self._ended.popleft().data)

    async def _write(self, recording: _Recording) -> None:
        try:
            await self._in_thread(functools.partial(self._folder.write, recording))
        except RuntimeError as error:  # no thread to be had
            self._folder.failed(str(error))


class _RecordedExchange:
    """An exchange whose response is recorded as it is read."""

    def __init__(self, inner: Exchange, path: str, transport: RecordingTransport) -> None:
        self._inner = inner
        self._path = path
        self._transport = transport
        self._recording: _Recording | None = None

    async def head(self) -> ResponseHead:
        head = await self._inner.head()
        if self._recording is None:
            self._recording = self._transport.begin(self._path, head)
        return head

    async def read(self) -> bytes:
        try:
            data = await self._inner.read()
        except TransportFailure:
            self._end("broken")
            raise
        self._note(data)
        return data

    def read_nowait(self) -> bytes | None:
        try:
            data = self._inner.read_nowait()
        except TransportFailure:
            self._end("broken")
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

    def _note(self, data: bytes) -> None:
        if not data:
            self._end("whole")
        elif self._recording is not None:
            self._transport.add(self._recording, data)

    def _end(self, end: str) -> None:
        if self._recording is not None:
            self._transport.end(self._recording, end)


# In the thread ----------------------------------------------------------------------------------


class _Folder:
    """The folder of the files. A failure loses the recording, and is logged once until a write
    succeeds again.
    """

    def __init__(self, path: Path, tag_names: frozenset[str]) -> None:
        self._path = path
        self._tag_names = tag_names
        self._fault = ""

    def write(self, recording: _Recording) -> None:
        """Redact a recording that has ended, and write its file."""
        try:
            self._write(_content(recording, self._tag_names))
        except OSError as error:
            self.failed(error.strerror or type(error).__name__)
        except Exception:  # noqa: BLE001 - boundary: a bug here loses a recording and nothing else
            _log.exception("a bug kept an answer from being recorded")

    def failed(self, reason: str) -> None:
        """Log that recordings are lost, once."""
        if not self._fault:
            _log.warning("%s: answers can't be recorded: %s.", self._path, reason)
        self._fault = reason

    def _write(self, content: bytes) -> None:
        make_folder(self._path)
        self._make_room()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
        replace_file(self._path / f"{stamp}Z-{secrets.token_hex(4)}.ndjson", content)
        if self._fault:
            self._fault = ""
            _log.info("%s: answers are recorded again.", self._path)

    def _make_room(self) -> None:
        names = [entry.name for entry in os.scandir(self._path) if _OURS.fullmatch(entry.name)]
        names.sort(key=lambda name: name.lstrip("."))
        for name in names[: max(0, len(names) - MAX_FILES + 1)]:
            # Another process was faster, or (on Windows) reads it.
            with contextlib.suppress(OSError):
                (self._path / name).unlink()


def _content(recording: _Recording, tag_names: frozenset[str]) -> bytes:
    header = _header(recording)
    body, end = bytes(recording.data), recording.end
    if end == "cut":
        body = body[: body.rfind(b"\n") + 1]
    body = redacted(body, secrets.token_bytes(32), tag_names)
    most = MAX_FILE_BYTES - len(header)
    if len(body) > most:
        body, end = body[: body.rfind(b"\n", 0, most) + 1], "cut"
    return header + body + _last_line(body, end)


def _header(recording: _Recording) -> bytes:
    head = recording.head
    header = {
        RECORD_KEY: RECORD_VERSION,
        "status": head.status,
        "content_type": head.headers.get("content-type", "")[:100],
        "path": recording.path[-200:],
    }
    return orjson.dumps(header) + b"\n"


def _last_line(before: bytes, end: str) -> bytes:
    """A line of its own with the reason why the response is not there to its end."""
    if end == "whole":
        return b""
    newline = b"\n" if before and not before.endswith(b"\n") else b""
    return newline + orjson.dumps({RECORD_KEY: RECORD_VERSION, "end": end})
