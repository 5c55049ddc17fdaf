"""The turn of a day, under a clock that may be set."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.day_turns import Turn, day_number, turn_of

DAY, NEXT, LATER = "2026-11-29", "2026-11-30", "2026-12-24"


@pytest.mark.parametrize(
    ("day", "today", "later", "turn"),
    [
        ("", DAY, "", Turn(DAY, forgets=True)),
        (DAY, DAY, "", Turn(DAY)),
        (DAY, NEXT, "", Turn(NEXT, forgets=True)),
        (NEXT, DAY, "", Turn(NEXT)),
        (LATER, DAY, "", Turn(DAY, LATER)),
        (DAY, "1970-01-01", LATER, Turn("1970-01-01", LATER)),
        (DAY, LATER, LATER, Turn(LATER)),
        (DAY, NEXT, LATER, Turn(NEXT, forgets=True)),
        (DAY, DAY, LATER, Turn(DAY, LATER)),
        (NEXT, DAY, LATER, Turn(NEXT, LATER)),
        (DAY, "", "", Turn(DAY)),
        (DAY, "2026-13-40", "", Turn(DAY)),
        ("yesterday!", DAY, "", Turn(DAY, forgets=True)),
    ],
)
def test_a_later_day_is_new_and_an_earlier_one_is_not(
    day: str, today: str, later: str, turn: Turn
) -> None:
    """Else a clock that is set, or that starts in the past, would give everything twice."""
    assert turn_of(day, today, later) == turn


def test_a_start_in_the_past_forgets_nothing() -> None:
    """A small computer without a clock begins in 1970, until the network tells the time."""
    there = turn_of(DAY, "1970-01-01")
    back = turn_of(there.day, DAY, there.later)
    assert (there.forgets, back) == (False, Turn(DAY))


@given(st.dates(min_value=date(1000, 1, 1)), st.integers(-400, 400))
def test_days_are_numbered_by_the_calendar(first: date, days: int) -> None:
    """Over the ends of months, leap days and years."""
    try:
        other = first + timedelta(days)
    except OverflowError:
        return
    one, two = day_number(str(first)), day_number(str(other))
    assert one is not None
    assert two is not None
    assert two - one == days
