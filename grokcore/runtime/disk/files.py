"""Reading, locking and replacing files. A file that is replaced is at every moment the old or the
new one.

Replacing writes a file beside the old one, flushes it to the disk, renames it over the old one and
flushes the folder. A process killed in between leaves the old file, and perhaps a stray
``.<name>.<number>.tmp`` that :func:`sweep` removes.

A process that replaces a file by a changed version of its content holds the file :func:`locked`.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

if sys.platform != "win32":
    import fcntl

__all__ = [
    "MOST_READ_BYTES",
    "NEW_FILE",
    "locked",
    "make_folder",
    "read_regular",
    "replace_file",
    "sweep",
    "write_all",
]

MOST_READ_BYTES = 64 * 1024 * 1024
"""Limit for files that a person writes. (10 000 tokens are some 10 MB.)"""

_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# Opening a pipe would wait for a writer; a terminal would become the process's own.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_READ |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY
"""Flags of ``os.open`` for a file that must not exist yet."""


def read_regular(path: Path, most_bytes: int = MOST_READ_BYTES) -> bytes:
    """Read a regular file, or a link to one. The null device counts as an empty file.

    Anything else could block, or never end.

    :raises OSError: if it can't be read, is something else, or is larger; ``strerror`` says which.
    """
    status = os.stat(path)  # before opening, as opening alone triggers some devices
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == os.stat(os.devnull).st_rdev:
        return b""
    _refuse_irregular(status.st_mode)
    descriptor = os.open(path, _READ)
    try:
        _refuse_irregular(os.fstat(descriptor).st_mode)
        return _read_all(descriptor, most_bytes)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make *folder* and the folders above it that are missing, for this user only.

    ``mkdir(parents=True)`` would give those above it the usual permissions.

    :raises OSError: if one can't be made, or something else has its path.
    """
    if not folder.is_dir():
        for each in (*reversed(folder.parents), folder):
            each.mkdir(mode=0o700, exist_ok=True)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of *data*, in as many pieces as the operating system takes it.

    :raises OSError: if a part can't be written.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def replace_file(
    path: Path,
    data: bytes,
    *,
    mode: int = 0o600,
    owner: tuple[int, int] | None = None,
    last_look: Callable[[], None] = lambda: None,
) -> None:
    """Make *data* the content of *path*; on return it is on the disk.

    A symbolic link stays one: the file it leads to is replaced.

    :param mode: permissions of the new file, whatever the process's umask is.
    :param owner: user and group of the new file, so that a file which root edits stays readable for
        the server. Where giving it away is not allowed, group and others lose their permissions, so
        that no other group gains them.
    :param last_look: called right before the old file is replaced; what it raises prevents that.
    :raises OSError: if that fails; the old file is as it was, and nothing is left beside it. If
        only the folder can't be flushed, the file is the new one; a power cut could then bring the
        old one back.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_new(temporary, data, mode, owner)
        last_look()
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _flush_folder(target.parent)


def sweep(path: Path) -> None:
    """Remove temporary files of killed writers of *path*. There must be no other writer."""
    target = Path(os.path.realpath(path))
    for stray in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
        with contextlib.suppress(OSError):
            stray.unlink()


@contextlib.contextmanager
def locked(path: Path, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Lock *path* against other callers, in this process or another, while it is read and replaced.

    The lock is on a file beside it, ``.<name>.lock``, which is removed afterwards. Replacing *path*
    would end a lock on itself. A lock on its folder could be the server's, which holds its data
    directory. On Windows, and on file systems without locks, nothing is locked.

    :param waiting: called before waiting for another holder.
    :raises OSError: if the lock file can't be made.
    """
    if sys.platform == "win32":
        yield
    else:
        target = Path(os.path.realpath(path))
        with _held(target.with_name(f".{target.name}.lock"), waiting):
            yield


_KINDS = (
    (stat.S_ISFIFO, "it is a pipe; it must be a file, as it is read again and again"),
    (stat.S_ISSOCK, "it is a socket, not a file"),
    (stat.S_ISCHR, "it is a device, not a file"),
    (stat.S_ISBLK, "it is a device, not a file"),
)
"""Kinds of files that are not read, with the words for the error."""


def _refuse_irregular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(
            errno.EINVAL, next((words for kind, words in _KINDS if kind(mode)), "it is not a file")
        )


def _read_all(descriptor: int, most_bytes: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while size <= most_bytes and (part := os.read(descriptor, min(most_bytes + 1 - size, 1 << 20))):
        parts.append(part)
        size += len(part)
    if size > most_bytes:
        raise OSError(errno.EFBIG, f"it is larger than {most_bytes // 1024**2} MB")
    return b"".join(parts)


def _write_new(path: Path, data: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    descriptor = os.open(path, NEW_FILE, mode & 0o600)
    try:
        write_all(descriptor, data)
        if sys.platform != "win32":
            os.fchmod(descriptor, mode if _give(descriptor, owner) else mode & 0o700)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if sys.platform != "win32":

    def _give(descriptor: int, owner: tuple[int, int] | None) -> bool:
        """Give a file to *owner*, or at least to the owner's group. Returns whether it has the
        group.
        """
        status = os.fstat(descriptor)
        if owner is None or owner == (status.st_uid, status.st_gid):
            return True
        for user in (owner[0], -1):
            with contextlib.suppress(PermissionError):
                os.fchown(descriptor, user, owner[1])
                return True
        return False

    @contextlib.contextmanager
    def _held(lock: Path, waiting: Callable[[], None]) -> Iterator[None]:
        descriptor = _hold(lock, waiting)
        try:
            yield
        finally:
            # Unlinked before the release: a process that waits then sees that the file is gone.
            with contextlib.suppress(OSError):
                os.unlink(lock)
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _hold(lock: Path, waiting: Callable[[], None]) -> int:
        """Open and lock the file, again if another holder has removed it meanwhile."""
        while True:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | _SAFELY, 0o600)
            try:
                _flock(descriptor, waiting)
                if _is_at(lock, descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _flock(descriptor: int, waiting: Callable[[], None]) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # the latter on SMB shares
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            return  # a file system without locks

    def _is_at(path: Path, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.lstat(path), os.fstat(descriptor))
        except FileNotFoundError:
            return False


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # folders can't be opened there, and renames need no flush
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
