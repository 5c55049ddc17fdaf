"""A clock that does not count the time in which the loop stood still."""

from __future__ import annotations

import pytest
import trio
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.runtime.running_clock import (
    CATCH_UP_S,
    LATE_S,
    RECOVERED_S,
    START,
    TICK_S,
    RunningClock,
)


@define
class Loop:
    """A loop that sleeps as its clock says, and may stand still in between."""

    real: float = 500.0
    clock: RunningClock = field(init=False)
    late: list[float] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        self.clock = RunningClock(lambda: self.real)
        self.clock.on_standstill.append(self.late.append)
        self.clock.start_clock()

    def now(self) -> float:
        return self.clock.current_time() - START

    def sleep(self, stopped_s: float = 0.0, *, until: float = 1e9) -> None:
        """One round: sleep until the next deadline, or input comes after a tenth of a second."""
        sleep_s = self.clock.deadline_to_sleep_time(START + until)
        assert 0 <= sleep_s <= TICK_S
        self.real += min(sleep_s, 0.1) + stopped_s

    def run(self, seconds: float) -> None:
        ends = self.real + seconds
        while self.real < ends - 1e-9:
            self.sleep()
            self.real = min(self.real, ends)


def test_a_loop_that_runs_has_the_real_time() -> None:
    """To the microsecond, and it sleeps exactly until its next deadline."""
    loop = Loop()
    loop.run(100)
    assert loop.now() == pytest.approx(100)
    for ahead in (0.125, 0.249):
        assert loop.clock.deadline_to_sleep_time(START + loop.now() + ahead) == pytest.approx(ahead)
    assert loop.clock.deadline_to_sleep_time(START + loop.now()) == 0
    assert loop.clock.deadline_to_sleep_time(float("inf")) == TICK_S
    assert loop.late == []


@pytest.mark.parametrize("stopped", [TICK_S + LATE_S + 0.01, 2.0, 40.0, 1e6])
def test_a_stop_counts_for_nothing_and_what_waits_is_read_first(stopped: float) -> None:
    """No time passes in it, nor for a moment after it; then it goes on as before."""
    loop = Loop()
    loop.run(10)
    before = loop.now()
    loop.sleep(stopped)
    assert loop.now() == pytest.approx(before)
    loop.run(CATCH_UP_S - 0.01)
    assert loop.now() == pytest.approx(before)
    loop.run(10.01)
    assert loop.now() == pytest.approx(before + 10, abs=0.02)
    assert loop.late == [pytest.approx(stopped, abs=TICK_S)]


def test_a_deadline_that_was_near_is_not_due_after_a_stop() -> None:
    """It keeps what it had left, however little."""
    loop = Loop()
    loop.run(10)
    due = loop.now() + 0.001
    loop.sleep(100, until=due)
    assert loop.now() < due
    woken = loop.real
    while loop.now() < due:
        loop.sleep(until=due)
        assert loop.real <= woken + CATCH_UP_S + 0.002
    assert loop.real >= woken + CATCH_UP_S


def test_a_task_that_holds_up_the_loop_counts_for_nothing() -> None:
    """It sees so itself when it asks for the time."""
    loop = Loop()
    loop.run(10)
    before = loop.now()
    loop.real += 3
    assert loop.now() == before


def test_a_loop_with_too_much_to_do_still_gives_up_what_is_due() -> None:
    """Standstill after standstill is no stop: most of the time passes."""
    loop = Loop()
    for _ in range(200):
        loop.sleep(1.0)
    passed = 200 * 1.1
    assert loop.now() > 0.6 * passed
    before = loop.now()
    loop.sleep(60)  # but a long one always is
    assert loop.now() == pytest.approx(before)


def test_the_next_stop_counts_for_nothing_either() -> None:
    """Once the loop has recovered from the first."""
    loop = Loop()
    loop.run(10)
    for _ in range(5):
        loop.run(RECOVERED_S + 0.1)
        before = loop.now()
        loop.sleep(2)
        assert loop.now() == pytest.approx(before)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.floats(0, 3), st.sampled_from([0.0, 0.0, 0.1, 0.7, 2.0, 7.0, 900.0])),
        max_size=40,
    )
)
def test_time_never_goes_back_nor_faster_than_it_does(rounds: list[tuple[float, float]]) -> None:
    """Whatever happens; and all that is left out are standstills."""
    loop = Loop()
    last, real = loop.now(), loop.real
    for seconds, stopped in rounds:
        loop.run(seconds)
        loop.sleep(stopped)
        now = loop.now()
        assert last <= now <= last + (loop.real - real) + 1e-6
        last, real = now, loop.real
    most = sum(stopped for _, stopped in rounds) + (TICK_S + CATCH_UP_S) * len(loop.late)
    assert last >= loop.real - 500 - most - 1e-6
    assert all(late > LATE_S for late in loop.late)


def test_trio_runs_by_it() -> None:
    """Deadlines are due when they should be."""

    async def main() -> float:
        began = trio.current_time()
        with trio.move_on_after(0.02):
            await trio.sleep_forever()
        return trio.current_time() - began

    assert 0.02 <= trio.run(main, clock=RunningClock()) < 1
