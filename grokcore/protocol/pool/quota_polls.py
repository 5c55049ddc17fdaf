"""When which account is asked by ``rate-limits`` what it has left.

Asking costs no generation, but it is a call all the same: so it is done when something is to be
learned, never by the clock alone, and an idle server asks nothing.

* at the first use of an allowance, and after a use (a success, a 429, a question that was given
  up);
* when a cooling ends, and when Grok said that something is there again;
* now and then while nothing is left and Grok did not say until when;
* of an invalid token, an hour after its second refusal and then daily;
* when the token's owner demands it.

Rules: one ask of an account and group at a time, :data:`APART_S` between two, more and more after
asks without an answer, but :data:`DEMANDED_APART_S` before one that is demanded; none through an
egress that pauses.
"""

from __future__ import annotations

import heapq
import math

from attrs import define, field, frozen

from .account import Account
from .allowance import Allowance

__all__ = ["APART_S", "Ask", "Asks"]

APART_S = 30.0
"""Seconds between two asks of one account and group, at least."""

DEMANDED_APART_S = 5.0
"""The same before an ask that the token's owner demands: a person waits for it, and a button must
not hammer Grok.
"""

FIRST_S = 0.1
"""How long after the first use the first ask is made: Grok should have the question before it, and
count it.
"""

SETTLE_S = 1.0
"""How long after a use its effect is asked for: Grok's counter is not always there at once, and
uses come in bursts.
"""

RECHECK_S = 300.0
"""How often an allowance is asked for that is used up for an unknown time."""

BACKOFF_CAP_S = 3600.0


@frozen
class Ask:
    """One call to be made; to be given back with its outcome.

    :ivar early: the account is invalid and its time has not come, but its owner wants to know.
    """

    account: Account
    group: str
    early: bool = False


@define(eq=False)
class Asks:
    """The plan."""

    _due: list[tuple[float, int, Account, str]] = field(factory=list)
    _planned: int = 0

    def wish(self, account: Account, group: str, at: float) -> None:
        """Ask at this time, or at an earlier one that is planned already, or as soon as the rules
        allow.
        """
        allowance = account.allowance(group)
        at = max(at, allowance.asked_at + _pause_after(allowance))
        if at < allowance.ask_at:
            allowance.ask_at = at
            self._planned += 1
            heapq.heappush(self._due, (at, self._planned, account, group))

    def demand(self, account: Account, group: str, now: float) -> float:
        """The token's owner wants it to be asked for: now, or as soon as the rules allow. Returns
        when.
        """
        allowance = account.allowance(group)
        if allowance.asking:
            return now
        allowance.demanded = True
        self.wish(account, group, now)
        return max(allowance.ask_at, _egress_asks_at(account))

    def first_use(self, account: Account, group: str, now: float) -> None:
        """An allowance is being used; is it for the first time?"""
        if account.allowance(group).asked_at == -math.inf:
            self.wish(account, group, now + FIRST_S)

    def used(self, account: Account, group: str, now: float) -> None:
        """A question has ended in a way that Grok may have counted."""
        self.wish(account, group, now + SETTLE_S)

    def replan(self, account: Account, group: str, cost: int, now: float) -> None:
        """Plan the ask at which something that is shut opens again.

        :param cost: of the dearest question that is asked of this group.
        """
        allowance = account.allowance(group)
        if account.invalid:
            if not account.on_trial:
                self.wish(account, group, account.cooling_until)
            return
        opens = max(account.cooling_until, allowance.open_at(cost))
        if opens > now:
            quota = allowance.known(now)
            too_little = quota is not None and quota.left < quota.charge(cost)
            unknown_time = quota is not None and too_little and quota.told_wait(cost) is None
            self.wish(account, group, min(opens, now + RECHECK_S) if unknown_time else opens)

    def next_at(self) -> float:
        """When the next ask is due; infinity if none is planned."""
        while self._due and self._is_stale(self._due[0]):
            heapq.heappop(self._due)
        return float(self._due[0][0]) if self._due else math.inf

    def take(self, now: float) -> Ask | None:
        """The next ask that is due. Whoever takes it makes it, and says what came of it."""
        while self.next_at() <= now:
            _, _, account, group = heapq.heappop(self._due)
            allowance = account.allowance(group)
            allowance.ask_at = math.inf
            if allowance.asking:  # whoever makes it plans anew when it is over
                continue
            rests = account.invalid and account.cooling_until > now
            not_before = max(
                _egress_asks_at(account),
                allowance.asked_at
                + _pause_after(allowance),  # the last one may have failed since this was planned
                account.cooling_until if rests and not allowance.demanded else -math.inf,
            )
            if not_before > now:
                self.wish(account, group, not_before)
                continue
            allowance.begin_ask(now)
            return Ask(account, group, early=rests)
        return None

    def shift(self, seconds: float) -> None:
        """So much time has passed that the caller's clock has not counted, and allowances are
        shifted already.
        """
        self._due = [
            (at - seconds, number, account, group) for at, number, account, group in self._due
        ]

    @staticmethod
    def _is_stale(entry: tuple[float, int, Account, str]) -> bool:
        at, _, account, group = entry
        return account.retired or account.allowance(group).ask_at != at


def _egress_asks_at(account: Account) -> float:
    return max(account.egress.paused_until, account.egress.no_asks_until)


def _pause_after(allowance: Allowance) -> float:
    if allowance.demanded:
        return DEMANDED_APART_S
    return min(APART_S * 2.0**allowance.unanswered, BACKOFF_CAP_S)
