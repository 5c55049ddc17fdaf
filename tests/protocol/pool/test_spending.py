"""The daily cap: reserves, days, and the record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from attrs import define, field
from hypothesis import example, given
from hypothesis import strategies as st

from grokcore.protocol.pool.spending import (
    MODELS_AT_MOST,
    MOST_TICKS,
    REMEMBERED,
    UNKNOWN_TICKS,
    Reserve,
    Spending,
)

DAY, NEXT = "2026-11-29", "2026-11-30"


def spending_of(cap: int, *costs: int, model: str = "m") -> Spending:
    """A day on which answers of *model* have cost that much before it began."""
    spending = Spending(cap)
    for cost in costs:
        spending.recall({"costs": {model: [cost]}})
    spending.turn_to(DAY)
    return spending


def begun(spending: Spending, model: str = "m") -> Reserve:
    reserve = spending.begin(model)
    assert reserve is not None
    return reserve


# Reserves ---------------------------------------------------------------------------------------


def test_without_a_known_cost_an_answer_must_be_alone() -> None:
    """Neither does it join others, nor others it."""
    spending = spending_of(1000, 10)
    alone = begun(spending, "new")
    assert (alone.ticks, spending.begin("m"), spending.begin("new")) == (None, None, None)
    spending.settle(alone, 1)
    known = begun(spending)
    assert spending.begin("other") is None
    spending.settle(known, 1)
    assert begun(spending, "other").ticks is None


def test_reserves_of_twice_the_dearest_fit_together_under_the_cap() -> None:
    """Three of 20 fit 60 exactly; one tick less, and two do."""
    for cap, fitting in ((60, 3), (59, 2)):
        spending = spending_of(cap, 10, 3)
        assert sum(spending.begin("m") is not None for _ in range(5)) == fitting


def test_at_the_cap_nothing_begins_and_below_it_one_does() -> None:
    """An answer that is alone needs no room for its reserve."""
    spending = spending_of(100, 90)
    spending.settle(begun(spending), 99)
    assert not spending.reached
    spending.settle(begun(spending), 99)
    assert (spending.reached, spending.begin("m"), spending.spent) == (True, None, 198)


def test_a_reserve_counts_once() -> None:
    """Whatever a caller does twice."""
    spending = spending_of(100, 10)
    reserve = begun(spending)
    assert [spending.settle(reserve, 7), spending.settle(reserve, 7)] == [7, 0]
    assert (spending.spent, spending.expected) == (7, 0)


@pytest.mark.parametrize("cost", [0, -5])
def test_only_a_real_cost_is_learned(cost: int) -> None:
    """An answer that cost nothing would make reserves of nothing, and all would begin at once."""
    spending = spending_of(100)
    assert spending.settle(begun(spending), cost) == 0
    assert begun(spending).ticks is None


def test_an_unknown_cost_counts_as_the_dearest_before_and_teaches_nothing() -> None:
    """Or as five cents, for a model without one."""
    spending = spending_of(10 * UNKNOWN_TICKS, 10, 4)
    assert spending.settle(begun(spending), None) == 10
    assert spending.settle(begun(spending, "new"), None) == UNKNOWN_TICKS
    assert begun(spending, "new").ticks is None


def test_costs_and_models_are_remembered_within_bounds() -> None:
    """The dearest is of the last answers; the model that was not used for longest is forgotten, and
    its reserves under way keep what they are.
    """
    spending = spending_of(MOST_TICKS, 1000)
    under_way = begun(spending)
    for number in range(MODELS_AT_MOST):
        reserve = Reserve(f"m{number}", 2, 1)
        spending._under_way.add(reserve)
        spending.settle(reserve, 1)
    assert (under_way.ticks, spending.expected) == (2000, 1000)
    assert spending.begin("m") is None, "it is unknown now, and not alone"
    assert spending.settle(under_way, None) == 1000
    for _ in range(REMEMBERED):
        spending.settle(begun(spending, "m5"), 3)
    assert begun(spending, "m5").ticks == 6
    assert spending.settle(begun(spending, "m5"), MOST_TICKS * 10) == MOST_TICKS


# Days -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "today", "day", "spent"),
    [
        ("", DAY, DAY, 0),
        (DAY, DAY, DAY, 50),
        (DAY, NEXT, NEXT, 0),
        (NEXT, DAY, NEXT, 50),
        ("2026-12-01", DAY, DAY, 50),
        ("9999-12-31", DAY, DAY, 50),
        (DAY, "", DAY, 50),
        (DAY, "2026-13-40", DAY, 50),
        (DAY, "tomorrow!!", DAY, 50),
    ],
)
def test_a_new_day_forgets_and_a_wrong_clock_does_not_shut_the_lane_for_ever(
    recorded: str, today: str, day: str, spent: int
) -> None:
    """One day back is a clock being set; more is a record of a wrong clock."""
    spending = Spending(100, day=recorded, spent=50 if recorded else 0)
    spending.turn_to(today)
    assert (spending.day, spending.spent) == (day, spent)
    assert spending.changed == (recorded not in ("", day))


def test_a_day_without_spending_is_not_written() -> None:
    """A server without an official key has no record of one."""
    spending = Spending(100)
    spending.turn_to(DAY)
    spending.turn_to(NEXT)
    assert spending.take_record() is None


def test_a_start_in_the_past_forgets_no_spending() -> None:
    """A small computer begins in 1970 until it has asked the network, and may be started again
    before.
    """
    spending = Spending(100, day=DAY, spent=50)
    spending.turn_to("1970-01-01")
    record = spending.take_record()
    assert record == {"day": "1970-01-01", "ticks": 50, "costs": {}, "later": DAY}
    again = Spending(100)
    again.recall(record)
    again.turn_to(DAY)
    assert (again.day, again.spent) == (DAY, 50)
    again.turn_to(NEXT)
    assert again.spent == 0


def test_days_are_counted_by_the_calendar() -> None:
    """Over the ends of months, leap days and years, an earlier day is one day back or more."""
    first = date(1999, 12, 25)
    for number in range(2000):
        day = first + timedelta(number)
        for back, left in ((1, day), (2, day - timedelta(2))):
            spending = Spending(100, day=str(day))
            spending.turn_to(str(day - timedelta(back)))
            assert spending.day == str(left)


def test_an_answer_counts_for_the_day_of_its_end() -> None:
    """As upstream bills it."""
    spending = spending_of(100, 10)
    reserve = begun(spending)
    spending.turn_to(NEXT)
    spending.settle(reserve, 8)
    assert (spending.day, spending.spent) == (NEXT, 8)


# The record -------------------------------------------------------------------------------------


def test_the_record_survives_a_crash_with_what_was_under_way() -> None:
    """Answers under way count as expected then; and nothing is written twice."""
    spending = spending_of(1000, 10)
    spending.settle(begun(spending), 7)
    begun(spending)
    record = json.loads(json.dumps(spending.take_record()))
    assert record == {"day": DAY, "ticks": 17, "costs": {"m": [10, 7]}}
    assert spending.take_record() is None
    again = Spending(1000)
    again.recall(record)
    assert (again.day, again.spent, again.expected) == (DAY, 17, 0)
    assert begun(again).ticks == 20


@pytest.mark.parametrize(
    "day", [None, 5, "", "yesterday!", "2026-00-10", "2026-12-32", "2026-1-1", "20261129"]
)
def test_a_record_without_a_real_day_restores_no_sum(day: object) -> None:
    """A file may be edited by hand."""
    spending = Spending(100)
    spending.recall({"day": day, "ticks": 99})
    assert (spending.day, spending.spent) == ("", 0)


@pytest.mark.parametrize("ticks", [None, True, "7", 1.5, -3])
def test_values_that_cannot_be_meant_count_as_missing(ticks: object) -> None:
    """In the sum and among the costs."""
    spending = Spending(100)
    spending.recall({"day": DAY, "ticks": ticks, "costs": {"m": [ticks, 4], 5: [1], "n": 3}})
    assert (spending.spent, begun(spending).ticks) == (0, 8)
    spending = Spending(100)
    spending.recall({"day": DAY, "ticks": 10**30, "costs": [1]})
    assert spending.spent == MOST_TICKS


# Any history ------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(1, 50), st.booleans(), st.data())
@example(3, 10, True, None)
def test_constant_costs_are_counted_exactly_up_to_the_cap(
    k: int, cost: int, known: bool, data: st.DataObject | None
) -> None:
    """With a cap of *k* answers, *k* are answered, whatever ends and begins when."""
    spending = spending_of(k * cost, *[cost] * known)
    open_: list[Reserve] = []
    ended = 0
    for _ in range(6 * k + 6):
        if data is not None and data.draw(st.booleans()) and open_:
            spending.settle(open_.pop(data.draw(st.integers(0, len(open_) - 1))), cost)
            ended += 1
        elif (reserve := spending.begin("m")) is not None:
            open_.append(reserve)
        elif open_:
            spending.settle(open_.pop(), cost)
            ended += 1
    while open_ or not spending.reached:
        spending.settle(open_.pop() if open_ else begun(spending), cost)
        ended += 1
    assert (ended, spending.spent) == (k, k * cost)


@define
class Naive:
    """The same, from the whole history."""

    cap: int
    spent: int = 0
    costs: dict[str, list[int]] = field(factory=dict)
    open: dict[int, tuple[str, int | None]] = field(factory=dict)

    def may_begin(self, model: str) -> bool:
        reserves = [*(ticks for _, ticks in self.open.values()), self.reserve(model)]
        if self.spent >= self.cap:
            return False
        return len(reserves) == 1 or (
            None not in reserves and self.spent + sum(map(int, filter(None, reserves))) <= self.cap
        )

    def reserve(self, model: str) -> int | None:
        last = self.costs.get(model, [])[-REMEMBERED:]
        return 2 * max(last) if last else None


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.sampled_from("ab"), st.none()),
        st.tuples(st.just("end"), st.integers(0, 9), st.one_of(st.none(), st.integers(-1, 60))),
    ),
    max_size=80,
)


def numbers() -> Iterator[int]:
    yield from range(1000)


@given(st.integers(0, 300), ACTIONS)
def test_any_history_is_that_of_a_naive_reference(
    cap: int, actions: list[tuple[str, str | int, int | None]]
) -> None:
    """And the day ends above the cap by less than one answer's cost, if none is dearer than its
    reserve.
    """
    spending, naive, number = spending_of(cap), Naive(cap), numbers()
    reserves: dict[int, Reserve] = {}
    within, dearest = True, 0
    for kind, which, cost in actions:
        if kind == "begin":
            model = str(which)
            reserve = spending.begin(model)
            assert (reserve is not None) == naive.may_begin(model)
            if reserve is not None:
                new = next(number)
                reserves[new], naive.open[new] = reserve, (model, naive.reserve(model))
        elif naive.open:
            ending = sorted(naive.open)[int(which) % len(naive.open)]
            model, ticks = naive.open.pop(ending)
            counted = spending.settle(reserves[ending], cost)
            expected = UNKNOWN_TICKS if ticks is None else ticks // 2
            assert counted == (expected if cost is None else max(cost, 0))
            naive.spent += counted
            within = within and (ticks is None or counted <= ticks)
            dearest = max(dearest, counted)
            if cost is not None and cost > 0:
                naive.costs.setdefault(model, []).append(cost)
        assert spending.spent == naive.spent
        assert not within or spending.spent < max(cap, 1) + dearest


@pytest.mark.parametrize(("counted", "cost", "spent"), [(5, 2, 7), (5, 9, 14), (12, 0, 0)])
def test_a_cost_that_becomes_known_later_takes_its_estimates_place(
    counted: int, cost: int, spent: int
) -> None:
    """A video's is told at its end; what a new day has forgotten is not taken off twice."""
    spending = Spending(100, day="2026-11-29", spent=10)
    spending.correct(counted, cost)
    assert (spending.spent, spending.changed) == (spent, True)
