"""The two new files, and a line for each thing that was taken or left. No line has a secret."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from ...config.migration import GuestKey, Left, migrate_settings, read_guest_keys
from ...errors import ConfigError
from ...protocol.models import Tier
from ...protocol.token_file.editing import added
from ...protocol.token_file.original import entries_of_export, entries_of_rows
from ...protocol.token_file.reading import EntryReading, each_once, notes_on, read_tokens
from ...protocol.tokens import TokenEntry
from ..redaction import name_of, without_secrets
from ..setup import naming, read_file
from .sources import Sources, read_json, read_rows, read_variables

__all__ = ["CONFIG", "TOKENS", "Plan", "planned"]

CONFIG, TOKENS = "config.toml", "tokens.json"


_ADDRESS = (
    "note   The original listens on all addresses. Here only this machine can connect, until "
    '[server] host = "0.0.0.0" is set, with [grok] api_key.'
)


@frozen
class Plan:
    """The new files by name, and the lines for the owner."""

    files: Mapping[str, bytes]
    lines: tuple[str, ...]


def planned(sources: Sources, proxy_url: str | None) -> Plan:
    """The result of a migration.

    :param proxy_url: the owner's choice in place of the original's proxy; None to keep that.
    :raises ConfigError: if a file is at fault, or its proxy can't be used.
    """
    settings, lines = _settings(sources, proxy_url)
    tokens, more = _tokens(sources)
    files = {CONFIG: settings.encode()} if settings else {}
    if tokens:
        files[TOKENS] = added(None, tokens)[0]
    if settings:
        more.append(_ADDRESS)
    passed = [_left(name_of(path), why) for path, why in sources.passed]
    return Plan(files, tuple(map(without_secrets, [*lines, *more, *passed])))


def _left(what: str, why: str) -> str:
    return f"left   {what}: {why}"


# Settings -----------------------------------------------------------------------------------------


def _settings(sources: Sources, proxy_url: str | None) -> tuple[str, list[str]]:
    keys, left = _guest_keys(sources)
    text = read_file(sources.config).decode("utf-8-sig", "replace") if sources.config else ""
    variables = read_variables(sources.variables) if sources.variables else {}
    with naming(name_of(sources.config) if sources.config else None):
        try:
            result = migrate_settings(text, variables=variables, keys=keys, proxy_url=proxy_url)
        except ConfigError as error:
            raise ConfigError(f"{error}{_proxy_hint(str(error))}") from None
    lines = [
        f"taken  {one.old} -> {one.new}{' (as here by default: not written)' if one.same else ''}"
        for one in result.taken
    ]
    if keys:
        lines.append(f"taken  API keys of users ({len(keys)}) -> [[keys]], with a limit for guests")
    return result.text, [*lines, *(_left(one.old, one.why) for one in [*result.left, *left])]


def _proxy_hint(message: str) -> str:
    return "; here, --proxy URL names the one to use" if "prox" in message else ""


def _guest_keys(sources: Sources) -> tuple[Sequence[GuestKey], Sequence[Left]]:
    return read_guest_keys(read_json(sources.keys)) if sources.keys else ((), ())


# Tokens -------------------------------------------------------------------------------------------


def _tokens(sources: Sources) -> tuple[tuple[TokenEntry, ...], list[str]]:
    found: list[TokenEntry] = []
    lines: list[str] = []
    if sources.database:
        rows, left = entries_of_rows(read_rows(sources.database))
        readings = read_tokens(json.dumps(rows).encode())
        lines += _report(sources.database, readings, left)
        found += [reading.entry for reading in readings if reading.entry]
    for path in sources.tokens:
        readings, left = _readings(path)
        lines += _report(path, readings, left)
        found += [reading.entry for reading in readings if reading.entry]
    return each_once(found), lines


def _readings(path: Path) -> tuple[list[EntryReading], list[str]]:
    data = read_file(path)
    left: list[str] = []
    try:
        value, left = entries_of_export(json.loads(data))
        data = json.dumps(value).encode() if value else b"{}"
    except (ValueError, RecursionError):
        pass  # text, or JSON of a form that is read more leniently
    with naming(name_of(path)):
        return read_tokens(data), left


def _report(path: Path, readings: Sequence[EntryReading], left: Sequence[str]) -> Iterator[str]:
    entries = each_once(reading.entry for reading in readings if reading.entry)
    disabled = sum(entry.disabled for entry in entries)
    supers = sum(entry.tier is Tier.SUPER for entry in entries)
    kinds = f"{len(entries) - supers} basic, {supers} super"
    more = f"; {disabled} of them disabled, and stay so" if disabled else ""
    yield f"taken  tokens of {name_of(path)}: {kinds}{more}"
    for note in notes_on(readings):
        yield f"note   {name_of(path)}: {note.text}"
    for reading in readings:
        if reading.refusal:
            yield _left(f"{name_of(path)}, {reading.where}", reading.refusal)
    for why, count in Counter(left).items():
        yield _left(f"{name_of(path)}: {count} of its accounts", why)
