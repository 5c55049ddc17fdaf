"""The token file, read and edited: locked, backed up, replaced as a whole.

Nothing is written without a change, and a file at fault is never overwritten.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import shlex
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from ...errors import ConfigError
from ...protocol.token_file.editing import NotEditable, Outcome
from ...protocol.token_file.reading import Note, entries_of, notes_on, parse_token_file, read_tokens
from ...protocol.tokens import TokenEntry
from ...runtime.disk.files import locked, replace_file, sweep
from ..redaction import name_of
from ..setup import TOKEN_PLACES, chosen_file, naming, read_file

__all__ = [
    "any_changed",
    "backup_of",
    "edit",
    "existing_file",
    "file_to_edit",
    "needed_file",
    "parsed",
    "parsed_with_notes",
    "preview",
    "writing",
]

_T = TypeVar("_T")


def existing_file(arguments: argparse.Namespace) -> Path | None:
    """The token file that the flag names, else the first default one that exists; None if there is
    none.
    """
    return chosen_file(arguments.tokens, TOKEN_PLACES)


def file_to_edit(arguments: argparse.Namespace) -> Path:
    """The token file as :func:`existing_file`, else the default one, which an edit creates."""
    return existing_file(arguments) or Path(TOKEN_PLACES[0])


def needed_file(arguments: argparse.Namespace) -> Path:
    """The token file as :func:`existing_file`.

    :raises ConfigError: if there is none.
    """
    path = existing_file(arguments)
    if path is None:
        raise ConfigError(
            f"there is no token file: neither {' nor '.join(TOKEN_PLACES)}, and --tokens names none"
        )
    return path


def parsed(path: Path) -> tuple[TokenEntry, ...]:
    """The tokens in the file at *path*.

    :raises ConfigError: if it can't be read, or is at fault.
    """
    data = read_file(path)
    with naming(name_of(path)):
        return parse_token_file(data)


def parsed_with_notes(path: Path) -> tuple[tuple[TokenEntry, ...], list[Note]]:
    """The tokens as :func:`parsed`, with notes on entries that are passed over or changed.

    :raises ConfigError: as :func:`parsed`.
    """
    data = read_file(path)
    with naming(name_of(path)):
        readings = read_tokens(data)
        return entries_of(readings), notes_on(readings)


def edit(
    path: Path,
    change: Callable[[bytes | None], tuple[bytes | None, _T]],
    *,
    waiting: Callable[[], None] | None = None,
) -> _T:
    """Read the file, change it and write it, with other editors locked out.

    A program without our lock, such as a person's editor, may write the file meanwhile: nothing is
    written then.

    :param change: maps the content (None if there is no file) to the new one (None to keep the old)
        and a result, which :func:`edit` returns.
    :param waiting: called before waiting for another editor; default: a line on stderr.
    :raises ConfigError: if the file can't be read, changed or written.
    """

    def tell() -> None:
        print(f"waiting for another program that edits {name_of(path)}", file=sys.stderr)

    with writing(path), locked(path, waiting=waiting or tell):
        data, new, result = _changed(path, change)
        if new is not None:
            _replace(path, data, new)
    return result


def preview(path: Path, change: Callable[[bytes | None], tuple[bytes | None, _T]]) -> _T:
    """The result of an :func:`edit`, of which nothing is written.

    :raises ConfigError: if the file can't be read or changed.
    """
    with writing(path):
        return _changed(path, change)[2]


def _changed(
    path: Path, change: Callable[[bytes | None], tuple[bytes | None, _T]]
) -> tuple[bytes | None, bytes | None, _T]:
    """The old content, the new one, and the result of a change."""
    data = read_file(path) if path.exists() else None
    with naming(name_of(path)):
        try:
            return (data, *change(data))
        except NotEditable as error:
            raise ConfigError(f"{error}; {_conversion_advice(path)}") from None


def _conversion_advice(path: Path) -> str:
    flag = "" if str(path) in TOKEN_PLACES else f" --tokens {shlex.quote(name_of(path))}"
    return (
        f"`tokens convert{flag}` makes one of it, and keeps the file as it was as "
        f"{name_of(backup_of(path).name)}"
    )


def _replace(path: Path, old: bytes | None, new: bytes) -> None:
    """Write the file's old content beside it, then the new one in its place; a link to it stays
    one.
    """
    backup = backup_of(path)
    sweep(path)
    sweep(backup)

    def refuse_change() -> None:
        if (read_file(path) if path.exists() else None) != old:
            raise ConfigError(
                f"{name_of(path)}: another program has changed it meanwhile; nothing was written, "
                "so try again"
            )

    if old is None:
        replace_file(path, new, last_look=refuse_change)
        return
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{name_of(path)}: is not a file that could be replaced")
    owner = (status.st_uid, status.st_gid)
    replace_file(backup, old, owner=owner)
    permissions = stat.S_IMODE(status.st_mode) & 0o777
    replace_file(path, new, mode=permissions, owner=owner, last_look=refuse_change)


def backup_of(path: Path) -> Path:
    """The file that keeps the content from before the last edit."""
    target = path.resolve()
    return target.with_name(f"{target.name}.bak")


def any_changed(outcomes: Iterable[Outcome]) -> bool:
    """Whether one of *outcomes* changes the file."""
    return any(outcome.changed for outcome in outcomes)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError about writing *path* into a ConfigError."""
    try:
        yield
    except OSError as error:
        hint = (
            "; if it is mounted on its own, mount its folder instead"
            if error.errno == errno.EBUSY
            else ""
        )
        raise ConfigError(f"{name_of(path)}: can't be written: {error.strerror}{hint}") from None
