"""Replacing a file so that it is, at every moment and whatever happens, the old one or the new one.

Write a file beside it, flush it to the disk, rename it over the old one, flush the folder. Whoever
is killed in between leaves the old file, and perhaps a stray ``.<name>.<number>.tmp`` that
:func:`sweep` removes.

Whoever reads a file, changes what was read and replaces the file does so while it is
:func:`locked`.
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
"""Of a file that a person writes. (10 000 tokens are some 10 MB.)"""

_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# A pipe would wait for who writes into it, a terminal would become the process's own.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_READ |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY
"""Flags of ``os.open`` for a file that must not exist yet."""


def read_regular(path: Path, most_bytes: int = MOST_READ_BYTES) -> bytes:
    """The content of a file, without waiting for another program and without end: it has to be a
    regular one.

    A link to one will do; the null device is an empty file.

    :raises OSError: it can't be read, is something else, or is larger; ``strerror`` says which.
    """
    found = os.stat(path)  # before it is opened: opening is enough to set off some devices
    if stat.S_ISCHR(found.st_mode) and found.st_rdev == os.stat(os.devnull).st_rdev:
        return b""
    _refuse_irregular(found.st_mode)
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
    path: Path, data: bytes, *, mode: int = 0o600, owner: tuple[int, int] | None = None
) -> None:
    """Make *data* the content of *path*; when this returns, it is on the disk.

    A symbolic link stays one: the file it leads to is replaced.

    :param mode: permissions of the new file, whatever the process' umask is.
    :param owner: user and group to give it to, so that a file which root edits stays readable for
        the server. Where that is not allowed, the group's and others' permissions go rather than to
        another group.
    :raises OSError: it could not be done; the old file is as it was, and nothing is left beside it.
        (The one exception is a folder that can't be flushed: the file is then the new one, and only
        a power cut could bring the old one back.)
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_new(temporary, data, mode, owner)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _flush_folder(target.parent)


def sweep(path: Path) -> None:
    """Remove what killed writers of *path* have left beside it. There must be no other writer."""
    target = Path(os.path.realpath(path))
    for stray in target.parent.glob(f".{glob.escape(target.name)}.*.tmp"):
        with contextlib.suppress(OSError):
            stray.unlink()


@contextlib.contextmanager
def locked(path: Path, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Keep out everybody else who asks for the same, in this process or another, while *path* is
    read and replaced.

    The lock is on a file beside it, ``.<name>.lock``, that is gone afterwards. (*path* itself
    becomes another file when it is replaced, and its folder may be a data directory, which the
    server holds as long as it runs.) On Windows, and on file systems that know no locks, nobody is
    kept out.

    :param waiting: called when somebody else has it, before waiting for them.
    :raises OSError: the lock's file can't be made.
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
"""What else may have a path, and how it is put."""


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
        """Give a file to *owner*, or to their group at least. Whether its group is the one that was
        asked for.
        """
        made = os.fstat(descriptor)
        if owner is None or owner == (made.st_uid, made.st_gid):
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
            with contextlib.suppress(OSError):
                os.unlink(
                    lock
                )  # before it is let go: whoever waits for it will see that it is no longer there
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _hold(lock: Path, waiting: Callable[[], None]) -> int:
        """Open the file and lock it, until it is one that nobody has taken away meanwhile."""
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
    if os.name == "nt":  # folders can't be opened there, and a rename needs no flush of its own
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
