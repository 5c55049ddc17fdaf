"""The folder of the media cache: names of its files, and the disk calls, which run in threads.

A file's name is 32 random hexadecimal digits and an extension, and is its secret. Other names in
the folder are ignored: such files are neither served nor counted nor deleted.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

from attrs import frozen

from ...protocol.media_types import media_type_of
from .files import make_folder, replace_file

__all__ = [
    "Entry",
    "close_opened",
    "is_name",
    "look_up",
    "new_name",
    "open_for_use",
    "remove",
    "scan",
    "temporary_of",
    "unlink",
    "write_whole",
]

TOUCH_S = 60.0
"""Precision of the time of last use: a hundred ranges of one video count as one use."""

UNKNOWN_EXTENSION = "bin"

_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
# Hexadecimal, so that no name begins with a dash and no two differ in case only.
_NAME = re.compile(rf"[0-9a-f]{{32}}\.{_EXTENSION.pattern}")
# The temporary file of replace_file or of a writer whose process was killed.
_STRAY = re.compile(rf"\.{_NAME.pattern}\.[0-9a-f]{{8}}\.tmp")


@frozen
class Entry:
    """A file of the cache, as of its last look-up.

    :ivar size: in bytes.
    :ivar mtime: wall-clock second of its last use, to within TOUCH_S.
    """

    path: Path
    size: int
    media_type: str
    mtime: float

    @property
    def name(self) -> str:
        return self.path.name


def is_name(name: str) -> bool:
    """Whether a file of the cache may have this name."""
    return _NAME.fullmatch(name) is not None


def new_name(extension: str) -> str:
    """Make a name that can't be guessed; an extension that does not fit becomes ``bin``."""
    extension = extension.lower().removeprefix(".")
    if not _EXTENSION.fullmatch(extension):
        extension = UNKNOWN_EXTENSION
    return f"{secrets.token_hex(16)}.{extension}"


def temporary_of(path: Path) -> Path:
    """A name beside *path* for its content while it is written; :func:`scan` removes strays."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


# Disk calls, made in threads --------------------------------------------------------------------


def scan(folder: Path) -> list[tuple[str, int]]:
    """List names and sizes of the files, the least recently used first; delete strays.

    Empty if there is no such folder.

    :raises OSError: if the folder can't be read.
    """
    files: list[tuple[float, str, int]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # such as an entry that was just deleted
                    files.extend(_scanned(entry))
    except FileNotFoundError:
        return []
    return [(name, size) for _, name, size in sorted(files)]


def _scanned(entry: os.DirEntry[str]) -> list[tuple[float, str, int]]:
    """Time of last use, name and size of a file of the cache; empty for anything else."""
    if not entry.is_file(follow_symlinks=False):
        return []
    if _STRAY.fullmatch(entry.name):
        Path(entry.path).unlink()
        return []
    if not _NAME.fullmatch(entry.name):
        return []
    status = entry.stat(follow_symlinks=False)
    return [(status.st_mtime, entry.name, status.st_size)]


def write_whole(path: Path, data: bytes) -> None:
    """Write a new file.

    :raises OSError: if that fails; nothing is left of the file.
    """
    make_folder(path.parent)
    try:
        replace_file(path, data)
    except BaseException:  # the file may exist: flushing the folder, the last step, can fail too
        unlink(path)
        raise


def unlink(path: Path) -> None:
    """Delete a file if possible."""
    with contextlib.suppress(OSError):
        path.unlink()


def look_up(path: Path) -> Entry:
    """Look up a file without using it.

    :raises OSError: if it can't be opened.
    """
    file, entry = _open(path)
    file.close()
    return entry


def open_for_use(path: Path) -> tuple[io.FileIO, Entry]:
    """Open a file to read it, and note the time of its use on the disk.

    :raises OSError: if it can't be opened.
    """
    file, entry = _open(path)
    # A time in the future, from a clock that was wrong, is replaced too: it would never pass.
    if not 0 <= time.time() - entry.mtime < TOUCH_S:
        with contextlib.suppress(OSError):  # only the order after the next start depends on it
            os.utime(path)
    return file, entry


def close_opened(opened: tuple[io.FileIO, Entry] | None) -> None:
    """Undo :func:`open_for_use`."""
    if opened is not None:
        opened[0].close()


def _open(path: Path) -> tuple[io.FileIO, Entry]:
    file = path.open("rb", buffering=0)
    try:
        status = os.fstat(file.fileno())
    except BaseException:
        file.close()
        raise
    return file, Entry(path, status.st_size, media_type_of(path.name), status.st_mtime)


def remove(folder: Path, names: Iterable[str]) -> list[str]:
    """Delete these files. Returns the names of those that stay: on Windows, open ones do."""
    staying = []
    for name in names:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError:
            staying.append(name)
    return staying
