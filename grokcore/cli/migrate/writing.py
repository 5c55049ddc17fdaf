"""The new files on the disk: both or none, for this user only, never over another file."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from ...errors import ConfigError
from ...runtime.disk.files import make_folder, replace_file
from ..redaction import name_of
from ..tokens.file import writing

__all__ = ["agreed", "refuse_existing", "write"]


def refuse_existing(folder: Path, names: Collection[str]) -> None:
    """Refuse to write over a file.

    :raises ConfigError: if one of the *names* is in *folder* already.
    """
    for name in names:
        path = folder / name
        if path.exists() or path.is_symlink():
            raise ConfigError(
                f"{name_of(path)}: is there already, and nothing is written over it: move it away, "
                "or name another folder with --to"
            )


def agreed(folder: Path, names: Collection[str]) -> bool:
    """Ask the owner on a terminal; elsewhere nobody is asked, and the answer is no."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    question = f"Write {' and '.join(names)} into {name_of(folder.absolute())}? [y/N] "
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write *files* into *folder*, which is made if it is missing.

    :raises ConfigError: if one can't be written; none of them is there then.
    """
    written: list[Path] = []
    for name, data in files.items():
        path = folder / name
        try:
            with writing(path):
                make_folder(folder)
                replace_file(path, data)
        except BaseException:
            _take_back([*written, path])
            raise
        written.append(path)
        print(f"written: {name_of(path)}")
    print(f"Next: cd {shlex.quote(name_of(folder.absolute()))}, stop the original, and run check.")


def _take_back(paths: list[Path]) -> None:
    """Remove files of a half-done migration, so that it can be begun anew."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()
