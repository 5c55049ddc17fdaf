"""``keys remove``."""

from __future__ import annotations

import argparse
import sys

from ...config import Config
from ...config.key_tables import without_keys
from ...errors import ConfigError
from ..redaction import name_of
from ..tokens.file import backup_of
from .file import config_file, edit_keys, effects

__all__ = ["remove_keys"]


def remove_keys(arguments: argparse.Namespace) -> int:
    """Remove the keys of the names, and report what became of each. A name that several keys have
    means all of them: nobody who shall be kept out stays in.

    :raises ConfigError: if the configuration is at fault or missing.
    """
    path = config_file(arguments)
    if not path.exists():
        raise ConfigError(f"{name_of(path)}: there is no such file")

    def change(text: str, _: Config) -> tuple[str, dict[str, int]]:
        counts: dict[str, int] = {}
        for name in dict.fromkeys(arguments.name):
            text, counts[name] = without_keys(text, name)
        return text, counts

    counts, before, after = edit_keys(path, change)
    for name, count in counts.items():
        print(f"{name_of(name)}: {_outcome(count)}")
    if any(counts.values()):
        print(f"{name_of(backup_of(path).name)} has the file as it was, with the removed keys")
        for line in effects(before, after):
            print(line, file=sys.stderr)
    return 0 if all(counts.values()) else 1


def _outcome(count: int) -> str:
    if not count:
        return "no key has this name"
    return "removed" if count == 1 else f"{count} keys of this name removed"
