"""When a worker that has died is started again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.workers.restarts import DEATHS_AT_MOST, WITHIN_S, Restarts


def test_waits_grow_and_the_fifth_death_in_a_minute_is_the_last() -> None:
    """A worker that can't live must neither eat the machine nor be tried for ever."""
    restarts = Restarts()
    assert [restarts.died(10.0 * number) for number in range(5)] == [0.1, 0.2, 0.4, 0.8, None]
    assert restarts.count == 5


def test_old_deaths_are_forgiven() -> None:
    """A worker that dies once a day is started at once each time."""
    restarts = Restarts()
    assert {restarts.died(86400.0 * day) for day in range(20)} == {0.1}


@given(st.lists(st.floats(0, 500), max_size=40))
def test_it_gives_up_only_after_so_many_deaths_within_the_time(times: list[float]) -> None:
    """And always then."""
    times = sorted(times)
    restarts = Restarts()
    for index, now in enumerate(times):
        recent = [at for at in times[: index + 1] if at > now - WITHIN_S]
        assert (restarts.died(now) is None) == (len(recent) >= DEATHS_AT_MOST)
