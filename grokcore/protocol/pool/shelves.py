"""A shelf: accounts in the order of the choice, so that only the first one is looked at.

Theory
------
A shelf belongs to a tier, a group of models and a cost. With time, these decide whether an account
can take a question and how it compares with others. An account has one of three places on it:

* *shut*, with the time at which it opens;
* *busy*: open, with as many requests as it may have;
* *ready*, in the heap of its :class:`Grade`.

Heaps are kept lazily. Whenever anything about an account changes it is put on its shelves anew,
under a new number. An entry under an older number is thrown away when it comes first. So a change
costs the logarithm of the pool, and so does taking the best account. A paused egress is noticed
the same way: its accounts move to the shut ones as they come first.

The shelf also adds up the allowances on it, for the ``x-ratelimit-*`` headers.
"""

from __future__ import annotations

import enum
import heapq
import math
from collections.abc import Container, Iterable
from typing import TypeAlias

from attrs import define, field, frozen

from .account import Account
from .allowance import Allowance

__all__ = ["Grade", "Left", "Shelf"]


class Grade(enum.IntEnum):
    """How good an account is for a question.

    * proven: its last question was answered;
    * fresh: it has not answered yet, or not since it was refused;
    * suspect: it failed a few seconds ago, for a reason that we don't blame on it;
    * spent: by our own count too little is left of its allowance.
    """

    PROVEN = 0
    FRESH = 1
    SUSPECT = 2
    SPENT = 3


_PROVEN, _FRESH, _SUSPECT, _SPENT = Grade  # a member is slower to look up than a name

_Key: TypeAlias = "tuple[float, ...]"
_Entry: TypeAlias = "tuple[_Key, int, Account]"
"""Sorting key, number under which the account was placed, account. (Numbers differ, so accounts are
never compared.)"""

ENTRIES_PER_ACCOUNT = 3
SLACK = 64
"""The bound of a heap, above which outdated entries are taken out. An account has at most one
current entry in each heap."""


@frozen
class Left:
    """The sum of known allowances, in questions.

    :ivar renewed_at: time at which the first of them is renewed.
    :ivar complete: whether the allowance of every account is known.
    """

    remaining: int
    total: int
    renewed_at: float
    complete: bool = True


@define(eq=False)
class Shelf:
    """The accounts of one tier, as a question of one group and cost sees them.

    :param max_in_flight: requests that an account may have open at once.
    """

    group: str
    cost: int
    max_in_flight: int
    # By grade. A dict would hash the grade, which takes as long as the rest of a look-up in both.
    _heaps: list[list[_Entry]] = field(init=False, factory=lambda: [[] for _ in Grade])
    _shut: list[_Entry] = field(init=False, factory=list)
    _busy: dict[Account, None] = field(init=False, factory=dict)
    _numbers: dict[Account, int] = field(init=False, factory=dict)
    _known: _Sum = field(init=False, factory=lambda: _Sum())  # noqa: PLW0108
    _placed: int = field(init=False, default=0)

    def put(self, account: Account, now: float) -> None:
        """Place *account*; to be called whenever anything about it has changed."""
        allowance = account.allowances.get(self.group)
        self._known.put(account, self._part(account, allowance, now))
        self._place(account, now)

    def remove(self, account: Account) -> None:
        """Take *account* off. Its entries are thrown away as they come first, like any outdated
        ones.
        """
        self._known.remove(account)
        self._numbers.pop(account, None)
        self._busy.pop(account, None)

    def wake(self, now: float) -> None:
        """Move the accounts that have opened, or whose grade has changed with time."""
        while self._shut and self._shut[0][0][0] <= now:
            _, number, account = heapq.heappop(self._shut)
            if number == self._numbers.get(account):
                self._place(account, now)

    def best(
        self, grades: Iterable[Grade], passed_over: Container[str], now: float
    ) -> Account | None:
        """The first ready account of these grades; the caller calls :meth:`wake` before.

        :param passed_over: keys of accounts that don't count.
        """
        firsts = [
            entry
            for grade in grades
            if (entry := self._first(self._heaps[grade], passed_over, now))
        ]
        return min(firsts)[2] if firsts else None

    def has_busy(self, grades: Container[Grade], passed_over: Container[str], now: float) -> bool:
        """Whether an account of these grades could take the question if it were not busy."""
        counted = (
            account
            for account in self._busy
            if account.entry.key not in passed_over and account.egress.paused_until <= now
        )
        return any(self._grade(account, now) in grades for account in counted)

    def next_opening(self) -> float:
        """Time at which the next account opens, as far as is known; infinity if none is shut."""
        while self._shut and self._shut[0][1] != self._numbers.get(self._shut[0][2]):
            heapq.heappop(self._shut)
        return self._shut[0][0][0] if self._shut else math.inf

    def left(self, now: float) -> Left | None:
        """The sum of the allowances that are known; None if none is."""
        return self._known.at(now)

    @property
    def population(self) -> int:
        """Number of accounts on it."""
        return len(self._numbers)

    # Places --------------------------------------------------------------------------------------

    def _place(self, account: Account, now: float) -> None:
        """Insert *account* under a new number: one entry for its place, and at most one more for
        the time at which its grade changes.
        """
        self._placed += 1
        self._numbers[account] = self._placed
        if account in self._busy:
            del self._busy[account]
        opens, paused = account.open_at(self.group, self.cost), account.egress.paused_until
        if opens > now or paused > now:
            self._push(self._shut, (max(opens, paused),), account)
        elif account.in_flight >= self.max_in_flight:
            self._busy[account] = None
        else:
            grade = self._grade(account, now)
            self._push(self._heaps[grade], self._rank(account, now), account)
            if grade is _SUSPECT:
                self._push(self._shut, (account.suspect_until,), account)
            elif grade is _SPENT:
                self._push(self._shut, (account.allowance(self.group).void_at,), account)

    def _grade(self, account: Account, now: float) -> Grade:
        allowance = account.allowances.get(self.group)
        if allowance is not None and allowance.spent(self.cost, now):
            return _SPENT
        if account.suspect_until > now:
            return _SUSPECT
        return _PROVEN if account.answered else _FRESH

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
        first = None
        while heap:
            _, number, account = heap[0]
            if number == self._numbers.get(account) and account.egress.paused_until <= now:
                if account.entry.key not in passed_over:
                    first = heap[0]
                    break
                aside.append(heap[0])
            heapq.heappop(heap)
            if number == self._numbers.get(account) and account.egress.paused_until > now:
                self._place(account, now)
        for entry in aside:
            heapq.heappush(heap, entry)
        return first

    def _part(self, account: Account, allowance: Allowance | None, now: float) -> Left | None:
        """The account's part of the sum; None if it is invalid or its allowance unknown."""
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
            return  # keep the very object: its expiry refers to it
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
        """The sum of the parts that have not expired; None if there are none."""
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
