"""Who may use the API: keys, compared by digest."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping

from ..errors import InvalidApiKey

__all__ = ["KeyRing"]


class KeyRing:
    """The keys of this server. Without any, everybody may (the server then listens on loopback only).

    :param keys: in clear.
    :param digests: SHA-256 of further keys, in hex.
    """

    def __init__(self, keys: Iterable[str], digests: Iterable[str] = ()) -> None:
        self._digests = [hashlib.sha256(key.encode()).digest() for key in keys if key]
        self._digests += [bytes.fromhex(digest) for digest in digests]

    @property
    def empty(self) -> bool:
        """Whether no key is asked for."""
        return not self._digests

    def check(self, headers: Mapping[str, str]) -> None:
        """Let a request with these headers pass.

        :raises InvalidApiKey: it has no key, or a wrong one; both look the same from outside.
        """
        if self.empty:
            return
        offered = [hashlib.sha256(key).digest() for key in _offered(headers)]
        # All are compared, however early one fits: the time taken says nothing about the keys.
        matches = [hmac.compare_digest(own, other) for own in self._digests for other in offered]
        if not any(matches):
            raise InvalidApiKey(
                "This server asks for an API key: send it as Authorization: Bearer KEY or as x-api-key: KEY."
            )


def _offered(headers: Mapping[str, str]) -> list[bytes]:
    """Keys as the bytes that were on the wire (header text is their latin-1 reading)."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    found = [credentials.strip(" \t")] if scheme.lower() == "bearer" else []
    found += [headers[name].strip(" \t") for name in ("x-api-key", "api-key") if name in headers]
    return [key.encode("latin-1", "replace") for key in found]
