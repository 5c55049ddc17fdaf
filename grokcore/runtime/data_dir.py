"""The data directory, held by one process at a time.

Two servers that write one state file would undo each other's work, and each would take the other's temporary files for
strays. The lock is the operating system's and on the folder itself: it ends with its process, however that ends, leaves no
file behind, and works where nothing can be written.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import ConfigError

__all__ = ["DataDirectory", "DirectoryTaken"]

if sys.platform == "win32":
    import msvcrt

    def _open(folder: Path) -> int:
        # Folders can't be opened there; this one file stays.
        return os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _open(folder: Path) -> int:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_TAKEN = (BlockingIOError, PermissionError)
"""What a lock in other hands looks like: EWOULDBLOCK, on Windows and on SMB shares EACCES."""


class DirectoryTaken(ConfigError):
    """Another process holds the data directory."""


class DataDirectory:
    """A data directory, held until :meth:`release`, the end of a ``with`` block or the end of the process.

    Made by :meth:`hold`. A fork of the process holds it too, as long as it lives.
    """

    def __init__(self, path: Path, *, descriptor: int | None = None, fault: str = "") -> None:
        self.path = path
        self.fault = fault
        """Why it could not be made or locked, in words; empty if all is well."""
        self._descriptor = descriptor

    @classmethod
    def hold(cls, path: Path) -> Self:
        """Make the folder and those above it, for this user only, if there are none, and hold it.

        A folder that can't be made, opened or locked is no reason not to start: the server then runs as well as it can
        without one, and :attr:`fault` says why. (Some network file systems know no locks.)

        :raises DirectoryTaken: another process holds it, or this one does already.
        """
        try:
            _make(path)
            descriptor = _open(path)
        except (FileExistsError, NotADirectoryError):
            return cls(path, fault="it can't be used: something that is not a folder is in its place or above it")
        except OSError as error:
            return cls(path, fault=f"it can't be used: {error.strerror}")
        try:
            _lock(descriptor)
        except _TAKEN:
            os.close(descriptor)
            raise DirectoryTaken(f"{path}: another grok2api uses this data directory; give each one its own") from None
        except OSError as error:
            os.close(descriptor)
            return cls(path, fault=f"it can't be locked: {error.strerror}; see that nobody else uses it")
        return cls(path, descriptor=descriptor)

    def release(self) -> None:
        """Let others have it. Does nothing when done twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def _make(path: Path) -> None:
    """Make *path* with all that is above it. ``mkdir(parents=True)`` would give those the usual permissions."""
    for folder in (*reversed(path.parents), path):
        folder.mkdir(mode=0o700, exist_ok=True)
