"""The data directory, held by one process at a time.

Two servers that write one state file would undo each other's work, and each would take the other's
temporary files for strays. The lock is the operating system's and on the folder itself: it ends
with its process, however that ends, leaves no file behind, and works where nothing can be written.

A folder that is deleted takes its lock along, and another server may make and hold a new one of the
same path. So the holder looks now and then (:meth:`DataDirectory.renew`): it makes and holds the
folder again, or, if another server was faster, leaves a note there, which that server finds when it
looks itself.
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
"""Left in a folder that another server has taken: its age says whether whoever left it still
runs.
"""

LOCK_S = 0.5
"""How long the end waits for a look under way."""

NOTE_S = 30.0
"""So old (seconds) a note is of a server that has ended."""

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
    """A data directory, held until :meth:`release`, the end of a ``with`` block or the end of the
    process.

    Made by :meth:`hold`. A fork of the process holds it too, as long as it lives.
    """

    def __init__(self, path: Path, *, descriptor: int | None = None, fault: str = "") -> None:
        self.path = path
        self.fault = fault
        """Why it could not be made or locked, in words; empty if all is well."""
        self._descriptor = descriptor
        self._lock = threading.Lock()

    @classmethod
    def hold(cls, path: Path) -> Self:
        """Make the folder and those above it, for this user only, if there are none, and hold it.

        A folder that can't be made, opened or locked is no reason not to start: the server then
        runs as well as it can without one, and :attr:`fault` says why. (Some network file systems
        know no locks.)

        :raises DirectoryTaken: another process holds it, or this one does already.
        """
        descriptor, fault = _held(path)
        return cls(path, descriptor=descriptor, fault=fault)

    def renew(self) -> str:
        """Make sure that it is still held; hold it again if it was deleted or replaced. From any
        thread.

        :returns: what is wrong, in words; empty if all is well, or if it could not be held in the
            first place.
        """
        with self._lock:
            if (
                self._descriptor is None or sys.platform == "win32"
            ):  # an open folder can't be deleted there
                return ""
            if self.is_ours():
                return _TOLD_OF_ANOTHER if _has_note(self.path) else ""
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
        """Let others have it. Does nothing when done twice."""
        locked = self._lock.acquire(
            timeout=LOCK_S
        )  # a look that hangs, with the disk, must not hold up the end
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
    """Make the folder and lock it: a descriptor that holds it, or why there is none.

    :raises DirectoryTaken: it is held already.
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
        return None, f"it can't be locked: {error.strerror}; see that nobody else uses it"
    return descriptor, ""


_TAKEN_WORDS = (
    "it was deleted or replaced while this server runs, and another grok2api has it now: stop one "
    "of the two; "
    "what is learned here is not kept"
)

_TOLD_OF_ANOTHER = (
    "another grok2api had it before it was deleted or replaced, and still runs: stop one of the two"
)


def _leave_note(folder: Path) -> None:
    """Leave one, or make it new."""
    with contextlib.suppress(OSError):
        os.close(
            os.open(folder / NOTE, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        )
        os.utime(folder / NOTE, follow_symlinks=False)


def _has_note(folder: Path) -> bool:
    """Whether there is a fresh one."""
    try:
        return abs(time.time() - os.lstat(folder / NOTE).st_mtime) < NOTE_S
    except OSError:
        return False
