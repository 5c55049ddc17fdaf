"""Tickets for the stream of the status page: a browser's EventSource can send no key, so it shows
one of these.
"""

from __future__ import annotations

import secrets

__all__ = ["Tickets"]

VALID_S = 60.0
"""A page uses its ticket at once; a minute covers a slow way to the server."""

MOST = 100
"""Outstanding at a time. Of more the oldest go: their pages ask for new ones."""


class Tickets:
    """Those that were given out and not used yet. Each is good once. Times are seconds of the
    caller's clock.
    """

    def __init__(self) -> None:
        self._valid_until: dict[
            str, float
        ] = {}  # in the order in which they were given out, and so of their end

    def __len__(self) -> int:
        return len(self._valid_until)

    def issue(self, now: float) -> str:
        """A new one."""
        self._drop(now, most=MOST - 1)
        ticket = secrets.token_urlsafe(32)
        self._valid_until[ticket] = now + VALID_S
        return ticket

    def redeem(self, ticket: str, now: float) -> bool:
        """Whether it is good; it is not any more afterwards."""
        self._drop(now, most=MOST)
        return self._valid_until.pop(ticket, None) is not None

    def shift(self, seconds: float) -> None:
        """So much time has passed that the caller's clock has not counted."""
        for ticket in self._valid_until:
            self._valid_until[ticket] -= seconds

    def void(self) -> None:
        """None is good any more: the keys that they stood for may not be."""
        self._valid_until.clear()

    def _drop(self, now: float, *, most: int) -> None:
        for ticket, until in list(self._valid_until.items()):
            if until > now and len(self._valid_until) <= most:
                return
            del self._valid_until[ticket]
