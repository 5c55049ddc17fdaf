"""Idle connections: each is closed in time, by one task for all."""

from __future__ import annotations

import trio
from attrs import define

from grokcore.web.edge.idle import IdleConnections
from tests.scenarios import on_fake_clock


@define(eq=False)
class FakeConnection:
    """See :class:`grokcore.web.edge.connections.Connection`."""

    idle_since: float | None = 0.0
    cut_at: float | None = None

    def cut(self) -> None:
        self.cut_at = trio.current_time()


@on_fake_clock
async def test_each_is_closed_at_its_time_and_a_busy_one_never() -> None:
    """One that was busy meanwhile has its whole time again."""
    idle = IdleConnections()
    first, busy, again, late = (FakeConnection() for _ in range(4))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(idle.run)
        for connection in (first, busy, again):
            idle.add(connection, 30)
        await trio.sleep(10)
        idle.remove(busy)
        idle.remove(again)
        idle.add(again, 40)
        await trio.sleep(25)
        idle.add(late, 65)
        await trio.sleep(100)
        nursery.cancel_scope.cancel()
    assert [one.cut_at for one in (first, busy, again, late)] == [30, None, 40, 65]


@on_fake_clock
async def test_at_the_end_all_are_closed_at_once() -> None:
    """So are those that become idle while the server stops: they have their last answer."""
    idle = IdleConnections()
    here, later = FakeConnection(), FakeConnection()
    idle.add(here, 30)
    idle.close_all()
    idle.add(later, 30)
    assert (here.cut_at, later.cut_at) == (0, 0)
