"""Who may use the API: keys, compared by digest, and what each may do.

The owner's keys are ``[grok] api_key`` and those of ``[[keys]]`` without a limit. A key with any
limit (models, requests per minute, requests at once) is a guest's: it may ask, and see nothing of
the server's state.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from ..config import KeyConfig
from ..errors import InvalidApiKey, ModelNotAllowed, PermissionDenied
from ..protocol.key_allowance import KeyAllowance

__all__ = ["OWNER", "Caller", "KeyRing"]


@frozen
class Caller:
    """Whose request it is.

    :ivar name: that of the key in ``[[keys]]``; empty for the owner's, and if no key is asked for.
    :ivar models: those it may use; none is all of them.
    :ivar allowance: the account of its limits; None without limits.
    """

    name: str = ""
    models: frozenset[str] = frozenset()
    allowance: KeyAllowance | None = None

    def may_use(self, model: str) -> bool:
        """Whether it may ask this model."""
        return not self.models or model in self.models

    def require_model(self, model: str) -> None:
        """Make sure that it may.

        :raises ModelNotAllowed: it may not.
        """
        if not self.may_use(model):
            allowed = ", ".join(sorted(self.models))
            raise ModelNotAllowed(
                f"The key {self.name!r} may not use {model}; it may use: {allowed}.", param="model"
            )

    def require_owner(self) -> None:
        """Make sure that the server's state may be seen and changed.

        :raises PermissionDenied: it is a guest's key.
        """
        if self.allowance is not None:
            raise PermissionDenied(
                f"The key {self.name!r} has limits, and this is for keys without any."
            )


OWNER = Caller()

MOST_KEY_BYTES = 512
"""Of a header that is cleaned of what was pasted with the key."""

_WRONG = (
    "The API key is wrong: it is none of this server's keys. They are set in [grok] api_key and "
    "[[keys]] of its "
    "configuration."
)
_NONE = (
    "This server asks for an API key: send it as Authorization: Bearer KEY or as x-api-key: KEY."
)

# Quotes, also curly ones, and spaces, also those without a width, come along when a key is pasted.
# Clients that add the scheme themselves send it twice.
_PASTED = rb"""[ \t"'`]|\xc2\xa0|\xe2\x80[\x8b-\x9f]|\xef\xbb\xbf"""
_PASTED_BEFORE = re.compile(rb"^(?:%b|bearer(?=[ \t:]|$):?)++" % _PASTED, re.IGNORECASE)
_BEARER = re.compile(rb"^(?:%b)*+bearer(?=[ \t:]|$)" % _PASTED, re.IGNORECASE)
_PASTED_BEHIND = re.compile(rb"(?:%b)++$" % _PASTED)


class KeyRing:
    """The keys of this server. Without any, everybody may (the server then listens on loopback
    only).

    :param api_key: the owner's; empty if there is none.
    :param previous: the callers of the key ring before; what was used of a key's allowance stays
        used.
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
            known = [previous[digest] for digest in digests if previous and digest in previous]
            self.callers.update(dict.fromkeys(digests, _caller(key, known)))

    def shift(self, seconds: float) -> None:
        """So much time has passed that the loop's clock has not counted."""
        allowances = {id(caller.allowance): caller.allowance for caller in self.callers.values()}
        for allowance in allowances.values():
            if allowance is not None:
                allowance.shift(seconds)

    @property
    def empty(self) -> bool:
        """Whether no key is asked for."""
        return not self.callers

    def identify(self, headers: Mapping[str, str]) -> Caller:
        """Whose request this is, by its headers (names in lower case).

        :raises InvalidApiKey: if it has no key, or a wrong one; the message says which.
        """
        if self.empty:
            return OWNER
        keys = _offered(headers)
        offered = [_digest(key) for key in keys]
        # All are compared, however early one fits: the time taken says nothing about the keys.
        matches = [
            caller
            for own, caller in self.callers.items()
            for other in offered
            if hmac.compare_digest(own, other)
        ]
        if not matches:
            raise InvalidApiKey(_WRONG if keys else _NONE)
        return matches[0]


def _caller(key: KeyConfig, known: Sequence[Caller]) -> Caller:
    if not (key.models or key.rpm or key.concurrent):
        return Caller(key.name)
    allowance = next(
        (caller.allowance for caller in known if caller.allowance), None
    ) or KeyAllowance(key.name)
    allowance.name, allowance.rpm, allowance.concurrent = key.name, key.rpm, key.concurrent
    return Caller(key.name, frozenset(key.models), allowance)


def _digests(key: KeyConfig) -> Iterator[bytes]:
    if key.key:
        yield _digest(key.key.encode())
    if key.sha256:
        yield bytes.fromhex(key.sha256)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _offered(headers: Mapping[str, str]) -> list[bytes]:
    """Keys as the bytes that were on the wire (header text is their latin-1 reading), and as they
    were meant.
    """
    found: list[bytes] = []
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
        found += [
            key
            for key in (exact, _PASTED_BEHIND.sub(b"", _PASTED_BEFORE.sub(b"", meant, 1)))
            if key
        ]
    return list(dict.fromkeys(found))
