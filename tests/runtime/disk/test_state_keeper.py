"""The keeper of the state file: when it writes, what it writes, and what it does when it can
not.
"""

from __future__ import annotations

import errno
import itertools
import logging
import math
import os
import threading
from collections.abc import Callable, Mapping, Sequence

import orjson
import pytest
import trio
from attrs import define, field, frozen

from grokcore.runtime.disk import state_keeper as store
from grokcore.runtime.disk.state_file import Record, StateFile
from grokcore.runtime.disk.state_keeper import StateKeeper, pruned
from tests.runtime.disk.states import log_lines
from tests.scenarios import on_fake_clock, on_real_clock, run_on_fake_clock

# The keeper --------------------------------------------------------------------------------------


@define
class SlowDisk:
    """A state file in memory. A write takes its time, on trio's clock and without a thread, and may
    fail at its end.
    """

    took: float = 0
    faults: list[BaseException | None] = field(factory=list)
    """Outcomes of the first writes; later ones succeed."""
    began: list[float] = field(factory=list)
    saved: list[dict[str, Record]] = field(factory=list)
    """The records after each write that succeeded."""
    appended: list[int] = field(factory=list)
    """How many lines each of them wrote into the journal; -1 for a whole."""
    writing: bool = False

    def __str__(self) -> str:
        return "state.jsonl"

    def save(self, lines: Mapping[str, bytes]) -> int:
        self._fail()
        records = [orjson.loads(line) for line in lines.values()]
        self.saved.append({record.pop("key"): record for record in records})
        assert list(self.saved[-1]) == list(lines)
        self.appended.append(-1)
        return sum(map(len, lines.values()))

    def append(self, lines: Sequence[bytes], size: int) -> int:
        if self.faults and self.faults[0] is not None:
            raise OSError(
                errno.EIO, "the journal can't be written"
            )  # the whole that follows meets the fault itself
        self._fail()
        records = dict(self.saved[-1])
        for line in lines:
            record = orjson.loads(line)
            key = record.pop("key")
            if record.get("gone"):
                del records[key]
            else:
                records[key] = record
        self.saved.append(records)
        self.appended.append(len(lines))
        return size + sum(map(len, lines))

    def _fail(self) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault

    async def in_thread(self, work: Callable[[], None]) -> None:
        assert not self.writing, "two writes at once"
        self.began.append(trio.current_time())
        self.writing = True
        await trio.sleep(self.took)
        self.writing = False
        work()


@define
class Learner:
    """Learns things and hands them over, with the keeper that asks for them."""

    disk: SlowDisk = field(factory=SlowDisk)
    known: Mapping[str, Record] = field(factory=dict)
    keeper: StateKeeper = field(init=False)
    _news: dict[str, Record | None] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.keeper = StateKeeper(
            self.disk, self.hand_over, self.known, in_thread=self.disk.in_thread
        )

    def hand_over(self) -> Mapping[str, Record | None]:
        news, self._news = self._news, {}
        return news

    def learn(self, **news: Record | None) -> None:
        self._news |= news
        self.keeper.changed()

    async def learn_at(self, at: float) -> None:
        await trio.sleep_until(at)
        self.learn(a={"at": at})

    async def stopped_at(self, at: float, *learns: float) -> float:
        """Run the keeper, learn at some times, and stop it at a time. Returns when it had ended."""
        async with trio.open_nursery() as nursery:
            for when in learns:
                nursery.start_soon(self.learn_at, when)
            with trio.CancelScope(deadline=at):
                await self.keeper.run()
        return trio.current_time()


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


NO_THREAD = RuntimeError("can't start new thread")


BAD_DISK = OSError()


@frozen
class Timing:
    """When something is learned, how the disk fares, and when writes must begin."""

    name: str
    learns: Sequence[float]
    began: Sequence[float]
    took: float = 0
    faults: Sequence[BaseException | None] = ()
    until: float = 1000
    log: Sequence[str] = ()


TIMINGS = [
    Timing("nothing learned", [], []),
    Timing("once", [5], [6]),
    Timing("further marks do not put it off", [5, 5.5, 5.9], [6]),
    Timing("marks after it was collected", [5, 6.5], [6, 7.5]),
    Timing("marks during a write come with the next one", [5, 7, 8], [6, 10], took=3),
    Timing("one failure", [5], [6, 7], faults=[FULL], log=["WARNING", "INFO"]),
    Timing(
        "backoff to a minute",
        [5],
        [6, 7, 9, 13, 21, 37, 69, 129, 189, 249],
        faults=[FULL] * 9,
        log=["WARNING", "INFO"],
    ),
    Timing("marks do not hasten it", [5, 9.5, 10, 11], [6, 7, 9, 13], faults=[FULL] * 3, log=["WARNING", "INFO"]),
    Timing("each from its end", [5], [6, 9, 13], took=2, faults=[FULL] * 2, log=["WARNING", "INFO"]),
    Timing("backoff begins anew", [5, 20], [6, 7, 9, 21, 22, 24], faults=[FULL, FULL, None] * 2, log=["WARNING", "INFO"] * 2),
    Timing("no thread to be had", [5], [6, 7, 9], faults=[NO_THREAD] * 2, log=["WARNING", "INFO"]),
    Timing("a failure without words", [5], [6, 7], faults=[BAD_DISK], log=["WARNING", "INFO"]),
]  # fmt: skip


@pytest.mark.parametrize("case", TIMINGS, ids=lambda case: case.name)
def test_writes_begin_at_their_exact_times(case: Timing, caplog: pytest.LogCaptureFixture) -> None:
    """A second after the first mark, and after failures with growing gaps. The log has a line when
    writes begin to fail and one when they work again. The latest record is saved last."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        learner = Learner(SlowDisk(case.took, list(case.faults)))
        await learner.stopped_at(case.until, *case.learns)

        assert learner.disk.began == list(case.began)
        assert learner.disk.saved[-1:] == [{"a": {"at": at}} for at in case.learns[-1:]]
        assert (learner.keeper.fault, learner.keeper.unsaved) == ("", False)

    run_on_fake_clock(scenario)
    assert [level for level, _ in log_lines(caplog)] == list(case.log)


def test_a_disk_that_fails_for_days_is_asked_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """However long it lasts, and with one line of the log."""

    async def scenario() -> None:
        learner = Learner(SlowDisk(faults=[FULL] * 5000))
        await learner.stopped_at(3 * 86400.5, 0)

        gaps = [
            later - sooner
            for sooner, later in zip(learner.disk.began, learner.disk.began[1:], strict=False)
        ]
        assert gaps[:7] == [1, 2, 4, 8, 16, 32, 60]
        assert set(gaps[6:-1]) == {60}
        assert learner.keeper.fault == os.strerror(errno.ENOSPC)

    run_on_fake_clock(scenario)
    assert len(log_lines(caplog)) == 1


def test_a_fault_is_shown_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    """In words, for the health route and the log, which names the file."""

    async def scenario() -> None:
        learner = Learner(SlowDisk(faults=[FULL] * 2))
        shown = []
        async with trio.open_nursery() as nursery:
            await nursery.start(learner.keeper.run)
            learner.learn(a={})
            for when in (0.5, 1.5, 2.5, 4.5):  # the writes are at 1, 2 and 4
                await trio.sleep_until(when)
                shown.append((learner.keeper.fault, learner.keeper.unsaved))
            nursery.cancel_scope.cancel()

        full = os.strerror(errno.ENOSPC)
        assert shown == [("", True), (full, True), (full, True), ("", False)]

    run_on_fake_clock(scenario)
    line = f"state.jsonl can't be written ({os.strerror(errno.ENOSPC)}). Until it can, a restart loses recent changes."
    assert log_lines(caplog) == [("WARNING", line)]


def test_a_disk_that_is_doubted_is_tried_without_a_change(caplog: pytest.LogCaptureFixture) -> None:
    """What the start found out is a fault until a write has worked, and the log says both."""

    async def scenario() -> None:
        learner = Learner(SlowDisk(faults=[FULL]), known={"a": {"at": 1}})
        learner.keeper.doubt("Read-only file system")
        shown = []
        async with trio.open_nursery() as nursery:
            await nursery.start(learner.keeper.run)
            for when in (0.5, 1.5, 3.5):  # the writes are at 1 and 3
                await trio.sleep_until(when)
                shown.append(learner.keeper.fault)
            await trio.sleep_until(1000)
            nursery.cancel_scope.cancel()
        assert shown == ["Read-only file system", os.strerror(errno.ENOSPC), ""]
        assert learner.disk.saved == [{"a": {"at": 1}}]

    with caplog.at_level(logging.INFO):
        run_on_fake_clock(scenario)
    doubted = "state.jsonl can't be written (Read-only file system). Until it can, a restart loses recent changes."
    assert log_lines(caplog) == [
        ("WARNING", doubted),
        ("INFO", "state.jsonl can be written again."),
    ]


@on_fake_clock
async def test_only_what_changed_is_touched() -> None:
    """Records as loaded stay, those of unknown tokens too; None forgets one."""
    learner = Learner(known={"old": {"at": 1, "unknown": [None]}, "a": {"at": 1}, "b": {"at": 1}})
    learner.learn(a={"at": 2}, b=None, c={"at": 2}, never_known=None)
    await learner.stopped_at(10)

    assert learner.disk.saved == [
        {"old": {"at": 1, "unknown": [None]}, "a": {"at": 2}, "c": {"at": 2}}
    ]


@on_fake_clock
async def test_nothing_is_written_when_nothing_changed() -> None:
    """A mark without news, or news that are none, cost no write; nor does the end."""
    learner = Learner(known={"a": {"at": 1}})
    learner.keeper.changed()
    await learner.stopped_at(10, 1)
    assert learner.disk.began == []


def test_a_record_that_can_not_be_written_costs_only_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A bug of ours is logged with its traceback, and the other records of its batch are kept."""

    async def scenario() -> None:
        learner = Learner()
        learner.learn(a={"at": 1}, b={"at": object()}, c={"at": 1})
        await learner.stopped_at(10)
        assert learner.disk.saved == [{"a": {"at": 1}, "c": {"at": 1}}]

    run_on_fake_clock(scenario)
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert record.exc_info is not None


@on_fake_clock
async def test_a_change_costs_its_own_line() -> None:
    """However many records there are, and within a second; the first write after a start is a
    whole.
    """
    records: dict[str, Record] = {
        f"k{number}": {"at": 0, "text": "x" * 100} for number in range(10_000)
    }
    learner = Learner(known=records)
    await learner.stopped_at(100.5, *range(0, 100, 2))

    assert learner.disk.appended == [-1, *[1] * 49]
    assert learner.disk.began == [at + 1 for at in range(0, 100, 2)]


@on_fake_clock
async def test_the_journal_is_taken_up_when_it_has_outgrown_the_whole() -> None:
    """So the file and the bytes written stay in proportion."""
    learner = Learner()

    async def learn_much() -> None:
        for number in range(200):
            learner.learn(a={"text": "x" * 1000, "number": number})
            await trio.sleep(2)

    async with trio.open_nursery() as nursery:
        await nursery.start(learner.keeper.run)
        await learn_much()
        nursery.cancel_scope.cancel()

    wholes = [number for number, count in enumerate(learner.disk.appended) if count < 0]
    assert {later - sooner for sooner, later in itertools.pairwise(wholes)} == {63 + 1}


@on_real_clock
async def test_what_can_not_be_appended_is_written_as_a_whole(file: StateFile) -> None:
    """At once and without a log line: another program has changed or deleted the file."""
    number = 0

    def changes() -> Mapping[str, Record]:
        return {"a": {"at": number}}

    keeper = StateKeeper(file, changes, {"b": {"at": 0}})
    async with trio.open_nursery() as nursery:
        await nursery.start(keeper.run)
        assert await keeper.write_now() == ""
        for damage in (file.path.unlink, lambda: file.path.write_text("x")):
            damage()
            number += 1
            assert await keeper.write_now() == ""
            assert file.load() == {"b": {"at": 0}, "a": {"at": number}}
        nursery.cancel_scope.cancel()


# An owner's action ------------------------------------------------------------------------------


@frozen
class Hurry:
    """An owner's action on some disk: the time of its acknowledgement, and the fault reported."""

    name: str
    at: float
    acknowledged: float
    learns: Sequence[float] = ()
    took: float = 0
    faults: Sequence[BaseException | None] = ()
    said: str = ""


HURRIES = [
    Hurry("at rest", 5, 5),
    Hurry("it takes a while", 5, 5.5, took=0.5),
    Hurry("within the usual pause", 5, 5, learns=[4.5]),
    Hurry("during a write", 5.5, 7.0, learns=[4], took=1),
    Hurry("after a failure it does not wait for the next try", 60, 60, learns=[4], faults=[FULL] * 5),
    Hurry("the disk is full", 5, 5, faults=[FULL] * 9, said=os.strerror(errno.ENOSPC)),
    Hurry("the disk hangs", 5, 7, took=math.inf, said="it took more than 2 s"),
]  # fmt: skip


@pytest.mark.parametrize("case", HURRIES, ids=lambda case: case.name)
@on_fake_clock
async def test_an_action_is_on_the_disk_when_it_is_acknowledged(case: Hurry) -> None:
    """At once, with earlier changes; or the reason why not is returned within two seconds."""
    learner = Learner(SlowDisk(case.took, list(case.faults)))
    async with trio.open_nursery() as nursery:
        await nursery.start(learner.keeper.run)
        for when in case.learns:
            nursery.start_soon(learner.learn_at, when)
        await trio.sleep_until(case.at)
        learner.learn(act={"at": case.at})
        said = await learner.keeper.write_now()

        assert (said, trio.current_time()) == (case.said, case.acknowledged)
        assert not case.said or not learner.disk.saved
        assert case.said or learner.disk.saved[-1]["act"] == {"at": case.at}
        nursery.cancel_scope.cancel()


@frozen
class Ending:
    """The end of the server: earlier changes, the disk's state, and the expected outcome."""

    name: str
    learns: Sequence[float]
    at: float
    began: Sequence[float]
    ended: float
    took: float = 0
    faults: Sequence[BaseException | None] = ()
    saves: int = 1
    fault: str = ""


ENDINGS = [
    Ending("nothing to save", [1], 5, began=[2], ended=5),
    Ending("at once", [], 0, began=[], ended=0, saves=0),
    Ending("before the second is over", [1], 1.25, began=[1.25], ended=1.25),
    Ending("it takes a while", [1], 1.25, began=[1.25], ended=2.75, took=1.5),
    Ending("during a write", [1], 2.5, began=[2], ended=3.5, took=1.5),
    Ending(
        "during a write, with news", [1, 2.25], 2.5, began=[2, 2.75], ended=3.5, took=0.75, saves=2
    ),
    Ending(
        "during a write that fails", [1], 2.5, began=[2, 2.75], ended=3.5, took=0.75, faults=[FULL]
    ),
    Ending("between two attempts", [1], 2.5, began=[2, 2.5], ended=2.5, faults=[FULL]),
    Ending(
        "the last attempt fails",
        [1],
        1.5,
        [1.5],
        1.5,
        faults=[FULL],
        saves=0,
        fault=os.strerror(errno.ENOSPC),
    ),
    Ending(
        "the last attempt hangs",
        [1],
        1.5,
        [1.5],
        3.5,
        took=math.inf,
        saves=0,
        fault="it took more than 2 s",
    ),
    Ending(
        "a write hangs already",
        [1],
        90,
        [2],
        92,
        took=math.inf,
        saves=0,
        fault="it took more than 2 s",
    ),
    Ending(
        "two slow writes", [1, 2.25], 2.5, [2, 3.25], 4.5, took=1.25, fault="it took more than 2 s"
    ),
]


@pytest.mark.parametrize("case", ENDINGS, ids=lambda case: case.name)
def test_the_end_waits_for_what_is_unsaved_and_not_for_ever(
    case: Ending, caplog: pytest.LogCaptureFixture
) -> None:
    """A write under way is finished, then the rest is written once, all within two seconds. A loss
    is logged.
    """

    async def scenario() -> None:
        learner = Learner(SlowDisk(case.took, list(case.faults)))
        ended = await learner.stopped_at(case.at, *case.learns)

        assert (learner.disk.began, ended) == (list(case.began), case.ended)
        assert len(learner.disk.saved) == case.saves
        assert learner.keeper.fault == case.fault
        assert learner.keeper.unsaved == bool(case.fault)

    run_on_fake_clock(scenario)
    assert [level for level, _ in log_lines(caplog)] == ["WARNING"] * bool(
        case.faults or case.fault
    )


@pytest.mark.parametrize(
    "fault", [FULL, NO_THREAD, BAD_DISK, TypeError("a bug")], ids=lambda fault: type(fault).__name__
)
@on_fake_clock
async def test_a_failed_write_fails_nobody(fault: Exception) -> None:
    """Not the task, nor those who run beside it."""
    learner = Learner(SlowDisk(faults=[fault] * 100))
    async with trio.open_nursery() as nursery:
        await nursery.start(learner.keeper.run)
        learner.learn(a={})
        await trio.sleep(1000)
        assert learner.keeper.fault
        nursery.cancel_scope.cancel()


@on_real_clock
async def test_writes_are_made_in_a_thread_of_their_own(file: StateFile) -> None:
    """The server goes on meanwhile, even if all of trio's threads are taken. A write under way at
    the end is finished.
    """
    writer = ThreadedFile(file)
    keeper = StateKeeper(writer, lambda: {"a": {"at": 1}}, {})
    trio.to_thread.current_default_thread_limiter().total_tokens = 1
    async with trio.to_thread.current_default_thread_limiter(), trio.open_nursery() as nursery:
        await nursery.start(keeper.run)
        keeper.changed()
        nursery.cancel_scope.cancel()

    assert len(writer.threads - {threading.get_ident()}) == 1
    assert file.load() == {"a": {"at": 1}}


def test_a_thread_that_hangs_is_given_up(file: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that never answers (a network one) does not hold up the end of the server."""
    monkeypatch.setattr(store, "FLUSH_S", 0.02)
    answers = threading.Event()

    async def scenario() -> None:
        keeper = StateKeeper(ThreadedFile(file, answers), lambda: {"a": {"at": 1}}, {})
        async with trio.open_nursery() as nursery:
            await nursery.start(keeper.run)
            keeper.changed()
            nursery.cancel_scope.cancel()
        assert keeper.fault == "it took more than 0.02 s"

    try:
        trio.run(scenario)
    finally:
        answers.set()


@define
class ThreadedFile:
    """A state file that notes in which threads it is written, and may have to wait for an
    answer.
    """

    file: StateFile
    answers: threading.Event | None = None
    threads: set[int] = field(factory=set)

    def save(self, lines: Mapping[str, bytes]) -> int:
        self.threads.add(threading.get_ident())
        if self.answers is not None:
            self.answers.wait(60)
        return self.file.save(lines)

    def append(self, lines: Sequence[bytes], size: int) -> int:
        self.threads.add(threading.get_ident())
        return self.file.append(lines, size)


DAY = 86400.0


def test_tokens_that_are_long_gone_are_forgotten() -> None:
    """A month after their last change, unless they are in the pool or that time is unknown."""
    records: Mapping[str, Record] = {
        "gone": {"at": 69.9 * DAY},
        "gone for long": {"at": 0},
        "not for long enough": {"at": 70.1 * DAY},
        "in the pool": {"at": 0},
        "from the future": {"at": 1000 * DAY},
        "without a time": {},
        "with something else": {"at": "yesterday"},
    }

    kept = pruned(records, {"in the pool", "new"}, 100 * DAY)

    assert set(records) - set(kept) == {"gone", "gone for long"}
    assert all(kept[key] == records[key] for key in kept)


def test_a_clock_that_is_wrong_for_a_start_makes_nobody_forgotten() -> None:
    """A clock years ahead makes all records look old; only those that are old beside the others are
    forgotten.
    """
    records = {
        "gone": {"at": 99 * DAY},
        "gone for long": {"at": 60 * DAY},
        "in the pool": {"at": 100 * DAY},
    }

    assert set(pruned(records, {"in the pool"}, 9000 * DAY)) == {"gone", "in the pool"}
