"""The places of a token file where tokens belong: in a JSON value, and in the lines of a text.

Each entry of the file becomes one :class:`EntryPlace`, also an entry from which nothing is taken:
an import can then report what became of every entry. The content of a place is judged in
:mod:`grokcore.protocol.token_file.reading`.

*JSON.* Lists and objects keyed by token, at most :data:`DEEPEST` levels deep. They stand in
sections named after pools (``sso``, ``ssoSuper``, …) or in wrappers (``data``, ``tokens``, …). A
browser's cookies, as a list or as an object of name and value. A HAR archive.

*Text.* One token a line, with comments behind ``#``; a browser's ``cookies.txt``; a table of
cookies out of its developer tools; a request's headers; a command, which may take several lines;
JSON, one object a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from ..lenient_json import loads
from ..models import Tier
from .text import COOKIE_NAMES, NOT_GROKS, is_groks_site, is_jwt, looks_like_command, tidied

__all__ = [
    "TOKEN_KEYS",
    "UNKNOWN_PART",
    "EntryPlace",
    "is_known_object",
    "is_section",
    "places_in_json",
    "places_in_lines",
    "tier_named",
]

DEEPEST = 6

TOKEN_KEYS = (
    "token",
    "sso",
    "sso_token",
    "ssoToken",
    "sso-rw",
    "sso_rw",
    "jwt",
    "cookie",
    "cookies",
)
"""Keys under which an entry's token may stand; the first that is there counts."""

_WRAPPERS = (
    *(
        "data",
        "tokens",
        "accounts",
        "cookies",
        "items",
        "list",
        "results",
        "result",
        "records",
        "rows",
        "pools",
        "pool",
    ),
    *("sso_tokens", "ssoTokens", "sso_list", "grok", "grok_web", "credentials", "log"),
)
_TIERS = {
    "": Tier.BASIC,
    **dict.fromkeys(
        ("basic", "normal", "free", "auto", "default", "lite", "superlite"), Tier.BASIC
    ),
    **dict.fromkeys(("super", "pro", "premium", "premiumplus", "heavy", "superheavy"), Tier.SUPER),
}
"""Names of pools and subscriptions, without ``sso``, ``grok`` and separators. SuperGrok Lite has no
heavy models.
"""

OTHER_COOKIE = "a cookie of another name"
UNKNOWN_PART = "a part of the file that is not known here"
_REQUEST_LINE = "a line of a request that holds no cookies"


@frozen
class EntryPlace:
    """A place in a token file where an entry stands.

    :ivar where: the place in words: ``line 3``, ``sso, entry 2``.
    :ivar value: a token, or an object with one, if the entry is right.
    :ivar refusal: the reason why there can be none.
    :ivar passed: the reason why nothing is taken there, though nothing is wrong.
    :ivar remark: a note on it for the owner.
    """

    where: str
    value: Any = None
    tier: Tier = Tier.BASIC
    refusal: str = ""
    passed: str = ""
    remark: str = ""


def tier_named(name: str) -> Tier | None:
    """The tier that the name of a pool or subscription stands for; None if the name is unknown."""
    bare = re.sub(r"[\s_-]+", "", name.lower()).replace("+", "plus")
    return _TIERS.get(re.sub(r"^(?:sso)|grok", "", bare))


# JSON -------------------------------------------------------------------------------------------


def is_known_object(value: Mapping[str, Any]) -> bool:
    """Whether an object has a known part; an empty one has no tokens, and counts as known."""
    return (
        not value
        or _is_entry(value)
        or any(is_section(key) or key in _WRAPPERS or is_jwt(key) for key in value)
    )


def places_in_json(value: Any) -> Iterator[EntryPlace]:
    """The places of a JSON object or list, in order."""
    yield from _walk(value, EntryPlace(""), "")


def _walk(value: Any, at: EntryPlace, name: str, depth: int = 0) -> Iterator[EntryPlace]:
    """The places within *value*, which stands under *name* in the place *at*."""
    if depth > DEEPEST:
        yield evolve(at, passed=UNKNOWN_PART)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _item(item, _within(at, f"entry {index + 1}"), depth + 1)
    elif isinstance(value, dict):
        yield from _object(value, at, name, depth)
    elif value is not None and name:
        yield evolve(at, refusal="must be an object keyed by token, or a list of tokens")


def _within(at: EntryPlace, words: str) -> EntryPlace:
    return evolve(at, where=f"{at.where}, {words}" if at.where else words)


def _object(value: dict[str, Any], at: EntryPlace, name: str, depth: int) -> Iterator[EntryPlace]:
    if name == "cookies" and at.where:
        yield from _cookie_object(value, at)
    elif _is_entry(value):
        yield evolve(at, where=at.where or "the object", value=value)
    elif name and is_section(name) and not _WRAPPERS_ONLY.issuperset(value):
        for index, (key, details) in enumerate(value.items()):
            yield from _item(_keyed(key, details), _within(at, f"entry {index + 1}"), depth + 1)
    else:
        for index, (key, inner) in enumerate(value.items()):
            yield from _part(key, inner, at, index, depth + 1)


_WRAPPERS_ONLY = frozenset({"tokens", "accounts", "items", "list", "data"})


def _part(key: str, inner: Any, at: EntryPlace, index: int, depth: int) -> Iterator[EntryPlace]:
    """The places under one key of an object."""
    if is_section(key):
        tier = tier_named(key)
        place = evolve(
            _within(at, key), tier=tier or Tier.BASIC, remark="" if tier else _UNKNOWN_POOL
        )
        yield from _walk(inner, place, key, depth)
    elif key == "log" and isinstance(inner, dict) and isinstance(inner.get("entries"), list):
        yield from _archive(inner["entries"], _within(at, "log"))
    elif key in _WRAPPERS and isinstance(inner, (list, dict)):
        yield from _walk(inner, _within(at, key), key, depth)
    elif is_jwt(key):
        number = f"entry {index + 1}"
        yield evolve(_within(at, number), value=_keyed(key, inner))
    elif key not in _KNOWN_PARTS and (
        (isinstance(inner, (list, dict)) and inner) or (isinstance(inner, str) and is_jwt(inner))
    ):
        yield evolve(_within(at, f"part {index + 1}"), passed=UNKNOWN_PART)


_UNKNOWN_POOL = "its pool is not known here, so it counts as basic"
_KNOWN_PARTS = frozenset({"origins", "tags", "quota", "meta", "metadata"})
"""Parts of other tools' files in which no tokens are kept."""


def is_section(key: str) -> bool:
    """Whether a key is the name of a pool; other gateways have ``ssoHeavy`` and ``ssoLite``, and
    may have more.
    """
    return re.fullmatch(
        r"sso(?:[A-Z][A-Za-z]{0,19})?|basic|super|heavy|lite", key
    ) is not None and key not in (
        "ssoToken",
        "ssoTokens",
    )


def _is_entry(value: Mapping[str, Any]) -> bool:
    """Whether an object is an entry, and not a section or a wrapper that has the same name."""
    return any(isinstance(value.get(key), str) for key in TOKEN_KEYS)


def _keyed(token: str, details: Any) -> Any:
    return {**details, "token": token} if isinstance(details, dict) else token


def _item(item: Any, place: EntryPlace, depth: int) -> Iterator[EntryPlace]:
    cookie = _cookie(item)
    if cookie is not None:
        yield _cookie_place(place, *cookie)
        return
    wraps = isinstance(item, dict) and not any(key in item for key in TOKEN_KEYS)
    if wraps and any(
        key in _WRAPPERS and isinstance(inner, (list, dict)) for key, inner in item.items()
    ):
        yield from _object(item, place, "", depth)
    else:
        yield evolve(place, value=item)


# Cookies ----------------------------------------------------------------------------------------


def _cookie(item: Any) -> tuple[str, Any, Any] | None:
    """Name, value and domain, if an item is a browser's cookie: entries of other programs have a
    token, or no value.
    """
    if not isinstance(item, dict) or {"token", "sso"} & item.keys():
        return None
    fields = {key.lower().removesuffix(" raw"): inner for key, inner in item.items()}
    value = fields.get("value", fields.get("content"))
    if not isinstance(fields.get("name"), str) or not {"value", "content"} & fields.keys():
        return None
    domain = next(
        (fields[key] for key in ("domain", "host", "hostname", "url") if fields.get(key)), ""
    )
    return fields["name"].strip(), value, domain


def _cookie_place(place: EntryPlace, name: str, value: Any, domain: Any) -> EntryPlace:
    if name not in COOKIE_NAMES:
        return evolve(place, passed=OTHER_COOKIE)
    if not is_groks_site(domain):
        return evolve(place, passed=NOT_GROKS)
    return evolve(place, value=value)


def _cookie_object(value: Mapping[str, Any], at: EntryPlace) -> Iterator[EntryPlace]:
    """The places of an object of cookies' names and values."""
    for index, (name, inner) in enumerate(value.items()):
        yield _cookie_place(_within(at, f"entry {index + 1}"), name, inner, "")


def _archive(entries: Sequence[Any], at: EntryPlace) -> Iterator[EntryPlace]:
    """The places of a HAR archive: one for each request."""
    for index, entry in enumerate(entries):
        place = _within(at, f"entry {index + 1}")
        request = entry.get("request") if isinstance(entry, dict) else None
        cookies = _request_cookies(request) if isinstance(request, dict) else []
        if not cookies:
            yield evolve(place, passed="a request without Grok's session cookie")
        elif len(set(cookies)) > 1:
            yield evolve(
                place, refusal="holds several session tokens: write each in a place of its own"
            )
        else:
            yield evolve(place, value=cookies[0])


def _request_cookies(request: Mapping[str, Any]) -> list[Any]:
    """The values of the cookie sso in a request of a HAR archive."""
    if not is_groks_site(request.get("url")):
        return []
    listed = request.get("cookies")
    cookies = filter(None, map(_cookie, listed if isinstance(listed, list) else []))
    values = {
        name: value
        for name, value, domain in cookies
        if name in COOKIE_NAMES and is_groks_site(domain)
    }
    if values:
        return [values.get("sso", values.get("sso-rw"))]
    headers = request.get("headers")
    pairs = filter(None, map(_cookie, headers if isinstance(headers, list) else []))
    return [
        value
        for name, value, _ in pairs
        if name.lower() == "cookie" and isinstance(value, str) and "sso" in value
    ]


# Text -------------------------------------------------------------------------------------------

_LONGEST_COMMAND_LINES = 200
_HEADER = re.compile(
    r":?(?:authority|method|path|scheme|host|user-agent|accept[\w-]*|referer|origin|connection|pragma|priority|dnt|te|baggage"
    r"|cache-control|content-[\w-]+|sec-[\w-]+|x-[\w-]+|upgrade-insecure-requests|sentry-trace|traceparent)\s*:",
    re.IGNORECASE,
)
_REQUEST = re.compile(r"(?:GET|POST|HEAD|OPTIONS|PUT|HTTP/[\d.]+)\s+\S+(?:\s+\S+)*$")


def places_in_lines(lines: Sequence[str]) -> Iterator[EntryPlace]:
    """The places of a text file."""
    for first, text in _blocks(lines):
        place = _line_place(text, EntryPlace(f"line {first + 1}"))
        if place is not None:
            yield place


def _blocks(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; those of one command together."""
    at = 0
    while at < len(lines):
        count = _command_lines(lines, at) if looks_like_command(tidied(lines[at])) else 1
        yield at, "".join(lines[at : at + count])
        at += count


def _command_lines(lines: Sequence[str], first: int) -> int:
    """The number of a command's lines: it ends without a continuation mark and with all braces
    closed.
    """
    opened = 0
    script = re.match(r"\s*(?:curl|wget|http)", lines[first], re.IGNORECASE) is None
    for count, line in enumerate(lines[first : first + _LONGEST_COMMAND_LINES], 1):
        opened += line.count("{") - line.count("}") if script else 0
        if not line.rstrip().endswith(("\\", "^", "`")) and opened <= 0:
            return count
    return 1


def _line_place(line: str, place: EntryPlace) -> EntryPlace | None:
    """The place of a line; None if it is blank or a comment."""
    text = tidied(line)
    cookie = _cookie_row(text)
    if cookie is not None:
        return _cookie_place(place, *cookie)
    if looks_like_command(text):
        return evolve(place, value=text)
    text = re.sub(r"(?:^|\s)#.*", "", text, flags=re.DOTALL).strip(" \t\r\n\v\f;,\"'")
    if not text:
        return None
    if _HEADER.match(text) or _REQUEST.match(text):
        return evolve(place, passed=_REQUEST_LINE)
    value = _json_object(text)
    pair = _cookie(value)
    return _cookie_place(place, *pair) if pair else evolve(place, value=value or text)


def _json_object(text: str) -> Any:
    """The object in a line of JSON; None if the line is none."""
    if not text.startswith("{"):
        return None
    try:
        value = loads(text.encode("utf-8", "surrogateescape"))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _cookie_row(line: str) -> tuple[str, str, str] | None:
    """Name, value and domain of a row of cookies; None if the line is another.

    Of ``cookies.txt`` (Netscape's format), or of the table in a browser's developer tools.
    """
    line = line.strip("\r\n").removeprefix("#HttpOnly_")
    if line.lstrip().startswith("#"):
        return None
    # Terminals replace tabs by spaces.
    fields = [part.strip() for part in (line.split("\t") if "\t" in line else line.split())]
    if "\t" in line and len(fields) >= 4 and fields[3].startswith("/") and "." in fields[2]:
        return fields[0], fields[1], fields[2]
    # An empty value at the end of the line does not always survive; some tools write up to four
    # fields more.
    if not 6 <= len(fields) <= 11 or not {fields[1].upper(), fields[3].upper()} <= {
        "TRUE",
        "FALSE",
    }:
        return None
    return fields[5], (*fields, "")[6], fields[0]
