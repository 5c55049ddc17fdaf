"""The benchmark's growth curve: what it says of measurements, without measuring."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from attrs import evolve, frozen

from bench.growth import (
    BARE,
    NO_WORKERS,
    ONE,
    RATE,
    TWO,
    Point,
    ThisLong,
    curves_of,
    figures_of,
    keeps_up,
    memory_figure,
    table,
)
from bench.plan import Measured, Seen
from bench.usage import tree_of

WHOLE = Seen(0, 1.0, 1.1, 9.0, 0.0, 8.9, 50, whole=True, trouble="")
LATE = evolve(WHOLE, first_at=14.0)
NEVER = evolve(WHOLE, first_at=0.0)
LAGS = [n / 100_000 for n in range(1001)]


def point(streams: int, **changes: Any) -> Point:
    """A point that keeps up: 5 seconds of all tokens, 1 core, 100 MB."""
    tokens = round(streams * RATE * 5)
    measured = Measured([WHOLE], tokens, 5.0, LAGS, [0.001] * 3, 2.5, 102_400, idle_s=5.0)
    return Point(streams, evolve(measured, **changes))


@frozen
class Case:
    """A point, and whether it keeps up."""

    name: str
    point: Point
    kept: bool


CASES = [
    Case("all tokens, at a steady lag", point(100), kept=True),
    Case("a twentieth late", point(100, tokens=4750), kept=True),
    Case("more than that late", point(100, tokens=4749), kept=False),
    Case("a lag that grows", point(100, thirds=[0.01, 0.04, 0.07]), kept=False),
    Case("a lag that shrinks", point(100, thirds=[0.07, 0.04, 0.01]), kept=True),
    Case("a stream that failed", point(100, seen=[evolve(WHOLE, whole=False)]), kept=False),
    Case("nothing", point(100, tokens=0, lags=[], thirds=[0.0] * 3), kept=False),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_server_keeps_up_or_falls_behind(case: Case) -> None:
    """The curve's end is where the machine is full, not where the lag begins to look bad."""
    assert keeps_up(case.point) is case.kept


def test_the_reach_says_where_it_ends_and_what_was_used() -> None:
    """A reader sees whether the server or the machine was the limit."""
    points = [point(1), point(100), point(200, tokens=0)]
    reach, missing = figures_of({ONE: points})
    assert reach.measured.startswith("100 (0.50 cores, 1.00 of the machine's ")
    assert reach.measured.endswith("falls behind with 200")
    assert missing.measured == NO_WORKERS


def test_a_server_that_never_keeps_up_has_no_reach() -> None:
    """A broken run does not look like a good one."""
    (reach, *_) = figures_of({ONE: [point(1, tokens=0)]})
    assert reach.measured == "none"


def test_the_table_has_a_row_for_each_number_of_streams() -> None:
    """Columns of one figure stand beside each other: one process, workers, the bare app."""
    points = [point(10), point(1_000, tokens=0)]
    head, rule, *rows = table({ONE: points, TWO: points, BARE: points}).splitlines()
    assert head.startswith("| streams | one process: lag p99, ms | 2 workers: lag p99, ms | bare")
    assert head.count("|") == rule.count("|") == 11
    assert rows[0] == "| 10 | 9.9 | 9.9 | 9.9 | 5000 | 5000 | 5000 | 100 | 100 | 100 |"
    assert rows[1].startswith("| 1000 | 9.9 (behind) | ")


def test_a_checkout_without_workers_says_so() -> None:
    """A column that is missing is no mistake of the reader's."""
    points = [point(10)]
    assert table({ONE: points, BARE: points}).endswith(f"\n\n{TWO}: {NO_WORKERS}")


MEMORY = [
    Case("1 000 open ones in little memory", point(1, seen=[WHOLE] * 1_000), kept=True),
    Case("in as much as the budget", point(1, seen=[WHOLE] * 1_000, rss_kb=163_840), kept=False),
    Case("one that opened late", point(1, seen=[*[WHOLE] * 999, LATE]), kept=False),
    Case("one that never opened", point(1, seen=[*[WHOLE] * 999, NEVER]), kept=False),
]


@pytest.mark.parametrize("case", MEMORY, ids=lambda case: case.name)
def test_memory_counts_with_all_streams_open(case: Case) -> None:
    """A machine that is too slow to open them in time does not look like one that saves memory."""
    figure = memory_figure(case.point.outcome, 60_000, 12.0)
    assert figure.kept is case.kept


def test_the_fewest_streams_come_first_and_servers_take_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory that a server keeps from many streams is not counted for a few; what else the machine
    does meets all servers alike.
    """
    order: list[tuple[int, int]] = []

    def load(plan: object) -> Measured:
        order.append((plan.port, len(plan.asks)))  # type: ignore[attr-defined]
        return point(1).outcome

    monkeypatch.setattr("bench.growth.load", load)
    servers = {ONE: FakeServer(1), BARE: FakeServer(2)}
    found = curves_of(servers, ThisLong((1, 10), 5.0), lambda _: None)  # type: ignore[arg-type]
    assert order == [(1, 1), (2, 1), (1, 10), (2, 10)]
    assert [one.streams for one in found[ONE]] == [1, 10]


@frozen
class FakeServer:
    port: int
    pid: int = 0


PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"])
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads /proc")
def test_a_process_is_counted_with_its_children() -> None:
    """A server of several workers costs what all its processes cost."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert tree_of(process.pid) == [process.pid, child]
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
    assert tree_of(process.pid) == [process.pid]
