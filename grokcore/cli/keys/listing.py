"""``keys list``: a table, or JSON."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from ...config import Config, KeyConfig
from ...config.rights import digests_of, limits_of
from ...protocol.key_day import KeyDay, KeyDays, Today
from ...runtime.days import Days
from ...runtime.disk.state_file import peek
from ..setup import InputFiles, data_folder
from ..tables import Column, print_table
from ..tokens.states import STATE_FILE

__all__ = ["list_keys"]

COLUMNS = (
    Column("name"),
    Column("kind", whole=True),
    Column("limits"),
    Column("expires", whole=True),
    Column("today"),
)

API_KEY = "[grok] api_key"


@frozen
class _Listed:
    """A key, with the day's figures as a server last wrote them.

    :ivar key: without name for ``[grok] api_key``.
    """

    key: KeyConfig
    day: KeyDay
    expired: bool = False

    @property
    def is_owner(self) -> bool:
        return not limits_of(self.key)


def list_keys(arguments: argparse.Namespace) -> int:
    """Print a table of the keys, or JSON, with what each has used today. No key is shown.

    :raises ConfigError: if the configuration is at fault.
    """
    config = InputFiles(arguments, os.environ).read_config().config
    listed = list(_listed(config))
    if arguments.json:
        print(json.dumps([_as_json(one) for one in listed], indent=2))
    elif listed:
        print_table(COLUMNS, [_row(one) for one in listed])
    else:
        print("no keys yet: `keys add` makes one", file=sys.stderr)
    return 0


def _listed(config: Config) -> Iterator[_Listed]:
    calendar = Days(config.server.timezone, time.time, "[server] timezone")
    days, today = KeyDays(), Today(*calendar())
    days.recall(peek(data_folder(config, os.environ) / STATE_FILE))
    if config.grok.api_key:
        digest = hashlib.sha256(config.grok.api_key.encode()).digest()
        yield _Listed(KeyConfig(""), _turned(days.of([digest]), today))
    for key in config.keys:
        over = bool(key.expires) and calendar.end_of(key.expires) <= calendar.now()
        yield _Listed(key, _turned(days.of(digests_of(key)), today), over)


def _turned(day: KeyDay, today: Today) -> KeyDay:
    day.turn_to(today)
    return day


def _as_json(one: _Listed) -> dict[str, Any]:
    key, day = one.key, one.day
    return {
        "name": key.name or None,
        "owner": one.is_owner,
        "models": list(key.models),
        "rpm": key.rpm or None,
        "per_day": key.per_day or None,
        "tokens_per_day": key.tokens_per_day or None,
        "concurrent": key.concurrent or None,
        "lanes": None if key.lanes is None else [lane.value for lane in key.lanes],
        "expires": key.expires or None,
        "expired": one.expired,
        "today": {
            "requests": day.requests,
            "tokens_in": day.tokens_in,
            "tokens_out": day.tokens_out,
        },
    }


def _row(one: _Listed) -> tuple[str, ...]:
    day = one.day
    return (
        one.key.name or API_KEY,
        "owner" if one.is_owner else "guest",
        ", ".join(_limits(one.key)),
        f"{one.key.expires} (expired)" if one.expired else one.key.expires,
        f"{day.requests} requests, {day.tokens} tokens" if day.requests or day.tokens else "",
    )


def _limits(key: KeyConfig) -> Iterator[str]:
    if key.rpm:
        yield f"{key.rpm} a minute"
    if key.per_day:
        yield f"{key.per_day} a day"
    if key.tokens_per_day:
        yield f"{key.tokens_per_day} tokens a day"
    if key.concurrent:
        yield f"{key.concurrent} at once"
    yield from key.models
    if key.lanes is not None:
        yield f"lanes {' '.join(lane.value for lane in key.lanes)}"
