"""The token pool: the queue around the :class:`~grokcore.protocol.pool.book.TokenBook`.

Rules
-----
1. Waiting requests are served first come, first served. A request that has to try again keeps its
   place, and one that needs a Super token does not hold up the others.
2. Choosing and settling never wait, so a lease can be given back in any ``finally``, under
   cancellation too.
3. A lease ends exactly once: settled with a success or a failure, abandoned because the client
   left, or returned unused.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

import trio
from attrs import define, field

from ...errors import GrokApiError, InternalError, Overloaded
from ...protocol.conversation.usage import Usage
from ...protocol.models import LaneName
from ...protocol.pool.book import Loan, Need, TokenBook
from ...protocol.pool.owner_actions import ActionResult, Cleared, Disabled, Enabled, Rechecked
from ...protocol.pool.view import TokenView, TokenViews

__all__ = ["AnyLease", "Lease", "TokenPool", "token_lease"]

MAX_WAITING = 1000
"""Requests that may wait for a token at once; more would wait for the queue's few seconds in vain.
"""

_Result = TypeVar("_Result", bound=ActionResult)


class AnyLease(Protocol):
    """A credential that is reserved for one attempt: a session token, or an official lane's."""

    @property
    def lane(self) -> LaneName:
        """The lane that the credential belongs to."""

    @property
    def key(self) -> str:
        """The credential's name that no other has."""

    @property
    def token_id(self) -> str:
        """The credential's short name for people."""

    @property
    def proxy_url(self) -> str:
        """The egress; empty for a direct connection."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that no message may quote."""

    @property
    def cost(self) -> int | None:
        """Ticks that the attempt has cost, once it is given back; None if nothing is charged."""

    def used(self, usage: Usage) -> None:
        """Note the upstream's own count of the answer."""

    def answering(self) -> None:
        """Note that the upstream has begun to answer."""

    def settle(self, error: GrokApiError | None) -> None:
        """Give it back with the attempt's outcome; None is a success. Further calls do nothing."""

    def abandon(self) -> None:
        """Give it back if it is still open: the attempt has no outcome."""

    def return_unused(self) -> None:
        """Give it back if it is still open: no request was sent with it."""


class Lease:
    """The runtime's handle for a token that is reserved for one attempt; it can be given back once.

    (The book's record of the reservation is a :class:`~grokcore.protocol.pool.book.Loan`.)
    """

    lane = LaneName.WEB
    cost: int | None = None

    def __init__(self, pool: TokenPool, loan: Loan) -> None:
        entry = loan.account.entry
        self._pool = pool
        self._account = loan.account
        self._loan: Loan | None = loan
        self.sso = entry.sso
        self.key = entry.key
        self.token_id = entry.id
        self.proxy_url = loan.egress.proxy_url

    def __repr__(self) -> str:
        return f"<Lease of {self.token_id} {'open' if self._loan else 'given back'}>"

    @property
    def user_id(self) -> str:
        """The id of the account's user at Grok (private); empty if it is not known."""
        return self._account.user_id

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that no message may quote."""
        return (self.sso, self.user_id) if self.user_id else (self.sso,)

    def learn_user(self, user_id: str) -> None:
        """Keep the id of the account's user, beyond this lease; empty forgets Grok's."""
        self._pool.book.learn_user(self._account, user_id)
        self._pool.changed()

    @property
    def modes_due(self) -> bool:
        """Whether Grok may be asked which modes the account has."""
        return self._account.modes_due_at <= trio.current_time()

    @property
    def refused_modes(self) -> Mapping[str, str]:
        """Modes that the account may not use, with the plan that has each."""
        return self._account.refused_modes

    def learn_modes(self, refused: Mapping[str, str] | None, *, again_in_s: float) -> None:
        """Keep the modes that the account may not use; None if Grok did not say."""
        now = trio.current_time()
        self._pool.book.learn_modes(self._account, refused, now + again_in_s, now)
        self._pool.changed()

    def settle(self, error: GrokApiError | None) -> None:
        """Give it back with the attempt's outcome; None is a success. Further calls do nothing."""
        loan, self._loan = self._loan, None
        if loan is not None:
            self._pool.book.settle(loan, error, trio.current_time())
            self._pool.changed()

    def used(self, usage: Usage) -> None:
        """Do nothing: grok.com counts no tokens."""

    def answering(self) -> None:
        """Note that Grok has begun to answer."""
        if self._loan is not None:
            self._pool.book.answering(self._loan)

    def return_unused(self) -> None:
        """Give it back if it is still open: no request was sent with it."""
        loan, self._loan = self._loan, None
        if loan is not None:
            self._pool.book.return_unused(loan, trio.current_time())
            self._pool.changed()

    def abandon(self) -> None:
        """Give it back if it is still open: the attempt has no outcome."""
        loan, self._loan = self._loan, None
        if loan is not None:
            self._pool.book.abandon(loan, trio.current_time())
            self._pool.changed()


def token_lease(lease: AnyLease) -> Lease:
    """*lease*, which a lane of grok.com was given.

    :raises InternalError: if it is another lane's.
    """
    if not isinstance(lease, Lease):
        raise InternalError(f"A lane of grok.com was given a lease of {lease.lane.value}.")
    return lease


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
    """Leases of tokens, and the queue of requests that wait for one.

    :ivar queue_s: seconds that a request waits for a busy token at most.
    :ivar on_change: called whenever something in the book may have changed; they must not wait.
    :ivar written: waits, for a bounded time, until the book's changes are on the disk. Returns the
        reason if they are not, and an empty text otherwise.
    :ivar pass_on: called with a token's key, the name of an action of its owner and a group, after
        the action was done here: another server may have the token.
    :ivar look: called before each lease; compares the clocks and calls :meth:`shift` if time was
        missed.
    """

    def __init__(self, book: TokenBook, *, queue_s: float) -> None:
        self.book = book
        self.queue_s = queue_s
        self.on_change: list[Callable[[], None]] = []
        self.written: Callable[[], Awaitable[str]] = _kept_nowhere
        self.look: Callable[[], object] = lambda: None
        self.pass_on: Callable[[str, str, str], None] = lambda _key, _action, _group: None
        self._tickets = itertools.count()
        self._waiting: list[_Waiter] = []
        self._shared_out_at = -math.inf

    @property
    def waiting(self) -> int:
        """Number of requests that wait for a token."""
        return len(self._waiting)

    @property
    def needs(self) -> list[Need]:
        """The needs of the requests that wait for a token."""
        return [waiter.need for waiter in self._waiting]

    def ticket(self) -> int:
        """A place in the queue, for a request and all its attempts."""
        return next(self._tickets)

    def lease_now(self, need: Need) -> Lease | None:
        """A token that can serve *need* at once; None if there is none, or if a busy one is worth
        waiting for.
        """
        self.look()
        if self._waiting:
            self._share_out()  # those who wait come first
        loan = self.book.choose(need, trio.current_time())
        if loan is None:
            return None
        self._notify()
        return Lease(self, loan)

    def lease_unqueued(self, need: Need) -> Lease | None:
        """A token that can serve *need* at once, for a request of any age: None also if others
        wait, since its ticket may be older than theirs.
        """
        return None if self._waiting else self.lease_now(need)

    async def lease(
        self, need: Need, ticket: int | None = None, *, until: float | None = None
    ) -> Lease:
        """Wait for a token that can serve *need*.

        :param ticket: the request's place in the queue; a new one at its end if there is none.
        :param until: trio's time at which the wait ends; None for :attr:`queue_s` from now.
        :raises GrokApiError: if waiting for a token would not help (NoTokens, NoValidTokens,
            RateLimitExceeded, Challenge, …), or the queue was full or too slow (Overloaded).
        """
        self.look()
        waiter = _Waiter(need, self.ticket() if ticket is None else ticket)
        bisect.insort(self._waiting, waiter, key=lambda queued: queued.ticket)
        try:
            self.changed()
            if waiter.lease is None:
                await self._wait(waiter, until)
            assert waiter.lease is not None
            lease, waiter.lease = waiter.lease, None
            return lease
        finally:
            if not waiter.served.is_set():
                self._waiting.remove(waiter)
            if waiter.lease is not None:  # served and cancelled at the same moment
                waiter.lease.return_unused()

    async def _wait(self, waiter: _Waiter, until: float | None) -> None:
        if waiter.error is None and len(self._waiting) > MAX_WAITING:
            raise Overloaded("Too many requests are waiting for a token already.", retry_after=1)
        if until is None:
            until = trio.current_time() + self.queue_s
        while not waiter.served.is_set() and trio.current_time() < until:
            opening = self.book.next_opening(waiter.need, trio.current_time())
            with trio.CancelScope(deadline=min(until, opening)) as waiter.sleep:
                await waiter.served.wait()
            if self._shared_out_at < opening <= trio.current_time():
                self.changed()  # a token has opened: the first waiter to wake serves the queue
        if not waiter.served.is_set() and self._serve(waiter, patient=False):
            self._notify()
        if waiter.error is not None:
            raise waiter.error
        if waiter.lease is None:
            raise Overloaded(
                f"All tokens were busy for {self.queue_s:g} s. More tokens, or a higher "
                "[pool] max_in_flight_per_token, would take more requests at once.",
                retry_after=1,
            )

    # Actions of a token's owner: those of the book. They raise UnknownToken as there.

    def clear(self, token: str) -> Cleared:
        """Forget the coolings, used-up allowances and failures that are held against a token."""
        return self._acted(token, "clear", self.book.clear(token, trio.current_time()))

    def recheck(self, token: str, *, group: str = "") -> Rechecked:
        """Poll all allowances of a token, or that for *group* if it has none."""
        result = self.book.recheck(token, trio.current_time(), group=group)
        return self._acted(token, "recheck", result, group)

    def disable(self, token: str) -> Disabled:
        """Take a token out of use."""
        return self._acted(token, "disable", self.book.disable(token))

    def enable(self, token: str) -> Enabled:
        """Use a token again."""
        return self._acted(token, "enable", self.book.enable(token, trio.current_time()))

    def _acted(self, token: str, action: str, result: _Result, group: str = "") -> _Result:
        self.pass_on(self.view(token).key, action, group)
        self.changed()
        return result

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that trio's clock has missed
        (:mod:`grokcore.protocol.wall`).
        """
        self.book.shift(seconds)
        for waiter in self._waiting:
            if waiter.sleep is not None:  # wake it: the next opening is earlier now
                waiter.sleep.deadline = -math.inf
        self.changed()

    def view(self, token: str) -> TokenView:
        """A token as its owner sees it."""
        return self.book.view(token, trio.current_time())

    def views(self, *, most: int = 200) -> TokenViews:
        """The first *most* tokens; those with trouble come first."""
        return self.book.views(trio.current_time(), most=most)

    def changed(self) -> None:
        """Serve waiting requests, and notify the listeners, after a change in the book."""
        self._share_out()
        self._notify()

    def _notify(self) -> None:
        for listener in self.on_change:
            listener()

    def _share_out(self) -> None:
        """Serve the waiting requests in their order; those that wait in vain get their error."""
        self._shared_out_at = trio.current_time()
        in_vain: set[Need] = set()
        for waiter in list(self._waiting):
            # A need that could not be served is looked up once. (Requests that have failed have
            # needs of their own, but they are few.)
            if waiter.need not in in_vain and not self._serve(waiter, patient=True):
                in_vain.add(waiter.need)

    def _serve(self, waiter: _Waiter, *, patient: bool) -> bool:
        """Give *waiter* a lease, or an error if it waits in vain; return whether it has either."""
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
    """Return at once: a server without a state file writes nothing, and has logged that."""
    return ""
