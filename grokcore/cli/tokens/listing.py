"""``tokens list``: a table, or JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from ...protocol.tokens import TokenEntry
from .file import (
    existing_file,
    parsed,
)
from .states import read_states

__all__ = ["list_tokens"]

_UNLIMITED = 100_000
"""Columns of what is not a terminal: one token is one line there."""


def list_tokens(arguments: argparse.Namespace) -> int:
    """Print a table of the tokens, or JSON, with what a server has learned of each.

    :raises ConfigError: the token file is at fault.
    """
    path = existing_file(arguments)
    entries = parsed(path) if path else ()
    states = read_states(arguments)
    if arguments.json:
        print(json.dumps([_as_json(entry, states) for entry in entries], indent=2))
    elif entries:
        _print_table(entries, states)
    else:
        print("no tokens yet: `tokens add` asks for one", file=sys.stderr)
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


def _print_table(entries: Iterable[TokenEntry], states: Mapping[str, str]) -> None:
    # Late: a server has no use for these.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name, width in {"id": 8, "tier": 5, "note": 0, "egress": 0, "disabled": 8}.items():
        table.add_column(name, overflow="fold", no_wrap=width > 0, min_width=width)
    table.add_column("state", overflow="fold")
    for entry in entries:
        disabled, state = "disabled" if entry.disabled else "", states.get(entry.key, "")
        cells = [entry.id, entry.tier.value, entry.note, _egress(entry), disabled, state]
        table.add_row(*(Text(_printable(cell)) for cell in cells))
    terminal = sys.stdout.isatty()
    console = Console(
        file=sys.stdout,
        force_terminal=terminal,
        color_system="auto" if terminal else None,
        width=None if terminal else _UNLIMITED,
    )
    console.print(table, crop=False)


def _egress(entry: TokenEntry) -> str:
    """The way a token's requests take. A proxy's user and password stay out of it."""
    if entry.proxy_url is None or entry.proxy_url == "direct":
        return entry.proxy_url or "default"
    return urlsplit(entry.proxy_url).netloc.rpartition("@")[2]


def _printable(text: str) -> str:
    """*text* without what would move a terminal's cursor, or what it has no characters for. A note may be a stranger's."""
    encoding = sys.stdout.encoding or "utf-8"
    plain = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return plain.encode(encoding, "replace").decode(encoding)
