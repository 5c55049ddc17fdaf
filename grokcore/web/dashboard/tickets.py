"""Tickets for the status page's stream: a browser's EventSource can't send a key, so it sends a
ticket instead.
"""

from __future__ import annotations

import secrets

__all__ = ["Tickets"]

VALID_S = 60.0
"""Seconds. A page uses its ticket at once; a minute covers a slow connection."""

MOST = 100
"""Most valid tickets. The oldest are dropped first; their pages ask for new ones."""


class Tickets:
    """The issued, unused tickets. Each is valid once. Times are seconds of the caller's clock."""

    def __init__(self) -> None:
        # By the order in which they were issued, which is that in which they expire.
        self._valid_until: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._valid_until)

    def issue(self, now: float) -> str:
        """A new ticket."""
        self._drop(now, most=MOST - 1)
        ticket = secrets.token_urlsafe(32)
        self._valid_until[ticket] = now + VALID_S
        return ticket

    def redeem(self, ticket: str, now: float) -> bool:
        """Whether the ticket is valid; it is used up afterwards."""
        self._drop(now, most=MOST)
        return self._valid_until.pop(ticket, None) is not None

    def shift(self, seconds: float) -> None:
        """Count *seconds* that the caller's clock has missed."""
        for ticket in self._valid_until:
            self._valid_until[ticket] -= seconds

    def void(self) -> None:
        """Make all tickets invalid: the keys behind them may have changed."""
        self._valid_until.clear()

    def _drop(self, now: float, *, most: int) -> None:
        for ticket, until in list(self._valid_until.items()):
            if until > now and len(self._valid_until) <= most:
                return
            del self._valid_until[ticket]
