"""Noticing that files have changed, by looking: where they are, their size, their time, their
number on the disk.

Looking twice a second costs nothing, works on every file system (notifications don't, over a
network or into a container), and sees a file that is replaced, a link that is led elsewhere, and
one that was not there before. A thread does it, as a look at a network file system that hangs does
not return.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import trio

from .disk_thread import InThread, own_thread

__all__ = ["Fingerprint", "Watch", "fingerprint"]

LOOK_EVERY_S = 0.5

Fingerprint: TypeAlias = "tuple[tuple[str, int, int, int, int] | tuple[str, str] | None, ...]"


def fingerprint(paths: Iterable[Path | None]) -> Fingerprint:
    """What changes when one of the files does. None, and files that are not there, count as
    well.
    """
    return tuple(None if path is None else _of(path) for path in paths)


def _of(path: Path) -> tuple[str, int, int, int, int] | tuple[str, str]:
    try:
        found = path.stat()
    except OSError as error:
        return str(path), error.strerror or ""
    return str(path), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class Watch:
    """Watches some files, which may be others each time one looks.

    :param files: names them; called in the thread.
    :param known: what they looked like when they were read; what they look like now, if that is not
        said.
    :param look: how to fingerprint; of tests, as *in_thread* is.
    """

    def __init__(
        self,
        files: Callable[[], Iterable[Path | None]],
        *,
        known: Fingerprint | None = None,
        look: Callable[[Iterable[Path | None]], Fingerprint] = fingerprint,
        in_thread: InThread[Fingerprint] | None = None,
    ) -> None:
        self._files = files
        self._look = look
        self._in_thread = in_thread or own_thread()
        self._known = look(files()) if known is None else known
        self._at_once = trio.Event()

    def hurry(self) -> None:
        """Make :meth:`changed` return at once, changed or not."""
        self._at_once.set()

    async def changed(self) -> None:
        """Wait until the files have changed, and have then stayed the same for a moment.

        Whoever writes one may not be done with it at the first glance.
        """
        before = self._known
        while not self._at_once.is_set():
            with trio.move_on_after(LOOK_EVERY_S):
                await self._at_once.wait()
            now = await self._glance()
            if now == before != self._known:
                break
            before = now
        self._at_once = trio.Event()
        self._known = await self._glance()

    async def _glance(self) -> Fingerprint:
        return await self._in_thread(lambda: self._look(self._files()))
