"""A token as an entry of the token file, and the names by which it may be shown."""

from __future__ import annotations

import hashlib
import re

from attrs import Factory, field, frozen

from .models import Tier

__all__ = ["ID_DIGITS", "KEY_DIGITS", "TokenEntry", "is_user_id", "token_id", "token_key"]


KEY_DIGITS, ID_DIGITS = 24, 8
"""Hex digits of a token's hash. Eight are enough for people; in a pool of thousands two tokens may
share them.
"""

_USER_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


@frozen
class TokenEntry:
    """An entry of the token file.

    :ivar sso: session token (secret).
    :ivar proxy_url: None for the configuration's egress, ``"direct"`` for none, else a proxy of
        this token's own.
    :ivar user_id: id of the account's user at Grok (private), in the place of asking Grok for it;
        empty if the file has none.
    :ivar key: name by which state is saved and looked up: 24 hex digits of a hash.
    :ivar id: name that may be shown: the first eight of them.
    """

    sso: str = field(repr=False)
    tier: Tier = Tier.BASIC
    note: str = ""
    proxy_url: str | None = field(default=None, repr=False)
    disabled: bool = False
    user_id: str = field(default="", repr=False)
    key: str = field(
        init=False,
        eq=False,
        repr=False,
        default=Factory(lambda self: token_key(self.sso), takes_self=True),
    )
    id: str = field(
        init=False, eq=False, default=Factory(lambda self: self.key[:ID_DIGITS], takes_self=True)
    )


def token_key(sso: str) -> str:
    """A name for a token that does not disclose it, and that no two tokens share."""
    return hashlib.sha256(b"grok2api token\0" + sso.encode()).hexdigest()[:KEY_DIGITS]


def token_id(sso: str) -> str:
    """The short form of :func:`token_key`, for people."""
    return token_key(sso)[:ID_DIGITS]


def is_user_id(value: object) -> bool:
    """Whether *value* can be a user's id, and can stand in an address and in a cookie."""
    return isinstance(value, str) and _USER_ID.fullmatch(value) is not None
