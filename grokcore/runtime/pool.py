"""The token pool: the queue around the :class:`~grokcore.protocol.book.TokenBook`.

Rules
-----
1. Whoever waits is served first come, first served; one that needs a Super token does not hold up the others.
2. Choosing and settling never wait, so nothing here is held across a wait: a lease can be given back in any ``finally``,
   under cancellation too.
3. A lease ends exactly once: settled with a success or a failure, or abandoned because the client left.
"""

from __future__ import annotations

from collections import deque

import trio

from ..errors import GrokApiError, Overloaded
from ..protocol.book import Account, Need, TokenBook

__all__ = ["Lease", "TokenPool"]

MAX_WAITING = 1000
"""Requests that may wait for a token at once; more would wait in vain for the queue's few seconds."""


class Lease:
    """A token reserved for one attempt."""

    def __init__(self, pool: TokenPool, account: Account) -> None:
        self._pool = pool
        self._account: Account | None = account
        self.sso = account.entry.sso
        self.token_id = account.entry.id
        self.proxy_url = account.egress.proxy_url

    def __repr__(self) -> str:
        return f"<Lease of {self.token_id} {'open' if self._account else 'given back'}>"

    def settle(self, error: GrokApiError | None) -> None:
        """Give it back with the attempt's outcome (None is a success); the first word counts."""
        account, self._account = self._account, None
        if account is not None:
            self._pool.book.settle(account, error, trio.current_time())
            self._pool.share_out()

    def abandon(self) -> None:
        """Give it back without having learned anything, if it is still open."""
        account, self._account = self._account, None
        if account is not None:
            self._pool.book.abandon(account)
            self._pool.share_out()


class _Waiter:
    def __init__(self, need: Need) -> None:
        self.need = need
        self.served = trio.Event()
        self.lease: Lease | None = None
        self.error: GrokApiError | None = None


class TokenPool:
    """Leases tokens.

    :param queue_s: seconds that a request waits for a busy token at most.
    """

    def __init__(self, book: TokenBook, *, queue_s: float) -> None:
        self.book = book
        self._queue_s = queue_s
        self._waiting: deque[_Waiter] = deque()

    @property
    def waiting(self) -> int:
        """How many requests wait for a token."""
        return len(self._waiting)

    async def lease(self, need: Need) -> Lease:
        """Wait for a token that can serve *need*.

        :raises GrokApiError: no token could, however long one waited (NoTokens, NoValidTokens, RateLimitExceeded,
            Challenge), or the queue was full or too slow (Overloaded).
        """
        waiter = _Waiter(need)
        self._waiting.append(waiter)
        try:
            self.share_out()
            if waiter.lease is None:
                await self._wait(waiter)
            assert waiter.lease is not None
            lease, waiter.lease = waiter.lease, None
            return lease
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            if waiter.lease is not None:  # served and cancelled at the same moment
                waiter.lease.abandon()

    async def _wait(self, waiter: _Waiter) -> None:
        if waiter.error is None and len(self._waiting) > MAX_WAITING:
            raise Overloaded("Too many requests are waiting for a token already.", retry_after=1)
        until = trio.current_time() + self._queue_s
        while not waiter.served.is_set() and trio.current_time() < until:
            opening = self.book.next_opening(waiter.need, trio.current_time())
            with trio.CancelScope(deadline=min(until, opening)):
                await waiter.served.wait()
            self.share_out()  # a token may have stopped cooling meanwhile
        if waiter.error is not None:
            raise waiter.error
        if waiter.lease is None:
            raise Overloaded(
                f"All tokens were busy for {self._queue_s:g} s. More tokens, or a higher "
                "[pool] max_in_flight_per_token, would take more requests at once.",
                retry_after=1,
            )

    def share_out(self) -> None:
        """Serve those who wait, in their order, with what is free now; tell those who wait in vain."""
        now = trio.current_time()
        for waiter in list(self._waiting):
            account = self.book.choose(waiter.need, now)
            if account is not None:
                waiter.lease = Lease(self, account)
            else:
                waiter.error = self.book.hopeless(waiter.need, now)
            if waiter.lease is not None or waiter.error is not None:
                self._waiting.remove(waiter)
                waiter.served.set()
