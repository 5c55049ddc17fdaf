"""API keys: comparison by digest, and the rights of each key.

The owner's keys are ``[grok] api_key`` and those of ``[[keys]]`` without a limit. A key with a
limit (models, requests per minute, concurrent requests, lanes) is a guest's: it may ask Grok, but
not see the server's state.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from ...config import KeyConfig
from ...errors import InvalidApiKey, ModelNotAllowed, PermissionDenied
from ...protocol.key_allowance import KeyAllowance
from ...protocol.models import LaneName

__all__ = ["OWNER", "Caller", "KeyRing"]


@frozen
class Caller:
    """The holder of an API key, with the key's rights.

    :ivar name: the key's name in ``[[keys]]``; empty for ``api_key`` and if no key is configured.
    :ivar models: names of the models that the key may use; empty allows all.
    :ivar allowance: the use of the key's limits; None without limits.
    :ivar lanes: the lanes that the key may use.
    """

    name: str = ""
    models: frozenset[str] = frozenset()
    allowance: KeyAllowance | None = None
    lanes: frozenset[LaneName] = frozenset(LaneName)

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


OWNER = Caller()

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
    :ivar callers: by the digests of their keys.
    """

    def __init__(
        self,
        api_key: str,
        keys: Sequence[KeyConfig] = (),
        previous: Mapping[bytes, Caller] | None = None,
    ) -> None:
        self.callers: dict[bytes, Caller] = {_digest(api_key.encode()): OWNER} if api_key else {}
        for key in keys:
            digests = list(_digests(key))
            earlier = [previous[digest] for digest in digests if previous and digest in previous]
            self.callers.update(dict.fromkeys(digests, _caller(key, earlier)))

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

        :raises InvalidApiKey: if the request has no key, or a wrong one; the message says which.
        """
        if self.empty:
            return OWNER
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
        return matches[0]


def _caller(key: KeyConfig, earlier: Sequence[Caller]) -> Caller:
    lanes = frozenset(LaneName if key.lanes is None else key.lanes)
    if not (key.models or key.rpm or key.concurrent or lanes != frozenset(LaneName)):
        return Caller(key.name)
    allowance = next(
        (caller.allowance for caller in earlier if caller.allowance), None
    ) or KeyAllowance(key.name)
    allowance.name, allowance.rpm, allowance.concurrent = key.name, key.rpm, key.concurrent
    if key.lanes is None:  # no guest spends the owner's money unless the owner says so
        lanes = frozenset({LaneName.WEB})
    return Caller(key.name, frozenset(key.models), allowance, lanes)


def _digests(key: KeyConfig) -> Iterator[bytes]:
    if key.key:
        yield _digest(key.key.encode())
    if key.sha256:
        yield bytes.fromhex(key.sha256)


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
