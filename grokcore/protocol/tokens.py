"""The token file: text in, entries out.

Accepted are the original project's JSON (``sso`` / ``ssoNormal`` and ``ssoSuper``, each an object keyed by token) and a
plain list. A token may be written bare, as ``sso=…``, or as a whole cookie header. Counters and statuses that the
original kept in the file are ignored; so is everything else that is not known.

A token is a secret. It is shown as :attr:`TokenEntry.id` only, a short hash; no error of this module quotes the file.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from attrs import field, frozen

from ..errors import ConfigError
from .lenient_json import loads
from .models import Tier
from .proxy_url import parse_proxy_url

__all__ = ["TokenEntry", "parse_token_file", "token_id"]

_SECTIONS = {"sso": Tier.BASIC, "ssoNormal": Tier.BASIC, "ssoSuper": Tier.SUPER}
_COOKIES = [re.compile(rf"(?:^|;)\s*{name}=([^;]*)") for name in ("sso", "sso-rw")]
"""Both cookies hold the same token."""

_TOKEN = re.compile(r"[!#-+\--:<-\[\]-~]{1,4096}")
"""RFC 6265's cookie-octet: nothing that could end the cookie, or the header."""


@frozen
class TokenEntry:
    """One account.

    :ivar sso: the session token (secret).
    :ivar proxy_url: None for the configuration's egress, ``"direct"`` for none, else a proxy of this token's own.
    """

    sso: str = field(repr=False)
    tier: Tier = Tier.BASIC
    note: str = ""
    proxy_url: str | None = field(default=None, repr=False)
    disabled: bool = False

    @property
    def id(self) -> str:
        """What may be shown of it: eight hex digits of a hash."""
        return token_id(self.sso)


def token_id(sso: str) -> str:
    """A short name for a token that does not give it away."""
    return hashlib.sha256(b"grok2api token\0" + sso.encode()).hexdigest()[:8]


def parse_token_file(data: bytes) -> tuple[TokenEntry, ...]:
    """The accounts in a token file, each once; a token in both lists is a super one.

    :raises ConfigError: the file is not of a known form, or an entry is not a token. The message says which entry.
    """
    try:
        value = loads(data.removeprefix(b"\xef\xbb\xbf"))
    except ValueError:
        raise ConfigError("is not valid JSON") from None
    if isinstance(value, list):
        entries = [_entry(item, f"entry {number}", Tier.BASIC) for number, item in enumerate(value, 1)]
    elif isinstance(value, dict):
        entries = [entry for name, tier in _SECTIONS.items() for entry in _section(value.get(name), name, tier)]
    else:
        raise ConfigError("must be a JSON object with sso and ssoSuper, or a list of tokens")
    return _each_once(entries)


def _section(value: Any, name: str, tier: Tier) -> list[TokenEntry]:
    if value is None:
        return []
    if isinstance(value, list):
        return [_entry(item, f"{name}, entry {number}", tier) for number, item in enumerate(value, 1)]
    if not isinstance(value, dict):
        raise ConfigError(f"{name} must be an object keyed by token, or a list of tokens")
    found = []
    for number, (token, details) in enumerate(value.items(), 1):
        extra = details if isinstance(details, dict) else {}
        found.append(_entry({**extra, "token": token}, f"{name}, entry {number}", tier))
    return found


def _entry(value: Any, where: str, tier: Tier) -> TokenEntry:
    if isinstance(value, str):
        value = {"token": value}
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be a token, or an object with one")
    return TokenEntry(
        sso=_sso(value.get("token", value.get("sso")), where),
        tier=_tier(value.get("tier"), where, tier),
        note=_text(value.get("note"), f"{where}: note") or "",
        proxy_url=_proxy(value.get("proxy_url"), f"{where}: proxy_url"),
        disabled=_flag(value.get("disabled"), f"{where}: disabled"),
    )


def _sso(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where} has no token")
    value = re.sub(r"^\s*cookie:", "", value, flags=re.IGNORECASE)
    cookie = next(filter(None, (pattern.search(value) for pattern in _COOKIES)), None)
    token = (cookie.group(1) if cookie else value).strip().rstrip(";").strip().strip('"')
    if not _TOKEN.fullmatch(token):
        raise ConfigError(f"{where} is not a token: expected the value of the sso cookie, sso=…, or a cookie header")
    return token


def _tier(value: Any, where: str, default: Tier) -> Tier:
    if value is None:
        return default
    try:
        return Tier(value)
    except ValueError:
        raise ConfigError(f"{where}: tier must be basic or super") from None


def _proxy(value: Any, where: str) -> str | None:
    text = _text(value, where)
    if not text or text == "direct":
        return text or None
    try:
        return parse_proxy_url(text)
    except ValueError as error:
        raise ConfigError(f"{where} {error}") from None


def _flag(value: Any, where: str) -> bool:
    if value is not None and not isinstance(value, bool):
        raise ConfigError(f"{where} must be true or false")
    return value or False


def _text(value: Any, where: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ConfigError(f"{where} must be a string")


def _each_once(entries: list[TokenEntry]) -> tuple[TokenEntry, ...]:
    found: dict[str, TokenEntry] = {}
    for entry in entries:
        known = found.get(entry.sso)
        found[entry.sso] = entry if known is None else _merged(known, entry)
    return tuple(found.values())


def _merged(one: TokenEntry, other: TokenEntry) -> TokenEntry:
    """A token that is written twice: the higher tier, and whatever was said of it in either place."""
    return TokenEntry(
        sso=one.sso,
        tier=Tier.SUPER if Tier.SUPER in (one.tier, other.tier) else Tier.BASIC,
        note=one.note or other.note,
        proxy_url=one.proxy_url or other.proxy_url,
        disabled=one.disabled or other.disabled,
    )
