"""Recording: what Grok sends in answer to a question, as a file for a report, redacted.

Theory
------
A transport around the real one. What comes through an exchange goes on at once; a reference to it
is left for a task that gathers for a moment, and has a thread redact and write what there is
(:class:`_Folder`). So an answer never waits for the disk, be it slow or hanging, and costs its
reader a microsecond per piece; redacting a line (some 13 µs) and writing it would cost ten times
what decoding does.

A file is a header, the lines as Grok sent them with all that is personal taken out
(:mod:`grokcore.protocol.recording.redact`), and, unless the response came to its end, a last line
that says why not. Header and last line are objects with the key ``grok2api_record``.

Rules
-----
1. Nothing that goes wrong here is seen by who asks: a recording ends, one line of the log says so,
   and that is all.
2. What is personal never reaches the disk: there is no file before it is redacted.
3. Memory, files and their sizes are bounded. The oldest files go; only files of our own making are
   ever deleted.
4. A file and its redactor are touched in the thread only, one piece of work at a time.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import orjson
import trio
from attrs import define, field

from ...errors import TransportFailure
from ...protocol.grok_web.payload import CHAT_PATH
from ...protocol.recording.redact import Redactor
from ..disk.disk_thread import InThread, own_thread
from ..disk.files import NEW_FILE, make_folder
from ..disk.finishing import work_then_finish
from .seam import Exchange, ResponseHead, Transport, UpstreamRequest

__all__ = ["RECORD_KEY", "RECORD_VERSION", "RecordingTransport"]

RECORD_KEY = "grok2api_record"
"""A line with it is ours and not Grok's."""

RECORD_VERSION = 1

MAX_FILE_BYTES = 4 * 1024 * 1024
MAX_FILES = 100

GATHER_S = 0.25
"""How long pieces are gathered. What the process has not written when it is killed is lost."""

MAX_WAITING_BYTES = 16 * 1024 * 1024
"""What may wait for the disk. Beyond it recordings are cut off."""

FLUSH_S = 2.0
"""How long the end of the server waits for the disk."""

_OURS = re.compile(r"\d{8}T\d{9}Z-[0-9a-f]{8}\.ndjson")

_log = logging.getLogger(__name__)


@define(eq=False)
class _Recording:
    """One response.

    :ivar taken: bytes of it so far.
    :ivar waiting: what the thread has not been given yet.
    :ivar end: why nothing more comes: it was ``whole``, ``broken`` off by the connection,
        ``abandoned`` by us, or ``cut`` off here because it was too much. Empty while more may come.
    """

    path: str
    head: ResponseHead | None = None
    taken: int = 0
    waiting: list[bytes] = field(factory=list)
    end: str = ""


@define
class _Work:
    """For the thread: what to add to a recording, and what it needs to begin and end it."""

    recording: _Recording
    head: ResponseHead
    data: bytes
    end: str


class RecordingTransport:
    """Makes requests as *inner* does, and records what questions are answered. :meth:`run` has to
    be running.

    :param folder: where to; made, for this user only, when there is something to write.
    :param tag_names: elements whose names stay readable: those that are filtered.
    :param in_thread: how to write without holding up the server; in a thread, unless a test brings
        something else.
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
        self._news: dict[_Recording, None] = {}
        self._waiting_bytes = 0
        self._marked = trio.Event()
        self._closing = trio.Event()

    def open(self, request: UpstreamRequest) -> Exchange:
        """As the inner transport's."""
        exchange = self._inner.open(request)
        path = urlsplit(request.url).path
        return (
            _RecordedExchange(exchange, _Recording(path), self)
            if path.endswith(CHAT_PATH)
            else exchange
        )

    # For exchanges -------------------------------------------------------------------------------

    def add(self, recording: _Recording, data: bytes) -> None:
        """*data* has come. Costs next to nothing, waits for nothing."""
        if recording.end:
            return
        recording.taken += len(data)
        if recording.taken > MAX_FILE_BYTES or self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
            self.end(recording, "cut")
            return
        recording.waiting.append(data)
        self._waiting_bytes += len(data)
        self._note(recording)

    def end(self, recording: _Recording, end: str) -> None:
        """Nothing more comes. What counts is said first."""
        if not recording.end:
            recording.end = end
            self._note(recording)

    def _note(self, recording: _Recording) -> None:
        self._news[recording] = None
        self._marked.set()

    # Writing -------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write what comes until cancelled; then, within FLUSH_S, what is left."""
        await work_then_finish(
            self._write_until_closing, self._close, FLUSH_S, task_status=task_status
        )

    def _close(self) -> None:
        self._closing.set()
        self._marked.set()

    async def _write_until_closing(self) -> None:
        while not self._closing.is_set():
            await self._marked.wait()
            with trio.move_on_after(GATHER_S):
                await self._closing.wait()
            await self._write()

    async def _write(self) -> None:
        self._marked = trio.Event()
        work = list(self._take())
        if work:
            try:
                await self._in_thread(functools.partial(self._folder.write, work))
            except RuntimeError as error:  # no thread to be had
                self._folder.failed(str(error))

    def _take(self) -> Iterator[_Work]:
        news, self._news, self._waiting_bytes = self._news, {}, 0
        for recording in news:
            data = b"".join(recording.waiting)
            recording.waiting.clear()
            if recording.head is not None:  # else there was no response
                yield _Work(recording, recording.head, data, recording.end)


class _RecordedExchange:
    """An exchange whose response is noted as it goes by."""

    def __init__(
        self, inner: Exchange, recording: _Recording, transport: RecordingTransport
    ) -> None:
        self._inner = inner
        self._recording = recording
        self._transport = transport

    async def head(self) -> ResponseHead:
        try:
            self._recording.head = await self._inner.head()
        except TransportFailure:
            self._transport.end(self._recording, "broken")
            raise
        return self._recording.head

    async def read(self) -> bytes:
        try:
            data = await self._inner.read()
        except TransportFailure:
            self._transport.end(self._recording, "broken")
            raise
        self._note(data)
        return data

    def read_nowait(self) -> bytes | None:
        try:
            data = self._inner.read_nowait()
        except TransportFailure:
            self._transport.end(self._recording, "broken")
            raise
        if data is not None:
            self._note(data)
        return data

    async def wait(self) -> None:
        await self._inner.wait()

    def wake(self) -> None:
        self._inner.wake()

    async def aclose(self) -> None:
        self._transport.end(self._recording, "abandoned")
        await self._inner.aclose()

    def _note(self, data: bytes) -> None:
        if data:
            self._transport.add(self._recording, data)
        else:
            self._transport.end(self._recording, "whole")


# In the thread ----------------------------------------------------------------------------------


@define
class _OpenFile:
    file: BinaryIO
    redactor: Redactor
    size: int = 0


class _Folder:
    """The files. A file system that fails ends the recordings it fails, and is told of once until
    it works again.
    """

    def __init__(self, path: Path, tag_names: frozenset[str]) -> None:
        self._path = path
        self._tag_names = tag_names
        self._open: dict[_Recording, _OpenFile | None] = {}  # None: it has failed, or is full
        self._fault = ""

    def write(self, batch: list[_Work]) -> None:
        for work in batch:
            try:
                self._add(work)
            except OSError as error:
                self._close(work.recording)
                self.failed(error.strerror or type(error).__name__)
            except Exception:  # noqa: BLE001 - boundary: a bug here ends a recording and nothing else
                self._close(work.recording)
                _log.exception("a bug kept an answer from being recorded")
            if work.end:
                del self._open[work.recording]

    def failed(self, reason: str) -> None:
        """Tell of it, once."""
        if not self._fault:
            _log.warning("%s: answers can't be recorded: %s.", self._path, reason)
        self._fault = reason

    def _add(self, work: _Work) -> None:
        data = b""
        if work.recording not in self._open:
            self._open[work.recording] = None
            self._open[work.recording] = self._begin()
            data = _header(work)
        opened = self._open[work.recording]
        if opened is None:
            return
        redacted = opened.redactor.feed(work.data) + (
            opened.redactor.close() if work.end not in ("", "cut") else b""
        )
        full = opened.size + len(redacted) > MAX_FILE_BYTES
        end = "cut" if full else work.end
        data += b"" if full else redacted
        self._append(opened, data + _last_line(data, end))
        if end:
            self._close(work.recording)

    def _append(self, opened: _OpenFile, data: bytes) -> None:
        opened.file.write(data)
        opened.file.flush()
        opened.size += len(data)
        if data and self._fault:
            self._fault = ""
            _log.info("%s: answers are recorded again.", self._path)

    def _begin(self) -> _OpenFile:
        make_folder(self._path)
        self._make_room()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
        path = self._path / f"{stamp}Z-{secrets.token_hex(4)}.ndjson"
        file = os.fdopen(os.open(path, NEW_FILE, 0o600), "wb")
        return _OpenFile(file, Redactor(secrets.token_bytes(32), self._tag_names))

    def _make_room(self) -> None:
        ours = sorted(entry.name for entry in os.scandir(self._path) if _OURS.fullmatch(entry.name))
        for name in ours[: max(0, len(ours) - MAX_FILES + 1)]:
            with contextlib.suppress(OSError):  # somebody else was faster, or (on Windows) reads it
                (self._path / name).unlink()

    def _close(self, recording: _Recording) -> None:
        opened = self._open.get(recording)
        self._open[recording] = None
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.file.close()


def _header(work: _Work) -> bytes:
    head = work.head
    content_type = head.headers.get("content-type", "")[:100]
    told = {"status": head.status, "content_type": content_type, "path": work.recording.path[-200:]}
    return orjson.dumps({RECORD_KEY: RECORD_VERSION, **told}) + b"\n"


def _last_line(before: bytes, end: str) -> bytes:
    """Why the response is not there to its end, in a line of its own."""
    if end in ("", "whole"):
        return b""
    newline = b"\n" if before and not before.endswith(b"\n") else b""
    return newline + orjson.dumps({RECORD_KEY: RECORD_VERSION, "end": end})
