"""The choice among lanes: session tokens of grok.com, and the credentials of the official lanes.

Theory
------
Each lane lends by itself: the token pool with a queue, the desks at once or not at all. A question
is offered to the lanes in the owner's order, and takes the first credential that is free. Only
when none is free does it wait: in the token pool's queue, if tokens could serve it, and for the
desks' news beside that.

Rules
-----
1. The order is: desks with the use FIRST or ONLY, the session tokens, desks with OVERFLOW; of two
   desks, the CLI's before the paid one.
2. With a desk of use ONLY, session tokens are not asked at all.
3. A lane answers only models that it has, and only keys that may use it (``Need.lanes``).
4. An overflow happens when no token is free that is rested and allowed, without a wait.
5. If no lane can answer, the error is one that passes by itself, else one of a lane with a
   credential. It has the reasons of the others.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence

import trio

from ...errors import GrokApiError, NoTokens, NoValidTokens, Overloaded, RateLimitExceeded
from ...protocol.models import LaneName, LaneUse, Model
from ...protocol.pool.book import Need
from ..pool.desk import NO_ROOM, Desk
from ..pool.desk_queue import Waiter
from ..pool.leases import AnyLease, TokenPool

__all__ = ["Lending"]

_BEFORE = (LaneUse.FIRST, LaneUse.ONLY)
_HINTED = (NoTokens, NoValidTokens, RateLimitExceeded)


class Lending:
    """All lanes' credentials.

    :ivar desks: the official lanes', the CLI's first.
    """

    def __init__(self, pool: TokenPool, desks: Sequence[Desk] = ()) -> None:
        self.pool = pool
        self.desks = tuple(desks)

    def desk(self, lane: LaneName) -> Desk | None:
        """The desk of an official lane; None if it has none."""
        return next((desk for desk in self.desks if desk.name is lane), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all models that official lanes have."""
        listed = (desk.wares.names for desk in self.desks if desk.use is not LaneUse.OFF)
        return tuple(dict.fromkeys(name for names in listed for name in names))

    def knows(self, name: str, lanes: frozenset[LaneName]) -> bool:
        """Whether an official lane among *lanes* has a model of this name. It may have more than
        :attr:`names`, as long as xAI has not listed any.
        """
        desks = (desk for desk in self.desks if desk.use is not LaneUse.OFF and desk.name in lanes)
        return any(desk.wares.upstream_name(name) for desk in desks)

    # Without a wait ------------------------------------------------------------------------------

    def first(self, need: Need) -> LaneName:
        """The lane that is offered *need* first."""
        before = self._desks(need, _BEFORE)
        if before:
            return before[0].name
        behind = () if self._has_web(need) else self._desks(need, (LaneUse.OVERFLOW,))
        return behind[0].name if behind else LaneName.WEB

    def serves(self, model: Model, lanes: frozenset[LaneName]) -> bool:
        """Whether a lane among *lanes* may be asked for *model*, now or later."""
        need = Need(model, lanes=lanes)
        return bool(self._offering(need)) or (self._has_web(need) and self.pool.book.serves(model))

    def listed(self, models: Iterable[Model], lanes: frozenset[LaneName]) -> list[Model]:
        """The part of *models* that lanes among *lanes* may be asked for. If nothing is known of
        the session tokens, grok.com's models are among them; see
        :meth:`~grokcore.protocol.pool.book.TokenBook.listed`.
        """
        models = list(models)
        needs = {model.name: Need(model, lanes=lanes) for model in models}
        web = [model for model in models if self._has_web(needs[model.name])]
        if not self.pool.book.accounts and any(map(self._offering, needs.values())):
            web = []  # the owner asks by official lanes alone
        names = {model.name for model in self.pool.book.listed(web)}
        return [
            model for model in models if model.name in names or self._offering(needs[model.name])
        ]

    def facts(self, model: Model, lanes: frozenset[LaneName]) -> dict[str, object]:
        """Facts for a list of models: the lanes among *lanes* that have *model*, and those that
        xAI's list knows. Empty for a model that grok.com alone has.
        """
        need = Need(model, lanes=lanes)
        desks = self._offering(need)
        if not desks:
            return {}
        web = [LaneName.WEB] if self._has_web(need) and self.pool.book.serves(model) else []
        names = [name.value for name in (*web, *(desk.name for desk in desks))]
        return {"lanes": names, **desks[0].wares.facts(model.name)}

    def hopeless(self, need: Need, now: float) -> GrokApiError | None:
        """The error to answer *need* with, if waiting would not help; None if it would."""
        errors: list[tuple[LaneName, GrokApiError]] = []
        if self._has_web(need):
            error = self.pool.book.hopeless(need, now)
            if error is None:
                return None
            errors.append((LaneName.WEB, error))
        for desk in self._offering(need):
            error = desk.hopeless(need, now)
            if error is None:
                return None
            errors.append((desk.name, error))
        told = _told(errors, need)
        self._hint(told, need)
        return told

    def _hint(self, error: GrokApiError, need: Need) -> None:
        """Add to *error* how a lane that lacks the model could answer for it."""
        lacking = [
            desk.name.value
            for desk in self.desks
            if desk.use is not LaneUse.OFF and desk.name in need.lanes and not desk.offers(need)
        ]
        if need.model.on_web and lacking and isinstance(error, _HINTED):
            settings = " or ".join(f"[{lane}.stand_ins]" for lane in lacking)
            error.amend(
                advice=f"(Lane {' and '.join(lacking)}: xAI has no {need.model.name}; {settings} "
                "can name a model that answers for it.)"
            )

    def lease_unqueued(self, need: Need) -> AnyLease | None:
        """A credential that can serve *need*, if it can be had without looking at more than one
        lane; :meth:`lease` looks at all.
        """
        if self.desks and self._offering(need):
            return None
        return self.pool.lease_unqueued(need) if self._has_web(need) else None

    # With a wait ---------------------------------------------------------------------------------

    async def lease(self, need: Need, ticket: int) -> AnyLease:
        """Wait for a credential that can serve *need*.

        :param ticket: the request's place in the token pool's queue.
        :raises GrokApiError: as :meth:`grokcore.runtime.pool.leases.TokenPool.lease`.
        """
        if not self._offering(need) and self._has_web(need):
            try:
                return await self.pool.lease(need, ticket)
            except GrokApiError as error:
                self._hint(error, need)
                raise
        until = trio.current_time() + self.pool.queue_s
        lease = await self._free(need, None)
        if lease is not None:
            return lease
        waiter = Waiter()  # in no line before: those who pass at once keep nobody waiting
        for desk in self.desks:
            desk.join(need, waiter)
        try:
            while True:
                lease = await self._free(need, waiter) or await self._wait(
                    need, waiter, ticket, until
                )
                if lease is not None:
                    return lease
        finally:
            for desk in self.desks:
                desk.leave(need, waiter)

    async def _free(self, need: Need, waiter: Waiter | None) -> AnyLease | None:
        """A credential that is free now, of the first lane that has one."""
        for desk in self._desks(need, _BEFORE):
            if (lent := await desk.offer(need, waiter)) is not None:
                return lent
        if self._has_web(need) and (lease := self.pool.lease_now(need)) is not None:
            return lease
        for desk in self._desks(need, (LaneUse.OVERFLOW,)):
            if (lent := await desk.offer(need, waiter)) is not None:
                return lent
        return None

    async def _wait(self, need: Need, waiter: Waiter, ticket: int, until: float) -> AnyLease | None:
        """Wait for a session token, or for news of a desk: None.

        :raises GrokApiError: if waiting would not help, or did not.
        """
        now = trio.current_time()
        error = self.hopeless(need, now)
        if error is not None:
            raise error
        opening = min(
            (desk.opens_at(need, now, waiter) for desk in self._offering(need)), default=math.inf
        )
        waiter.elsewhere = self._has_web(need) and self.pool.book.hopeless(need, now) is None
        if waiter.elsewhere:
            queued = functools.partial(self.pool.lease, need, ticket, until=until)
            return await waiter.sleep(queued, opening)
        if now >= until:
            raise Overloaded(NO_ROOM, retry_after=1)
        await waiter.sleep(trio.sleep_forever, min(until, opening))
        return None

    # Lanes ---------------------------------------------------------------------------------------

    def _has_web(self, need: Need) -> bool:
        """Whether session tokens may be asked for the model."""
        alone = any(desk.use is LaneUse.ONLY for desk in self.desks)
        return need.model.on_web and LaneName.WEB in need.lanes and not alone

    def _offering(self, need: Need) -> list[Desk]:
        return [desk for desk in self.desks if desk.offers(need)]

    def _desks(self, need: Need, uses: Sequence[LaneUse]) -> list[Desk]:
        return [desk for desk in self._offering(need) if desk.use in uses]


def _told(errors: Sequence[tuple[LaneName, GrokApiError]], need: Need) -> GrokApiError:
    """The error for all of them: one that passes by itself, else one of a lane with a credential,
    else the first.
    """
    if not errors:
        return NoTokens(f"No lane that may answer here has the model {need.model.name}.")
    passing = [error for _, error in errors if isinstance(error, RateLimitExceeded)]
    telling = [error for _, error in errors if not isinstance(error, NoTokens)]
    main = (passing or telling or [errors[0][1]])[0]
    waits = [error.retry_after for error in passing if error.retry_after is not None]
    others = [f"(Lane {lane.value}: {error.short})" for lane, error in errors if error is not main]
    main.amend(retry_after=min(waits, default=None), advice=" ".join(others))
    return main
