"""Pictures and videos that were made, kept in a folder for whoever has their names.

Theory
------
* A file's name is its secret: it can't be guessed, and nothing else guards it.
* The folder is all that is kept. Names and sizes are read from it once, and the order of last use
  from the files' times, so there is no second record that could contradict it, and a person may
  delete what they like.
* A file never changes. It is written under another name and renamed when it is whole; who has
  opened it can read it to its end, also after it went.

Rules
-----
1. A name reaches the disk only if it is known, and only names of our own making are: whatever else
   is in the folder is neither given away nor counted nor deleted.
2. The disk is touched in worker threads. What was begun is finished and its outcome known; if the
   disk hangs and the task is cancelled, the thread undoes it when it can
   (:mod:`~grokcore.runtime.disk.disk_thread`). What is known is changed between them, in trio's
   thread, without a lock.
3. There is one cache for a folder, in a data directory that is held
   (:class:`~grokcore.runtime.disk.data_dir.DataDirectory`).
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import trio
from attrs import define, field, frozen

from ...protocol.media_types import media_type_of
from .disk_thread import clean_up_in_thread, in_disk_thread
from .files import replace_file

__all__ = ["Entry", "LargerThanCache", "MediaCache", "MediaFile", "MediaWriter"]

TOUCH_S = 60.0
"""How exactly the time of last use is kept: a player that asks for a hundred ranges of a video is
one use.
"""

WRITERS = 4
"""Threads that write, look, open and delete at once."""

READERS = 8
"""Threads that read at once. They are others, so that downloads do not hold up a picture that is
being kept.
"""

UNKNOWN_EXTENSION = "bin"

_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
# Hexadecimal, so that no name begins with a dash and two never differ in case only.
_NAME = re.compile(rf"[0-9a-f]{{32}}\.{_EXTENSION.pattern}")
# What replace_file and a writer leave when the process is killed.
_STRAY = re.compile(rf"\.{_NAME.pattern}\.[0-9a-f]{{8}}\.tmp")

_NEW = (
    os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)

_GONE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)

T = TypeVar("T")

_log = logging.getLogger(__name__)


class LargerThanCache(ValueError):
    """The file is larger than all files together may be."""


@frozen
class Entry:
    """A file of the cache, as it was when it was looked at.

    :ivar mtime: wall-clock second of its last use, to within TOUCH_S.
    """

    path: Path
    size: int
    media_type: str
    mtime: float

    @property
    def name(self) -> str:
        return self.path.name


class MediaCache:
    """The files of *folder*, which are together no more than *most_bytes*: the least recently used
    ones go.

    Files are used when they are put in and when they are opened. Those still being written come on
    top.

    :param folder: for this cache only; made, for this user only, when it is first needed.
    :ivar most_bytes: may be changed; it counts from the next file on.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self._known = _Known()
        self._disk = trio.CapacityLimiter(WRITERS)
        self._reads = trio.CapacityLimiter(READERS)

    async def load(self) -> None:
        """Learn what the folder holds, and delete what killed writers have left and what is too
        much. Before all else.

        Never raises: a folder that can't be read is told of in the log, and is an empty cache.
        """
        for name, size in await in_disk_thread(
            functools.partial(_scan, self.folder), limiter=self._disk
        ):
            self._known.use(name, size)
        await self._make_room()

    async def put(self, data: bytes, extension: str) -> str:
        """Keep *data*; when this returns, it is on the disk.

        :param extension: with or without a dot; one that is not a few letters and digits becomes
            ``bin``.
        :returns: its name, which is its secret.
        :raises LargerThanCache: it is; nothing was written, and nothing went.
        :raises OSError: it could not be written; nothing is left of it.
        """
        _check(len(data), self.most_bytes)
        name = _new_name(extension)
        path = self.folder / name
        write = functools.partial(_write_whole, path, data)
        await in_disk_thread(write, limiter=self._disk, lost=lambda _: _unlink(path))
        await self._add(name, len(data))
        return name

    @contextlib.asynccontextmanager
    async def writer(self, extension: str) -> AsyncIterator[MediaWriter]:
        """Keep what comes piece by piece::

            async with cache.writer("mp4") as writer:
                async for chunk in chunks:
                    await writer.write(chunk)
                name = await writer.keep()

        However the block ends, nothing is left of what was not kept.

        :param extension: as for :meth:`put`.
        :raises OSError: no file could be made.
        """
        writer = MediaWriter(
            self.folder / _new_name(extension), self.most_bytes, self._disk, self._add
        )
        try:
            await writer.begin()
            yield writer
        finally:
            await writer.aclose()

    async def find(self, name: str) -> Entry | None:
        """What is known of a file, without using it; None if there is none of this name (any more).

        :raises OSError: it is there but can't be looked at.
        """
        return await self._on_known(name, _look)

    async def open(self, name: str) -> MediaFile | None:
        """Open a file to read it; None if there is none of this name (any more). Whoever asks has
        to close it.

        :raises OSError: it is there but can't be opened.
        """
        opened = await self._on_known(name, _open_for_use, _close_opened)
        if opened is None:
            return None
        file, entry = opened
        if name in self._known.sizes:  # it may have gone meanwhile, and is then not known again
            self._known.use(name, entry.size)
        return MediaFile(entry, file, self._reads)

    async def _on_known(
        self,
        name: str,
        work: Callable[[Path], T],
        lost: Callable[[T | None], object] = lambda _: None,
    ) -> T | None:
        """Do *work* on a file, if it is known and there; else forget it."""
        if name not in self._known.sizes:
            return None
        try:
            return await in_disk_thread(
                functools.partial(work, self.folder / name), limiter=self._disk, lost=lost
            )
        except _GONE:
            self._known.forget(name)
            return None

    async def _add(self, name: str, size: int) -> None:
        self._known.use(name, size)
        await self._make_room()

    async def _make_room(self) -> None:
        leaving = self._known.take_out(self.most_bytes)
        if not leaving:
            return
        # They are no longer known, so that nobody would delete them later.
        staying = list(leaving)

        def remove() -> None:
            staying[:] = _remove(self.folder, leaving)

        await clean_up_in_thread(remove)
        self._known.put_back({name: leaving[name] for name in staying})


@define
class _Known:
    """Which files there are and how large, the least recently used one first. Every step takes the
    same time.
    """

    sizes: OrderedDict[str, int] = field(factory=OrderedDict)
    total: int = 0

    def use(self, name: str, size: int) -> None:
        """It is there, is this large, and was used just now."""
        self.forget(name)
        self.sizes[name] = size
        self.total += size

    def forget(self, name: str) -> None:
        self.total -= self.sizes.pop(name, 0)

    def take_out(self, most_bytes: int) -> dict[str, int]:
        """Forget those that were not used for longest, so that the others are no more than that;
        which they were.
        """
        found: dict[str, int] = {}
        while self.sizes and self.total > most_bytes:
            name, size = self.sizes.popitem(last=False)
            self.total -= size
            found[name] = size
        return found

    def put_back(self, taken: dict[str, int]) -> None:
        """They are there after all, and the next to go."""
        for name, size in reversed(taken.items()):
            self.use(name, size)
            self.sizes.move_to_end(name, last=False)


class MediaFile:
    """An open file of the cache, for one task. It is there to its end, also if it leaves the cache
    meanwhile.
    """

    def __init__(self, entry: Entry, file: io.FileIO, reads: trio.CapacityLimiter) -> None:
        self.entry = entry
        self._file = file
        self._reads = reads
        self._left = False

    async def read(self, start: int, most: int) -> bytes:
        """Up to *most* bytes from *start* on; none only at the end.

        :raises OSError: the disk does not give them.
        """
        read = functools.partial(self._read, start, most)
        return await in_disk_thread(
            read, limiter=self._reads, lost=lambda _: self._file.close(), left=self._leave
        )

    def _leave(self) -> None:
        # to the thread that reads, which closes it: the descriptor must not become another file's
        self._left = True

    def _read(self, start: int, most: int) -> bytes:
        self._file.seek(start)
        return self._file.read(most)

    async def aclose(self) -> None:
        """Close it. It shields itself, and does nothing when done twice."""
        # In a thread, as it takes its time for the last who held a large file that has been
        # deleted.
        if not self._left:
            await clean_up_in_thread(self._file.close)


class MediaWriter:
    """A file in the making, for one task; made by :meth:`MediaCache.writer`."""

    def __init__(
        self,
        path: Path,
        most_bytes: int,
        disk: trio.CapacityLimiter,
        add: Callable[[str, int], Awaitable[None]],
    ) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        self._most_bytes = most_bytes
        self._disk = disk
        self._add = add
        self._size = 0
        self._descriptor = -1
        self._whole = False
        self._kept = False
        self._left = False

    async def begin(self) -> None:
        """Make the file. Done once, by the cache."""
        await self._do(self._make)
        self._whole = True

    async def write(self, data: bytes) -> None:
        """Add *data*.

        :raises LargerThanCache: with it, the file is.
        :raises OSError: it could not be written.
        :raises trio.ClosedResourceError: the file was kept, or an earlier piece is missing or being
            written.
        """
        with self._step():
            _check(self._size + len(data), self._most_bytes)
            await self._do(functools.partial(_write_all, self._descriptor, data))
            self._size += len(data)
        self._whole = True

    async def keep(self) -> str:
        """Take the file into the cache as it is; when this returns, it is on the disk.

        :returns: its name, which is its secret.
        :raises OSError: it could not be; nothing is left of it after the block.
        :raises trio.ClosedResourceError: as for :meth:`write`.
        """
        with self._step():
            await self._do(self._publish)
        self._kept = True
        await self._add(self._path.name, self._size)
        return self._path.name

    async def aclose(self) -> None:
        """Leave nothing of what was not kept. It shields itself."""
        if not (self._kept or self._left):
            await clean_up_in_thread(self._discard)

    async def _do(self, work: Callable[[], None]) -> None:
        await in_disk_thread(
            work, limiter=self._disk, lost=lambda _: self._discard_all(), left=self._leave
        )

    def _leave(self) -> None:
        # to the thread that writes, which clears up: the descriptor must not become another file's
        self._left = True

    @contextlib.contextmanager
    def _step(self) -> Iterator[None]:
        """A step that may fail or be cancelled: only who comes out of it may call the file whole
        again.
        """
        if not self._whole:
            raise trio.ClosedResourceError
        self._whole = False
        yield

    def _make(self) -> None:
        _make_folder(self._path.parent)
        self._descriptor = os.open(self._temporary, _NEW, 0o600)

    def _publish(self) -> None:
        try:
            os.fsync(self._descriptor)
        finally:
            self._close()
        self._temporary.replace(
            self._path
        )  # if a power cut takes the new name away again, the file is gone as a whole

    def _discard(self) -> None:
        with contextlib.suppress(OSError):
            self._close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()

    def _discard_all(self) -> None:
        """As :meth:`_discard`, with a file that was published but is known to nobody."""
        self._discard()
        _unlink(self._path)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _check(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise LargerThanCache(
            f"a file of {size} bytes or more is larger than the cache, which takes {most_bytes}"
        )


def _new_name(extension: str) -> str:
    extension = extension.lower().removeprefix(".")
    if not _EXTENSION.fullmatch(extension):
        extension = UNKNOWN_EXTENSION
    return f"{secrets.token_hex(16)}.{extension}"


# The disk: called in threads --------------------------------------------------------------------


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        for each in (
            *reversed(folder.parents),
            folder,
        ):  # parents=True would give those the usual permissions
            each.mkdir(mode=0o700, exist_ok=True)


def _write_whole(path: Path, data: bytes) -> None:
    _make_folder(path.parent)
    try:
        replace_file(path, data)
    except BaseException:  # it may be there: the last step, flushing the folder, can fail too
        _unlink(path)
        raise


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _open(path: Path) -> tuple[io.FileIO, Entry]:
    file = path.open("rb", buffering=0)
    try:
        found = os.fstat(file.fileno())
    except BaseException:
        file.close()
        raise
    return file, Entry(path, found.st_size, media_type_of(path.name), found.st_mtime)


def _close_opened(opened: tuple[io.FileIO, Entry] | None) -> None:
    if opened is not None:
        opened[0].close()


def _look(path: Path) -> Entry:
    file, entry = _open(path)
    file.close()
    return entry


def _open_for_use(path: Path) -> tuple[io.FileIO, Entry]:
    file, entry = _open(path)
    if (
        not 0 <= time.time() - entry.mtime < TOUCH_S
    ):  # a time to come, from a clock that was wrong, would never pass
        with contextlib.suppress(OSError):  # it is only the order after the next start
            os.utime(path)
    return file, entry


def _remove(folder: Path, names: dict[str, int]) -> list[str]:
    """Delete these files. Returns those that stay: on Windows, whatever is being read."""
    staying = []
    for name in names:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError:
            staying.append(name)
    return staying


def _scan(folder: Path) -> list[tuple[str, int]]:
    """Names and sizes of the files in *folder*, the least recently used one first; strays are
    deleted.
    """
    found: list[tuple[float, str, int]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # such as one that has just been deleted
                    found.extend(_looked_at(entry))
    except FileNotFoundError:
        return []
    except OSError as error:
        _log.warning(
            "%s can't be read (%s). What is kept there can't be had.", folder, error.strerror
        )
        return []
    return [(name, size) for _, name, size in sorted(found)]


def _looked_at(entry: os.DirEntry[str]) -> list[tuple[float, str, int]]:
    """When it was last used, its name and its size, if it is one of ours."""
    if not entry.is_file(follow_symlinks=False):
        return []
    if _STRAY.fullmatch(entry.name):
        Path(entry.path).unlink()
        return []
    if not _NAME.fullmatch(entry.name):
        return []
    status = entry.stat(follow_symlinks=False)
    return [(status.st_mtime, entry.name, status.st_size)]
