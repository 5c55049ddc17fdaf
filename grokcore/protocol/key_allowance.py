"""The limits of one API key: requests per minute, and requests at once. ``now`` is an argument.

The minute slides: a request counts for sixty seconds from its beginning, with any outcome. A
request that these limits have refused does not count. One that asks for several answers counts as
so many.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field, frozen

from ..errors import KeyLimitExceeded

__all__ = ["WINDOW_S", "KeyAllowance", "KeyLeft"]

WINDOW_S = 60.0


@frozen
class KeyLeft:
    """The rest of a key's requests per minute.

    :ivar renewed_in: seconds until no request counts any more; 0 if none does.
    """

    limit: int
    remaining: int
    renewed_in: float


@define(eq=False)
class _Use:
    """Requests that began together. *at* is their beginning."""

    at: float


@define(eq=False)
class KeyAllowance:
    """The requests of one key. Its limits may change at any time; earlier requests still count.

    :ivar rpm: requests per minute; 0 is no limit.
    :ivar concurrent: requests at once; 0 is no limit.
    """

    name: str
    rpm: int = 0
    concurrent: int = 0
    _begun: deque[_Use] = field(factory=deque, init=False)
    _open: dict[object, int] = field(factory=dict, init=False)

    @property
    def most(self) -> int | None:
        """The most requests that may ever begin together; None without a limit."""
        return min(filter(None, (self.rpm, self.concurrent)), default=None)

    def begin(self, now: float, requests: int = 1) -> object:
        """Count requests that begin together: all of them, or none.

        :param requests: at most :attr:`most`, unless it is one.
        :returns: a handle, which the caller gives to :meth:`end`.
        :raises KeyLimitExceeded: if a limit is reached; ``retry_after`` is the time to wait.
        """
        self._forget(now)
        if self.concurrent and sum(self._open.values()) + requests > self.concurrent:
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
        use = _Use(now)
        self._begun.extend([use] * requests)
        self._open[use] = requests
        return use

    def end(self, use: object) -> None:
        """Count the end of requests. Safe to repeat."""
        self._open.pop(use, None)

    def withdraw(self, use: object) -> None:
        """Count requests that have just begun as if they had not."""
        self.end(use)
        self._begun = deque(begun for begun in self._begun if begun is not use)

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed."""
        for use in set(self._begun):
            use.at -= seconds

    def left(self, now: float) -> KeyLeft | None:
        """The rest of the requests per minute; None without such a limit."""
        if not self.rpm:
            return None
        self._forget(now)
        renewed_in = self._begun[-1].at + WINDOW_S - now if self._begun else 0.0
        return KeyLeft(self.rpm, max(0, self.rpm - len(self._begun)), renewed_in)

    def _forget(self, now: float) -> None:
        while self._begun and self._begun[0].at + WINDOW_S <= now:
            self._begun.popleft()


def _requests(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'}"
