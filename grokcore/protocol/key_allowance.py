"""The limits of one API key: requests per minute and per day, requests at once, and tokens per day.
``now`` and ``today`` are arguments.

The minute slides: a request counts for sixty seconds from its beginning, with any outcome. The day
is the calendar's (:mod:`~grokcore.protocol.key_day`). A request that these limits have refused does
not count. One that asks for several answers counts as so many.

The tokens of a request are known at its end, and no answer is cut for them. So a day may end above
its limit by the answers that were under way.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

from attrs import define, field, frozen

from ..errors import KeyLimitExceeded
from .key_day import KeyDay, Today, Use

__all__ = ["WINDOW_S", "KeyAllowance", "KeyLeft"]

WINDOW_S = 60.0


@frozen
class KeyLeft:
    """The rest of one limit.

    :ivar renewed_in: seconds until nothing counts against it any more; 0 if nothing does.
    """

    limit: int
    remaining: int
    renewed_in: float


@define(eq=False)
class KeyAllowance:
    """The requests of one key. Its limits may change at any time; earlier requests still count.

    :ivar rpm: requests per minute; 0 is no limit.
    :ivar concurrent: requests at once; 0 is no limit.
    :ivar per_day: requests per day; 0 is no limit.
    :ivar tokens_per_day: estimated tokens of questions and answers per day; 0 is no limit.
    :ivar day: the day's figures.
    """

    name: str
    rpm: int = 0
    concurrent: int = 0
    per_day: int = 0
    tokens_per_day: int = 0
    day: KeyDay = field(factory=KeyDay)
    _begun: deque[Use] = field(factory=deque, init=False)
    _open: dict[Use, int] = field(factory=dict, init=False)

    @property
    def most(self) -> int | None:
        """The most requests that may ever begin together; None without a limit."""
        return min(filter(None, (self.rpm, self.concurrent, self.per_day)), default=None)

    @property
    def under_way(self) -> int:
        """Requests that have begun and not ended."""
        return sum(self._open.values())

    def in_minute(self, now: float) -> int:
        """Requests that count for the minute."""
        self._forget(now)
        return len(self._begun)

    def begin(self, now: float, today: Today, requests: int = 1) -> Use:
        """Count requests that begin together: all of them, or none.

        :param requests: at most :attr:`most`, unless it is one.
        :returns: a handle, which the caller gives to :meth:`end`.
        :raises KeyLimitExceeded: if a limit is reached; ``retry_after`` is the time to wait. Of
            several limits, it is the day's.
        """
        self._forget(now)
        self.day.turn_to(today)
        self._require_day(today, requests)
        if self.concurrent and self.under_way + requests > self.concurrent:
            raise KeyLimitExceeded(
                f"The key {self.name!r} may have {_requests(self.concurrent)} under way at once.",
                retry_after=1,
            )
        if self.rpm and len(self._begun) + requests > self.rpm:
            wait = self._begun[len(self._begun) + requests - self.rpm - 1].at + WINDOW_S - now
            raise KeyLimitExceeded(
                f"The key {self.name!r} may send {_requests(self.rpm)} per minute.",
                retry_after=wait,
            )
        use = self.day.begin(now, today, requests)
        self._begun.extend([use] * requests)
        self._open[use] = requests
        return use

    def _require_day(self, today: Today, requests: int) -> None:
        wait = self.day.ends_in(today)
        hours, minutes = divmod(math.ceil(wait / 60), 60)
        if self.per_day and self.day.requests + requests > self.per_day:
            raise KeyLimitExceeded(
                f"The key {self.name!r} has reached its limit of requests per day "
                f"({self.per_day}); the day ends in {hours} h {minutes} min.",
                retry_after=wait,
            )
        if self.tokens_per_day and self.day.tokens >= self.tokens_per_day:
            raise KeyLimitExceeded(
                f"The key {self.name!r} has reached its limit of tokens per day "
                f"({self.tokens_per_day}); the day ends in {hours} h {minutes} min.",
                retry_after=wait,
            )

    def end(self, use: Use) -> None:
        """Count the end of requests, for those at once. Safe to repeat."""
        self._open.pop(use, None)

    def withdraw(self, use: Use) -> None:
        """Count requests that have just begun as if they had not."""
        self.end(use)
        self.day.withdraw(use)
        self._begun = deque(begun for begun in self._begun if begun is not use)

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed."""
        for use in set(self._begun):
            use.at -= seconds

    def left(self, now: float, today: Today) -> KeyLeft | None:
        """The rest of the requests by the limit that is nearest; None without such a limit."""
        self.day.turn_to(today)
        return min(
            self._lefts(now, today),
            key=lambda left: (left.remaining, -left.renewed_in),
            default=None,
        )

    def _lefts(self, now: float, today: Today) -> Iterator[KeyLeft]:
        if self.rpm:
            yield self._left(self.rpm, self.in_minute(now), self.minute_renewed_in(now))
        if self.per_day:
            used = self.day.requests
            yield self._left(self.per_day, used, self.day.ends_in(today) if used else 0.0)

    def minute_renewed_in(self, now: float) -> float:
        """Seconds until no request counts for the minute any more; 0 if none does."""
        return self._begun[-1].at + WINDOW_S - now if self.in_minute(now) else 0.0

    def tokens_left(self, today: Today) -> KeyLeft | None:
        """The rest of the day's tokens; None without such a limit."""
        if not self.tokens_per_day:
            return None
        self.day.turn_to(today)
        used = self.day.tokens
        return self._left(self.tokens_per_day, used, self.day.ends_in(today) if used else 0.0)

    @staticmethod
    def _left(limit: int, used: int, renewed_in: float) -> KeyLeft:
        return KeyLeft(limit, max(0, limit - used), renewed_in)

    def _forget(self, now: float) -> None:
        while self._begun and self._begun[0].at + WINDOW_S <= now:
            self._begun.popleft()


def _requests(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'}"
