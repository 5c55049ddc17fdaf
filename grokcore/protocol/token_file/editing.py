"""Edits of a token file: bytes in, bytes out.

*Rules.* The file stays of its form, and everything in it that is not the tokens asked for stays as
it is: other keys, the order, what is not understood; of a text file every other line, byte for
byte. (JSON is laid out anew, with the indent it had.) What can't be kept so is not edited. A token
is never there twice, and one that is there is never changed.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen

from ...errors import ConfigError
from ..models import Tier
from ..tokens import KEY_DIGITS, TokenEntry
from .reading import Form, TokenFile, open_source, parse_token_file, read_source
from .text import tidied

__all__ = [
    "MIN_ID_DIGITS",
    "EditResult",
    "Outcome",
    "added",
    "details_of",
    "holds_details",
    "removed",
    "written_as_text",
]

MIN_ID_DIGITS = 4
"""Fewer hex digits than these don't say which token is meant, even if today they do."""

_ID = re.compile(rf"[0-9a-f]{{{MIN_ID_DIGITS},{KEY_DIGITS}}}")
_TEXT_HEAD = "# one token per line"
_NEW_FILE = b'{\n  "sso": {},\n  "ssoSuper": {}\n}\n'
_BASIC_SECTIONS, _SUPER_SECTIONS = ("sso", "ssoNormal", "ssoBasic"), ("ssoSuper",)
_FOREIGN = (
    "can't be edited without loss: `tokens import` it into a new file (`--tokens` names "
    "that), and edit that one"
)
_TOO_DEEP = "can't be edited without loss: it is nested too deeply"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class EditResult(enum.Enum):
    """What became of one token, or of one id."""

    ADDED = "added"
    KNOWN = "already there"
    REMOVED = "removed"
    NOT_FOUND = "no token has this id"
    AMBIGUOUS = (
        "several tokens have ids that begin so; `tokens list --json` has more digits of them"
    )
    NO_ID = f"is no id: expected {MIN_ID_DIGITS} to {KEY_DIGITS} hex digits"


@frozen
class Outcome:
    """What an edit came to for one of the things it was asked for.

    :ivar id: the token's id; where no token was found, the id that was asked for, and empty if that
        is no id (it might be a token).
    """

    id: str
    verdict: EditResult

    @property
    def changed(self) -> bool:
        """Whether the file is another one because of it."""
        return self.verdict in (EditResult.ADDED, EditResult.REMOVED)

    @property
    def refused(self) -> bool:
        """Whether what was asked for is not the case now."""
        return self.verdict in (EditResult.NOT_FOUND, EditResult.AMBIGUOUS, EditResult.NO_ID)


def holds_details(data: bytes | None) -> bool:
    """Whether a token file can hold more than the tokens themselves. None is a new file.

    :raises ConfigError: as :func:`~grokcore.protocol.token_file.reading.open_source`.
    """
    return data is None or open_source(data).form is not Form.TEXT


def details_of(entry: TokenEntry) -> dict[str, str | bool]:
    """What is said of a token beside its tier, by the names of the file."""
    named = {"note": entry.note, "proxy_url": entry.proxy_url, "disabled": entry.disabled}
    return {name: value for name, value in named.items() if value}


def added(data: bytes | None, entries: Sequence[TokenEntry]) -> tuple[bytes, list[Outcome]]:
    """A token file with *entries* in it, and what became of each.

    :param data: the file; None for a new one.
    :raises ConfigError: the file is at fault or can't be edited without loss; or it is text, and an
        entry has a tier or details. Nothing is added then.
    """
    data = _NEW_FILE if data is None else data
    there = parse_token_file(data)
    known = {entry.sso for entry in there}
    fresh: list[TokenEntry] = []
    outcomes = []
    for entry in entries:
        outcomes.append(
            Outcome(entry.id, EditResult.KNOWN if entry.sso in known else EditResult.ADDED)
        )
        if entry.sso not in known:
            known.add(entry.sso)
            fresh.append(entry)
    return (
        _confirmed(_with(open_source(data), fresh), [*there, *fresh]) if fresh else data
    ), outcomes


def removed(data: bytes, ids: Sequence[str]) -> tuple[bytes, list[Outcome]]:
    """A token file without the tokens that *ids* name, wherever they stand in it, and what became
    of each id.

    :param ids: ids, or longer or shorter beginnings of keys.
    :raises ConfigError: the file is at fault or can't be edited without loss.
    """
    entries = parse_token_file(data)
    gone: set[str] = set()
    outcomes = []
    for wanted in ids:
        named = _named(wanted.strip().lower(), entries)
        outcomes.append(
            named if isinstance(named, Outcome) else Outcome(named.id, EditResult.REMOVED)
        )
        if isinstance(named, TokenEntry):
            gone.add(named.sso)
    kept = [entry for entry in entries if entry.sso not in gone]
    return (_confirmed(_without(open_source(data), gone), kept) if gone else data), outcomes


def _confirmed(data: bytes, expected: Sequence[TokenEntry]) -> bytes:
    """*data*, if it holds what it should: a file of a form of others' is not always one that can be
    edited.

    :raises ConfigError: if it does not.
    """
    try:
        found = parse_token_file(data)
    except ConfigError:
        found = ()
    if {entry.sso: entry for entry in found} != {entry.sso: entry for entry in expected}:
        raise ConfigError(_FOREIGN)
    return data


def written_as_text(entries: Sequence[TokenEntry]) -> bytes:
    """A text file of *entries*, without what only JSON can hold."""
    return _kept_as_text(
        TokenFile(Form.TEXT, "", b""), "".join(f"{_written(entry.sso)}\n" for entry in entries)
    )


def _named(wanted: str, entries: Sequence[TokenEntry]) -> TokenEntry | Outcome:
    if not _ID.fullmatch(wanted):
        return Outcome("", EditResult.NO_ID)
    found = [entry for entry in entries if entry.key.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    return Outcome(wanted, EditResult.AMBIGUOUS if found else EditResult.NOT_FOUND)


def _written(sso: str) -> str:
    """A token as it is written down: bare, if that is read as the same again."""
    try:
        entries = parse_token_file(f"{sso}\n#".encode())
    except ConfigError:
        entries = ()
    return sso if [entry.sso for entry in entries] == [sso] else f"sso={sso}"


def _with(source: TokenFile, fresh: Sequence[TokenEntry]) -> bytes:
    if source.form is Form.TEXT:
        return _with_lines(source, fresh)
    value = _json_value(source)
    for entry in fresh:
        if source.form is Form.LIST:
            tier: dict[str, str | bool] = (
                {} if entry.tier is Tier.BASIC else {"tier": entry.tier.value}
            )
            _append(value, entry, tier | details_of(entry))
        else:
            _put_into_section(value, entry)
    return _dumped(source, value)


def _without(source: TokenFile, gone: set[str]) -> bytes:
    places = [
        reading
        for reading in read_source(source)
        if reading.entry is not None and reading.entry.sso in gone
    ]
    if any(reading.fixed for reading in places):
        raise ConfigError(_FOREIGN)
    if source.form is Form.TEXT:
        numbers = {reading.path[0] + more for reading in places for more in range(reading.lines)}
        return _kept_as_text(
            source, "".join(line for at, line in enumerate(source.lines) if at not in numbers)
        )
    value = _json_value(source)
    for reading in reversed(places):  # from behind: what comes before keeps its number
        _delete(value, reading.path)
    return _dumped(source, value)


# Text -------------------------------------------------------------------------------------------


def _with_lines(source: TokenFile, fresh: Sequence[TokenEntry]) -> bytes:
    lost = sorted({name for entry in fresh for name in _beyond_text(entry)})
    if lost:
        raise ConfigError(
            f"is a text file, which can't hold {' or '.join(lost)}: `tokens import` it into a new "
            "JSON file "
            "(`--tokens` names that), and add to that one"
        )
    end = _line_end(source)
    text = source.text if source.text.endswith(("\n", "\r")) else source.text + end
    return _kept_as_text(source, text + "".join(_written(entry.sso) + end for entry in fresh))


def _beyond_text(entry: TokenEntry) -> Iterator[str]:
    if entry.tier is not Tier.BASIC:
        yield "tier"
    yield from details_of(entry)


def _kept_as_text(source: TokenFile, text: str) -> bytes:
    """*text* with a comment before it, if it would be nothing or JSON without."""
    try:
        kept = open_source(source.encoded(text)).form is Form.TEXT
    except ConfigError:
        kept = False
    return source.encoded(text if kept else _TEXT_HEAD + _line_end(source) + text)


def _line_end(source: TokenFile) -> str:
    """That of the first line."""
    found = re.search(r"\r\n|\r|\n", source.text)
    return found.group() if found else "\n"


# JSON -------------------------------------------------------------------------------------------


def _put_into_section(value: dict[str, Any], entry: TokenEntry) -> None:
    names = _SUPER_SECTIONS if entry.tier is Tier.SUPER else _BASIC_SECTIONS
    name = next((name for name in names if value.get(name) is not None), names[0])
    section = value.get(name)
    if isinstance(section, list):
        _append(section, entry, details_of(entry))
        return
    if section is None:
        section = value[name] = {}
    if not isinstance(section, dict):
        raise ConfigError(_FOREIGN)
    section[_written(entry.sso)] = details_of(entry)


def _append(items: list[Any], entry: TokenEntry, details: dict[str, str | bool]) -> None:
    items.append({"token": _written(entry.sso), **details} if details else _written(entry.sso))


def _delete(holder: Any, path: Sequence[int]) -> None:
    """Take an entry out of what holds it. Not by its key: leniently read, that may be another."""
    *way, last = path
    for index in way:
        holder = [*holder.values()][index] if isinstance(holder, dict) else holder[index]
    del holder[[*holder][last] if isinstance(holder, dict) else last]


def _json_value(source: TokenFile) -> Any:
    """The value with everything in it: the lenient reader mends, and takes the last of two equal
    keys.
    """
    if _LONE_SURROGATE.search(source.text):
        raise ConfigError("can't be edited without loss: not all of it is Unicode text")
    try:
        json.loads(
            tidied(source.text), object_pairs_hook=_object
        )  # as it is read: places are counted in that
        return json.loads(source.text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise ConfigError(_TOO_DEEP) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ConfigError("can't be edited without loss: a key stands twice in one object")
    return found


def _dumped(source: TokenFile, value: Any) -> bytes:
    indent = re.match(r"\s*[\[{][ \t]*(?:\r\n|\r|\n)([ \t]+)", source.text)
    try:
        text = json.dumps(
            value, ensure_ascii=False, allow_nan=False, indent=indent.group(1) if indent else 2
        )
    except (ValueError, RecursionError):
        raise ConfigError(_TOO_DEEP) from None
    text = _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    end = "\r\n" if "\r\n" in source.text else "\n"
    return source.encoded(text.replace("\n", end) + end)
