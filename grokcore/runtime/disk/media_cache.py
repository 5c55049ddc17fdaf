"""Generated pictures and videos, kept in a folder for the clients that know their names.

Theory
------
* A file's name is its secret: it can't be guessed, and nothing else guards the file.
* The folder is all that is kept. Names, sizes and the order of last use are read from it once at
  the start. No second record can contradict it, and the owner may delete any file.
* A file never changes. It is written under a temporary name and renamed when it is whole. A reader
  that has opened it can read it to its end, even after its deletion.

Rules
-----
1. A name reaches the disk only if it is known, and only names of our own making are. Other files in
   the folder are neither served nor counted nor deleted.
2. Worker threads make the disk calls. A call that has begun is finished and its outcome known; if
   the disk hangs and the task is cancelled, the thread undoes the call when it can
   (:mod:`~grokcore.runtime.disk.disk_thread`). The list of known files changes between disk calls,
   in trio's thread, and needs no lock.
3. A folder has one cache, and lies in a data directory that is held
   (:class:`~grokcore.runtime.disk.data_dir.DataDirectory`).
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import trio
from attrs import define, field

from . import media_folder
from .cache_use import CacheUse
from .disk_thread import clean_up_in_thread, in_disk_thread
from .media_files import LargerThanCache, MediaFile, MediaWriter, check_size
from .media_folder import Entry

__all__ = ["Entry", "LargerThanCache", "MediaCache", "MediaFile", "MediaWriter"]

WRITERS = 4
"""Threads that write, look up, open and delete at the same time."""

READERS = 8
"""Threads that read at the same time, apart from WRITERS: downloads don't delay a picture that is
being kept.
"""

_GONE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)

T = TypeVar("T")

_log = logging.getLogger(__name__)


class MediaCache:
    """The files of *folder*, at most *most_bytes* together: the least recently used are deleted.

    Keeping a file and opening it are uses. Files that are still being written are not counted.

    :param folder: for this cache only; made when it is first needed, for this user only.
    :ivar most_bytes: may be changed; applies from the next file on.
    :ivar elsewhere: returns the path of a file that another worker's cache has, if one has it.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self.elsewhere: Callable[[str], Awaitable[Path | None]] | None = None
        self._files = _Files()
        self._hits = self._misses = 0
        self._disk = trio.CapacityLimiter(WRITERS)
        self._reads = trio.CapacityLimiter(READERS)

    def use(self) -> CacheUse:
        """Return the use of the cache so far."""
        files = self._files
        return CacheUse(len(files.sizes), files.total, self._hits, self._misses)

    async def load(self) -> None:
        """List the folder's files; delete strays of killed writers, and files beyond the limit.

        Called before anything else. Never raises: a folder that can't be read is logged, and counts
        as empty.
        """
        try:
            scan = functools.partial(media_folder.scan, self.folder)
            files = await in_disk_thread(scan, limiter=self._disk)
        except OSError as error:
            _log.warning(
                "%s can't be read (%s). The pictures and videos in it are not served.",
                self.folder,
                error.strerror,
            )
            return
        for name, size in files:
            self._files.use(name, size)
        await self._make_room()

    async def put(self, data: bytes, extension: str) -> str:
        """Keep *data*; on return it is on the disk.

        :param extension: with or without a dot; becomes ``bin`` unless it is a few letters and
            digits.
        :returns: the file's name, which is its secret.
        :raises LargerThanCache: if *data* is; nothing was written or deleted.
        :raises OSError: if it can't be written; nothing is left of it.
        """
        check_size(len(data), self.most_bytes)
        name = media_folder.new_name(extension)
        path = self.folder / name
        write = functools.partial(media_folder.write_whole, path, data)
        await in_disk_thread(write, limiter=self._disk, undo=lambda _: media_folder.unlink(path))
        await self._add(name, len(data))
        return name

    @contextlib.asynccontextmanager
    async def writer(self, extension: str) -> AsyncIterator[MediaWriter]:
        """Keep a file that arrives in pieces::

            async with cache.writer("mp4") as writer:
                async for chunk in chunks:
                    await writer.write(chunk)
                name = await writer.keep()

        However the block ends, nothing is left of a file that was not kept.

        :param extension: as for :meth:`put`.
        :raises OSError: if no file can be made.
        """
        path = self.folder / media_folder.new_name(extension)
        writer = MediaWriter(path, self.most_bytes, self._disk, self._add)
        try:
            await writer.begin()
            yield writer
        finally:
            await writer.aclose()

    def lend(self, name: str) -> Path | None:
        """The path of a file that another worker wants to read, which is a use; None if there is
        none of this name.
        """
        size = self._files.sizes.get(name)
        if size is None:
            return None
        self._files.use(name, size)
        return self.folder / name

    async def find(self, name: str) -> Entry | None:
        """Look up a file without using it; None if there is none of this name (any more).

        :raises OSError: if it exists but can't be looked up.
        """
        return await self._on_known(name, media_folder.look_up)

    async def open(self, name: str) -> MediaFile | None:
        """Open a file to read it; None if there is none of this name (any more).

        The caller must close it.

        :raises OSError: if it exists but can't be opened.
        """
        opened = await self._on_known(name, media_folder.open_for_use, media_folder.close_opened)
        if opened is None:
            self._misses += 1
            return None
        self._hits += 1
        file, entry = opened
        if name in self._files.sizes:  # deleted meanwhile, it must not be listed again
            self._files.use(name, entry.size)
        return MediaFile(entry, file, self._reads)

    async def _on_known(
        self,
        name: str,
        work: Callable[[Path], T],
        undo: Callable[[T | None], object] = lambda _: None,
    ) -> T | None:
        """Do *work* on a file that is listed; None if it isn't, or is gone from the disk."""
        path = await self._place(name)
        if path is None:
            return None
        try:
            return await in_disk_thread(
                functools.partial(work, path), limiter=self._disk, undo=undo
            )
        except _GONE:
            self._files.forget(name)
            return None

    async def _place(self, name: str) -> Path | None:
        if name in self._files.sizes:
            return self.folder / name
        if self.elsewhere is None or not media_folder.is_name(name):
            return None
        return await self.elsewhere(name)

    async def _add(self, name: str, size: int) -> None:
        self._files.use(name, size)
        await self._make_room()

    async def _make_room(self) -> None:
        leaving = self._files.take_out(self.most_bytes)
        if not leaving:
            return
        # If the thread doesn't end in time, all of them are listed again, to be deleted later.
        staying = list(leaving)

        def remove() -> None:
            staying[:] = media_folder.remove(self.folder, leaving)

        await clean_up_in_thread(remove)
        self._files.put_back({name: leaving[name] for name in staying})


@define
class _Files:
    """Sizes (bytes) of the known files by name, the least recently used first.

    The cost of a method does not depend on the number of files.
    """

    sizes: OrderedDict[str, int] = field(factory=OrderedDict)
    total: int = 0

    def use(self, name: str, size: int) -> None:
        """List a file as used just now."""
        self.forget(name)
        self.sizes[name] = size
        self.total += size

    def forget(self, name: str) -> None:
        self.total -= self.sizes.pop(name, 0)

    def take_out(self, most_bytes: int) -> dict[str, int]:
        """Forget the least recently used files until the others fit, and return them."""
        taken: dict[str, int] = {}
        while self.sizes and self.total > most_bytes:
            name, size = self.sizes.popitem(last=False)
            self.total -= size
            taken[name] = size
        return taken

    def put_back(self, taken: dict[str, int]) -> None:
        """List files again that could not be deleted, as the next to go."""
        for name, size in reversed(taken.items()):
            self.use(name, size)
            self.sizes.move_to_end(name, last=False)
