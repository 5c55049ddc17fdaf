"""Time that the loop's clock has missed, as against a wall clock that was set."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from attrs import define, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.wall import SET_S, Change, ClockReading, TimeKeeper, set_since

HOUR = 3600.0
EPOCH = 1_790_000_000.0

Step: TypeAlias = "tuple[str, float]"


@define
class Machine:
    """A machine whose clocks and sleeps are known.

    :ivar now: loop's clock.
    :ivar slept: seconds that it has missed.
    :ivar set_by: seconds by which the wall clock was set in total.
    """

    has_uptime: bool = True
    now: float = 100.0
    slept: float = 0.0
    set_by: float = 0.0
    boot: str = "b1"

    def reading(self) -> ClockReading:
        passed = self.now + self.slept
        uptime = 5000 + passed if self.has_uptime else None
        return ClockReading(
            self.now, EPOCH + passed + self.set_by, uptime, self.boot if self.has_uptime else ""
        )

    def do(self, what: str, seconds: float) -> None:
        match what:
            case "work":
                self.now += seconds
            case "sleep":
                self.slept += seconds
            case "set":
                self.set_by += seconds


@frozen
class Case:
    """What happens to a machine, and what a look finds after each step; without an uptime, unless
    it is the same.
    """

    name: str
    steps: list[Step]
    found: list[Change]
    without_uptime: list[Change] | None = None


NOTHING = Change()

CASES = [
    Case("work", [("work", HOUR)], [NOTHING]),
    Case("a sleep", [("sleep", HOUR)], [Change(HOUR)]),
    Case("a nap", [("sleep", 1.9)], [NOTHING]),
    Case(
        "short sleeps add up",
        [("sleep", 1.9), ("sleep", 1.9)],
        [NOTHING, Change(3.8)],
        [NOTHING, NOTHING],
    ),
    Case("set forwards", [("set", HOUR)], [Change(HOUR)]),
    Case("set back", [("set", -HOUR)], [Change(0, -HOUR)]),
    Case(
        "set back and corrected",
        [("set", -HOUR), ("set", HOUR)],
        [Change(0, -HOUR), Change(0, HOUR)],
    ),
    Case(
        "set back and forwards by more",
        [("set", -HOUR), ("set", 3 * HOUR)],
        [Change(0, -HOUR), Change(2 * HOUR, HOUR)],
    ),
    Case(
        "set forwards, back, forwards",
        [("set", HOUR), ("set", -HOUR), ("set", HOUR)],
        [Change(HOUR), Change(0, -HOUR), Change(0, HOUR)],
    ),
    Case(
        "set back, and then a sleep",
        [("set", -HOUR), ("sleep", 2 * HOUR)],
        [Change(0, -HOUR), Change(2 * HOUR)],
        [Change(0, -HOUR), Change(HOUR, HOUR)],
    ),
    Case("drift", [("set", 5), ("set", -5), ("set", -5)], [NOTHING] * 3),
    Case("drift that adds up", [("set", 4), ("set", 4)], [NOTHING, Change(8)]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("has_uptime", [True, False], ids=["with an uptime", "without"])
def test_what_a_look_finds(case: Case, has_uptime: bool) -> None:
    """Forwards is time that has passed, backwards is not, and a correction is neither."""
    machine = Machine(has_uptime)
    keeper = TimeKeeper(machine.reading())
    found = []
    for step in case.steps:
        machine.do(*step)
        machine.do("work", 2)
        found.append(keeper.look(machine.reading()))

    expected = case.found if has_uptime or case.without_uptime is None else case.without_uptime
    assert [(round(one.missed, 3), round(one.set_by, 3)) for one in found] == [
        (one.missed, one.set_by) for one in expected
    ]


def test_a_sleep_while_the_clocks_are_read_counts_once() -> None:
    """The uptime is read last, and shows it first."""
    machine = Machine()
    keeper = TimeKeeper(machine.reading())
    before = machine.reading()
    machine.do("sleep", HOUR)
    after = machine.reading()
    found = [
        keeper.look(ClockReading(before.now, before.wall, after.uptime, "b1")),
        keeper.look(after),
    ]

    assert sum(one.missed for one in found) == HOUR
    assert sum(one.set_by for one in found) == 0


def test_a_record_of_another_run_of_the_machine_says_nothing_about_the_wall_clock() -> None:
    """Its uptime counts from another moment, so a keeper forgets nothing and learns nothing."""
    reading = ClockReading(5, 1000, 5, "b2")
    record = {"at": 9000.0, "boot": "b1", "uptime": 1.0, "below": 0.0}
    keeper, other = TimeKeeper(reading), TimeKeeper(reading)
    keeper.recall(record, reading)
    later = ClockReading(15, 1110, 15, "b2")
    assert keeper.look(later) == other.look(later) == Change(missed=100)


@define
class Kept:
    """A wait of some length: as a process keeps it, and as the rules want it.

    :ivar level: seconds by which the wall clock is set.
    :ivar highest: the highest level so far.
    """

    machine: Machine
    passed: float = 0.0
    level: float = 0.0
    highest: float = 0.0
    until: float = field(init=False, default=0.0)
    right_until: float = field(init=False, default=0.0)
    keeper: TimeKeeper = field(init=False)
    record: dict[str, object] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.keeper = TimeKeeper(self.machine.reading())
        self.wait(0)

    def do(self, what: str, seconds: float) -> None:
        self.machine.do(what, seconds)
        self.passed += seconds * (what == "work")
        if what == "sleep" and self.machine.has_uptime:
            self.passed += seconds
        elif what in ("set", "sleep"):
            self.level += seconds
            self.passed += max(0, self.level - self.highest)
            self.highest = max(self.highest, self.level)

    def wait(self, seconds: float) -> None:
        """A new wait begins, and is saved."""
        self.look()
        self.right_until = self.passed + seconds
        self.until = self.machine.now + seconds
        self.save()

    def save(self) -> None:
        self.look()
        reading = self.machine.reading()
        self.record = {
            "at": reading.wall,
            "until": self.until + reading.offset,
            **self.keeper.stamp(reading),
        }

    def look(self) -> None:
        self.until -= self.keeper.look(self.machine.reading()).missed

    def restart(self) -> None:
        """Another process, with another clock of its own, reads the record."""
        self.machine.now, self.machine.slept = 7.0, self.machine.slept + self.machine.now - 7
        reading = self.machine.reading()
        self.keeper = TimeKeeper(reading)
        self.keeper.recall(self.record, reading)
        until = self.record["until"]
        assert isinstance(until, float)
        self.until = until - (reading.offset - set_since(self.record, reading))

    @property
    def error(self) -> float:
        """How far the end of the wait is off, in seconds."""
        self.look()
        return (self.until - self.machine.now) - (self.right_until - self.passed)


LONG = st.integers(6, 20_000).map(float)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["work", "sleep", "wait"]), LONG),
        st.tuples(st.just("set"), st.one_of(LONG, LONG.map(lambda seconds: -seconds))),
        st.tuples(st.sampled_from(["look", "save", "restart"]), st.just(0.0)),
    ),
    max_size=14,
)


def play(steps: list[Step], *, has_uptime: bool) -> None:
    kept = Kept(Machine(has_uptime))
    for what, seconds in steps:
        if what == "wait":
            kept.wait(seconds)
        elif what in ("look", "save", "restart"):
            getattr(kept, what)()
        else:
            kept.do(what, seconds)
        if what not in (
            "work",
            "sleep",
            "set",
        ):  # those may happen several at once, and between two processes
            assert abs(kept.error) <= SET_S + 1, (what, kept.error)
    assert abs(kept.error) <= SET_S + 1


@settings(deadline=None, max_examples=400)
@given(STEPS)
def test_any_history_ends_waits_in_time(steps: list[Step]) -> None:
    """Within seconds of what a plain model says, with restarts at any place, however old the record
    is.
    """
    net: list[Step] = []  # settings that nobody could see between two looks count as their sum
    for step in steps:
        if step[0] == "set":
            net += [("look", 0.0), step, ("save", 0.0)]
        else:
            net.append(step)
    play(net, has_uptime=True)


@settings(deadline=None, max_examples=200)
@given(STEPS)
def test_any_history_without_an_uptime(steps: list[Step]) -> None:
    """The same for one process; every sleep is noticed, as it is longer than the time between two
    looks.
    """
    play(
        [part for step in steps if step[0] != "restart" for part in (step, ("look", 0.0))],
        has_uptime=False,
    )


@settings(deadline=None, max_examples=200)
@given(STEPS, st.lists(st.tuples(st.just("set"), LONG.map(lambda seconds: -seconds)), max_size=3))
def test_what_happens_while_no_process_runs(steps: list[Step], back: list[Step]) -> None:
    """The wall clock may be set back then, too: the next process knows from the record."""
    kept = Kept(Machine())
    for what, seconds in steps:
        if what == "wait":
            kept.wait(seconds)
        elif what in ("work", "sleep"):
            kept.do(what, seconds)
    kept.save()
    for step in back:
        kept.do(*step)
    kept.do("sleep", 50)
    kept.restart()
    assert abs(kept.error) <= SET_S + 1


@pytest.mark.parametrize(
    "damage",
    [
        {"boot": "b2"},
        {"boot": None},
        {"uptime": "x"},
        {"uptime": 1e12},
        {"below": -1},
        {"below": True},
        {"at": None},
    ],
    ids=str,
)
def test_a_record_that_does_not_say_is_taken_by_the_wall_clock(damage: dict[str, object]) -> None:
    """It was made in another run of the machine, or by hand."""
    machine = Machine()
    record = {
        "at": machine.reading().wall,
        **TimeKeeper(machine.reading()).stamp(machine.reading()),
    }
    machine.do("set", -HOUR)
    assert set_since(record, machine.reading()) == -HOUR

    assert set_since({**record, **damage}, machine.reading()) == 0
    machine.has_uptime = False
    assert set_since(record, machine.reading()) == 0
    assert TimeKeeper(machine.reading()).stamp(machine.reading()) == {}


@pytest.mark.parametrize("record", [{}, {"boot": "b0", "uptime": 5000.0, "below": 0.0}])
def test_a_record_of_another_run_of_the_machine_is_not_recalled(record: dict[str, object]) -> None:
    """Its uptime says nothing about this run: the next stamp is the same as without it."""
    machine = Machine()
    keeper = TimeKeeper(machine.reading())
    before = keeper.stamp(machine.reading())
    keeper.recall(record, machine.reading())
    assert keeper.stamp(machine.reading()) == before
