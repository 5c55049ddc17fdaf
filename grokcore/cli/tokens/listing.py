"""``tokens list``: a table, or JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

from ...protocol.tokens import TokenEntry
from ..tables import Column, print_table
from .file import existing_file, parsed_with_notes
from .lanes import ListedLane, listed_lanes
from .states import read_states

__all__ = ["list_tokens"]

COLUMNS = (
    Column("id", whole=True, least=8),
    Column("tier", whole=True),
    Column("note"),
    Column("egress"),
    Column("disabled", whole=True),
    Column("state"),
)


def list_tokens(arguments: argparse.Namespace) -> int:
    """Print a table of the tokens, or JSON, with what a server has learned of each. The credentials
    of official lanes stand behind them; their tier is the lane.

    :raises ConfigError: the token file is at fault.
    """
    path = existing_file(arguments)
    entries, notes = parsed_with_notes(path) if path else ((), [])
    states = read_states(arguments)
    lanes = listed_lanes(arguments)
    if arguments.json:
        listed = [_as_json(entry, states) for entry in entries]
        print(json.dumps([*listed, *map(_lane_as_json, lanes)], indent=2))
    elif entries or lanes:
        print_table(COLUMNS, [*(_row(entry, states) for entry in entries), *map(_lane_row, lanes)])
    else:
        print("no tokens yet: `tokens add` asks for one", file=sys.stderr)
    for note in notes:
        print(note.text, file=sys.stderr)
    return 0


def _as_json(entry: TokenEntry, states: Mapping[str, str]) -> dict[str, str | bool]:
    return {
        "id": entry.id,
        "key": entry.key,
        "tier": entry.tier.value,
        "note": entry.note,
        "egress": _egress(entry),
        "disabled": entry.disabled,
        "state": states.get(entry.key, ""),
    }


def _row(entry: TokenEntry, states: Mapping[str, str]) -> tuple[str, ...]:
    disabled, state = "disabled" if entry.disabled else "", states.get(entry.key, "")
    return entry.id, entry.tier.value, entry.note, _egress(entry), disabled, state


def _lane_as_json(lane: ListedLane) -> dict[str, str | bool]:
    names = ("id", "tier", "note", "egress", "disabled", "state")
    cells = dict(zip(names, _lane_row(lane), strict=True))
    return {**cells, "key": lane.key, "disabled": lane.disabled}


def _lane_row(lane: ListedLane) -> tuple[str, ...]:
    disabled = "disabled" if lane.disabled else ""
    return lane.id, lane.lane, lane.place, "default", disabled, lane.state


def _egress(entry: TokenEntry) -> str:
    """The egress of a token's requests, without a proxy's user and password."""
    if entry.proxy_url is None or entry.proxy_url == "direct":
        return entry.proxy_url or "default"
    return urlsplit(entry.proxy_url).netloc.rpartition("@")[2]
