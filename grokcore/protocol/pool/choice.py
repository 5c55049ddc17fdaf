"""The choice of an account for a request: the shelves, and the order in which they are searched.

The rules of the order are those of :mod:`grokcore.protocol.pool.book`. A shelf
(:mod:`~grokcore.protocol.pool.shelves`) is filled when a request first needs it.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence

from attrs import frozen

from ..models import LaneName, Model, Tier
from .account import Account
from .quota_polls import PollPlan
from .roster import Roster
from .shelves import Grade, Left, Shelf

__all__ = ["Choice", "Need"]

SURE_AFTER = 2
"""After so many failed attempts a request waits for a busy token that has answered, before it tries
an unknown one.
"""

_PROVEN = (Grade.PROVEN,)
_FRESH = (Grade.FRESH,)
_GOOD = (Grade.PROVEN, Grade.FRESH)
_LAST_RESORTS = ((Grade.SUSPECT,), (Grade.SPENT,))
_ANY = tuple(Grade)


@frozen(cache_hash=True)
class Need:
    """The requirements of a request for an account.

    :ivar excluded: keys of tokens that must not be taken: they failed this request by a fault of
        their own, or twice.
    :ivar avoided: keys of tokens that are taken only if no other is free: they failed this request
        for a reason that we don't blame on them.
    :ivar asker: name of the API key that the request came with; empty without one.
    :ivar lanes: the lanes that may answer.
    """

    model: Model
    excluded: frozenset[str] = frozenset()
    avoided: frozenset[str] = frozenset()
    asker: str = ""
    lanes: frozenset[LaneName] = frozenset(LaneName)


class Choice:
    """All shelves of the accounts that a roster has in use.

    :param polls: learns the costs of questions.
    :ivar max_in_flight: requests that one account may have open at once; shelves that are filled
        already keep theirs until :meth:`clear`.
    """

    def __init__(self, roster: Roster, polls: PollPlan, max_in_flight: int) -> None:
        self.max_in_flight = max_in_flight
        self._roster = roster
        self._polls = polls
        self._shelves: dict[tuple[Tier, str, int, str], Shelf] = {}

    def clear(self) -> None:
        """Empty all shelves; they are filled anew when they are needed."""
        self._shelves.clear()

    def put(self, account: Account, now: float) -> None:
        """Place *account* on its shelves, after a change of anything about it."""
        for (tier, _, _, mode), shelf in self._shelves.items():
            if tier is not account.entry.tier:
                continue
            if mode in account.refused_modes:
                shelf.remove(account)
            else:
                shelf.put(account, now)

    def remove(self, account: Account) -> None:
        """Take *account* off all shelves."""
        for shelf in self._shelves.values():
            shelf.remove(account)

    def best(self, need: Need, now: float, *, patient: bool) -> Account | None:
        """The account that *need* shall have; None if the request has to wait.

        :param patient: whether the request may wait for a busy account that is better.
        """
        shelves = self._able(need, now)
        failed = need.excluded | need.avoided
        if failed:
            account = _first(shelves, _PROVEN, failed, now)
            if account is not None:
                return account
            waits = patient and len(failed) >= SURE_AFTER
            if waits and _has_busy(shelves, _PROVEN, failed, now):
                return None
            account = _first(shelves, _FRESH, failed, now)
            if account is not None:
                return account
        account = _first(shelves, _GOOD, need.excluded, now)
        if account is not None:
            return account
        if patient and _has_busy(shelves, _GOOD, failed, now):
            return None
        return _last_resort(shelves, need, now)

    def may_serve(self, need: Need, now: float) -> bool:
        """Whether an account is open for *need*, ready or busy."""
        return any(
            shelf.best(_ANY, need.excluded, now) or shelf.has_busy(_ANY, need.excluded, now)
            for shelf in self._able(need, now)
        )

    def next_opening(self, need: Need, now: float) -> float:
        """Time at which the next account that could serve *need* may open; infinity if none is
        shut.
        """
        return min((shelf.next_opening() for shelf in self._able(need, now)), default=math.inf)

    def left(self, need: Need, now: float) -> Left | None:
        """The sum of the known allowances for *need*; None if none is known."""
        populated = [shelf for shelf in self._able(need, now) if shelf.population]
        sums = [left for shelf in populated if (left := shelf.left(now)) is not None]
        if not sums:
            return None
        return Left(
            sum(left.remaining for left in sums),
            sum(left.total for left in sums),
            min(left.renewed_at for left in sums),
            complete=all(left.complete for left in sums) and len(sums) == len(populated),
        )

    def _able(self, need: Need, now: float) -> list[Shelf]:
        """The shelves whose accounts may use the model, the preferred one first."""
        tiers = (Tier.BASIC, Tier.SUPER) if need.model.tier is Tier.BASIC else (Tier.SUPER,)
        shelves = [self._shelf(tier, need.model, now) for tier in tiers]
        for shelf in shelves:
            shelf.wake(now)
        return shelves

    def _shelf(self, tier: Tier, model: Model, now: float) -> Shelf:
        shelf = self._shelves.get((tier, model.rate_limit_name, model.cost, model.socket_mode))
        return self._filled(tier, model, now) if shelf is None else shelf

    def _filled(self, tier: Tier, model: Model, now: float) -> Shelf:
        """A new shelf. A question that is dearer than all before needs its accounts open later."""
        group = model.rate_limit_name
        shelf = self._shelves[tier, group, model.cost, model.socket_mode] = Shelf(
            group, model.cost, self.max_in_flight
        )
        dearer = self._polls.note_cost(group, model.cost)
        for account in self._roster.accounts:
            if account.entry.tier is tier and account.may_use(model) and not account.withheld:
                shelf.put(account, now)
            if dearer and group in account.allowances:
                self._polls.replan(account, group, now)
        return shelf


def _first(
    shelves: Sequence[Shelf], grades: Sequence[Grade], passed_over: Container[str], now: float
) -> Account | None:
    """The best ready account of these grades on the first shelf that has one."""
    for shelf in shelves:
        account = shelf.best(grades, passed_over, now)
        if account is not None:
            return account
    return None


def _has_busy(
    shelves: Sequence[Shelf], grades: Sequence[Grade], passed_over: Container[str], now: float
) -> bool:
    return any(shelf.has_busy(grades, passed_over, now) for shelf in shelves)


def _last_resort(shelves: Sequence[Shelf], need: Need, now: float) -> Account | None:
    """A suspect or spent account, if possible none that has failed this request."""
    failed = need.excluded | need.avoided
    for passed_over in (failed, need.excluded) if need.avoided else (failed,):
        for grades in _LAST_RESORTS:
            account = _first(shelves, grades, passed_over, now)
            if account is not None:
                return account
    return None
