"""The original project's files, by their usual names, and their content.

*2025*: ``data/setting.toml`` and ``data/token.json``.

*2026, Python*: ``data/config.toml``; ``data/token.json``, later the database ``data/accounts.db``;
``api_keys.json``; ``.env``.

*2026, Go*: ``config.yaml`` and ``data/backend.db``, whose accounts are encrypted. Its admin page
exports them, as JSON or text.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ...errors import ConfigError
from ..redaction import name_of
from ..setup import read_file

__all__ = ["Sources", "find_sources", "read_rows", "read_variables"]

_EXPORT = re.compile(r".*(?:account|token|sso).*\.(?:jsonl?|txt)", re.IGNORECASE)
_NO_EXPORTS = ("token.json", "api_keys.json", "tokens.example.json", "tokens.json")

_YAML = "its settings are of another kind: write those you need into config.toml by hand"
_ENCRYPTED = (
    "its accounts are encrypted: export those of Grok Web on its admin page, and name that file"
)
_OLDER = "{} beside it is newer"


@frozen
class Sources:
    """The files that are there. None or empty if one is missing.

    :ivar tokens: token files and exports.
    :ivar passed: files that are passed over, with the reason.
    """

    config: Path | None = None
    variables: Path | None = None
    keys: Path | None = None
    database: Path | None = None
    tokens: tuple[Path, ...] = ()
    passed: tuple[tuple[Path, str], ...] = field(default=())


def find_sources(place: Path) -> Sources:
    """The files in the original's folder, or in its data folder; or one file that it exported.

    :raises ConfigError: if there is no such file or folder.
    """
    if place.is_file():
        is_database = place.suffix == ".db"
        return Sources(database=place) if is_database else Sources(tokens=(place,))
    if not place.is_dir():
        raise ConfigError(f"{name_of(place)}: there is no such file or folder")
    folders = [place / "data", place, place / "app" / "data"]
    configs = _all(folders[:1], "config.toml", "setting.toml")
    if not configs:
        configs = _all(folders[1:2], "config.toml", "setting.toml")
    databases, listed = _all(folders, "accounts.db"), _all(folders, "token.json")
    exports = [path for path in _files(place) if _is_export(path)]
    older = [(path, _OLDER.format(configs[0].name)) for path in configs[1:]]
    if databases:
        older += [(path, _OLDER.format("accounts.db")) for path in listed]
    return Sources(
        next(iter(configs), None),
        next(iter(_all([place, place.parent], ".env")), None),
        next(iter(_all(folders, "api_keys.json")), None),
        next(iter(databases), None),
        (*([] if databases else listed[:1]), *exports),
        (*older, *_of_go(place)),
    )


def _all(folders: list[Path], *names: str) -> list[Path]:
    return [folder / name for folder in folders for name in names if (folder / name).is_file()]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _is_export(path: Path) -> bool:
    return _EXPORT.fullmatch(path.name) is not None and path.name not in _NO_EXPORTS


def _of_go(place: Path) -> Iterator[tuple[Path, str]]:
    """Files of the generation in Go, from which nothing can be taken."""
    for path, why in (
        (place / "config.yaml", _YAML),
        (place / "data" / "backend.db", _ENCRYPTED),
        (place / "backend.db", _ENCRYPTED),
    ):
        if path.is_file():
            yield path, why


def read_variables(path: Path) -> dict[str, str]:
    """The variables of an environment file; quotes around a value are no part of it.

    :raises ConfigError: if it can't be read.
    """
    found = re.findall(r"^\s*(?:export\s+)?(\w+)\s*=[ \t]*(.*?)\s*$", _text(path), re.MULTILINE)
    return {name: value.strip("\"'") for name, value in found}


def _text(path: Path) -> str:
    return read_file(path).decode("utf-8-sig", "replace")


def read_json(path: Path) -> Any:
    """The value of a JSON file.

    :raises ConfigError: if it can't be read, or is no JSON.
    """
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError):
        raise ConfigError(f"{name_of(path)}: is not valid JSON") from None


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of the table ``accounts``.

    A copy is opened, with what the database has not yet merged: opening the file itself would write
    beside it.

    :raises ConfigError: if the file can't be read, or is no such database.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "accounts.db"
            for end in ("", "-wal"):
                if Path(f"{path}{end}").is_file():
                    shutil.copyfile(f"{path}{end}", f"{copy}{end}")
            with closing(sqlite3.connect(copy)) as database:
                database.row_factory = sqlite3.Row
                return [dict(row) for row in database.execute("SELECT * FROM accounts")]
    except OSError as error:
        raise ConfigError(f"{name_of(path)}: can't be read: {error.strerror}") from None
    except sqlite3.Error as error:
        raise ConfigError(f"{name_of(path)}: is no database of accounts: {error}") from None
