"""The limits of one API key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore.errors import KeyLimitExceeded
from grokcore.protocol.key_allowance import WINDOW_S, KeyAllowance, KeyLeft
from grokcore.protocol.key_day import Today, Use

ROUNDING_S = 1e-6
"""Sums of the same times in another order differ by less."""

TODAY = Today("2026-11-29", 3600.0)

STEPS = st.lists(st.tuples(st.floats(0, 90), st.booleans(), st.integers(1, 4)), max_size=60)


@given(STEPS, st.integers(0, 5), st.integers(0, 4))
def test_no_history_goes_over_a_limit(
    steps: list[tuple[float, bool, int]], rpm: int, concurrent: int
) -> None:
    """In no sixty seconds do more than *rpm* begin, and never are more than *concurrent* under way;
    nothing else is refused. Requests begin together or not at all.
    """
    allowance = KeyAllowance("a", rpm, concurrent)
    now, begun, open_ = 0.0, list[float](), list[tuple[Use, int]]()
    for wait, ends_one, wanted in steps:
        count = min(wanted, allowance.most or wanted)
        now += wait
        if ends_one and open_:
            allowance.end(open_.pop(0)[0])
        recent = [at for at in begun if at + WINDOW_S > now]
        full = bool(rpm) and len(recent) + count > rpm
        crowded = bool(concurrent) and sum(n for _, n in open_) + count > concurrent
        if not full and not crowded:
            open_.append((allowance.begin(now, TODAY, count), count))
            begun += [now] * count
            continue
        with pytest.raises(KeyLimitExceeded) as caught:
            allowance.begin(now, TODAY, count)
        assert caught.value.retry_after is not None
        if full and not crowded:
            allowance.end(
                allowance.begin(now + caught.value.retry_after + ROUNDING_S, TODAY, count)
            )  # it may then
            return
    left = allowance.left(now, TODAY)
    counted = [at for at in begun if at + WINDOW_S > now]
    assert left == (
        KeyLeft(rpm, rpm - len(counted), counted[-1] + WINDOW_S - now if counted else 0.0)
        if rpm
        else None
    )


def test_the_wait_is_exact() -> None:
    """A moment before it is over, the key is still refused."""
    allowance = KeyAllowance("a", rpm=2)
    allowance.begin(0, TODAY)
    allowance.begin(10, TODAY)
    with pytest.raises(KeyLimitExceeded, match="'a' may send 2 requests per minute") as caught:
        allowance.begin(30, TODAY)
    assert caught.value.retry_after == 30
    with pytest.raises(KeyLimitExceeded):
        allowance.begin(59.999, TODAY)
    allowance.begin(60, TODAY)
    assert allowance.left(60, TODAY) == KeyLeft(2, 0, 60)


def test_a_limit_that_is_lowered_counts_what_was() -> None:
    """Also if more is under way, or was asked, than would now be allowed; the wait is for as many
    as are too many.
    """
    allowance = KeyAllowance("a")
    uses = [allowance.begin(at, TODAY) for at in (0, 1, 2)]
    allowance.rpm = 1
    assert allowance.left(3, TODAY) == KeyLeft(1, 0, 59)
    with pytest.raises(KeyLimitExceeded) as caught:
        allowance.begin(3, TODAY)
    assert caught.value.retry_after == 59
    allowance.rpm, allowance.concurrent = 0, 2
    with pytest.raises(KeyLimitExceeded, match="2 requests under way at once"):
        allowance.begin(3, TODAY)
    allowance.end(uses[0])
    allowance.end(uses[0])
    with pytest.raises(KeyLimitExceeded):
        allowance.begin(3, TODAY)
    allowance.end(uses[1])
    allowance.begin(3, TODAY)
    allowance.concurrent = 1
    with pytest.raises(KeyLimitExceeded, match="1 request under way at once"):
        allowance.begin(3, TODAY)


def test_requests_are_as_long_ago_as_they_are_though_the_clock_has_missed_time() -> None:
    """After a sleep of a minute the whole allowance is there again."""
    allowance = KeyAllowance("guest", rpm=1)
    allowance.begin(0, TODAY)
    allowance.shift(59)
    with pytest.raises(KeyLimitExceeded):
        allowance.begin(0.5, TODAY)
    allowance.shift(1)
    allowance.begin(0.5, TODAY)


def test_what_is_withdrawn_was_never_there() -> None:
    """Neither in the minute nor among the requests under way; a second time it is nothing."""
    allowance = KeyAllowance("guest", rpm=3, concurrent=3)
    kept = allowance.begin(0, TODAY)
    use = allowance.begin(1, TODAY, 2)
    with pytest.raises(KeyLimitExceeded):
        allowance.begin(2, TODAY)
    allowance.withdraw(use)
    allowance.withdraw(use)
    assert allowance.left(2, TODAY) == KeyLeft(3, 2, 58)
    allowance.begin(2, TODAY, 2)
    allowance.end(kept)
    assert allowance.left(2, TODAY) == KeyLeft(3, 0, 60)


def test_no_more_may_begin_together_than_the_smaller_limit() -> None:
    """Zero is no limit."""
    limits = [(0, 0), (5, 0), (0, 4), (5, 4), (4, 5)]
    assert [KeyAllowance("a", *pair).most for pair in limits] == [None, 5, 4, 4, 4]
