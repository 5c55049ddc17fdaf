"""The daily cap of a paid lane: costs so far, and reserves for answers under way.

Theory
------
An answer's cost is known at its end, and no answer is cut for it. So an answer reserves what it may
cost before it begins. The reserve is twice the dearest of the model's last answers. Without such a
figure the answer must be alone: the next one waits for its cost. Near the cap answers go one by
one. So the day ends above the cap by the excess of a single answer at most. That holds as long as
no answer costs more than twice as much as those before it.

Costs are whole ticks of 1e-10 USD (``TICKS_PER_USD`` of the conversation's usage).

Rules
-----
1. An answer may begin if the day has not reached the cap, and either no other is under way or all
   reserves together fit.
2. An answer whose cost is not known counts as its reserve would: as the model's answers before it.
3. A new day forgets the costs of the last. Answers that began the day before count for the day
   of their end, as upstream bills them.
4. Reserves count as spent in the record, so that a killed server does not forget answers that were
   under way.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

__all__ = ["Reserve", "Spending"]

REMEMBERED = 20
"""Answers of a model that its dearest is taken from."""

MODELS_AT_MOST = 100
"""Models whose costs are remembered."""

UNKNOWN_TICKS = 500_000_000
"""Cost (5 cents) that an answer is taken to have had, if neither it nor the model has one known."""

MOST_TICKS = 10**16
"""Bound of a figure from outside: a million dollars."""


@define(eq=False)
class Reserve:
    """The reserve of one answer under way. *ticks* is None if it has to be alone."""

    model: str
    ticks: int | None


@define(eq=False)
class Spending:
    """The costs of one lane. *cap* is in ticks.

    :ivar day: the day that *spent* belongs to; empty before the first look at the calendar.
    :ivar changed: whether the record has changed since :meth:`take_record`.
    """

    cap: int
    day: str = ""
    spent: int = 0
    changed: bool = False
    _costs: dict[str, list[int]] = field(factory=dict)
    _under_way: set[Reserve] = field(factory=set)

    @property
    def reached(self) -> bool:
        """Whether no further answer may begin on this day."""
        return self.spent >= self.cap

    @property
    def reserved(self) -> int:
        """The sum of all reserves."""
        return sum(self._expected(reserve) for reserve in self._under_way)

    def turn_to(self, day: str) -> None:
        """Begin a new day, if *day* is one. The day never goes back."""
        if day > self.day:
            self.day, self.spent, self.changed = day, 0, True

    def begin(self, model: str) -> Reserve | None:
        """Reserve for an answer of *model*; None if it has to wait, or the cap is reached."""
        costs = self._costs.get(model)
        ticks = 2 * max(costs) if costs else None
        if self.reached or (self._under_way and not self._fits(ticks)):
            return None
        reserve = Reserve(model, ticks)
        self._under_way.add(reserve)
        self.changed = True
        return reserve

    def _fits(self, ticks: int | None) -> bool:
        if ticks is None or any(reserve.ticks is None for reserve in self._under_way):
            return False
        return self.spent + self.reserved + ticks <= self.cap

    def settle(self, reserve: Reserve, ticks: int | None) -> int:
        """End *reserve* with the answer's cost; return the cost that was counted.

        :param ticks: None if it is not known.
        """
        self._under_way.discard(reserve)
        cost = self._expected(reserve) if ticks is None else min(max(ticks, 0), MOST_TICKS)
        if ticks:
            self._learn(reserve.model, cost)
        self.add(cost)
        return cost

    def add(self, ticks: int) -> None:
        """Count a cost that nothing was reserved for."""
        self.spent += ticks
        self.changed = True

    def _learn(self, model: str, cost: int) -> None:
        if model not in self._costs and len(self._costs) >= MODELS_AT_MOST:
            del self._costs[next(iter(self._costs))]
        self._costs[model] = [*self._costs.get(model, [])[1 - REMEMBERED :], cost]

    def _expected(self, reserve: Reserve) -> int:
        costs = self._costs.get(reserve.model)
        return max(costs) if costs else UNKNOWN_TICKS

    # The state file ------------------------------------------------------------------------------

    def take_record(self) -> dict[str, object] | None:
        """The record, of JSON's types only; None if nothing has changed since the last call."""
        if not self.changed:
            return None
        self.changed = False
        return {
            "day": self.day,
            "ticks": self.spent + self.reserved,
            "costs": {model: list(costs) for model, costs in self._costs.items()},
        }

    def recall(self, record: Mapping[str, object]) -> None:
        """Restore what a record holds; values that can't be meant count as missing."""
        day, costs = record.get("day"), record.get("costs")
        if isinstance(day, str) and len(day) == len("2026-01-01"):
            self.day, self.spent = day, _ticks(record.get("ticks"))
        for model, listed in costs.items() if isinstance(costs, dict) else ():
            if isinstance(model, str) and isinstance(listed, list):
                for cost in filter(None, map(_ticks, listed[-REMEMBERED:])):
                    self._learn(model, cost)


def _ticks(value: object) -> int:
    usable = isinstance(value, int) and not isinstance(value, bool)
    return min(max(value, 0), MOST_TICKS) if usable and isinstance(value, int) else 0
