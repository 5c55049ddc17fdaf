"""A day's spending for several servers, as a text that each of them reads and replaces."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.pool.spending import Spending
from grokcore.protocol.sharing.ledger import FORSAKEN_S, Ledger

DAY, NOW, CAP = "2026-11-29", 1_800_000_000.0, 1000


def opened(text: str, now: float = NOW) -> Ledger:
    return Ledger.read(text, CAP, now)


def begun(text: str, entry: str, *, now: float = NOW, day: str = DAY) -> tuple[bool, str]:
    ledger = opened(text, now)
    return ledger.begin(entry, "grok-x", day, now), ledger.text


def ended(text: str, entry: str, ticks: int | None, now: float = NOW) -> str:
    ledger = opened(text, now)
    ledger.end(entry, ticks)
    return ledger.text


def test_an_answer_of_unknown_cost_is_alone_among_all_servers() -> None:
    """The second server's answer waits for the first one's cost."""
    may, text = begun("", "a")
    assert may
    assert not begun(text, "b")[0]
    may, text = begun(ended(text, "a", 100), "b")
    assert may
    assert begun(text, "c")[0]


def test_the_cap_is_that_of_all() -> None:
    """No answer begins when the servers together have reached the cap; a new day opens it."""
    _, text = begun("", "a")
    text = ended(text, "a", CAP)
    assert not begun(text, "b")[0]
    assert begun(text, "b", day="2026-11-30")[0]


def test_an_end_counts_once() -> None:
    """An end that is told again, or of an answer that is not there, counts nothing."""
    _, text = begun("", "a")
    text = ended(ended(ended(text, "a", 70), "a", 70), "other", 500)
    assert opened(text).spending.spent == 70


def test_an_answer_of_a_killed_server_counts_as_expected() -> None:
    """After an hour it is closed, and keeps nobody waiting."""
    _, text = begun("", "a")
    text = ended(text, "a", 100)
    _, text = begun(text, "b")
    ledger = opened(text, NOW + FORSAKEN_S - 1)
    assert (ledger.spending.spent, ledger.spending.expected) == (100, 100)
    ledger = opened(text, NOW + FORSAKEN_S + 1)
    assert (ledger.spending.spent, ledger.spending.expected) == (200, 0)


def test_a_lane_follows_the_ledger() -> None:
    """It notes whether anything is different, so that nothing is saved for nothing."""
    _, text = begun("", "a")
    spending = Spending(CAP)
    assert spending.follow(opened(ended(text, "a", 70)).spending)
    assert (spending.day, spending.spent) == (DAY, 70)
    assert not spending.follow(opened(ended(text, "a", 70)).spending)


def test_a_new_ledger_says_so() -> None:
    """A server begins it with what it knows of the day."""
    assert opened("").new
    assert not opened(begun("", "a")[1]).new


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5) | st.text())
def test_a_ledger_that_cannot_be_read_is_empty(value: object) -> None:
    """Whatever stands in its place, an answer can begin."""
    for text in (str(value), json.dumps(value), json.dumps({"open": {"a": value}, "day": value})):
        assert begun(text, "a")[0]


_ACTS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.none() | st.integers(1, 300))
)


@given(_ACTS)
def test_the_day_ends_above_the_cap_by_less_than_one_answer(
    acts: list[tuple[str, int, int | None]],
) -> None:
    """Of any answers of two servers, if none costs more than twice its model's dearest before."""
    text, under_way, cost, dearest = "", set[str](), 0, 300
    for server, number, ticks in acts:
        entry = f"{server}{number}"
        if entry in under_way:
            under_way.discard(entry)
            text = ended(text, entry, ticks)
        else:
            may, text = begun(text, entry)
            if may:
                assert opened(text).spending.spent < CAP
                under_way.add(entry)
        cost = opened(text).spending.spent
    assert cost < CAP + dearest * 2 + 500_000_000  # that of an answer whose cost nobody knows
