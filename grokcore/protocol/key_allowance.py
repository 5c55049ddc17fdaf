"""The limits of one API key: requests per minute, and requests at once. ``now`` is an argument.

The minute slides: a request counts for sixty seconds from its beginning, with any outcome. A
request that these limits have refused does not count.
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
class KeyAllowance:
    """The requests of one key. Its limits may change at any time; earlier requests still count.

    :ivar rpm: requests per minute; 0 is no limit.
    :ivar concurrent: requests at once; 0 is no limit.
    """

    name: str
    rpm: int = 0
    concurrent: int = 0
    _begun: deque[float] = field(factory=deque, init=False)
    _open: set[object] = field(factory=set, init=False)

    def begin(self, now: float) -> object:
        """Count a request that begins.

        :returns: a handle, which the caller gives to :meth:`end`.
        :raises KeyLimitExceeded: if a limit is reached; ``retry_after`` is the time to wait.
        """
        self._forget(now)
        if self.concurrent and len(self._open) >= self.concurrent:
            raise KeyLimitExceeded(
                f"The key {self.name!r} may have {_requests(self.concurrent)} under way at once.",
                retry_after=1,
            )
        if self.rpm and len(self._begun) >= self.rpm:
            wait = self._begun[len(self._begun) - self.rpm] + WINDOW_S - now
            raise KeyLimitExceeded(
                f"The key {self.name!r} may send {_requests(self.rpm)} per minute.",
                retry_after=wait,
            )
        self._begun.append(now)
        use = object()
        self._open.add(use)
        return use

    def end(self, use: object) -> None:
        """Count the end of a request. Safe to repeat."""
        self._open.discard(use)

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed."""
        self._begun = deque(at - seconds for at in self._begun)

    def left(self, now: float) -> KeyLeft | None:
        """The rest of the requests per minute; None without such a limit."""
        if not self.rpm:
            return None
        self._forget(now)
        renewed_in = self._begun[-1] + WINDOW_S - now if self._begun else 0.0
        return KeyLeft(self.rpm, max(0, self.rpm - len(self._begun)), renewed_in)

    def _forget(self, now: float) -> None:
        while self._begun and self._begun[0] + WINDOW_S <= now:
            self._begun.popleft()


def _requests(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'}"
