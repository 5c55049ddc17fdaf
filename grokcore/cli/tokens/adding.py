"""``tokens add`` and ``tokens import``."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import evolve, frozen

from ...errors import ConfigError
from ...languages.streams import said
from ...protocol.models import Tier
from ...protocol.token_file.editing import EditResult, Outcome, added, details_of
from ...protocol.token_file.reading import EntryReading, each_once, notes_on, read_tokens, token_in
from ...protocol.tokens import TokenEntry
from ...protocol.urls.proxy_url import parse_proxy_url
from ..redaction import name_of
from ..setup import naming, read_file
from .file import any_changed, edit, file_to_edit

__all__ = ["add_tokens", "import_tokens"]


@frozen
class _Item:
    """Text that the owner gave as a token.

    :ivar where: the place in words.
    :ivar entry: the token; None if the text is none.
    :ivar refusal: the reason, if the text is no token.
    :ivar reading: the place of a file that it comes from; None for an argument.
    """

    where: str
    entry: TokenEntry | None
    refusal: str = ""
    reading: EntryReading | None = None

    @property
    def passed(self) -> bool:
        """Whether the place holds no token, and that is no fault."""
        return self.reading is not None and bool(self.reading.passed)


def add_tokens(arguments: argparse.Namespace) -> int:
    """Add the tokens of the arguments or of standard input, and report what became of each.

    :raises ConfigError: if a flag or the token file is at fault; nothing is written then.
    """
    proxy = _proxy(arguments.proxy)
    items = [_dressed(item, arguments, proxy) for item in _given(arguments.token or ["-"])]
    if all(item.passed for item in items):
        _print_notes(items)
        print("no token was given", file=sys.stderr)
        return 1
    return _take(file_to_edit(arguments), items)


def import_tokens(arguments: argparse.Namespace) -> int:
    """Add the tokens of another file, and report for each of its places what became of it.

    :raises ConfigError: if either file is at fault; nothing is written then.
    """
    items = _imported(arguments.file)
    if all(item.passed for item in items):
        _print_notes(items)
        print("there is no token in the file", file=sys.stderr)
        return 1
    return _take(file_to_edit(arguments), items)


def _dressed(item: _Item, arguments: argparse.Namespace, proxy: str | None) -> _Item:
    """The item with the tier, note and proxy of the flags."""
    if item.entry is None:
        return item
    tier = Tier.SUPER if arguments.super else item.entry.tier
    note = arguments.note or item.entry.note
    return evolve(
        item,
        entry=evolve(item.entry, tier=tier, note=note, proxy_url=proxy or item.entry.proxy_url),
    )


def _proxy(flag: str | None) -> str | None:
    if not flag or flag == "direct":
        return flag or None
    try:
        return parse_proxy_url(flag)
    except ValueError as error:
        raise ConfigError(f"--proxy {error}, or direct") from None


def _given(words: Sequence[str]) -> Iterator[_Item]:
    for number, word in enumerate(words, 1):
        if word == "-":
            yield from _from_stdin()
            continue
        try:
            yield _Item(f"argument {number}", TokenEntry(token_in(word)))
        except ValueError as error:
            yield _Item(f"argument {number}", None, str(error))


def _from_stdin() -> list[_Item]:
    data = _asked() if sys.stdin.isatty() else sys.stdin.buffer.read()
    with naming("standard input"):
        return [_item(reading) for reading in read_tokens(data)] if data.strip() else []


def _asked() -> bytes:
    try:
        return getpass.getpass(said("Value of the cookie sso (it is not shown): ")).encode(
            "utf-8", "surrogateescape"
        )
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        return b""


def _item(reading: EntryReading) -> _Item:
    return _Item(reading.where, reading.entry, reading.refusal, reading)


def _imported(file: str) -> list[_Item]:
    """The places of a file. A token in several places has in each the details of all."""
    if file != "-":
        data = read_file(Path(file))
    elif sys.stdin.isatty():
        raise ConfigError(
            "import - reads what another program writes; `tokens add` asks for a token without "
            "showing it"
        )
    else:
        data = sys.stdin.buffer.read()
    with naming("standard input" if file == "-" else name_of(file)):
        readings = read_tokens(data)
    whole = {
        entry.sso: entry
        for entry in each_once(reading.entry for reading in readings if reading.entry is not None)
    }
    return [
        _Item(one.where, whole[one.entry.sso] if one.entry else None, one.refusal, one)
        for one in readings
    ]


def _take(path: Path, items: Sequence[_Item]) -> int:
    """Add items to a token file, and report what became of each."""
    entries = [item.entry for item in items if item.entry is not None]

    def change(data: bytes | None) -> tuple[bytes | None, list[Outcome]]:
        new, outcomes = added(data, entries)
        return (new if any_changed(outcomes) else None), outcomes

    outcomes = edit(path, change)
    rest = iter(outcomes)
    for item in items:
        if not item.passed:
            print(
                f"refused: {item.where} {item.refusal}"
                if item.entry is None
                else _outcome_line(item, item.entry, next(rest))
            )
    _print_notes(items)
    present = sum(outcome.result is EditResult.PRESENT for outcome in outcomes)
    passed = sum(item.passed for item in items)
    refused = len(items) - len(outcomes) - passed
    more = f", {passed} passed over" if passed else ""
    print(
        f"{name_of(path)}: {len(outcomes) - present} added, {present} already there, {refused} "
        f"refused{more}"
    )
    return 1 if refused else 0


def _print_notes(items: Sequence[_Item]) -> None:
    """Print notes on entries that were passed over or changed."""
    for note in notes_on(item.reading for item in items if item.reading is not None):
        print(note.text)


def _outcome_line(item: _Item, entry: TokenEntry, outcome: Outcome) -> str:
    line = f"{item.where}: {outcome.id} {outcome.result.value}"
    has_details = details_of(entry) or entry.tier is not Tier.BASIC
    return f"{line}, unchanged" if outcome.result is EditResult.PRESENT and has_details else line
