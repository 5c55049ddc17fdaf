"""The daily cap of a paid lane that several servers keep together."""

from __future__ import annotations

import pytest
import trio

from grokcore.errors import SharedPoolUnreachable, SpendingCapReached
from grokcore.protocol.conversation.usage import Usage
from grokcore.protocol.pool.book import Need
from grokcore.protocol.sharing.ledger import Ledger
from grokcore.runtime.pool.desk import Desk
from grokcore.runtime.pool.desk_queue import Waiter
from grokcore.runtime.sharing.shared_ledger import AGAIN_S, LOOK_S, SharedLedger
from tests.runtime.desks import EVERYWHERE, FakeHolder, desk_of
from tests.runtime.sharing.tables import NearTable
from tests.scenarios import on_fake_clock

NEED = Need(EVERYWHERE)
CAP = 1000


def shared_desk(table: NearTable, *, cost: int = 100, key: str = "key-1") -> Desk:
    desk = desk_of(cap=CAP, cost=cost, holder=FakeHolder(key))
    assert desk.spending is not None
    desk.ledger = SharedLedger(
        table, lambda: desk.holder.key, desk.spending, desk.calendar, on_change=desk.changed
    )
    return desk


async def run(desk: Desk, nursery: trio.Nursery) -> None:
    assert isinstance(desk.ledger, SharedLedger)
    await nursery.start(desk.ledger.run)


def spent(desk: Desk) -> int:
    assert desk.spending is not None
    return desk.spending.spent


def spent_by_all(table: NearTable) -> tuple[int, int]:
    spending = Ledger.read(table.values["spending:key-1"], CAP, 0.0).spending
    return spending.spent, spending.expected


async def answer(desk: Desk, ticks: int) -> None:
    lease = await desk.offer(NEED)
    assert lease is not None
    lease.used(Usage(1, 1, cost_ticks=ticks))
    lease.settle(None)


@on_fake_clock
async def test_two_servers_have_one_cap() -> None:
    """What one has spent, the other may not spend: it says that the cap is reached."""
    table = NearTable()
    async with trio.open_nursery() as nursery:
        first, second = shared_desk(table), shared_desk(table)
        for desk in (first, second):
            await run(desk, nursery)
        await answer(first, 600)
        await trio.sleep(0.1)
        await answer(second, 500)
        await trio.sleep(LOOK_S + 0.1)
        assert spent_by_all(table) == (1100, 0)
        assert spent(first) == spent(second) == 1100
        assert await first.offer(NEED) is None
        assert isinstance(first.hopeless(NEED, trio.current_time()), SpendingCapReached)
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_answers_of_both_at_once_fit_together() -> None:
    """Near the cap they go one by one, over all servers; the one that waits goes on within a second
    of the other's end.
    """
    table = NearTable()
    async with trio.open_nursery() as nursery:
        first, second = shared_desk(table, cost=400), shared_desk(table, cost=400)
        for desk in (first, second):
            await run(desk, nursery)
        lease = await first.offer(NEED)
        assert lease is not None
        assert await second.offer(NEED) is None
        assert second.hopeless(NEED, trio.current_time()) is None
        opens_at = second.opens_at(NEED, trio.current_time(), Waiter())
        assert opens_at <= trio.current_time() + AGAIN_S
        borrowed = []

        async def borrow() -> None:
            borrowed.append(await second.borrow("grok-x", until=trio.current_time() + 10))

        nursery.start_soon(borrow)
        await trio.sleep(3)
        assert not borrowed
        lease.used(Usage(1, 1, cost_ticks=300))
        lease.settle(None)
        await trio.sleep(1)
        assert len(borrowed) == 1
        borrowed[0].return_unused()
        await trio.sleep(0.1)
        assert spent_by_all(table) == (300, 0)
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_without_the_table_no_paid_answer_begins() -> None:
    """The lane says why, answers under way are counted when the table is back, and the lane opens by
    itself then.
    """
    table = NearTable()
    async with trio.open_nursery() as nursery:
        desk = shared_desk(table)
        await run(desk, nursery)
        lease = await desk.offer(NEED)
        assert lease is not None
        table.gone = "no route"
        assert await desk.offer(NEED) is None
        error = desk.hopeless(NEED, trio.current_time())
        assert isinstance(error, SharedPoolUnreachable)
        assert "no route" in error.message
        with pytest.raises(SharedPoolUnreachable):
            await desk.borrow("grok-x", until=trio.current_time() + 1)
        lease.used(Usage(1, 1, cost_ticks=70))
        lease.settle(None)
        await trio.sleep(10)
        table.gone = ""
        await trio.sleep(2)
        assert desk.hopeless(NEED, trio.current_time()) is None
        assert spent_by_all(table) == (70, 0)
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_an_answer_that_did_not_begin_is_not_counted() -> None:
    """One whose client left while it was entered, whose reply was lost, or that another reason
    keeps from beginning, leaves nothing in the ledger.
    """
    table = NearTable()
    async with trio.open_nursery() as nursery:
        desk = shared_desk(table)
        await run(desk, nursery)
        await trio.sleep(0.1)
        with trio.move_on_after(0.0005):
            await desk.offer(NEED)
        waiter = Waiter()
        desk.join(NEED, waiter)
        assert await desk.offer(NEED) is None  # behind the one that waits
        desk.leave(NEED, waiter)
        await trio.sleep(0.1)
        assert spent_by_all(table) == (0, 0)
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_a_new_ledger_begins_with_what_a_server_knows() -> None:
    """A server that had a cap of its own until now does not forget what it has spent today; and a
    corrected cost is corrected for all.
    """
    table = NearTable()
    desk = shared_desk(table)
    assert desk.spending is not None
    day, _ = desk.calendar()
    desk.spending.recall({"day": day, "ticks": 250})
    other = shared_desk(table)
    async with trio.open_nursery() as nursery:
        await run(desk, nursery)
        await trio.sleep(0.1)
        await run(other, nursery)
        await trio.sleep(0.1)
        assert spent(other) == 250
        desk.correct(50, 10)
        await trio.sleep(0.1)
        assert spent_by_all(table) == (210, 0)
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_other_keys_have_other_caps() -> None:
    """Servers with keys of their own count apart; one without a key writes nothing."""
    table = NearTable()
    async with trio.open_nursery() as nursery:
        for key in ("key-1", "key-2", ""):
            await run(shared_desk(table, key=key), nursery)
        await trio.sleep(0.1)
        assert set(table.values) == {"spending:key-1", "spending:key-2"}
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_the_end_tells_what_it_can(caplog: pytest.LogCaptureFixture) -> None:
    """A server that stops tells the costs of its last answers, or logs how many it could not."""
    table = NearTable()
    for gone in ("", "no route"):
        table.gone = ""
        async with trio.open_nursery() as nursery:
            desk = shared_desk(table)
            await run(desk, nursery)
            await trio.sleep(0.1)
            lease = await desk.offer(NEED)
            assert lease is not None
            table.gone = gone
            lease.used(Usage(1, 1, cost_ticks=30))
            lease.settle(None)
            nursery.cancel_scope.cancel()
        assert spent_by_all(table) == (30, 0) if not gone else spent_by_all(table)[1] > 0
    assert "do not know of the ends of 1 paid answers" in caplog.text
