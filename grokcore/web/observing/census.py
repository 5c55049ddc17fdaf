"""A count of all tokens, shared by the reports that show it."""

from __future__ import annotations

import math

from ...protocol.pool.account import Egress
from ...runtime.completion.gateway import Gateway

__all__ = ["COUNTED_AT_ONCE", "Census"]

COUNTED_AT_ONCE = 500
"""Tokens in a pool that is counted for each report; counting 10 000 takes some 15 ms."""


class Census:
    """Figures that require a count of all tokens. Reports need no key, so a large pool is not
    counted for each of them.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._taken_at = -math.inf
        self._counts: dict[str, int] = {}
        self._next_reset: float | None = None
        self._egresses: list[Egress] = []

    def take(self, now: float) -> tuple[dict[str, int], float | None, list[Egress]]:
        """Tokens by state, the time at which the first is back, and the egresses; for a large pool
        up to a second old.
        """
        book = self._gateway.pool.book
        if now >= self._taken_at + (1.0 if len(book.accounts) > COUNTED_AT_ONCE else 0.0):
            self._taken_at = now
            self._counts, self._next_reset, self._egresses = (
                book.counts(now),
                book.next_reset(now),
                book.egresses(),
            )
        return self._counts, self._next_reset, self._egresses
