"""Who is next, without looking at everybody: the accounts of one tier as one kind of question sees
them.

Theory
------
A shelf belongs to a tier, a group of models and a cost: all that decides, with time, whether an
account can take a question and how it compares with others. An account is in one of three places on
it:

* *shut*, with the time at which it opens;
* *busy*: open, with as many requests as it may have;
* *ready*, in one of four heaps: **proven** (its last question was answered), **fresh** (nothing
  good is known of it yet), **suspect** (it has just failed by nobody's fault), **spent** (by our
  own counting nothing is left).

Heaps are kept lazily. Whenever anything about an account changes it is put on its shelves anew,
under a new number; entries under an older number are thrown away when they come up. So a change
costs the logarithm of the pool, and taking the best one too. A paused egress is noticed the same
way: its accounts move to the shut ones as they come up.

The shelf also adds up what is left on it, for the headers that tell a client.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Container, Iterable
from typing import TypeAlias

from attrs import define, field, frozen

from .account import Account

__all__ = ["FRESH", "PROVEN", "SPENT", "SUSPECT", "Left", "Shelf"]

FRESH, PROVEN, SUSPECT, SPENT = "fresh", "proven", "suspect", "spent"

_Key: TypeAlias = "tuple[float, ...]"
_Entry: TypeAlias = "tuple[_Key, int, Account]"
"""What it is sorted by, the number under which the account was placed, the account. (Numbers
differ: accounts are never compared.)"""

ENTRIES_PER_ACCOUNT = 3
SLACK = 64
"""How many entries a heap may hold before the stale ones are taken out; an account has one that is
not in each heap.
"""


@frozen
class Left:
    """What is known to be left, in questions.

    :ivar renewed_at: when the first of it is renewed.
    :ivar complete: whether it is known of every account.
    """

    remaining: int
    total: int
    renewed_at: float
    complete: bool = True


@define(eq=False)
class Shelf:
    """See the theory.

    :param max_in_flight: requests that an account may have open at once.
    """

    group: str
    cost: int
    max_in_flight: int
    _heaps: dict[str, list[_Entry]] = field(
        init=False, factory=lambda: {PROVEN: [], FRESH: [], SUSPECT: [], SPENT: []}
    )
    _shut: list[_Entry] = field(init=False, factory=list)
    _busy: dict[Account, None] = field(init=False, factory=dict)
    _numbers: dict[Account, int] = field(init=False, factory=dict)
    _known: _Sum = field(init=False, factory=lambda: _Sum())  # noqa: PLW0108
    _placed: int = field(init=False, default=0)

    def put(self, account: Account, now: float) -> None:
        """Find its place; to be called whenever anything about it has changed."""
        self._known.put(account, self._part(account, now))
        self._place(account, now)

    def remove(self, account: Account) -> None:
        """It is not in use any more. Its entries are thrown away as they come up, like any that are
        out of date.
        """
        self._known.remove(account)
        self._numbers.pop(account, None)
        self._busy.pop(account, None)

    def wake(self, now: float) -> None:
        """Move those that have opened, or are like the others again."""
        while self._shut and self._shut[0][0][0] <= now:
            _, number, account = heapq.heappop(self._shut)
            if number == self._numbers.get(account):
                self._place(account, now)

    def best(self, kinds: Iterable[str], passed_over: Container[str], now: float) -> Account | None:
        """The first ready one of these kinds; :meth:`wake` comes before.

        :param passed_over: keys of accounts that don't count.
        """
        found = [
            entry for kind in kinds if (entry := self._first(self._heaps[kind], passed_over, now))
        ]
        return min(found)[2] if found else None

    def has_busy(self, kinds: Container[str], passed_over: Container[str], now: float) -> bool:
        """Whether one of these kinds could take the question if it were not busy."""
        counted = (
            one
            for one in self._busy
            if one.entry.key not in passed_over and one.egress.paused_until <= now
        )
        return any(self._kind(account, now) in kinds for account in counted)

    def next_opening(self) -> float:
        """When the next account opens, as far as is known; infinity if none is shut."""
        while self._shut and self._shut[0][1] != self._numbers.get(self._shut[0][2]):
            heapq.heappop(self._shut)
        return self._shut[0][0][0] if self._shut else math.inf

    def left(self, now: float) -> Left | None:
        """The sum of what is known to be left; None if nothing is known."""
        return self._known.at(now)

    @property
    def population(self) -> int:
        """How many accounts are on it."""
        return len(self._numbers)

    # Places --------------------------------------------------------------------------------------

    def _place(self, account: Account, now: float) -> None:
        """Give it a new number, under which it has one entry in one heap, and at most one more for
        the time it changes.
        """
        self._placed += 1
        self._numbers[account] = self._placed
        self._busy.pop(account, None)
        opens = max(account.open_at(self.group, self.cost), account.egress.paused_until)
        if opens > now:
            self._push(self._shut, (opens,), account)
        elif account.in_flight >= self.max_in_flight:
            self._busy[account] = None
        else:
            kind = self._kind(account, now)
            self._push(self._heaps[kind], self._rank(account, now), account)
            if kind in (SUSPECT, SPENT):
                self._push(self._shut, (self._changes_at(account, kind),), account)

    def _kind(self, account: Account, now: float) -> str:
        allowance = account.allowances.get(self.group)
        if allowance is not None and allowance.spent(self.cost, now):
            return SPENT
        if account.suspect_until > now:
            return SUSPECT
        return PROVEN if account.answered else FRESH

    def _changes_at(self, account: Account, kind: str) -> float:
        """When a suspect or spent one is like the others again, or the one and not the other."""
        return account.suspect_until if kind == SUSPECT else account.allowance(self.group).void_at

    def _rank(self, account: Account, now: float) -> _Key:
        """Fewest in flight, most left, least recently used."""
        allowance = account.allowances.get(self.group)
        left = math.inf if allowance is None else allowance.rank(now)
        return account.in_flight, -left, account.last_used

    def _push(self, heap: list[_Entry], key: _Key, account: Account) -> None:
        heapq.heappush(heap, (key, self._numbers[account], account))
        if len(heap) > ENTRIES_PER_ACCOUNT * len(self._numbers) + SLACK:
            heap[:] = [entry for entry in heap if entry[1] == self._numbers.get(entry[2])]
            heapq.heapify(heap)

    def _first(self, heap: list[_Entry], passed_over: Container[str], now: float) -> _Entry | None:
        aside: list[_Entry] = []
        found = None
        while heap:
            _, number, account = heap[0]
            if number == self._numbers.get(account) and account.egress.paused_until <= now:
                if account.entry.key not in passed_over:
                    found = heap[0]
                    break
                aside.append(heap[0])
            heapq.heappop(heap)
            if number == self._numbers.get(account) and account.egress.paused_until > now:
                self._place(account, now)
        for entry in aside:
            heapq.heappush(heap, entry)
        return found

    def _part(self, account: Account, now: float) -> Left | None:
        """What it adds to the sum: known, countable, and not lost with its session."""
        allowance = account.allowances.get(self.group)
        quota = None if allowance is None or account.invalid else allowance.known(now)
        if allowance is None or quota is None or quota.total is None:
            return None
        charge = quota.charge(self.cost)
        return Left(allowance.left // charge, quota.total // charge, allowance.void_at)


@define(eq=False)
class _Sum:
    """A sum whose parts change, and expire."""

    _parts: dict[Account, Left | None] = field(factory=dict)
    _expiries: list[tuple[float, int, Account, Left]] = field(factory=list)
    _known: int = 0
    _remaining: int = 0
    _total: int = 0
    _pushed: int = 0

    def put(self, account: Account, part: Left | None) -> None:
        """Set an account's part."""
        old = self._parts.get(account)
        if old == part and account in self._parts:
            return  # the very object stays: its expiry is known by it
        self._parts[account] = part
        if old is not None:
            self._count(old, -1)
        if part is not None:
            self._count(part, 1)
            self._pushed += 1
            heapq.heappush(self._expiries, (part.renewed_at, self._pushed, account, part))
            if len(self._expiries) > ENTRIES_PER_ACCOUNT * len(self._parts) + SLACK:
                self._expiries = [
                    entry for entry in self._expiries if self._parts.get(entry[2]) is entry[3]
                ]
                heapq.heapify(self._expiries)

    def remove(self, account: Account) -> None:
        """Forget an account's part."""
        old = self._parts.pop(account, None)
        if old is not None:
            self._count(old, -1)

    def at(self, now: float) -> Left | None:
        """The sum of those parts that hold."""
        while self._expiries:
            expires, _, account, part = self._expiries[0]
            if self._parts.get(account) is part and expires > now:
                return Left(self._remaining, self._total, expires, self._known == len(self._parts))
            heapq.heappop(self._expiries)
            if self._parts.get(account) is part:
                self.put(account, None)
        return None

    def _count(self, part: Left, sign: int) -> None:
        self._known += sign
        self._remaining += sign * part.remaining
        self._total += sign * part.total
