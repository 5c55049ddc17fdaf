"""The token file: bytes in, entries out.

*JSON*: the original project's object with ``sso`` (``ssoNormal`` and ``ssoBasic`` mean the same) and ``ssoSuper``, each an
object keyed by token or a list; a plain list; a browser's export of its cookies. Counters and statuses that the original
kept in the file are ignored; so is everything else that is not known.

*Text*: one token per line, with comments behind ``#``; a browser's ``cookies.txt``.

A token may be written bare, as ``sso=…``, or as a whole cookie header; what copying leaves at its ends (spaces, quotes,
commas, semicolons) is no part of it. Of cookies, those named sso (or sso-rw) at Grok's own sites are taken.

A token is a secret. It is shown as :attr:`TokenEntry.id` only, a short hash; no error of this module quotes the file.
"""

from __future__ import annotations

import codecs
import enum
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import Factory, evolve, field, frozen

from ..errors import ConfigError
from .lenient_json import loads
from .models import Tier
from .proxy_url import parse_proxy_url

__all__ = [
    "KEY_DIGITS",
    "Form",
    "Reading",
    "Source",
    "TokenEntry",
    "each_once",
    "open_source",
    "parse_token_file",
    "read_source",
    "read_tokens",
    "token_id",
    "token_in",
    "token_key",
]

KEY_DIGITS, ID_DIGITS = 24, 8
"""Hex digits of a token's hash. Eight are enough to talk about it; in a pool of thousands two may share them."""

_SECTIONS = {"sso": Tier.BASIC, "ssoNormal": Tier.BASIC, "ssoBasic": Tier.BASIC, "ssoSuper": Tier.SUPER}
_COOKIE_NAMES = ("sso", "sso-rw")
"""Both cookies hold the same token."""

_COOKIES = [re.compile(rf"(?:^|;)\s*{name}=([^;]*)") for name in _COOKIE_NAMES]
_SITES = ("grok.com", "x.ai")
"""A browser's export has the cookies of all sites, and others have one named sso too: that one is not for Grok to see."""

_TOKEN = re.compile(r"[!#-+\--:<-\[\]-~]{1,4096}")
"""RFC 6265's cookie-octet: nothing that could end the cookie, or the header."""

_OTHER_COOKIE = re.compile(r"[\w-]+=[^=.]")
"""How ``cf_clearance=…`` begins. Base64 has its = at the end, or before the dot of a JWT."""

_STRAY = " \t\r\n\v\f;,\"'"
_NO_TOKEN = "is not a token: expected the value of the sso cookie, sso=…, or a cookie header"  # noqa: S105


@frozen
class TokenEntry:
    """One account.

    :ivar sso: the session token (secret).
    :ivar proxy_url: None for the configuration's egress, ``"direct"`` for none, else a proxy of this token's own.
    :ivar key: by which state is kept and looked up: 24 hex digits of a hash.
    :ivar id: what may be shown of it: the first eight of them.
    """

    sso: str = field(repr=False)
    tier: Tier = Tier.BASIC
    note: str = ""
    proxy_url: str | None = field(default=None, repr=False)
    disabled: bool = False
    key: str = field(
        init=False, eq=False, repr=False, default=Factory(lambda self: token_key(self.sso), takes_self=True)
    )
    id: str = field(init=False, eq=False, default=Factory(lambda self: self.key[:ID_DIGITS], takes_self=True))


@frozen
class Reading:
    """A place in a token file where a token belongs, and what was found there.

    :ivar where: the place in words: ``line 3``, ``sso, entry 2``.
    :ivar entry: the token that stands there; None if there is none.
    :ivar refusal: then why not, in words that follow on *where*.
    :ivar section: for programs: the section of a JSON object, empty in a list and in text.
    :ivar index: the entry's number in its section or list, or the line's, from 0.
    """

    where: str
    entry: TokenEntry | None = None
    refusal: str = ""
    section: str = ""
    index: int = 0


def token_key(sso: str) -> str:
    """A name for a token that does not give it away, and that no two tokens share."""
    return hashlib.sha256(b"grok2api token\0" + sso.encode()).hexdigest()[:KEY_DIGITS]


def token_id(sso: str) -> str:
    """The short form of it, for people."""
    return token_key(sso)[:ID_DIGITS]


def parse_token_file(data: bytes) -> tuple[TokenEntry, ...]:
    """The accounts in a token file, each once; a token in both lists is a super one.

    :raises ConfigError: the file is empty or of no known form, or an entry is not a token. The message says which entry.
    """
    return _strict(read_tokens(data))


def read_tokens(data: bytes) -> list[Reading]:
    """All places of a token file with what was found there, in order; tokens that stand there twice come twice.

    :raises ConfigError: the file is empty or of no known form.
    """
    return read_source(open_source(data))


def each_once(entries: Iterable[TokenEntry]) -> tuple[TokenEntry, ...]:
    """*entries* without repetitions: one that was there twice has what was said of it in either place."""
    found: dict[str, TokenEntry] = {}
    for entry in entries:
        known = found.get(entry.sso)
        found[entry.sso] = entry if known is None else _merged(known, entry)
    return tuple(found.values())


def token_in(text: str) -> str:
    """The token that is written as *text*: bare, as ``sso=…`` or in a cookie header.

    :raises ValueError: there is none. The message does not quote the text.
    """
    text = re.sub(r"^cookie:", "", text.strip(_STRAY), flags=re.IGNORECASE)
    cookie = next(filter(None, (pattern.search(text) for pattern in _COOKIES)), None)
    token = (cookie.group(1) if cookie else text).strip(_STRAY)
    if not _TOKEN.fullmatch(token) or (cookie is None and _OTHER_COOKIE.match(token)):
        raise ValueError(_NO_TOKEN)
    return token


# The file as a whole ----------------------------------------------------------------------------------------------


class Form(enum.Enum):
    """What kind of file it is."""

    OBJECT = "object"
    LIST = "list"
    TEXT = "text"


@frozen
class Source:
    """A token file that has been decoded.

    :ivar text: without its byte order mark. Bytes that are no UTF-8 are kept as surrogates.
    :ivar mark: the byte order mark.
    :ivar value: the JSON value, leniently read; None of a text file.
    """

    form: Form
    text: str
    mark: bytes
    value: Any = None

    @property
    def lines(self) -> list[str]:
        """With their ends. Only CR and LF end one, of all that Unicode would allow."""
        return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", self.text)

    def encoded(self, text: str) -> bytes:
        """*text* as a file of the same encoding."""
        return self.mark + text.encode(*_encoding(self.mark))


def open_source(data: bytes) -> Source:
    """Decode a token file and find out its form.

    :raises ConfigError: it is empty, which is not the same as having no tokens: an editor may be writing it just now. Or
        it is of no known form.
    """
    marks = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    mark = next(filter(data.startswith, marks), b"")
    try:
        text = data[len(mark) :].decode(*_encoding(mark))
    except UnicodeDecodeError:
        raise ConfigError("is not valid UTF-16") from None
    if not text.strip():
        raise ConfigError("is empty; {} would say that there are no tokens")
    try:
        value = loads(text.encode("utf-8", _encoding(mark)[1]))
    except ValueError:
        if text.lstrip()[0] not in "{[":
            return Source(Form.TEXT, text, mark)
        raise ConfigError("is not valid JSON") from None
    if not isinstance(value, (dict, list)):
        raise ConfigError("must be a JSON object with sso and ssoSuper, or a list of tokens")
    if isinstance(value, dict) and value and not _SECTIONS.keys() & value.keys():
        raise ConfigError("has neither sso nor ssoSuper; {} would say that there are no tokens")
    return Source(Form.OBJECT if isinstance(value, dict) else Form.LIST, text, mark, value)


def read_source(source: Source) -> list[Reading]:
    """As :func:`read_tokens`, of a file that has been opened."""
    if source.form is Form.TEXT:
        return list(_text_readings(source.lines))
    if source.form is Form.LIST:
        return list(_item_readings(source.value, "", Tier.BASIC))
    return [
        reading for name, tier in _SECTIONS.items() for reading in _section_readings(source.value.get(name), name, tier)
    ]


def _encoding(mark: bytes) -> tuple[str, str]:
    """The encoding that a byte order mark stands for, and how what is broken in it comes back unchanged."""
    if mark == codecs.BOM_UTF16_LE:
        return "utf-16-le", "surrogatepass"
    if mark == codecs.BOM_UTF16_BE:
        return "utf-16-be", "surrogatepass"
    return "utf-8", "surrogateescape"


def _strict(readings: Iterable[Reading]) -> tuple[TokenEntry, ...]:
    found = []
    for reading in readings:
        if reading.entry is None:
            raise ConfigError(f"{reading.where} {reading.refusal}")
        found.append(reading.entry)
    return each_once(found)


# Text -------------------------------------------------------------------------------------------------------------


def _text_readings(lines: Iterable[str]) -> Iterator[Reading]:
    for index, line in enumerate(lines):
        written = _token_text(line)
        if written:
            yield _read(Reading(f"line {index + 1}", index=index), written, Tier.BASIC)


def _token_text(line: str) -> str:
    """What of a line should be a token; empty if it is about something else."""
    row = _cookies_txt_row(line)
    if row is not None:
        domain, name, value = row
        return f"{name}={value}" if _is_groks_sso(name, domain) else ""
    return re.sub(r"(?:^|\s)#.*", "", line, flags=re.DOTALL).strip(_STRAY)


def _cookies_txt_row(line: str) -> tuple[str, str, str] | None:
    """Domain, name and value of a cookie in Netscape's format; None if the line is another."""
    line = line.strip("\r\n").removeprefix("#HttpOnly_")
    fields = line.split("\t") if "\t" in line else line.split()  # terminals make spaces of tabs
    # An empty value at the end of the line does not always survive.
    if len(fields) not in (6, 7) or line.lstrip().startswith("#"):
        return None
    domain, subdomains, _, secure, _, name, value = (part.strip() for part in (*fields, "")[:7])
    return (domain, name, value) if {subdomains.upper(), secure.upper()} <= {"TRUE", "FALSE"} else None


def _is_groks_sso(name: str, domain: Any) -> bool:
    """Whether a cookie is one of ours. An export may leave the domain out."""
    if name not in _COOKIE_NAMES:
        return False
    host = domain.strip().lower().removeprefix(".") if isinstance(domain, str) else ""
    return not host or any(host == site or host.endswith(f".{site}") for site in _SITES)


# JSON -------------------------------------------------------------------------------------------------------------


class _Refusal(ValueError):
    """What is wrong with one field of an entry."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(words)
        self.name = name


def _section_readings(value: Any, name: str, tier: Tier) -> Iterator[Reading]:
    if isinstance(value, dict):
        yield from _item_readings([_keyed(token, details) for token, details in value.items()], name, tier)
    elif isinstance(value, list):
        yield from _item_readings(value, name, tier)
    elif value is not None:
        yield Reading(name, refusal="must be an object keyed by token, or a list of tokens", section=name)


def _keyed(token: str, details: Any) -> Any:
    return {**details, "token": token} if isinstance(details, dict) else token


def _item_readings(items: Iterable[Any], section: str, tier: Tier) -> Iterator[Reading]:
    for index, item in enumerate(items):
        cookie = _is_cookie(item)
        if not cookie or _is_groks_sso(item["name"], item.get("domain")):
            where = f"{section}, entry {index + 1}" if section else f"entry {index + 1}"
            yield _read(Reading(where, section=section, index=index), item["value"] if cookie else item, tier)


def _is_cookie(item: Any) -> bool:
    """Whether an item is from a browser's export: none of ours has a value and no token."""
    return isinstance(item, dict) and {"name", "value"} <= item.keys() and not {"token", "sso"} & item.keys()


def _read(place: Reading, value: Any, tier: Tier) -> Reading:
    try:
        return evolve(place, entry=_entry(value, tier))
    except _Refusal as error:
        return evolve(place, where=f"{place.where}: {error.name}", refusal=str(error))
    except ValueError as error:
        return evolve(place, refusal=str(error))


def _entry(value: Any, tier: Tier) -> TokenEntry:
    if isinstance(value, str):
        value = {"token": value}
    if not isinstance(value, dict):
        raise ValueError("must be a token, or an object with one")  # noqa: TRY004 - of the file, not of the program
    return TokenEntry(
        sso=_sso(value.get("token", value.get("sso"))),
        tier=_tier(value.get("tier"), tier),
        note=_text(value.get("note"), "note") or "",
        proxy_url=_proxy(value.get("proxy_url"), "proxy_url"),
        disabled=_flag(value.get("disabled"), "disabled"),
    )


def _sso(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("has no token")  # noqa: TRY004
    return token_in(value)


def _tier(value: Any, default: Tier) -> Tier:
    if value is None:
        return default
    try:
        return Tier(value)
    except ValueError:
        raise _Refusal("tier", "must be basic or super") from None


def _proxy(value: Any, name: str) -> str | None:
    text = _text(value, name)
    if not text or text == "direct":
        return text or None
    try:
        return parse_proxy_url(text)
    except ValueError as error:
        raise _Refusal(name, str(error)) from None


def _flag(value: Any, name: str) -> bool:
    if value is not None and not isinstance(value, bool):
        raise _Refusal(name, "must be true or false")
    return value or False


def _text(value: Any, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _Refusal(name, "must be a string")


def _merged(one: TokenEntry, other: TokenEntry) -> TokenEntry:
    """A token that is written twice: the higher tier, and whatever was said of it in either place."""
    return TokenEntry(
        sso=one.sso,
        tier=Tier.SUPER if Tier.SUPER in (one.tier, other.tier) else Tier.BASIC,
        note=one.note or other.note,
        proxy_url=one.proxy_url or other.proxy_url,
        disabled=one.disabled or other.disabled,
    )
