"""The desk of an official lane: lends its one credential to as many questions as come, within the
lane's rests and its daily cap.

Rules
-----
1. Lending and settling never wait, so a lease can be given back in any ``finally``.
2. A lease ends exactly once, as those of the token pool.
3. An answer's cost is counted when its lease ends: as xAI reports it, else by xAI's prices, else as
   answers of the model cost before. A request that xAI refused costs nothing.
4. The cap is looked at before an answer begins; no answer under way is cut by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import trio

from ...errors import (
    CliOutdated,
    GrokApiError,
    ModelGone,
    NoTokens,
    OfficialCredentialRejected,
    Overloaded,
    SpendingCapReached,
    TimeoutChunk,
    TimeoutFirstResponse,
    TimeoutTotal,
    TransportFailure,
)
from ...protocol.conversation.usage import TICKS_PER_USD, Usage
from ...protocol.models import LaneName, LaneUse
from ...protocol.pool.choice import Need
from ...protocol.pool.desk_view import Budget, DeskView, Plan, Stock, desk_view
from ...protocol.pool.spending import Reserve, Spending
from ...protocol.pool.standing import Standing

__all__ = ["NO_ROOM", "Calendar", "Desk", "Holder", "Listening", "OfficialLease", "Wares"]

NO_ROOM = (
    "The daily cap of the paid lane has no room for another answer before one of those under way "
    "has ended."
)

_MAY_HAVE_COST = (TransportFailure, TimeoutFirstResponse, TimeoutChunk, TimeoutTotal)
"""Failures of which xAI knows nothing: it may have answered, and charged."""


class Holder(Protocol):
    """The holder of a lane's credential, as far as a desk needs it."""

    @property
    def key(self) -> str:
        """The credential's name that no other has; empty without a usable credential."""

    @property
    def id(self) -> str:
        """A short name for people; empty without one."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that no message may quote."""

    @property
    def fault(self) -> str:
        """The reason why there is no usable credential, for the owner; empty if there is one."""

    async def refresh(self, *, stale: str = "") -> None:
        """Look for another credential.

        :param stale: the key of one that was refused; empty if none was.
        """

    def forget_version(self) -> None:
        """Look for the CLI's version anew: xAI wants a newer one."""


class Wares(Protocol):
    """The models of a lane, as far as a desk needs them."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that clients may ask for, best first; of this server's table and xAI's own."""

    def upstream_name(self, model: str) -> str:
        """The name at xAI of the model that answers for *model*; empty if the lane has none."""

    def cost_of(self, usage: Usage, model: str) -> int | None:
        """The cost in ticks by xAI's prices for *model* (xAI's name); None if they are unknown."""

    def gone(self, model: str) -> None:
        """Note that xAI does not have *model* (xAI's name) any more."""


class Calendar(Protocol):
    """The owner's days."""

    def __call__(self) -> tuple[str, float]:
        """The day as YYYY-MM-DD, and the seconds until it ends."""


class OfficialLease:
    """A desk's permission for one attempt, which can be given back once.

    :ivar key: name of the credential that no other has.
    :ivar model: xAI's name of the model.
    """

    def __init__(self, desk: Desk, model: str, reserve: Reserve | None) -> None:
        self.lane = desk.name
        self.key = desk.holder.key
        self.token_id = desk.holder.id
        self.proxy_url = desk.proxy_url
        self.model = model
        self.began = trio.current_time()
        self.cost: int | None = None
        self._desk: Desk | None = desk
        self._secrets = desk.holder.secrets
        self._reserve = reserve
        self._usage: Usage | None = None
        self._answering = False

    def __repr__(self) -> str:
        return f"<OfficialLease of {self.lane.value} {self.token_id}>"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that no message may quote."""
        return self._secrets

    def used(self, usage: Usage) -> None:
        """Note xAI's count of the answer."""
        self._usage = usage

    def answering(self) -> None:
        """Note that xAI has begun to answer."""
        self._answering = True

    def settle(self, error: GrokApiError | None) -> None:
        """Give it back with the attempt's outcome; None is a success. Further calls do nothing."""
        desk, self._desk = self._desk, None
        if desk is not None:
            free = not self._answering and error is not None
            charged = not free or isinstance(error, _MAY_HAVE_COST)
            self.cost = desk.ended(self, self._reserve, self._usage, charged=charged)
            desk.learn(self, error)

    def abandon(self) -> None:
        """Give it back if it is still open: the client left. xAI charges what it has written."""
        desk, self._desk = self._desk, None
        if desk is not None:
            self.cost = desk.ended(self, self._reserve, self._usage, charged=True)

    def return_unused(self) -> None:
        """Give it back if it is still open: no request was sent with it."""
        desk, self._desk = self._desk, None
        if desk is not None:
            desk.ended(self, self._reserve, None, charged=False)


class Desk:
    """The desk of one official lane.

    :param spending: the lane's daily cap; None if it costs nothing.
    :param calendar: the owner's days, for the cap.
    :param stock: returns the state of the list of models, for the owner.
    :param plan: returns the use of the subscription's credits, for the owner.
    :ivar calendar: the owner's days.
    :ivar use: when the lane answers.
    :ivar open: number of leases that are lent.
    :ivar charged: ticks that were counted since the server's start.
    :ivar on_change: called whenever a question may be served that had to wait, and when a cost was
        counted; must not wait.
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
        stale, self._stale = self._stale, ""
        await self.holder.refresh(stale=stale)

    def lend(self, need: Need, now: float) -> OfficialLease | None:
        """A lease for *need*; None if it can't be served now."""
        model = self.wares.upstream_name(need.model.name)
        if self._shut(need, now) is not None or self.standing.opens_at(model, now) > now:
            return None
        reserve = None
        if self.spending is not None:
            reserve = self.spending.begin(model)
            if reserve is None:
                return None
        self.standing.begin(now)
        self.open += 1
        return OfficialLease(self, model, reserve)

    async def borrow(self, model: str, *, until: float) -> OfficialLease:
        """A lease for a request that is no question: pictures or a video of *model* (xAI's name).

        :param until: trio's time until which it waits for room under the cap.
        :raises GrokApiError: if it can't be had.
        """
        await self.refresh()
        while True:
            now = trio.current_time()
            error = self._closed(model, now)
            if error is not None:
                raise error
            reserve = None if self.spending is None else self.spending.begin(model)
            if self.spending is None or reserve is not None:
                self.standing.begin(now)
                self.open += 1
                return OfficialLease(self, model, reserve)
            if now >= until:
                raise Overloaded(NO_ROOM, retry_after=1)
            scope = trio.CancelScope(deadline=until)
            with scope, Listening((self,), scope.cancel):
                await trio.sleep_forever()

    def hopeless(self, need: Need, now: float) -> GrokApiError | None:
        """The error to answer *need* with; None if it can be served now, or soon."""
        return self._shut(need, now)

    def opens_at(self, need: Need, now: float) -> float:
        """The time at which a rest of the model ends; infinity if none is the reason to wait."""
        at = self.standing.opens_at(self.wares.upstream_name(need.model.name), now)
        return at if at > now else math.inf

    def _shut(self, need: Need, now: float) -> GrokApiError | None:
        if not self.offers(need):
            return NoTokens(f"The lane {self.name.value} does not have {need.model.name}.")
        closed = self._closed(self.wares.upstream_name(need.model.name), now)
        if closed is None and self.holder.key in need.excluded:
            return NoTokens(f"The lane {self.name.value} was tried for this request, and failed.")
        return closed

    def _closed(self, model: str, now: float) -> GrokApiError | None:
        if not self.holder.key:
            return OfficialCredentialRejected(self.holder.fault)
        if self.spending is not None and (error := self._at_the_cap(self.spending)) is not None:
            return error
        return self.standing.why_not(self.holder.key, model, now)

    def _at_the_cap(self, spending: Spending) -> GrokApiError | None:
        day, left = self.calendar()
        spending.turn_to(day)
        if not spending.reached:
            return None
        usd = f"{spending.cap / TICKS_PER_USD:g}"
        return SpendingCapReached(
            f"The paid lane has spent today's [api] daily_usd ({usd} USD).", retry_after=left
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
            resting=self.standing.resting(now),
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
            self.spending.add(max(cost - counted, -self.spending.spent))
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
            cost = self.spending.settle(reserve, self._cost(lease, usage, charged=charged))
            self.charged += cost
        self.changed()
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
            self.standing.succeed(lease.model, lease.began)
        else:
            self.standing.fail(error, lease.key, lease.model, lease.began, trio.current_time())
        if isinstance(error, OfficialCredentialRejected):
            self._stale = lease.key
        if isinstance(error, CliOutdated):
            self.holder.forget_version()
        if isinstance(error, ModelGone):
            self.wares.gone(lease.model)
        self.changed()

    def changed(self) -> None:
        """Call the listeners."""
        for listener in self.on_change:
            listener()


class Listening:
    """A listener of desks, for the time of a ``with`` block."""

    def __init__(self, desks: Sequence[Desk], heard: Callable[[], None]) -> None:
        self._desks = desks
        self._heard = heard

    def __enter__(self) -> None:
        for desk in self._desks:
            desk.on_change.append(self._heard)

    def __exit__(self, *_: object) -> None:
        for desk in self._desks:
            desk.on_change.remove(self._heard)
