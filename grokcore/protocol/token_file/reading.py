"""The token file: bytes in, entries out.

*JSON*: the original project's object with ``sso`` and ``ssoSuper``, each an object keyed by token
or a list; a plain list; exports of other gateways and browsers
(:mod:`grokcore.protocol.token_file.places`). Counters that others kept in the file are ignored, as
are all unknown parts. A token that is disabled there stays disabled.

*Text*: one token per line, with comments behind ``#``; a browser's ``cookies.txt``; commands copied
from a browser.

The form of a token, and its place in a line or a header: :mod:`grokcore.protocol.token_file.text`.

*Rule*: every entry of a file is taken, refused, or passed over, each with a reason that is
reported.

A token is a secret. Only :attr:`TokenEntry.id`, a short hash, is shown; no error of this module
quotes the file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable
from typing import Any

from attrs import evolve, frozen

from ...errors import ConfigError
from ..lenient_json import loads
from ..models import Tier
from ..tokens import TokenEntry, is_user_id
from ..urls.proxy_url import parse_proxy_url
from .places import (
    OTHER_COOKIE,
    TOKEN_KEYS,
    EntryPlace,
    is_known_object,
    places_in_json,
    places_in_lines,
    tier_named,
)
from .text import NotGroks, Placeholder, tidied, token_in

__all__ = [
    "EntryReading",
    "Note",
    "TokenFile",
    "each_once",
    "entries_of",
    "notes_on",
    "open_token_file",
    "parse_token_file",
    "read_tokens",
    "token_in",
]


PLACEHOLDER = "a placeholder, where your own token belongs"

PLACES_NAMED = 3
"""The most places that one note names."""


@frozen
class EntryReading:
    """An entry's place in a token file, and the result of reading it: a token, a fault, or neither.

    :ivar where: the place in words: ``line 3``, ``sso, entry 2``.
    :ivar entry: the token that stands there; None if there is none.
    :ivar refusal: the fault, in words that follow on *where*; empty if there is none.
    :ivar passed: the reason why an entry without a fault is passed over, as a thing: ``a
        placeholder``.
    :ivar remarks: notes for the owner on a token that was taken.
    """

    where: str
    entry: TokenEntry | None = None
    refusal: str = ""
    passed: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def is_placeholder(self) -> bool:
        """Whether the owner's token still has to be written there."""
        return self.passed == PLACEHOLDER


@frozen
class Note:
    """A note for the owner of a file, on entries that were passed over, or taken with a remark.

    :ivar expected: nothing to act on: a browser's export has the cookies of all names.
    """

    text: str
    expected: bool = False


def parse_token_file(data: bytes) -> tuple[TokenEntry, ...]:
    """The accounts in a token file, each once; a token in both lists is a Super one.

    :raises ConfigError: if the file is empty or of no known form, or an entry is not a token. The
        message says which entry.
    """
    return entries_of(read_tokens(data))


def read_tokens(data: bytes) -> list[EntryReading]:
    """All places of a token file with the results of reading them, in order; a repeated token comes
    twice.

    :raises ConfigError: if the file is empty or of no known form.
    """
    file = open_token_file(data)
    places = places_in_json(file.value) if file.is_json else places_in_lines(file.lines)
    return [_read(place) for place in places]


def each_once(entries: Iterable[TokenEntry]) -> tuple[TokenEntry, ...]:
    """*entries* without repetitions: a repeated token has the details of all its places."""
    merged: dict[str, TokenEntry] = {}
    for entry in entries:
        known = merged.get(entry.sso)
        merged[entry.sso] = entry if known is None else _merged(known, entry)
    return tuple(merged.values())


def entries_of(readings: Iterable[EntryReading]) -> tuple[TokenEntry, ...]:
    """The accounts in *readings*, each once.

    :raises ConfigError: if an entry is at fault. The message names all of them, and the fault of
        the first.
    """
    readings = list(readings)
    refused = [reading for reading in readings if reading.refusal]
    if refused:
        raise ConfigError(f"{refused[0].where} {refused[0].refusal}{_also_refused(refused[1:])}")
    return each_once(reading.entry for reading in readings if reading.entry is not None)


def _also_refused(refused: list[EntryReading]) -> str:
    """The places of further entries at fault, as the end of a message; empty if there are none."""
    if not refused:
        return ""
    more = f"; and {len(refused) - PLACES_NAMED} more" if len(refused) > PLACES_NAMED else ""
    return (
        f". Refused as well: {'; '.join(reading.where for reading in refused[:PLACES_NAMED])}{more}"
    )


def notes_on(readings: Iterable[EntryReading]) -> list[Note]:
    """Notes on entries that were passed over or remarked on: the number for each reason, with the
    first places.
    """
    places: dict[tuple[str, str], list[str]] = {}
    for reading in readings:
        if reading.passed:
            places.setdefault(("passed over", reading.passed), []).append(reading.where)
        for remark in reading.remarks:
            places.setdefault(("taken", remark), []).append(reading.where)
    notes = []
    for (became, reason), where in places.items():
        expected = reason == OTHER_COOKIE
        more = f"; and {len(where) - PLACES_NAMED} more" if len(where) > PLACES_NAMED else ""
        named = "" if expected else f" ({'; '.join(where[:PLACES_NAMED])}{more})"
        notes.append(Note(f"{len(where)} {became}: {reason}{named}", expected))
    return notes


# The file as a whole ----------------------------------------------------------------------------


@frozen
class TokenFile:
    """A token file that has been decoded.

    :ivar text: without byte order mark and characters that can't be seen. Bytes that are not UTF-8
        are kept as surrogates.
    :ivar value: the JSON value, leniently read; None of a text file.
    """

    text: str
    is_json: bool = False
    value: Any = None

    @property
    def lines(self) -> list[str]:
        """The lines with their ends. Of all that Unicode would allow, only CR and LF end a line."""
        return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", self.text)


def open_token_file(data: bytes) -> TokenFile:
    """Decode a token file and find out whether it is JSON.

    :raises ConfigError: if it is empty, which is not the same as having no tokens: an editor may be
        writing it just now. Or if it is of no known form.
    """
    text = tidied(_decoded(data))
    if not text.strip():
        raise ConfigError("is empty; {} would say that there are no tokens")
    text_bytes = text.encode("utf-8", "surrogateescape")
    try:
        value = loads(text_bytes)
    except ValueError:
        if text.lstrip()[0] not in "{[" or _is_json_lines(text):
            return TokenFile(text)
        raise ConfigError(_json_fault(text_bytes.decode("utf-8", "replace"))) from None
    if not isinstance(value, (dict, list)):
        raise ConfigError("must be a JSON object with sso and ssoSuper, or a list of tokens")
    if isinstance(value, dict) and not is_known_object(value):
        raise ConfigError("has neither sso nor ssoSuper; {} would say that there are no tokens")
    return TokenFile(text, is_json=True, value=value)


def _decoded(data: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 if a byte order mark says so."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            try:
                text = data[len(mark) :].decode(encoding, "surrogatepass")
            except UnicodeDecodeError:
                raise ConfigError("is not valid UTF-16") from None
            return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return data.decode("utf-8-sig", "surrogateescape")


def _is_json_lines(text: str) -> bool:
    """Whether each line is a JSON object of its own."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or not all(line.lstrip().startswith("{") for line in lines):
        return False
    try:
        return all(
            isinstance(loads(line.encode("utf-8", "surrogateescape")), dict) for line in lines
        )
    except ValueError:
        return False


def _json_fault(text: str) -> str:
    """The place and kind of the fault in JSON, without quoting it."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"is not valid JSON: {_where_and_how(error)}"
    except (ValueError, RecursionError):
        pass
    return "is not valid JSON: it is nested too deeply, or a number in it is too long"


def _where_and_how(error: json.JSONDecodeError) -> str:
    """Line, column, fault and advice, in the same words on every Python.

    A comma before a closing bracket is a fault at the bracket up to Python 3.12, and at the comma
    from 3.13 on.
    """
    comma = _trailing_comma(error)
    if comma is not None:
        line, column = error.doc.count("\n", 0, comma) + 1, comma - error.doc.rfind("\n", 0, comma)
        return (
            f"line {line}, column {column}: a comma before a closing bracket or brace. Take "
            "the comma out"
        )
    return f"line {error.lineno}, column {error.colno}: {error.msg.lower()}{_json_hint(error)}"


def _trailing_comma(error: json.JSONDecodeError) -> int | None:
    """The offset of the comma that no value follows, if *error* is about one."""
    if error.msg.startswith("Illegal trailing comma"):
        return error.pos
    before = error.doc[: error.pos].rstrip()
    if before.endswith(",") and error.doc[error.pos : error.pos + 1] in ("}", "]"):
        return len(before) - 1
    return None


def _json_hint(error: json.JSONDecodeError) -> str:
    """Advice on the usual faults of files that were written by hand."""
    there = error.doc[error.pos : error.pos + 1]
    if there and there in "\u201c\u201d\u201e\u201f\u2018\u2019'":
        return '. Write straight double quotes: "'
    if not there:
        return ". The file ends too early: a bracket or brace is not closed"
    return ""


# Entries ----------------------------------------------------------------------------------------


class _Refusal(ValueError):
    """A fault of one field of an entry."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(words)
        self.name = name


def _read(place: EntryPlace) -> EntryReading:
    reading = EntryReading(place.where)
    if place.refusal or place.passed:
        return evolve(reading, refusal=place.refusal, passed=place.passed)
    try:
        entry, remarks = _entry(place.value, place.tier)
    except _Refusal as error:
        return evolve(reading, where=f"{place.where}: {error.name}", refusal=str(error))
    except Placeholder:
        return evolve(reading, passed=PLACEHOLDER)
    except NotGroks as error:
        return evolve(reading, passed=str(error).removeprefix("is "))
    except ValueError as error:
        return evolve(reading, refusal=str(error))
    # An entry's own tier counts more than the name of its pool.
    tier_remark = (
        ()
        if {"tier", "pool"} & (place.value.keys() if isinstance(place.value, dict) else set())
        else (place.remark,)
    )
    return evolve(reading, entry=entry, remarks=tuple(filter(None, (*tier_remark, *remarks))))


def _entry(value: Any, tier: Tier) -> tuple[TokenEntry, list[str]]:
    """The account that *value* stands for, and remarks on it."""
    if isinstance(value, str):
        value = {"token": value}
    if not isinstance(value, dict):
        raise ValueError("must be a token, or an object with one")  # noqa: TRY004 - of the file, not of the program
    remarks: list[str] = []
    entry = TokenEntry(
        sso=_sso(next((value[key] for key in TOKEN_KEYS if value.get(key) is not None), None)),
        tier=_tier(value, tier, remarks),
        note=_text(value.get("note"), "note") or "",
        proxy_url=_proxy(
            next((value[key] for key in _PROXY_KEYS if value.get(key)), None), "proxy_url"
        ),
        disabled=_disabled(value, remarks),
        user_id=_user_id(value.get("user_id")),
    )
    return entry, remarks


_PROXY_KEYS = ("proxy_url", "proxy", "proxyUrl", "proxyURL")
_TIER_KEYS = ("tier", "pool", "pool_name", "subscription")


def _sso(value: Any) -> str:
    if isinstance(value, (list, dict)):
        found = [_read(place) for place in places_in_json({"cookies": value})]
        tokens = {reading.entry.sso for reading in found if reading.entry}
        refused = next((reading.refusal for reading in found if reading.refusal), "")
        if refused or len(tokens) > 1:
            raise ValueError(
                refused or "holds several session tokens: write each in a place of its own"
            )
        value = next(iter(tokens), None)
    if not isinstance(value, str):
        raise ValueError("has no token")  # noqa: TRY004
    return token_in(value)


def _tier(value: dict[str, Any], default: Tier, remarks: list[str]) -> Tier:
    name = next((value[key] for key in _TIER_KEYS if value.get(key) is not None), None)
    if name is None:
        return default
    tier = tier_named(name) if isinstance(name, str) else None
    if tier is None:
        remarks.append("its tier is not known here, so it counts as basic")
    return tier or Tier.BASIC


_ON = frozenset({"true", "1", "yes", "on"})
_OFF = frozenset({"false", "0", "no", "off"})
_OUT_OF_USE = _OFF | {
    *(
        "disabled",
        "disable",
        "inactive",
        "banned",
        "ban",
        "blocked",
        "suspended",
        "forbidden",
        "deleted",
        "revoked",
    ),
    *("expired", "invalid", "dead", "failed", "unauthorized", "reauth_required", "reauthrequired"),
}
_IN_USE = _ON | {
    *("active", "ok", "valid", "normal", "enabled", "alive", "good", "new", "idle", "unknown"),
    *("cooling", "cooldown", "limited", "exhausted"),
}


def _disabled(value: dict[str, Any], remarks: list[str]) -> bool:
    """Whether an entry is disabled, by our own key for it or by those of other programs."""
    if _flag(value.get("disabled"), "disabled"):
        return True
    status = _word(value.get("status"))
    away = any(
        _word(value.get(key)) in _ON
        for key in ("invalid", "deleted", "is_deleted", "banned", "expired")
    )
    off = any(
        _word(value.get(key)) in _OFF for key in ("enabled", "is_enabled", "active", "is_active")
    )
    if status in _OUT_OF_USE or away or off or value.get("deleted_at"):
        remarks.append("disabled, as its status in the file says")
        return True
    if status and status not in _IN_USE:
        remarks.append("its status is not known here, and it is used")
    return False


def _word(value: Any) -> str:
    """A switch or a status as a word; databases write numbers and texts for switches."""
    return str(value).strip().lower() if isinstance(value, (bool, int, str)) else ""


def _proxy(value: Any, name: str) -> str | None:
    text = _text(value, name)
    if not text or text == "direct":
        return text or None
    try:
        return parse_proxy_url(text)
    except ValueError as error:
        raise _Refusal(name, str(error)) from None


def _user_id(value: Any) -> str:
    """The id of the account's user; empty if there is none."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not is_user_id(value):
        raise _Refusal(
            "user_id",
            "must be the id of the account's user at Grok: at most 100 letters, digits, - and _. "
            "Without it the server asks Grok",
        )
    return value


def _flag(value: Any, name: str) -> bool:
    word = _word(value)
    if value is not None and word not in _ON | _OFF:
        raise _Refusal(name, "must be true or false")
    return word in _ON


def _text(value: Any, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _Refusal(name, "must be a string")


def _merged(first: TokenEntry, second: TokenEntry) -> TokenEntry:
    """A repeated token: the higher tier, with the details of both places."""
    return TokenEntry(
        sso=first.sso,
        tier=Tier.SUPER if Tier.SUPER in (first.tier, second.tier) else Tier.BASIC,
        note=first.note or second.note,
        proxy_url=first.proxy_url or second.proxy_url,
        disabled=first.disabled or second.disabled,
        user_id=first.user_id or second.user_id,
    )
