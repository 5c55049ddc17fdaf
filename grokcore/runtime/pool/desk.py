"""The desk of an official lane: lends its one credential to as many questions as come, within the
lane's rests and its daily cap.

Rules
-----
1. Lending and settling never wait, so a lease can be given back in any ``finally``.
2. The cap is looked at before an answer begins; no answer under way is cut by it.
3. Nobody is served before those who wait for the same (:mod:`.desk_queue`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable

import trio

from ...errors import (
    CliOutdated,
    GrokApiError,
    ModelGone,
    NoTokens,
    OfficialCredentialRejected,
    Overloaded,
    SharedPoolUnreachable,
    SpendingCapReached,
)
from ...protocol.conversation.usage import TICKS_PER_USD, Usage
from ...protocol.models import LaneName, LaneUse
from ...protocol.pool.choice import Need
from ...protocol.pool.desk_view import Budget, DeskView, Plan, Stock, desk_view
from ...protocol.pool.spending import Reserve, Spending
from ...protocol.pool.standing import Standing
from .desk_queue import DeskQueue, Prospect, Waiter
from .official_lease import OfficialLease
from .official_seams import Calendar, Holder, Ledger, Wares

__all__ = ["NO_ROOM", "Calendar", "Desk", "Holder", "Ledger", "OfficialLease", "Wares"]

NO_ROOM = (
    "The daily cap of the paid lane has no room for another answer before one of those under way "
    "has ended."
)


class Desk:
    """The desk of one official lane.

    :param spending: the lane's daily cap; None if it costs nothing.
    :param calendar: the owner's days, for the cap.
    :param stock: returns the state of the list of models, for the owner.
    :param plan: returns the use of the subscription's credits, for the owner.
    :ivar calendar: the owner's days.
    :ivar ledger: the daily cap of all servers that share it; None if this server has its own.
    :ivar use: when the lane answers.
    :ivar open: number of leases that are lent.
    :ivar charged: ticks that were counted since the server's start.
    :ivar waiting: the questions that wait for it.
    :ivar on_change: called when a lease begins or ends, and after each other change; must not wait.
    """

    def __init__(
        self,
        name: LaneName,
        holder: Holder,
        wares: Wares,
        *,
        use: LaneUse = LaneUse.OVERFLOW,
        proxy_url: str = "",
        spending: Spending | None = None,
        calendar: Calendar = lambda: ("", 0.0),
        stock: Callable[[], Stock] = Stock,
        plan: Callable[[], Plan | None] = lambda: None,
    ) -> None:
        self.name = name
        self.holder = holder
        self.wares = wares
        self.use = use
        self.proxy_url = proxy_url
        self.spending = spending
        self.standing = Standing()
        self.open = 0
        self.charged = 0
        self.ledger: Ledger | None = None
        self.waiting = DeskQueue()
        self.on_change: list[Callable[[], None]] = []
        self.calendar = calendar
        self._stock = stock
        self._plan = plan
        self._stale = ""

    def offers(self, need: Need) -> bool:
        """Whether the lane may be asked for the model, now or later."""
        allowed = self.name in need.lanes and self.use is not LaneUse.OFF
        return allowed and bool(self.wares.upstream_name(need.model.name))

    async def refresh(self) -> None:
        """Bring the credential up to date: after a refusal, or if its source has changed."""
        stale = self._stale
        await self.holder.refresh(stale=stale)
        if stale == self._stale:  # else another one was refused meanwhile
            self._stale = ""

    async def offer(self, need: Need, waiter: Waiter | None = None) -> OfficialLease | None:
        """A lease for *need*, from an up-to-date credential; None if it can't be served now.

        :param waiter: in whose name it is asked; None for a newcomer.
        """
        await self.refresh()
        if self.ledger is None or self._hindered(need, trio.current_time(), waiter):
            return self.lend(need, trio.current_time(), waiter)
        entry = await self.ledger.begin(self.wares.upstream_name(need.model.name))
        lease = self.lend(need, trio.current_time(), waiter, entry=entry)
        if lease is None and entry:
            self.ledger.end(entry, 0)
        return lease

    def _hindered(self, need: Need, now: float, waiter: Waiter | None) -> bool:
        """Whether *need* can't be served for a reason of this server's own."""
        if self.waiting.is_behind(_line(need), waiter):
            return True
        error = self._shut(need, now)
        return error is not None and not isinstance(error, SharedPoolUnreachable)

    def lend(
        self, need: Need, now: float, waiter: Waiter | None = None, *, entry: str = ""
    ) -> OfficialLease | None:
        """A lease for *need*; None if it can't be served now.

        :param waiter: in whose name it is asked; None for a newcomer.
        :param entry: its entry in :attr:`ledger`.
        """
        if self._shut(need, now) is not None or self.waiting.is_behind(_line(need), waiter):
            return None
        return self._lend(self.wares.upstream_name(need.model.name), now, entry)

    def _lend(self, model: str, now: float, entry: str) -> OfficialLease | None:
        reserve = None
        if self.spending is not None:
            allowed = self.ledger is None or bool(entry)
            reserve = self.spending.begin(model) if allowed else None
            if reserve is None:
                return None
            reserve.entry = entry
        self.standing.begin(now)
        self.open += 1
        lease = OfficialLease(self, model, reserve)
        self._notify()
        return lease

    async def borrow(self, model: str, *, until: float) -> OfficialLease:
        """A lease for a request that is no question: pictures or a video of *model* (xAI's name).

        :param until: trio's time until which it waits for room under the cap.
        :raises GrokApiError: if it can't be had.
        """
        waiter = Waiter()
        self.waiting.join(model, waiter, lambda: self._prospect(model, self._closed(model)))
        try:
            while True:
                await self.refresh()
                error = self._closed(model)
                if error is not None:
                    raise error
                now = trio.current_time()
                behind = self.waiting.is_behind(model, waiter)
                if not behind and (lease := await self._borrowed(model)) is not None:
                    return lease
                if now >= until:
                    raise Overloaded(NO_ROOM, retry_after=1)
                await waiter.sleep(trio.sleep_forever, min(until, self._room_at(now)))
        finally:
            self.waiting.leave(model, waiter)

    async def _borrowed(self, model: str) -> OfficialLease | None:
        if self.ledger is None:
            return self._lend(model, trio.current_time(), "")
        entry = await self.ledger.begin(model)
        lease = self._lend(model, trio.current_time(), entry)
        if lease is None and entry:
            self.ledger.end(entry, 0)
        return lease

    def _room_at(self, now: float) -> float:
        """Time at which another server's answer may have made room; infinity if none is known."""
        again_at = math.inf if self.ledger is None else self.ledger.again_at
        return again_at if again_at > now else math.inf

    def join(self, need: Need, waiter: Waiter) -> None:
        """Put *waiter* in the line for *need*; :meth:`leave` takes it out."""
        self.waiting.join(_line(need), waiter, lambda: self._outlook(need))

    def leave(self, need: Need, waiter: Waiter) -> None:
        """Take *waiter* out of the line for *need*."""
        self.waiting.leave(_line(need), waiter)

    def _outlook(self, need: Need) -> Prospect:
        model = self.wares.upstream_name(need.model.name)
        return self._prospect(model, self._shut(need, trio.current_time()))

    def _prospect(self, model: str, error: GrokApiError | None) -> Prospect:
        if error is not None:
            return Prospect(self._opens_at(model, trio.current_time()), in_vain=True)
        has_room = self.spending is None or self.spending.has_room(model)
        return Prospect(-math.inf if has_room else math.inf)

    def hopeless(self, need: Need, now: float) -> GrokApiError | None:
        """The error to answer *need* with; None if it can be served now, or soon."""
        return self._shut(need, now)

    def opens_at(self, need: Need, now: float, waiter: Waiter) -> float:
        """The time at which a rest of the model ends, for the first in the line; infinity if none
        is the reason to wait, and for those behind.
        """
        if self.waiting.is_behind(_line(need), waiter):
            return math.inf
        return self._opens_at(self.wares.upstream_name(need.model.name), now)

    def _opens_at(self, model: str, now: float) -> float:
        at = self.standing.opens_at(self.holder.key, model, now)
        return min(at if at > now else math.inf, self._room_at(now))

    def _shut(self, need: Need, now: float) -> GrokApiError | None:
        if not self.offers(need):
            return NoTokens(f"The lane {self.name.value} does not have {need.model.name}.")
        error = self._closed(self.wares.upstream_name(need.model.name), now)
        if error is None and self.holder.key in need.excluded:
            return NoTokens(f"The lane {self.name.value} was tried for this request, and failed.")
        return error

    def _closed(self, model: str, now: float | None = None) -> GrokApiError | None:
        if not self.holder.key:
            return OfficialCredentialRejected(self.holder.fault)
        if self.spending is not None and (error := self._at_the_cap(self.spending)) is not None:
            return error
        if self.ledger is not None and self.ledger.fault:
            return SharedPoolUnreachable(
                "The day's spending of the servers that share [api] daily_usd can't be looked up: "
                f"{self.ledger.fault}.",
                retry_after=1,
            )
        now = trio.current_time() if now is None else now
        return self.standing.why_not(self.holder.key, model, now)

    def _at_the_cap(self, spending: Spending) -> GrokApiError | None:
        day, left = self.calendar()
        spending.turn_to(day)
        if not spending.reached:
            return None
        usd = f"{spending.cap / TICKS_PER_USD:g}"
        return SpendingCapReached(
            f"The paid lane has spent today's [api] daily_usd ({usd} USD). The day ends in "
            f"{int(left // 3600)} h {math.ceil(left % 3600 / 60)} min.",
            retry_after=left,
        )

    # For the owner -------------------------------------------------------------------------------

    def view(self, now: float) -> DeskView:
        """The lane as its owner sees it."""
        return desk_view(
            self.name,
            credential=self.holder.id,
            use=self.use,
            error=self._closed("", now),
            open_answers=self.open,
            resting=self.standing.resting(self.holder.key, now),
            stock=self._stock(),
            budget=self._budget(),
            plan=self._plan(),
        )

    def _budget(self) -> Budget | None:
        if self.spending is None:
            return None
        day, left = self.calendar()
        self.spending.turn_to(day)
        spent, cap = self.spending.spent, self.spending.cap
        return Budget(spent / TICKS_PER_USD, cap / TICKS_PER_USD, left)

    def correct(self, counted: int, cost: int) -> None:
        """Count *cost* in place of the *counted* cost of an earlier request, both in ticks. A new
        day may have forgotten that one.
        """
        if self.spending is not None:
            self.spending.correct(counted, cost)
            if self.ledger is not None:
                self.ledger.correct(counted, cost)
            self.changed()

    # For leases ----------------------------------------------------------------------------------

    def ended(
        self, lease: OfficialLease, reserve: Reserve | None, usage: Usage | None, *, charged: bool
    ) -> int | None:
        """Count the end of *lease*; return the cost that was counted, in ticks.

        :param charged: whether xAI may have charged for it although it reports no usage.
        """
        self.open -= 1
        cost = None
        if reserve is not None and self.spending is not None:
            known = self._cost(lease, usage, charged=charged)
            cost = self.spending.settle(reserve, known)
            self.charged += cost
            if self.ledger is not None and reserve.entry:
                self.ledger.end(reserve.entry, known)
        if self.spending is not None and self.spending.reached:
            self.waiting.changed()
        else:
            self.waiting.room()
        self._notify()
        return cost

    def _cost(self, lease: OfficialLease, usage: Usage | None, *, charged: bool) -> int | None:
        if usage is None:
            return None if charged else 0
        if usage.cost_ticks is not None:
            return usage.cost_ticks
        return self.wares.cost_of(usage, lease.model)

    def learn(self, lease: OfficialLease, error: GrokApiError | None) -> None:
        """Count the outcome of an attempt."""
        if error is None:
            self.standing.succeed(lease.key, lease.model, lease.began)
            return
        self.standing.fail(error, lease.key, lease.model, lease.began, trio.current_time())
        if isinstance(error, OfficialCredentialRejected):
            self._stale = lease.key
        if isinstance(error, CliOutdated):
            self.holder.forget_version()
        if isinstance(error, ModelGone):
            self.wares.gone(lease.model)
        self.waiting.changed()

    def learn_nothing(self, lease: OfficialLease) -> None:
        """Count an attempt without an outcome."""
        self.standing.give_back(lease.began)

    def changed(self) -> None:
        """Wake waiters and call listeners: settings, models or the credential are others."""
        self.waiting.wake_all()
        self._notify()

    def _notify(self) -> None:
        for listener in self.on_change:
            listener()


def _line(need: Need) -> Hashable:
    """The line of questions with the same prospects."""
    return need.model.name, need.lanes, need.excluded
