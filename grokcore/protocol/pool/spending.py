"""The daily cap of a paid lane: the day's costs, and the reserves of answers under way.

Theory
------
An answer's cost is known at its end, and no answer is cut for it. So an answer reserves a sum
before it begins: twice the dearest of the model's last answers. Without such a figure the answer
must be alone: the next one waits for its cost. Near the cap answers go one by one. So the day ends
above the cap by less than the cost of one answer, as long as no answer costs more than its reserve.

Costs are whole ticks of 1e-10 USD (``TICKS_PER_USD`` of the conversation's usage).

Rules
-----
1. An answer may begin if the day has not reached the cap, and either no other is under way or all
   reserves together fit.
2. An answer whose cost is not known counts as much as the model's dearest one before it.
3. A new day forgets the sum. Answers that began the day before count for the day of their end, as
   upstream bills them.
4. Answers under way stand in the record with their expected cost (rule 2). After a crash they count
   as if they had cost that much: upstream may have charged for them. After a stop in good order the
   record holds real costs alone.
5. Clocks that are set follow the rules of :mod:`~grokcore.protocol.day_turns`.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from ..day_turns import day_number, turn_of

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
    """The reserve of one answer under way.

    :ivar ticks: None if it has to be alone.
    :ivar expected: ticks that count if its cost stays unknown.
    :ivar entry: its name in the ledger that servers share; empty without one.
    """

    model: str
    ticks: int | None
    expected: int
    entry: str = ""


@define(eq=False)
class Spending:
    """The day's spending of a lane. *cap* is in ticks.

    :ivar day: the day that *spent* belongs to; empty before the first look at the calendar.
    :ivar changed: whether the record has changed since :meth:`take_record`.
    """

    cap: int
    day: str = ""
    spent: int = 0
    changed: bool = False
    _later: str = ""
    _costs: dict[str, list[int]] = field(factory=dict)
    _under_way: set[Reserve] = field(factory=set)

    @property
    def reached(self) -> bool:
        """Whether no further answer may begin on this day."""
        return self.spent >= self.cap

    @property
    def expected(self) -> int:
        """The expected cost of all answers under way."""
        return sum(reserve.expected for reserve in self._under_way)

    def turn_to(self, day: str) -> None:
        """Begin a new day, if *day* is one (YYYY-MM-DD); see rule 5 for an earlier one."""
        turn = turn_of(self.day, day, self._later)
        if turn.forgets:
            self.changed = self.changed or self.spent > 0  # else the record says the same
            self.spent = 0
        else:
            self.changed = self.changed or turn.day != self.day
        self.day, self._later = turn.day, turn.later

    def begin(self, model: str) -> Reserve | None:
        """Reserve for an answer of *model*; None if it has to wait, or the cap is reached."""
        if not self.has_room(model):
            return None
        reserve = self._reserve(model)
        self._under_way.add(reserve)
        self.changed = True
        return reserve

    def has_room(self, model: str) -> bool:
        """Whether :meth:`begin` would reserve for an answer of *model*."""
        if self.reached or not self._under_way:
            return not self.reached
        asked = [self._reserve(model).ticks, *(reserve.ticks for reserve in self._under_way)]
        known = [ticks for ticks in asked if ticks is not None]
        return len(known) == len(asked) and self.spent + sum(known) <= self.cap

    def _reserve(self, model: str) -> Reserve:
        costs = self._costs.get(model)
        if not costs:
            return Reserve(model, None, UNKNOWN_TICKS)
        return Reserve(model, 2 * max(costs), max(costs))

    def settle(self, reserve: Reserve, ticks: int | None) -> int:
        """End *reserve* with the answer's cost; return the cost that was counted.

        A reserve that has ended already counts nothing.

        :param ticks: None if it is not known.
        """
        if reserve not in self._under_way:
            return 0
        self._under_way.discard(reserve)
        cost = reserve.expected if ticks is None else min(max(ticks, 0), MOST_TICKS)
        if ticks is not None and cost:
            self._learn(reserve.model, cost)
        self.spent += cost
        self.changed = True
        return cost

    def correct(self, counted: int, cost: int) -> None:
        """Count *cost* in place of *counted*, which an earlier request of unknown cost has added. A
        new day may have forgotten that one.
        """
        self.spent = max(0, self.spent + min(cost, MOST_TICKS) - counted)
        self.changed = True

    def resume(self, reserve: Reserve) -> None:
        """Count an answer as under way that has begun elsewhere."""
        self._under_way.add(reserve)

    def follow(self, other: Spending) -> bool:
        """Take over the day, its sum and the models' costs of *other*; answers under way stay.

        :returns: whether anything is different now.
        """
        before = self.day, self.spent, self._later, self._costs
        self.day, self.spent, self._later = other.day, other.spent, other._later
        self._costs = {model: list(costs) for model, costs in other._costs.items()}
        different = before != (self.day, self.spent, self._later, self._costs)
        self.changed = self.changed or different
        return different

    def _learn(self, model: str, cost: int) -> None:
        """Remember *cost*; the model that was learned of last stands last."""
        costs = self._costs.pop(model, [])
        if len(self._costs) >= MODELS_AT_MOST:
            del self._costs[next(iter(self._costs))]
        self._costs[model] = [*costs[1 - REMEMBERED :], cost]

    # The state file ------------------------------------------------------------------------------

    def take_record(self) -> dict[str, object] | None:
        """The record, of JSON's types only; None if nothing has changed since the last call."""
        if not self.changed:
            return None
        self.changed = False
        later = {"later": self._later} if self._later else {}
        return {
            "day": self.day,
            "ticks": self.spent + self.expected,
            "costs": {model: list(costs) for model, costs in self._costs.items()},
            **later,
        }

    def recall(self, record: Mapping[str, object]) -> None:
        """Restore what a record holds; values that can't be meant count as missing."""
        day, later, costs = (record.get(name) for name in ("day", "later", "costs"))
        if isinstance(day, str) and day_number(day) is not None:
            self.day, self.spent = day, _ticks(record.get("ticks"))
            self._later = later if isinstance(later, str) else ""
        for model, listed in costs.items() if isinstance(costs, dict) else ():
            if isinstance(model, str) and isinstance(listed, list):
                for cost in filter(None, map(_ticks, listed[-REMEMBERED:])):
                    self._learn(model, cost)


def _ticks(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return min(max(value, 0), MOST_TICKS)
