"""``keys add``."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import secrets
import sys
import time
from collections.abc import Iterable, Sequence

from attrs import evolve

from ...config import Config, KeyConfig, text_fault
from ...config.key_tables import with_key
from ...config.strict import SettingFault
from ...errors import ConfigError
from ...protocol.models import LaneName
from ...runtime.days import Days
from ..redaction import name_of
from ..tokens.file import backup_of
from .file import config_file, edit_keys, effects

__all__ = ["add_key"]

KEY_BYTES = 24

LONGEST_NAME = 100


def add_key(arguments: argparse.Namespace) -> int:
    """Make a key, write its hash, and print it: alone on stdout, with the rest on stderr.

    :raises ConfigError: if a flag or the configuration is at fault; nothing is written then.
    """
    key = _key_of(arguments)
    path = config_file(arguments)
    had_file = path.exists()
    secret = f"sk-{secrets.token_hex(KEY_BYTES)}"
    digest = hashlib.sha256(secret.encode()).hexdigest()

    def change(text: str, config: Config) -> tuple[str, str]:
        named = _named(key, config.keys, digest)
        _refuse_over(named, config)
        return with_key(text, named), named.name

    name, before, after = edit_keys(path, change)
    print(secret, flush=True)
    lines = [f"The key of {name}. It is not shown again: {name_of(path)} has its SHA-256 only."]
    if had_file:
        lines.append(f"{name_of(backup_of(path).name)} has the file as it was.")
    for line in (*lines, *effects(before, after)):
        print(line, file=sys.stderr)
    return 0


def _key_of(arguments: argparse.Namespace) -> KeyConfig:
    """The key of the flags, without its hash.

    :raises ConfigError: if one is unusable; the message names it.
    """
    name = arguments.name or ""
    fault = text_fault(name) or (name != name.strip() and "begins or ends with a space")
    if fault or len(name) > LONGEST_NAME:
        raise ConfigError(f"NAME: {fault or f'is longer than {LONGEST_NAME} characters'}")
    lanes = [_lane(word) for word in _words(arguments.lanes)]
    try:
        return KeyConfig(
            name,
            models=tuple(dict.fromkeys(_words(arguments.models))),
            rpm=arguments.rpm,
            concurrent=arguments.concurrent,
            per_day=arguments.per_day,
            tokens_per_day=arguments.tokens_per_day,
            expires=arguments.expires,
            lanes=tuple(dict.fromkeys(lanes)) or None,
        )
    except SettingFault as error:
        raise ConfigError(f"--{error.path[0].replace('_', '-')}: {error.message}") from None


def _words(lists: Iterable[str] | None) -> list[str]:
    """The words of flags with commas."""
    parts = [part.strip() for one in lists or () for part in one.split(",")]
    if any(text_fault(part) for part in parts):
        raise ConfigError("a flag holds a character that no name may have")
    return [part for part in parts if part]


def _lane(word: str) -> LaneName:
    try:
        return LaneName(word)
    except ValueError:
        raise ConfigError("--lanes: must be of web, cli, api, with commas") from None


def _named(key: KeyConfig, keys: Sequence[KeyConfig], digest: str) -> KeyConfig:
    """The key with its hash, and a name that no other key has.

    :raises ConfigError: if another key has its name.
    """
    names = {other.name for other in keys}
    if key.name in names:
        raise ConfigError(
            f"there is a key {key.name!r} already: `keys remove` it, or take another name"
        )
    free = (f"key-{number}" for number in itertools.count(1))
    name = key.name or next(name for name in free if name not in names)
    return evolve(key, name=name, sha256=digest)


def _refuse_over(key: KeyConfig, config: Config) -> None:
    """:raises ConfigError: if the key would have expired already."""
    calendar = Days(config.server.timezone, time.time, "[server] timezone")
    if key.expires and calendar.end_of(key.expires) <= calendar.now():
        raise ConfigError(f"the key {key.name!r} would have expired already, at {key.expires}")
