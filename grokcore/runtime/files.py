"""Replacing a file so that it is, at every moment and whatever happens, the old one or the new one.

Write a file beside it, flush it to the disk, rename it over the old one, flush the folder. Whoever is killed in between
leaves the old file, and perhaps a stray ``.<name>.<number>.tmp`` that :func:`sweep` removes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

__all__ = ["replace_file", "sweep"]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def replace_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Make *data* the content of *path*; when this returns, it is on the disk.

    A symbolic link stays one: the file it leads to is replaced.

    :param mode: permissions of the new file.
    :raises OSError: it could not be done; the old file is as it was, and nothing is left beside it. (The one exception is a
        folder that can't be flushed: the file is then the new one, and only a power cut could bring the old one back.)
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_new(temporary, data, mode)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _flush_folder(target.parent)


def sweep(path: Path) -> None:
    """Remove what killed writers of *path* have left beside it. There must be no other writer."""
    for stray in path.parent.glob(f".{path.name}.*.tmp"):
        with contextlib.suppress(OSError):
            stray.unlink()


def _write_new(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, _NEW, mode)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # folders can't be opened there, and a rename needs no flush of its own
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
