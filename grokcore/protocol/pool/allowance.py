"""One account's allowance for one group of models: what Grok said is left, what was taken since,
and the 429s.

Theory
------
The counter is Grok's, not ours: it is asked for now and then
(:mod:`grokcore.protocol.pool.quota_polls`), and between two answers what is leased is taken off
here. Grok counts a question when it begins, so an answer covers the questions that were sent before
it was asked for, and those sent since are taken off it. Each ask therefore begins a new *epoch*,
and a lease remembers the one it was made in.

Rules
-----
1. An unknown counter is usable. A counter is known until its window has passed, or until it would
   open again.
2. What Grok itself calls used up is shut. What we have used up by our own counting is *spent*: the
   last choice, but a choice, since our counting is a hint and Grok's 429 the truth (a counter that
   never moves has been seen elsewhere).
3. A 429 is believed over any counter: it shuts the allowance for its cooling, and only Grok's own
   word that there is nothing left, with the time of the return, may put that time in the cooling's
   place.
4. Every cooling ends; without a time of Grok's it lasts a minute, doubling to an hour, and a
   success starts that anew.
"""

from __future__ import annotations

import math

from attrs import define, frozen

from ..quota import Quota

__all__ = ["Allowance", "Charge"]

QUOTA_COOLING_S = 60.0
"""First cooling after a 429 that named no time; doubles with each further one, up to the cap.
Upstream's windows are 2 to 24 hours, but 429 also comes from short bursts, and one call to find out
costs nothing."""

QUOTA_COOLING_CAP_S = 3600.0


@frozen
class Charge:
    """What one lease has taken."""

    epoch: int
    cost: int


@define(eq=False)
class Allowance:
    """See the module. Times are seconds of the caller's clock.

    :ivar quota: Grok's last answer; None if there is none that still holds.
    :ivar balance: of it, what has not been taken since, in the answer's unit. It can fall below
        zero, by what was taken while the answer was on its way.
    :ivar cooling_until: the end of the cooling after a 429.
    :ivar asked_at: when Grok was last asked; *ask_at*: when it shall be asked next (infinity: not
        planned).
    :ivar demanded: whether the token's owner waits for the next ask.
    """

    quota: Quota | None = None
    balance: int = 0
    learned_at: float = -math.inf
    cooling_until: float = -math.inf
    strikes: int = 0
    asked_at: float = -math.inf
    ask_at: float = math.inf
    asking: bool = False
    demanded: bool = False
    unanswered: int = 0
    _epoch: int = 0
    _learned_epoch: int = 0
    _taken_questions: int = 0
    _taken_cost: int = 0

    # What is known -------------------------------------------------------------------------------

    def known(self, now: float) -> Quota | None:
        """Grok's answer, while it holds."""
        if self.quota is None or now >= self.void_at:
            return None
        return self.quota

    @property
    def left(self) -> int:
        """What can still be taken; never negative."""
        return max(0, self.balance)

    @property
    def void_at(self) -> float:
        """When the counter stops to mean anything."""
        if self.quota is None:
            return -math.inf
        return self.learned_at + (
            self.quota.window_s if self.quota.left else self.quota.wait_for(1)
        )

    def open_at(self, cost: int) -> float:
        """From when on a question of this *cost* can be asked; in the past if it can be now."""
        if self.quota is None or self.quota.left >= self.quota.charge(cost):
            return self.cooling_until
        return max(self.cooling_until, self.learned_at + self.quota.wait_for(cost))

    def spent(self, cost: int, now: float) -> bool:
        """Whether by our own counting too little is left for a question of this *cost*."""
        quota = self.known(now)
        return quota is not None and self.left < quota.charge(cost)

    def rank(self, now: float) -> float:
        """What is left, for comparing accounts; unknown is more than any number, so that it becomes
        known.
        """
        return math.inf if self.known(now) is None else self.left

    def shift(self, seconds: float) -> None:
        """So much time has passed that the caller's clock has not counted."""
        self.learned_at -= seconds
        self.cooling_until -= seconds
        self.asked_at -= seconds
        self.ask_at -= seconds

    # Leases --------------------------------------------------------------------------------------

    def take(self, cost: int) -> Charge:
        """Reserve what a question of this *cost* takes."""
        self._taken_questions += 1
        self._taken_cost += cost
        if self.quota is not None:
            self.balance -= self.quota.charge(cost)
        return Charge(self._epoch, cost)

    def give_back(self, charge: Charge) -> None:
        """The question was not answered, so nothing was taken."""
        if charge.epoch == self._epoch:
            self._taken_questions -= 1
            self._taken_cost -= charge.cost
        if self.quota is not None and charge.epoch >= self._learned_epoch:
            self.balance += self.quota.charge(charge.cost)

    # Grok's word ---------------------------------------------------------------------------------

    def begin_ask(self, now: float) -> None:
        """Grok is being asked what is left."""
        self.asking, self.asked_at, self.ask_at, self.demanded = True, now, math.inf, False
        self._epoch += 1
        self._taken_questions = self._taken_cost = 0

    def learn(self, quota: Quota, now: float) -> None:
        """Grok's answer to the last ask has come."""
        self.asking, self.unanswered = False, 0
        self.quota, self.learned_at, self._learned_epoch = quota, now, self._epoch
        self.balance = quota.left - (self._taken_questions if quota.flat else self._taken_cost)
        told = quota.told_wait(1)
        if not quota.left and told is not None and self.cooling_until > now:
            self.cooling_until = now + told

    def learn_nothing(self) -> None:
        """The last ask has brought no answer."""
        self.asking = False
        self.unanswered += 1

    def cool(self, seconds: float | None, now: float) -> None:
        """A 429, which may have named the *seconds* to wait."""
        if self.cooling_until <= now:  # of the requests that were under way together, one counts
            self.strikes = min(self.strikes + 1, 16)
        backoff = min(QUOTA_COOLING_S * 2 ** max(0, self.strikes - 1), QUOTA_COOLING_CAP_S)
        self.cooling_until = max(self.cooling_until, now + (seconds or backoff))
        self.quota = None  # whatever it said was wrong

    def forgive(self, now: float) -> None:
        """A success; one that began before the cooling proves nothing."""
        if self.cooling_until <= now:
            self.strikes = 0

    def clear(self, cost: int) -> None:
        """Nothing is held against it any more: no cooling, and no counter that is too low for a
        question of this *cost*.

        Such a counter is unknown then, so usable; Grok's next word counts again.
        """
        self.cooling_until, self.strikes = -math.inf, 0
        if self.quota is not None and min(self.quota.left, self.balance) < self.quota.charge(cost):
            self.quota = None

    def drop_asks(self) -> None:
        """No ask is planned any more. One that is under way comes to its end."""
        self.ask_at, self.demanded = math.inf, False
