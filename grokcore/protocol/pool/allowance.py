"""An account's allowance for one group of models: Grok's counter, our count since, and the 429s.

Theory
------
The counter is Grok's, not ours. It is polled now and then
(:mod:`grokcore.protocol.pool.quota_polls`), and between two polls the cost of each loan is taken
off it here. Grok counts a question when it begins. So an answer covers the questions that were sent
before the poll, and the later ones are taken off it. Each poll therefore begins a new *epoch*, and
a loan's charge remembers its epoch.

Rules
-----
1. An unknown counter is usable. A counter is known until its window has passed, or until it would
   open again.
2. An allowance that Grok itself calls used up is shut. One that is used up by our own count is
   *spent*: the last choice, but a choice. Our count is a hint and Grok's 429 the truth (a counter
   that never moves has been seen elsewhere).
3. A 429 is believed over any counter: it shuts the allowance for its cooling. Only a poll that
   finds nothing left, and that gives the time of the renewal, puts that time in the cooling's
   place.
4. Every cooling ends. If Grok named no time it lasts a minute, doubling to an hour; after a success
   it is a minute again.
"""

from __future__ import annotations

import math

from attrs import define, frozen

from ..quota import Quota

__all__ = ["Allowance", "Charge"]

QUOTA_COOLING_S = 60.0
"""First cooling after a 429 that named no time; it doubles with each further 429, up to the cap.
Upstream's windows are 2 to 24 hours, but short bursts lead to 429 too, and a call to find out costs
nothing."""

QUOTA_COOLING_CAP_S = 3600.0


@frozen
class Charge:
    """The part of an allowance that one loan has reserved."""

    epoch: int
    cost: int


@define(eq=False)
class Allowance:
    """The counter of one account and group. Times are seconds of the caller's clock.

    :ivar quota: Grok's last answer; None if there is none that still holds.
    :ivar balance: that answer less the loans since, in its unit. Loans that were made while the
        answer was on its way can bring it below zero.
    :ivar learned_at: time of that answer.
    :ivar cooling_until: end of the cooling after a 429.
    :ivar strikes: 429s in a row.
    :ivar polled_at: time of the last poll.
    :ivar poll_at: time of the next poll; infinity if none is planned.
    :ivar polling: whether a poll is under way.
    :ivar demanded: whether the token's owner waits for the next poll.
    :ivar unanswered: polls in a row that had no answer.
    """

    quota: Quota | None = None
    balance: int = 0
    learned_at: float = -math.inf
    cooling_until: float = -math.inf
    strikes: int = 0
    polled_at: float = -math.inf
    poll_at: float = math.inf
    polling: bool = False
    demanded: bool = False
    unanswered: int = 0
    _epoch: int = 0
    _learned_epoch: int = 0
    _taken_questions: int = 0
    _taken_cost: int = 0

    # The counter ---------------------------------------------------------------------------------

    def known(self, now: float) -> Quota | None:
        """Grok's answer, while it holds."""
        if self.quota is None or now >= self.void_at:
            return None
        return self.quota

    @property
    def left(self) -> int:
        """The balance, but never negative."""
        return max(0, self.balance)

    @property
    def void_at(self) -> float:
        """Time at which the counter becomes meaningless."""
        if self.quota is None:
            return -math.inf
        return self.learned_at + (
            self.quota.window_s if self.quota.left else self.quota.wait_for(1)
        )

    def open_at(self, cost: int) -> float:
        """Time from which a question of this *cost* can be asked; in the past if it can be now."""
        if self.quota is None or self.quota.left >= self.quota.charge(cost):
            return self.cooling_until
        return max(self.cooling_until, self.learned_at + self.quota.wait_for(cost))

    def spent(self, cost: int, now: float) -> bool:
        """Whether by our own count too little is left for a question of this *cost*."""
        quota = self.known(now)
        return quota is not None and self.left < quota.charge(cost)

    def rank(self, now: float) -> float:
        """The balance, for comparing accounts. An unknown one is infinite, so that the account is
        used and polled.
        """
        return math.inf if self.known(now) is None else self.left

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed."""
        self.learned_at -= seconds
        self.cooling_until -= seconds
        self.polled_at -= seconds
        self.poll_at -= seconds

    # Loans ---------------------------------------------------------------------------------------

    def take(self, cost: int) -> Charge:
        """Reserve the charge of a question of this *cost*."""
        self._taken_questions += 1
        self._taken_cost += cost
        if self.quota is not None:
            self.balance -= self.quota.charge(cost)
        return Charge(self._epoch, cost)

    def give_back(self, charge: Charge) -> None:
        """Cancel a reservation: Grok did not count the question."""
        if charge.epoch == self._epoch:
            self._taken_questions -= 1
            self._taken_cost -= charge.cost
        if self.quota is not None and charge.epoch >= self._learned_epoch:
            self.balance += self.quota.charge(charge.cost)

    # Polls and outcomes --------------------------------------------------------------------------

    def begin_poll(self, now: float) -> None:
        """Begin a poll, and with it a new epoch."""
        self.polling, self.polled_at, self.poll_at, self.demanded = True, now, math.inf, False
        self._epoch += 1
        self._taken_questions = self._taken_cost = 0

    def learn(self, quota: Quota, now: float) -> None:
        """Take over Grok's answer to the last poll."""
        self.polling, self.unanswered = False, 0
        self.quota, self.learned_at, self._learned_epoch = quota, now, self._epoch
        self.balance = quota.left - (self._taken_questions if quota.flat else self._taken_cost)
        wait = quota.stated_wait(1)
        if not quota.left and wait is not None and self.cooling_until > now:
            self.cooling_until = now + wait

    def follow(self, other: Allowance) -> None:
        """Take over the counter of *other*, another server's. Loans and polls of before count
        nothing in it.
        """
        self._epoch += 1
        self._learned_epoch = self._epoch
        self._taken_questions = self._taken_cost = 0
        self.quota, self.balance, self.learned_at = other.quota, other.balance, other.learned_at
        self.cooling_until, self.strikes = other.cooling_until, other.strikes
        self.polled_at = max(self.polled_at, other.polled_at)
        self.demanded = other.demanded

    def learn_nothing(self) -> None:
        """Count a poll that had no answer."""
        self.polling = False
        self.unanswered += 1

    def cool(self, seconds: float | None, now: float) -> None:
        """Cool after a 429, for *seconds* if it named them."""
        if self.cooling_until <= now:  # of the requests that were under way together, one counts
            self.strikes = min(self.strikes + 1, 16)
        backoff = min(QUOTA_COOLING_S * 2 ** max(0, self.strikes - 1), QUOTA_COOLING_CAP_S)
        self.cooling_until = max(self.cooling_until, now + (seconds or backoff))
        self.quota = None  # it was wrong

    def forgive(self, now: float) -> None:
        """Count a success, which is no evidence if it began before a cooling that still lasts."""
        if self.cooling_until <= now:
            self.strikes = 0

    def clear(self, cost: int) -> None:
        """End the cooling, and forget a counter that is too low for a question of this *cost*.

        The counter is then unknown, so the allowance is usable. Grok's next answer counts again.
        """
        self.cooling_until, self.strikes = -math.inf, 0
        if self.quota is not None and min(self.quota.left, self.balance) < self.quota.charge(cost):
            self.quota = None

    def drop_polls(self) -> None:
        """Cancel the planned poll. A poll that is under way comes to its end."""
        self.poll_at, self.demanded = math.inf, False
