"""The data directory, held by one process at a time.

Two servers that write one state file would undo each other's work, and each would take the other's
temporary files for strays. The lock is the operating system's, on the folder itself. It ends with
its process, however that ends, leaves no file behind, and needs no write permission.

Deleting the folder ends its lock, and another server may make and hold a new folder of the same
path. So the holder checks now and then (:meth:`DataDirectory.renew`) and makes and holds the folder
again. If another server was faster, it leaves a note in the folder, which that server's own check
finds.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from ...errors import ConfigError
from .files import make_folder

__all__ = ["DataDirectory", "DirectoryTaken"]

NOTE = ".other-server"
"""File that a server leaves in a folder that another server has taken. While the first one runs, it
keeps the file's time fresh.
"""

LOCK_S = 0.5
"""How long :meth:`DataDirectory.release` waits for a check under way."""

NOTE_S = 30.0
"""Age (seconds) from which a note means that its server has ended."""

if sys.platform == "win32":
    import msvcrt

    def _open(folder: Path) -> int:
        # Folders can't be opened on Windows; the lock file stays.
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
"""Errors for a lock that another process holds: EWOULDBLOCK; on Windows and SMB shares EACCES."""


class DirectoryTaken(ConfigError):
    """Another process holds the data directory."""


class DataDirectory:
    """A data directory, held until :meth:`release`, the end of a ``with`` block or of the process.

    Made by :meth:`hold`. A fork of the process holds it too, as long as the fork lives.
    """

    def __init__(self, path: Path, *, descriptor: int | None = None, fault: str = "") -> None:
        self.path = path
        self.fault = fault
        """Why it could not be made or locked; empty if it was."""
        self._descriptor = descriptor
        self._lock = threading.Lock()

    @classmethod
    def hold(cls, path: Path) -> Self:
        """Hold the folder; make it and those above it first if missing, for this user only.

        A server whose folder can't be made, opened or locked starts all the same, without one, and
        :attr:`fault` says why. (Some network file systems have no locks.)

        :raises DirectoryTaken: if another process holds it, or this one does already.
        """
        descriptor, fault = _held(path)
        return cls(path, descriptor=descriptor, fault=fault)

    def renew(self) -> str:
        """Check that the folder is still held; hold it again if it was deleted or replaced.

        May be called from any thread.

        :returns: the fault; empty if there is none, or if the folder was never held.
        """
        with self._lock:
            # On Windows an open folder can't be deleted.
            if self._descriptor is None or sys.platform == "win32":
                return ""
            if self.is_ours():
                return _SHARED_WORDS if _has_note(self.path) else ""
            try:
                descriptor, fault = _held(self.path)
            except DirectoryTaken:
                _leave_note(self.path)
                return _TAKEN_WORDS
            if descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = descriptor
            return fault

    def is_ours(self) -> bool:
        """Whether its path leads to the folder that is held."""
        if self._descriptor is None or sys.platform == "win32":
            return True
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def release(self) -> None:
        """Release the folder. Releasing twice does nothing."""
        # With a timeout: a check that hangs with the disk must not hold up the end.
        locked = self._lock.acquire(timeout=LOCK_S)
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        if locked:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def _held(path: Path) -> tuple[int | None, str]:
    """Make and lock the folder. Returns the descriptor that holds it, or None and the fault.

    :raises DirectoryTaken: if it is held already.
    """
    try:
        make_folder(path)
        descriptor = _open(path)
    except (FileExistsError, NotADirectoryError):
        return None, "it can't be used: something that is not a folder is in its place or above it"
    except OSError as error:
        return None, f"it can't be used: {error.strerror}"
    try:
        _lock(descriptor)
    except _TAKEN:
        os.close(descriptor)
        raise DirectoryTaken(
            f"{path}: another grok2api uses this data directory; give each one its own"
        ) from None
    except OSError as error:
        os.close(descriptor)
        return None, f"it can't be locked: {error.strerror}; see that no other server uses it"
    return descriptor, ""


_TAKEN_WORDS = (
    "it was deleted or replaced while this server runs, and another grok2api uses it now: stop one "
    "of the two; this server no longer saves its state"
)

_SHARED_WORDS = (
    "another grok2api used it before it was deleted or replaced, and still runs: stop one of the "
    "two"
)


def _leave_note(folder: Path) -> None:
    """Make the note, or renew its time."""
    with contextlib.suppress(OSError):
        os.close(
            os.open(folder / NOTE, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        )
        os.utime(folder / NOTE, follow_symlinks=False)


def _has_note(folder: Path) -> bool:
    """Whether the folder has a fresh note."""
    try:
        return abs(time.time() - os.lstat(folder / NOTE).st_mtime) < NOTE_S
    except OSError:
        return False
