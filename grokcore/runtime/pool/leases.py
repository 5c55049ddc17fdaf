"""The token pool: the queue around the :class:`~grokcore.protocol.pool.book.TokenBook`.

Rules
-----
1. Whoever waits is served first come, first served, and a request that has to try again keeps its
   place; one that needs a Super token does not hold up the others.
2. Choosing and settling never wait, so nothing here is held across a wait: a lease can be given
   back in any ``finally``, under cancellation too.
3. A lease ends exactly once: settled with a success or a failure, or abandoned because the client
   left.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Awaitable, Callable

import trio
from attrs import define, field

from ...errors import GrokApiError, Overloaded
from ...protocol.pool.book import Loan, Need, TokenBook
from ...protocol.pool.view import TokenView, TokenViews

__all__ = ["Lease", "TokenPool"]

MAX_WAITING = 1000
"""Requests that may wait for a token at once; more would wait in vain for the queue's few
seconds.
"""


class Lease:
    """A token reserved for one attempt."""

    def __init__(self, pool: TokenPool, loan: Loan) -> None:
        entry = loan.account.entry
        self._pool = pool
        self._loan: Loan | None = loan
        self.sso = entry.sso
        self.key = entry.key
        self.token_id = entry.id
        self.proxy_url = loan.egress.proxy_url

    def __repr__(self) -> str:
        return f"<Lease of {self.token_id} {'open' if self._loan else 'given back'}>"

    def settle(self, error: GrokApiError | None) -> None:
        """Give it back with the attempt's outcome (None is a success); the first word counts."""
        loan, self._loan = self._loan, None
        if loan is not None:
            self._pool.book.settle(loan, error, trio.current_time())
            self._pool.changed()

    def answering(self) -> None:
        """Grok has begun to answer."""
        if self._loan is not None:
            self._pool.book.answering(self._loan)

    def return_unused(self) -> None:
        """Give it back: nothing was asked with it."""
        loan, self._loan = self._loan, None
        if loan is not None:
            self._pool.book.return_unused(loan, trio.current_time())
            self._pool.changed()

    def abandon(self) -> None:
        """Give it back without having learned anything, if it is still open."""
        loan, self._loan = self._loan, None
        if loan is not None:
            self._pool.book.abandon(loan, trio.current_time())
            self._pool.changed()


@define(eq=False)
class _Waiter:
    """A request in the queue."""

    need: Need
    ticket: int
    served: trio.Event = field(factory=trio.Event)
    sleep: trio.CancelScope | None = None
    lease: Lease | None = None
    error: GrokApiError | None = None


class TokenPool:
    """Leases tokens.

    :ivar queue_s: seconds that a request waits for a busy token at most.
    :ivar on_change: called whenever something in the book may have changed; they must not wait.
    :ivar written: waits, for a bounded time, until the book's changes are on the disk; returns why
        they are not, in words, or nothing.
    :ivar look: finds out before each lease whether time was missed, and calls :meth:`shift` then.
    """

    def __init__(self, book: TokenBook, *, queue_s: float) -> None:
        self.book = book
        self.queue_s = queue_s
        self.on_change: list[Callable[[], None]] = []
        self.written: Callable[[], Awaitable[str]] = _kept_nowhere
        self.look: Callable[[], object] = lambda: None
        self._tickets = itertools.count()
        self._waiting: list[_Waiter] = []
        self._shared_out_at = -math.inf

    @property
    def waiting(self) -> int:
        """How many requests wait for a token."""
        return len(self._waiting)

    def ticket(self) -> int:
        """A place in the queue, for a request and all its attempts."""
        return next(self._tickets)

    async def lease(self, need: Need, ticket: int | None = None) -> Lease:
        """Wait for a token that can serve *need*.

        :param ticket: the request's place in the queue; a new one at its end if there is none.
        :raises GrokApiError: no token could, however long one waited (NoTokens, NoValidTokens,
            RateLimitExceeded, Challenge), or the queue was full or too slow (Overloaded).
        """
        self.look()
        waiter = _Waiter(need, self.ticket() if ticket is None else ticket)
        bisect.insort(self._waiting, waiter, key=lambda one: one.ticket)
        try:
            self.changed()
            if waiter.lease is None:
                await self._wait(waiter)
            assert waiter.lease is not None
            lease, waiter.lease = waiter.lease, None
            return lease
        finally:
            if not waiter.served.is_set():
                self._waiting.remove(waiter)
            if waiter.lease is not None:  # served and cancelled at the same moment
                waiter.lease.return_unused()

    async def _wait(self, waiter: _Waiter) -> None:
        if waiter.error is None and len(self._waiting) > MAX_WAITING:
            raise Overloaded("Too many requests are waiting for a token already.", retry_after=1)
        until = trio.current_time() + self.queue_s
        while not waiter.served.is_set() and trio.current_time() < until:
            opening = self.book.next_opening(waiter.need, trio.current_time())
            with trio.CancelScope(deadline=min(until, opening)) as waiter.sleep:
                await waiter.served.wait()
            if (
                self._shared_out_at < opening <= trio.current_time()
            ):  # a token has opened; of many sleepers one sees to it
                self.changed()
        if not waiter.served.is_set() and self._serve(waiter, patient=False):
            self._tell()
        if waiter.error is not None:
            raise waiter.error
        if waiter.lease is None:
            raise Overloaded(
                f"All tokens were busy for {self.queue_s:g} s. More tokens, or a higher "
                "[pool] max_in_flight_per_token, would take more requests at once.",
                retry_after=1,
            )

    # The acts of a token's owner: those of the book, and whoever waits hears of it. UnknownToken is
    # raised as there.

    def clear(self, token: str) -> str:
        """What is held against it does not hold."""
        return self._acted(self.book.clear(token, trio.current_time()))

    def recheck(self, token: str, *, group: str = "") -> str:
        """Ask Grok what it has left, for *group* if nothing is known of it."""
        return self._acted(self.book.recheck(token, trio.current_time(), group=group))

    def disable(self, token: str) -> str:
        """Use it for nothing more."""
        return self._acted(self.book.disable(token))

    def enable(self, token: str) -> str:
        """Use it again."""
        return self._acted(self.book.enable(token, trio.current_time()))

    def _acted(self, told: str) -> str:
        self.changed()
        return told

    def shift(self, seconds: float) -> None:
        """So much time has passed that trio's clock has not counted
        (:mod:`~grokcore.protocol.wall`).
        """
        self.book.shift(seconds)
        for waiter in self._waiting:
            if waiter.sleep is not None:  # when the next token opens has to be looked up anew
                waiter.sleep.deadline = -math.inf
        self.changed()

    def view(self, token: str) -> TokenView:
        """A token as its owner sees it."""
        return self.book.view(token, trio.current_time())

    def views(self, *, most: int = 200) -> TokenViews:
        """The tokens, those with trouble first, and no more than *most* of them."""
        return self.book.views(trio.current_time(), most=most)

    def changed(self) -> None:
        """Something in the book is not as it was: somebody may be served now, and others may want
        to know.
        """
        self._share_out()
        self._tell()

    def _tell(self) -> None:
        for listener in self.on_change:
            listener()

    def _share_out(self) -> None:
        """Serve those who wait, in their order, with what is free now; tell those who wait in
        vain.
        """
        self._shared_out_at = trio.current_time()
        in_vain: set[Need] = set()
        for waiter in list(self._waiting):
            # Whoever asks for the same as one who was not served need not ask. (Needs of requests
            # that have failed once are their own, and few.)
            if waiter.need not in in_vain and not self._serve(waiter, patient=True):
                in_vain.add(waiter.need)

    def _serve(self, waiter: _Waiter, *, patient: bool) -> bool:
        """Serve one, or tell it that it waits in vain; whether its waiting is over."""
        now = trio.current_time()
        loan = self.book.choose(waiter.need, now, patient=patient)
        if loan is not None:
            waiter.lease = Lease(self, loan)
        else:
            waiter.error = self.book.hopeless(waiter.need, now)
        if waiter.lease is None and waiter.error is None:
            return False
        self._waiting.remove(waiter)
        waiter.served.set()
        return True


async def _kept_nowhere() -> str:
    """A server without a state file has nothing to wait for; it has said so at its start."""
    return ""
