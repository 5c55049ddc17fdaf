"""The configuration whose ``[[keys]]`` are edited, and what an edit means for a server."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from ...config import Config, load_config
from ...config.rights import Guard, limits_of, settings_in
from ...errors import ConfigError
from ..encodings import decoded
from ..redaction import name_of
from ..setup import CONFIG_PLACES, InputFiles, chosen_file, refuse_open_door
from ..tokens.file import edit

__all__ = ["config_file", "edit_keys", "effects"]

_T = TypeVar("_T")


def config_file(arguments: argparse.Namespace) -> Path:
    """The configuration that the flag names, else the first default one that exists, else the one
    that an edit creates.

    :raises ConfigError: if a flag is unusable, or the file's folder is missing.
    """
    InputFiles(arguments, os.environ)  # refuses unusable flags
    path = chosen_file(arguments.config, CONFIG_PLACES) or Path(CONFIG_PLACES[0])
    if not path.parent.is_dir():
        raise ConfigError(f"{name_of(path)}: can't be written: there is no such folder")
    return path


def edit_keys(
    path: Path, change: Callable[[str, Config], tuple[str, _T]]
) -> tuple[_T, Config, Config]:
    """Change the file's text, with other editors locked out; it is written if it has changed.

    :param change: maps the text and the configuration in it to the new text and a result.
    :returns: the result, and the configurations before and after.
    :raises ConfigError: if the file can't be read, changed or written, or one of both texts is no
        valid configuration.
    """

    def whole(data: bytes | None) -> tuple[bytes | None, tuple[_T, Config, Config]]:
        encoding, text = decoded(data or b"")
        before, _ = load_config(text, environ=os.environ)
        new, result = change(text, before)
        after = _loaded(new)
        return None if new == text else encoding.encode(new), (result, before, after)

    return edit(path, whole)


def _loaded(text: str) -> Config:
    """The configuration in a text that is not yet written: a fault has no line in the file."""
    try:
        return load_config(text, environ=os.environ)[0]
    except ConfigError as error:
        raise ConfigError(re.sub(r" \(line \d+, column \d+\)$", "", str(error))) from None


def effects(before: Config, after: Config) -> Iterator[str]:
    """Sentences for the owner on what a change of the keys means for a server."""
    keyed = [bool(config.grok.api_key or config.keys) for config in (before, after)]
    if keyed == [False, True]:
        yield "From now on every request needs a key: the server had none."
    said = settings_in("keys = []")  # the file goes on having settings
    objection = Guard(before, said).objection(after, said)
    if objection:
        yield f"A running server does not take it over, since the file {objection}; restart it."
    elif after.keys and not after.grok.api_key and all(map(limits_of, after.keys)):
        yield (
            "No key is an owner's: set [grok] api_key, or make a key without limits, for the "
            "status page."
        )
    try:
        refuse_open_door(after, "")
    except ConfigError as error:
        yield f"The server does not start with this file: {error}."
