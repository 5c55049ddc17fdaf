"""Single files of the media cache: one open for reading, and one that is being written.

A thread that hangs in a disk call may outlive the task that began it. It then owns the descriptor
and closes it: if the task did, the number could become another file's under the thread's hands.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from .disk_thread import clean_up_in_thread, in_disk_thread
from .files import NEW_FILE, make_folder, write_all
from .media_folder import Entry, temporary_of, unlink

__all__ = ["LargerThanCache", "MediaFile", "MediaWriter", "check_size"]


class LargerThanCache(ValueError):
    """The file is larger than the cache."""


def check_size(size: int, most_bytes: int) -> None:
    """Check that a file fits into the cache.

    :raises LargerThanCache: if it doesn't.
    """
    if size > most_bytes:
        raise LargerThanCache(
            f"a file of {size} bytes or more is larger than the cache, which takes {most_bytes}"
        )


class MediaFile:
    """An open file of the cache, for one task. It can be read to its end, even if it leaves the
    cache meanwhile.
    """

    def __init__(self, entry: Entry, file: io.FileIO, reads: trio.CapacityLimiter) -> None:
        self.entry = entry
        self._file = file
        self._reads = reads
        self._abandoned = False

    async def read(self, start: int, most: int) -> bytes:
        """Read up to *most* bytes from offset *start*; empty only at the end.

        :raises OSError: if they can't be read.
        """
        read = functools.partial(self._read, start, most)
        return await in_disk_thread(
            read, limiter=self._reads, undo=lambda _: self._file.close(), on_abandon=self._abandon
        )

    def _abandon(self) -> None:
        self._abandoned = True

    def _read(self, start: int, most: int) -> bytes:
        self._file.seek(start)
        return self._file.read(most)

    async def aclose(self) -> None:
        """Close the file. Shields itself; closing twice does nothing."""
        # In a thread: closing the last descriptor of a large deleted file takes a while.
        if not self._abandoned:
            await clean_up_in_thread(self._file.close)


class MediaWriter:
    """A new file of the cache, for one task; made by ``MediaCache.writer``.

    A step that fails or is cancelled closes the writer, so that a file with a gap is never kept.

    :param path: the file's place once it is kept.
    :param most_bytes: limit of its size.
    :param add: makes the file known to the cache, with its name and size.
    """

    def __init__(
        self,
        path: Path,
        most_bytes: int,
        disk: trio.CapacityLimiter,
        add: Callable[[str, int], Awaitable[None]],
    ) -> None:
        self._path = path
        self._temporary = temporary_of(path)
        self._most_bytes = most_bytes
        self._disk = disk
        self._add = add
        self._size = 0
        self._descriptor = -1
        self._closed = False
        self._is_ours = True  # to remove: neither kept nor abandoned to a thread

    async def begin(self) -> None:
        """Make the file. Called once, by the cache.

        :raises OSError: if that fails.
        """
        await self._do(self._make)

    async def write(self, data: bytes) -> None:
        """Append *data*.

        :raises LargerThanCache: if the file would become so.
        :raises OSError: if it can't be written.
        :raises trio.ClosedResourceError: if the file was kept, or an earlier step failed, was
            cancelled or is under way.
        """
        await self._do(functools.partial(self._append, data))

    async def keep(self) -> str:
        """Take the file into the cache as it is; on return it is on the disk.

        :returns: its name, which is its secret.
        :raises OSError: if that fails; nothing is left of the file after the block.
        :raises trio.ClosedResourceError: as for :meth:`write`.
        """
        await self._do(self._publish)
        self._closed, self._is_ours = True, False
        await self._add(self._path.name, self._size)
        return self._path.name

    async def aclose(self) -> None:
        """Remove the file unless it was kept. Shields itself."""
        if self._is_ours:
            await clean_up_in_thread(self._discard)

    async def _do(self, work: Callable[[], None]) -> None:
        if self._closed:
            raise trio.ClosedResourceError
        self._closed = True
        await in_disk_thread(
            work, limiter=self._disk, undo=lambda _: self._discard_all(), on_abandon=self._abandon
        )
        self._closed = False

    def _abandon(self) -> None:
        self._is_ours = False

    def _make(self) -> None:
        make_folder(self._path.parent)
        self._descriptor = os.open(self._temporary, NEW_FILE, 0o600)

    def _append(self, data: bytes) -> None:
        check_size(self._size + len(data), self._most_bytes)
        write_all(self._descriptor, data)
        self._size += len(data)

    def _publish(self) -> None:
        try:
            os.fsync(self._descriptor)
        finally:
            self._close()
        # The folder is not flushed: a power cut may undo the rename, and then no file is there.
        self._temporary.replace(self._path)

    def _discard(self) -> None:
        with contextlib.suppress(OSError):
            self._close()
        unlink(self._temporary)

    def _discard_all(self) -> None:
        """Remove the file even if it was renamed already: the cache does not know it."""
        self._discard()
        unlink(self._path)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
