"""The lines of those who wait for a desk."""

from __future__ import annotations

import math

import trio
import trio.testing

from grokcore.runtime.pool.desk_queue import DeskQueue, Prospect, Waiter
from tests.scenarios import on_fake_clock

NOW, UNKNOWN = Prospect(-math.inf), Prospect(math.inf)


class Line:
    """A line, in which each waiter notes when it is woken and leaves."""

    def __init__(self, prospect: Prospect = UNKNOWN) -> None:
        self.queue, self.prospect = DeskQueue(), prospect
        self.woken: list[tuple[int, float]] = []

    async def wait(self, number: int, *, elsewhere: bool = False) -> None:
        waiter = Waiter()
        waiter.elsewhere = elsewhere
        self.queue.join("line", waiter, lambda: self.prospect)
        try:
            await waiter.sleep(trio.sleep_forever, math.inf)
            self.woken.append((number, trio.current_time()))
        finally:
            self.queue.leave("line", waiter)


async def start(nursery: trio.Nursery, line: Line, count: int) -> None:
    for number in range(count):
        nursery.start_soon(line.wait, number)
        await trio.testing.wait_all_tasks_blocked()


@on_fake_clock
async def test_room_wakes_the_first_and_who_leaves_wakes_the_next() -> None:
    """As long as there is room."""
    line = Line()
    async with trio.open_nursery() as nursery:
        await start(nursery, line, 4)
        line.queue.room()
        await trio.testing.wait_all_tasks_blocked()
        assert line.woken == []
        line.prospect = NOW
        line.queue.room()
        line.prospect = UNKNOWN
        await trio.testing.wait_all_tasks_blocked()
        assert line.woken == [(0, 0)]
        line.prospect = NOW
        line.queue.room()
    assert line.woken == [(number, 0) for number in range(4)]
    assert len(line.queue) == 0


@on_fake_clock
async def test_the_end_of_a_rest_wakes_the_first() -> None:
    """Also one that became the first meanwhile."""
    line = Line()
    async with trio.open_nursery() as nursery:
        await start(nursery, line, 3)
        line.prospect = Prospect(5)
        line.queue.room()
        await trio.sleep(6)
        assert line.woken == [(0, 5), (1, 5), (2, 5)]
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_those_who_wait_in_vain_are_woken_together_but_not_those_who_wait_elsewhere() -> None:
    """A session token may still serve these."""
    line = Line()
    async with trio.open_nursery() as nursery:
        await start(nursery, line, 3)
        nursery.start_soon(lambda: line.wait(9, elsewhere=True))
        await trio.testing.wait_all_tasks_blocked()
        line.prospect = Prospect(math.inf, in_vain=True)
        line.queue.changed()
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(line.woken) == [(0, 0), (1, 0), (2, 0)]
        line.queue.wake_all()
    assert (9, 0) in line.woken


@on_fake_clock
async def test_news_for_one_who_does_not_sleep_is_kept() -> None:
    """It may be busy with a refresh; a time is none, since it looks for itself."""
    waiter = Waiter()
    waiter.wake_at(1)
    waiter.wake()

    async def answer() -> str:
        return "served"

    assert await waiter.sleep(answer, math.inf) is None
    assert await waiter.sleep(answer, math.inf) == "served"


@on_fake_clock
async def test_only_the_first_is_before_all_others() -> None:
    """A newcomer is behind everybody; in an empty line nobody is behind."""
    queue, one, two = DeskQueue(), Waiter(), Waiter()
    assert not queue.is_behind("line", None)
    queue.join("line", one, lambda: UNKNOWN)
    queue.join("line", two, lambda: UNKNOWN)
    assert [queue.is_behind("line", who) for who in (one, two, None)] == [False, True, True]
    queue.leave("line", two)
    queue.leave("line", one)
    assert not queue.is_behind("line", None)
