"""API keys: comparison by digest, and the rights of each key.

The owner's keys are ``[grok] api_key`` and those of ``[[keys]]`` without a limit. A key with a
limit (models, requests per minute, per day and at once, tokens, lanes, an end) is a guest's: it may
ask Grok, but not see the server's state.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import time
from collections.abc import Mapping, Sequence

from attrs import field, frozen

from ...config import KeyConfig
from ...config.rights import digests_of
from ...errors import InvalidApiKey, ModelNotAllowed, PermissionDenied
from ...protocol.key_allowance import KeyAllowance
from ...protocol.key_day import KeyDay, KeyDays
from ...protocol.models import LaneName
from ...runtime.days import Days

__all__ = ["Caller", "KeyRing"]


@frozen
class Caller:
    """The holder of an API key, with the key's rights.

    :ivar name: the key's name in ``[[keys]]``; empty for ``api_key`` and if no key is configured.
    :ivar models: names of the models that the key may use; empty allows all.
    :ivar allowance: the use of the key's limits; None without limits.
    :ivar lanes: the lanes that the key may use.
    :ivar day: the key's figures of the day, also without limits.
    :ivar expires: the end of the key as it is configured; empty for none. *expires_at* is the same
        in seconds since 1970; inf for none.
    """

    name: str = ""
    models: frozenset[str] = frozenset()
    allowance: KeyAllowance | None = None
    lanes: frozenset[LaneName] = frozenset(LaneName)
    day: KeyDay = field(factory=KeyDay)
    expires: str = ""
    expires_at: float = math.inf

    def may_use(self, model: str) -> bool:
        """Whether the key may use this model."""
        return not self.models or model in self.models

    def require_model(self, model: str) -> None:
        """Check that the key may use this model.

        :raises ModelNotAllowed: if it may not.
        """
        if not self.may_use(model):
            allowed = ", ".join(sorted(self.models))
            raise ModelNotAllowed(
                f"The key {self.name!r} may not use {model}; it may use: {allowed}.", param="model"
            )

    def require_owner(self) -> None:
        """Check that the key is an owner's, who may see and change the server's state.

        :raises PermissionDenied: if it is a guest's key.
        """
        if self.allowance is not None:
            raise PermissionDenied(
                f"The key {self.name!r} has limits. This route is only for keys without limits."
            )


MOST_KEY_BYTES = 512
"""Longest header value from which characters pasted with the key are removed."""

_WRONG = (
    "The API key is wrong: it is none of this server's keys. They are set in [grok] api_key and "
    "[[keys]] of its configuration."
)
_NONE = (
    "This server asks for an API key: send it as Authorization: Bearer KEY or as x-api-key: KEY."
)

# People paste keys together with quotes (also curly ones) and spaces (also zero-width ones). A
# client that adds the scheme itself sends it twice if it was pasted as well.
_PASTED = rb"""[ \t"'`]|\xc2\xa0|\xe2\x80[\x8b-\x9f]|\xef\xbb\xbf"""
_PASTED_BEFORE = re.compile(rb"^(?:%b|bearer(?=[ \t:]|$):?)++" % _PASTED, re.IGNORECASE)
_BEARER = re.compile(rb"^(?:%b)*+bearer(?=[ \t:]|$)" % _PASTED, re.IGNORECASE)
_PASTED_BEHIND = re.compile(rb"(?:%b)++$" % _PASTED)


class KeyRing:
    """The keys of this server. Without keys every request is the owner's; the server then listens
    on loopback only.

    :param api_key: the owner's key; empty if there is none.
    :param previous: the callers of the previous key ring; their allowances are taken over.
    :param days: the days of all keys that have been.
    :param calendar: the days of the owner's time zone.
    :ivar callers: by the digests of their keys.
    :ivar owner: the caller of a server without keys.
    """

    def __init__(
        self,
        api_key: str,
        keys: Sequence[KeyConfig] = (),
        previous: Mapping[bytes, Caller] | None = None,
        *,
        days: KeyDays | None = None,
        calendar: Days | None = None,
    ) -> None:
        days, self._calendar = days or KeyDays(), calendar or Days("UTC", time.time)
        self.owner = Caller(day=days.of([_digest(api_key.encode()) if api_key else b""]))
        self.callers: dict[bytes, Caller] = {}
        if api_key:
            self.callers[_digest(api_key.encode())] = self.owner
        for key in keys:
            digests = list(digests_of(key))
            earlier = [previous[digest] for digest in digests if previous and digest in previous]
            ends = self._calendar.end_of(key.expires) if key.expires else math.inf
            caller = _caller(key, earlier, days.of(digests), ends)
            self.callers.update(dict.fromkeys(digests, caller))

    def shift(self, seconds: float) -> None:
        """Count *seconds* that the event loop's clock has missed."""
        allowances = {id(caller.allowance): caller.allowance for caller in self.callers.values()}
        for allowance in allowances.values():
            if allowance is not None:
                allowance.shift(seconds)

    @property
    def empty(self) -> bool:
        """Whether no key is asked for."""
        return not self.callers

    def identify(self, headers: Mapping[str, str]) -> Caller:
        """The caller, by a request's headers (names in lower case).

        :raises InvalidApiKey: if the request has no key, a wrong one, or one that has expired; the
            message says which.
        """
        if self.empty:
            return self.owner
        keys = _offered(headers)
        offered = [_digest(key) for key in keys]
        # Compare all, also after a match: the time taken must not depend on the keys.
        matches = [
            caller
            for own, caller in self.callers.items()
            for other in offered
            if hmac.compare_digest(own, other)
        ]
        if not matches:
            raise InvalidApiKey(_WRONG if keys else _NONE)
        now = self._calendar.now()
        valid = [caller for caller in matches if now < caller.expires_at]
        if not valid:
            raise InvalidApiKey(
                f"The key {matches[0].name!r} has expired: it was valid until "
                f"{matches[0].expires}. Ask this server's owner for another one."
            )
        return valid[0]


def _lanes_of(key: KeyConfig) -> frozenset[LaneName] | None:
    """The lanes of a key with limits; None for a key without any."""
    lanes = frozenset(LaneName if key.lanes is None else key.lanes)
    numbers = key.rpm or key.concurrent or key.per_day or key.tokens_per_day
    if not (key.models or numbers or key.expires or lanes != frozenset(LaneName)):
        return None
    # No guest spends the owner's money unless the owner says so.
    return frozenset({LaneName.WEB}) if key.lanes is None else lanes


def _caller(key: KeyConfig, earlier: Sequence[Caller], day: KeyDay, expires_at: float) -> Caller:
    lanes = _lanes_of(key)
    if lanes is None:
        return Caller(key.name, day=day)
    allowance = next(
        (caller.allowance for caller in earlier if caller.allowance), None
    ) or KeyAllowance(key.name)
    allowance.name, allowance.rpm, allowance.concurrent = key.name, key.rpm, key.concurrent
    allowance.per_day, allowance.tokens_per_day = key.per_day, key.tokens_per_day
    allowance.day = day
    return Caller(key.name, frozenset(key.models), allowance, lanes, day, key.expires, expires_at)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _offered(headers: Mapping[str, str]) -> list[bytes]:
    """The request's keys: each as the bytes that were sent, and cleaned of pasted characters.

    :param headers: their text is the bytes read as latin-1.
    """
    keys: list[bytes] = []
    for name in ("authorization", "x-api-key", "api-key"):
        value = headers.get(name, "").encode("latin-1", "replace").strip()
        scheme, _, credentials = value.partition(b" ")
        exact = (
            credentials.strip()
            if name == "authorization" and scheme.lower() == b"bearer"
            else value
        )
        meant = value[:MOST_KEY_BYTES]  # the expressions take time with its square
        if name == "authorization" and not _BEARER.match(meant):
            continue
        keys += [
            key
            for key in (exact, _PASTED_BEHIND.sub(b"", _PASTED_BEFORE.sub(b"", meant, 1)))
            if key
        ]
    return list(dict.fromkeys(keys))
