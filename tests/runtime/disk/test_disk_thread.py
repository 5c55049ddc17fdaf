"""Work on a disk that may hang: done or not done, its outcome known or undone, and nobody waits for
ever.
"""

from __future__ import annotations

import threading

import pytest
import trio

import grokcore.runtime.disk.disk_thread
from grokcore.runtime.disk.disk_thread import clean_up_in_thread, in_disk_thread
from tests.scenarios import on_real_clock, run_on_real_clock

PATIENCE_S = 10.0


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grokcore.runtime.disk.disk_thread, "PATIENCE_S", 0.05)


@on_real_clock
async def test_the_outcome_comes_back() -> None:
    """The work's own result or exception."""
    limiter = trio.CapacityLimiter(1)
    assert await in_disk_thread(lambda: 5, limiter=limiter) == 5
    with pytest.raises(ZeroDivisionError):
        await in_disk_thread(lambda: 1 // 0, limiter=limiter)
    assert limiter.borrowed_tokens == 0


def test_a_cancelled_task_has_the_outcome_of_what_was_begun() -> None:
    """The work was done, so its caller must learn the result; the cancellation takes effect later."""
    found: list[int] = []

    async def scenario() -> None:
        limiter = trio.CapacityLimiter(1)
        with trio.CancelScope() as scope:

            def work() -> int:
                trio.from_thread.run_sync(scope.cancel)
                return 5

            found.append(
                await in_disk_thread(
                    work, limiter=limiter, undo=lambda _: pytest.fail("it was not abandoned")
                )
            )
            await trio.lowlevel.checkpoint()
            found.append(6)
        assert scope.cancelled_caught

    run_on_real_clock(scenario)
    assert found == [5]


@on_real_clock
async def test_a_task_that_is_cancelled_before_leaves_nothing_to_do() -> None:
    """Even if it waits for the limiter at that time."""
    limiter = trio.CapacityLimiter(1)
    async with limiter:
        with trio.move_on_after(0.01) as scope:
            await in_disk_thread(
                lambda: pytest.fail("done"),
                limiter=limiter,
                on_abandon=lambda: pytest.fail("abandoned"),
            )
        assert scope.cancelled_caught


@pytest.mark.parametrize("fails", [False, True])
def test_what_hangs_is_left_to_its_thread_which_undoes_it(fails: bool) -> None:
    """The task goes on; later, what the work came to is undone, and its place is free again."""
    go, undone = threading.Event(), threading.Event()
    happened: list[object] = []

    def work() -> int:
        assert go.wait(PATIENCE_S)
        return 1 // (0 if fails else 1)

    def undo(result: object) -> None:
        happened.append(result)
        undone.set()

    async def scenario() -> None:
        limiter = trio.CapacityLimiter(1)
        with trio.move_on_after(0.01) as scope:
            await in_disk_thread(
                work, limiter=limiter, undo=undo, on_abandon=lambda: happened.append("abandoned")
            )
        assert scope.cancelled_caught
        assert happened == ["abandoned"]
        assert limiter.borrowed_tokens == 1
        go.set()
        async with limiter:
            assert undone.wait(PATIENCE_S)

    run_on_real_clock(scenario)
    assert happened == ["abandoned", None if fails else 1]


def test_the_end_of_the_loop_does_not_wait_for_what_hangs() -> None:
    """A server that stops does not know when the disk will answer."""
    go = threading.Event()

    async def scenario() -> None:
        with trio.move_on_after(0.01):
            await in_disk_thread(lambda: go.wait(PATIENCE_S), limiter=trio.CapacityLimiter(1))

    run_on_real_clock(scenario)
    assert not go.is_set()
    go.set()


def test_a_clean_up_is_done_by_a_cancelled_task_and_is_not_waited_for_long() -> None:
    """Errors of the work are ignored."""
    go, done = threading.Event(), threading.Event()

    async def scenario() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await clean_up_in_thread(done.set)
            assert done.is_set()
            await clean_up_in_thread(lambda: 1 // 0)
            await clean_up_in_thread(lambda: go.wait(PATIENCE_S))

    run_on_real_clock(scenario)
    go.set()


@on_real_clock
async def test_no_thread_to_be_had_is_a_fault_of_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """All callers of the disk handle OSError."""

    async def none(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(trio.to_thread, "run_sync", none)
    with pytest.raises(OSError, match="no thread can be had"):
        await in_disk_thread(lambda: 5, limiter=trio.CapacityLimiter(1))
    await clean_up_in_thread(lambda: None)
