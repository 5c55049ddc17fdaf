"""``tokens add`` and ``tokens import``."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from attrs import evolve, frozen

from ...errors import ConfigError
from ...protocol.models import Tier
from ...protocol.token_file.editing import EditResult, Outcome, added, details_of, holds_details
from ...protocol.token_file.reading import EntryReading, each_once, notes_on, read_tokens, token_in
from ...protocol.tokens import TokenEntry
from ...protocol.urls.proxy_url import parse_proxy_url
from ..redaction import name_of
from ..setup import naming, read_file
from .file import any_changed, edit, file_to_edit

__all__ = ["add_tokens", "import_tokens"]


@frozen
class _Item:
    """Something that was given as a token.

    :ivar where: the place in words.
    :ivar words: why it is none; or if it is one, what of it can't be kept.
    :ivar reading: what was found in that place of a file; None for an argument.
    """

    where: str
    entry: TokenEntry | None
    words: str = ""
    reading: EntryReading | None = None

    @property
    def passed(self) -> bool:
        """Whether there is nothing for us, which is no fault."""
        return self.reading is not None and bool(self.reading.passed)


def add_tokens(arguments: argparse.Namespace) -> int:
    """Add the tokens that were given, or that standard input has, and tell what became of each.

    :raises ConfigError: a flag or the token file is at fault; nothing is written then.
    """
    proxy = _proxy(arguments.proxy)
    items = [_dressed(item, arguments, proxy) for item in _given(arguments.token or ["-"])]
    if all(item.passed for item in items):
        _print_notes(items)
        print("no token was given", file=sys.stderr)
        return 1
    return _take(file_to_edit(arguments), lambda _: items)


def import_tokens(arguments: argparse.Namespace) -> int:
    """Add the tokens of another file, and tell for each of its places what became of it.

    A text file can't hold everything: a tier and a note are then left away, and tokens with a proxy
    or those that are disabled are refused, since they would be used in a way that somebody has
    ruled out.

    :raises ConfigError: either file is at fault; nothing is written then.
    """
    items = _imported(arguments.file)
    if all(item.passed for item in items):
        _print_notes(items)
        print("there is no token in it", file=sys.stderr)
        return 1
    return _take(
        file_to_edit(arguments),
        lambda data: items if holds_details(data) else [_stripped(item) for item in items],
    )


def _dressed(item: _Item, arguments: argparse.Namespace, proxy: str | None) -> _Item:
    """With what the flags say of it."""
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
        return getpass.getpass("Value of the cookie sso (it is not shown): ").encode(
            "utf-8", "surrogateescape"
        )
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
        return b""


def _item(reading: EntryReading) -> _Item:
    return _Item(reading.where, reading.entry, reading.refusal, reading)


def _imported(file: str) -> list[_Item]:
    """The places of a file. A token that it has in several has in each what is said of it in
    any.
    """
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


def _stripped(item: _Item) -> _Item:
    """As much of it as a text file can hold."""
    if item.entry is None:
        return item
    details = details_of(item.entry)
    if "proxy_url" in details or "disabled" in details:
        what = "is disabled" if "disabled" in details else "has its own proxy"
        return evolve(item, entry=None, words=f"{what}, which a text file can't say")
    lost = [*(["tier"] if item.entry.tier is not Tier.BASIC else []), *details]
    words = f"without its {' and '.join(lost)}" if lost else ""
    return evolve(item, entry=TokenEntry(item.entry.sso), words=words)


def _take(path: Path, items_for: Callable[[bytes | None], Sequence[_Item]]) -> int:
    """Add items to a token file.

    :param items_for: the items, as a file with this content can hold them.
    """

    def change(data: bytes | None) -> tuple[bytes | None, tuple[Sequence[_Item], list[Outcome]]]:
        items = items_for(data)
        new, outcomes = added(data, [item.entry for item in items if item.entry is not None])
        return (new if any_changed(outcomes) else None), (items, outcomes)

    items, outcomes = edit(path, change)
    rest = iter(outcomes)
    for item in items:
        if not item.passed:
            print(
                f"refused: {item.where} {item.words}"
                if item.entry is None
                else _told(item, item.entry, next(rest))
            )
    _print_notes(items)
    known = sum(outcome.verdict is EditResult.KNOWN for outcome in outcomes)
    passed = sum(item.passed for item in items)
    refused = len(items) - len(outcomes) - passed
    more = f", {passed} passed over" if passed else ""
    print(
        f"{name_of(path)}: {len(outcomes) - known} added, {known} already there, {refused} "
        f"refused{more}"
    )
    return 1 if refused else 0


def _print_notes(items: Sequence[_Item]) -> None:
    """What was passed over, and what the owner should know of the rest."""
    for note in notes_on(item.reading for item in items if item.reading is not None):
        print(note.text)


def _told(item: _Item, entry: TokenEntry, outcome: Outcome) -> str:
    words = item.words
    if outcome.verdict is EditResult.KNOWN:
        words = "unchanged" if details_of(entry) or entry.tier is not Tier.BASIC else ""
    return f"{item.where}: {outcome.id} {outcome.verdict.value}" + (f", {words}" if words else "")
