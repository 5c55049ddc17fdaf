"""The plan of polls: which allowance to look up with Grok's ``rate-limits``, and when.

A poll costs no generation, but it is a call all the same. So it is made when there is something to
learn, never by the clock alone, and an idle server makes none. A poll follows

* the first use of an allowance, and each later use (a success, a 429, an abandoned question);
* the end of a cooling, and the time at which Grok promised a renewal;
* every :data:`RECHECK_S` while nothing is left and Grok did not say until when;
* of an invalid token, an hour after its second refusal and then daily;
* a demand of the token's owner.

Rules
-----
1. One poll of an account and group at a time, with :data:`APART_S` seconds between two.
2. That time doubles with each poll that had no answer.
3. A demanded poll may come :data:`DEMANDED_APART_S` seconds after the last one.
4. No poll is made through an egress that pauses.
"""

from __future__ import annotations

import heapq
import math

from attrs import define, field, frozen

from .account import Account
from .allowance import Allowance

__all__ = ["APART_S", "Poll", "PollPlan"]

APART_S = 30.0
"""Seconds between two polls of one account and group, at least."""

DEMANDED_APART_S = 5.0
"""The same before a poll that the token's owner demands: a person waits for it, and a button must
not hammer Grok.
"""

FIRST_S = 0.1
"""Seconds from the first use to the first poll, so that Grok has the question first and counts it.
"""

SETTLE_S = 1.0
"""Seconds from a use to its poll: Grok's counter is not always there at once, and uses come in
bursts.
"""

RECHECK_S = 300.0
"""Seconds between polls of an allowance that is used up for an unknown time."""

BACKOFF_CAP_S = 3600.0


@frozen
class Poll:
    """A call to be made; :meth:`~grokcore.protocol.pool.book.TokenBook.polled` takes its outcome.

    :ivar early: whether the account is invalid and still cooling, but its owner demands the poll.
    """

    account: Account
    group: str
    early: bool = False


@define(eq=False)
class PollPlan:
    """The polls that are due, in order, and the dearest question of each group of models."""

    _due: list[tuple[float, int, Account, str]] = field(factory=list)
    _planned: int = 0
    _dearest: dict[str, int] = field(factory=dict)

    def note_cost(self, group: str, cost: int) -> bool:
        """Note that questions of this *cost* are asked of a group.

        :returns: whether it is the highest cost so far.
        """
        dearer = cost > self.dearest(group)
        if dearer:
            self._dearest[group] = cost
        return dearer

    def dearest(self, group: str) -> int:
        """The highest cost of a question that is asked of this group."""
        return self._dearest.get(group, 1)

    def schedule(self, account: Account, group: str, at: float) -> None:
        """Plan a poll for this time, or as soon afterwards as the rules allow. An earlier one that
        is planned already stays.
        """
        allowance = account.allowance(group)
        at = max(at, allowance.polled_at + _pause_after(allowance))
        if at < allowance.poll_at:
            allowance.poll_at = at
            self._planned += 1
            heapq.heappush(self._due, (at, self._planned, account, group))

    def demand(self, account: Account, group: str, now: float) -> float:
        """Plan a poll for the token's owner: now, or as soon as the rules allow.

        :returns: its time.
        """
        allowance = account.allowance(group)
        if allowance.polling:
            return now
        allowance.demanded = True
        self.schedule(account, group, now)
        return max(allowance.poll_at, _egress_polls_at(account))

    def first_use(self, account: Account, group: str, now: float) -> None:
        """Plan a poll if this use of an allowance is the first."""
        if account.allowance(group).polled_at == -math.inf:
            self.schedule(account, group, now + FIRST_S)

    def used(self, account: Account, group: str, now: float) -> None:
        """Plan a poll after a question that Grok may have counted."""
        self.schedule(account, group, now + SETTLE_S)

    def replan(self, account: Account, group: str, now: float) -> None:
        """Plan the poll for the time at which the account opens again, if it is shut."""
        allowance, cost = account.allowance(group), self.dearest(group)
        if account.invalid:
            if not account.on_trial:
                self.schedule(account, group, account.cooling_until)
            return
        opens = max(account.cooling_until, allowance.open_at(cost))
        if opens > now:
            quota = allowance.known(now)
            too_little = quota is not None and quota.left < quota.charge(cost)
            unknown_time = quota is not None and too_little and quota.stated_wait(cost) is None
            self.schedule(account, group, min(opens, now + RECHECK_S) if unknown_time else opens)

    def next_at(self) -> float:
        """Time of the next poll; infinity if none is planned."""
        while self._due and self._is_stale(self._due[0]):
            heapq.heappop(self._due)
        return float(self._due[0][0]) if self._due else math.inf

    def take(self, now: float) -> Poll | None:
        """The next poll that is due; None if there is none. The caller must make it."""
        while self.next_at() <= now:
            _, _, account, group = heapq.heappop(self._due)
            allowance = account.allowance(group)
            allowance.poll_at = math.inf
            if allowance.polling:  # its answer will serve for this one too
                continue
            rests = account.invalid and account.cooling_until > now
            # The last poll may have failed since this one was planned.
            not_before = max(
                _egress_polls_at(account),
                allowance.polled_at + _pause_after(allowance),
                account.cooling_until if rests and not allowance.demanded else -math.inf,
            )
            if not_before > now:
                self.schedule(account, group, not_before)
                continue
            allowance.begin_poll(now)
            return Poll(account, group, early=rests)
        return None

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed. The caller has
        shifted the allowances before.
        """
        self._due = [
            (at - seconds, number, account, group) for at, number, account, group in self._due
        ]

    @staticmethod
    def _is_stale(entry: tuple[float, int, Account, str]) -> bool:
        at, _, account, group = entry
        return account.idle or account.allowance(group).poll_at != at


def _egress_polls_at(account: Account) -> float:
    return max(account.egress.paused_until, account.egress.no_polls_until)


def _pause_after(allowance: Allowance) -> float:
    if allowance.demanded:
        return DEMANDED_APART_S
    return min(APART_S * 2.0**allowance.unanswered, BACKOFF_CAP_S)
