"""Noticing changed files by polling their device, inode, size and time.

Polling twice a second costs next to nothing and works on every file system; notifications don't,
over a network or into a container. A replaced file, a link with another target and a new file are
all noticed. A thread polls, as a call to a network file system that hangs does not return.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import trio

from .disk_thread import InThread, own_thread

__all__ = ["Fingerprint", "Watch", "fingerprint"]

POLL_EVERY_S = 0.5

Fingerprint: TypeAlias = "tuple[tuple[str, int, int, int, int] | tuple[str, str] | None, ...]"


def fingerprint(paths: Iterable[Path | None]) -> Fingerprint:
    """A value that changes when one of the files does. None and missing files count as well."""
    return tuple(None if path is None else _of(path) for path in paths)


def _of(path: Path) -> tuple[str, int, int, int, int] | tuple[str, str]:
    try:
        status = path.stat()
    except OSError as error:
        return str(path), error.strerror or ""
    return str(path), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


class Watch:
    """Watches a list of files, which may change.

    :param files: returns the paths to watch; called in the thread.
    :param known: fingerprint when the files were last read; default: now.
    :param fingerprint_of: replaced in tests, as *in_thread* is.
    """

    def __init__(
        self,
        files: Callable[[], Iterable[Path | None]],
        *,
        known: Fingerprint | None = None,
        fingerprint_of: Callable[[Iterable[Path | None]], Fingerprint] = fingerprint,
        in_thread: InThread[Fingerprint] | None = None,
    ) -> None:
        self._files = files
        self._fingerprint_of = fingerprint_of
        self._in_thread = in_thread or own_thread()
        self._known = fingerprint_of(files()) if known is None else known
        self._at_once = trio.Event()

    def hurry(self) -> None:
        """Make :meth:`changed` return at once, changed or not."""
        self._at_once.set()

    async def changed(self) -> None:
        """Wait until the files have changed, and have then stayed the same for a moment.

        At the first change, the program that writes a file may not have finished.
        """
        before = self._known
        while not self._at_once.is_set():
            with trio.move_on_after(POLL_EVERY_S):
                await self._at_once.wait()
            now = await self._poll()
            if now == before != self._known:
                break
            before = now
        self._at_once = trio.Event()
        self._known = await self._poll()

    async def _poll(self) -> Fingerprint:
        return await self._in_thread(lambda: self._fingerprint_of(self._files()))
