"""The task that makes a server's steps, on a clock of its own."""

from __future__ import annotations

import logging
import re

import pytest
import trio

from grokcore.errors import QuotaExhausted, SharedPoolUnreachable
from grokcore.protocol.pool.owner_actions import Disabled
from grokcore.protocol.sharing.ownership import margin_of
from grokcore.runtime.pool.leases import TokenPool
from grokcore.runtime.sharing.sharer import Sharer
from tests.protocol.pool.books import NEED
from tests.runtime.sharing.tables import TTL_S, WAY_S, NearTable, pool_of, sharer_of
from tests.scenarios import on_fake_clock


async def settled(nursery: trio.Nursery, table: NearTable, *pools: TokenPool) -> list[Sharer]:
    """Servers that have come to share their pool."""
    sharers = [sharer_of(pool, table) for pool in pools]
    for sharer in sharers:
        await nursery.start(sharer.run)
    await trio.sleep(2)
    return sharers


@on_fake_clock
async def test_a_server_has_its_tokens_when_it_is_ready() -> None:
    """A start waits for the first tokens, not for a regular step."""
    pool = pool_of(3)
    sharer = sharer_of(pool, NearTable())
    async with trio.open_nursery() as nursery:
        began = trio.current_time()
        await nursery.start(sharer.run)
        assert trio.current_time() - began == pytest.approx(4 * WAY_S)
        assert sharer.state.owned == 3
        assert pool.lease_now(NEED) is not None
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_a_waiting_request_gets_another_servers_idle_token_within_a_second() -> None:
    """A request that finds no token makes a step at once, and the others' next step gives one."""
    table, first, second = NearTable(), pool_of(2), pool_of(2)
    async with trio.open_nursery() as nursery:
        sharers = await settled(nursery, table, first, second)
        assert [sharer.state.owned for sharer in sharers] == [1, 1]
        lease = await first.lease(NEED)
        began = trio.current_time()
        other = await first.lease(NEED)
        assert trio.current_time() - began < 1
        assert other.key != lease.key
        for one in (lease, other):
            one.settle(None)
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_a_request_does_not_wait_for_a_token_that_nobody_can_lend() -> None:
    """What another server has learned answers a request here, without a wait."""
    table, first, second = NearTable(), pool_of(2), pool_of(2)
    async with trio.open_nursery() as nursery:
        await settled(nursery, table, first, second)
        for pool in (first, second):
            (await pool.lease(NEED)).settle(QuotaExhausted("used up", retry_after=500))
        await trio.sleep(1)
        began = trio.current_time()
        with pytest.raises(Exception, match="used up for now"):
            await first.lease(NEED)
        assert trio.current_time() == began
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_without_its_table_a_server_goes_on_for_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It lends what it has until its time ends, refuses with the reason then, and goes on by itself
    when the table is back. The log says both, once.
    """
    caplog.set_level(logging.INFO)
    table, pool = NearTable(), pool_of(2)
    sharer = sharer_of(pool, table)
    async with trio.open_nursery() as nursery:
        await nursery.start(sharer.run)
        await trio.sleep(5)
        table.gone = "the cable is cut"
        last = trio.current_time()
        await trio.sleep(TTL_S - margin_of(TTL_S) - 0.5)
        (await pool.lease(NEED)).settle(None)
        assert sharer.state.gone == "the cable is cut"
        assert 0 < sharer.state.lent_for < 1
        await trio.sleep_until(last + TTL_S - margin_of(TTL_S) + 0.01)
        assert sharer.state.owned == 0
        with pytest.raises(SharedPoolUnreachable, match="the cable is cut"):
            await pool.lease(NEED)
        await trio.sleep(20)
        table.gone = ""
        await trio.sleep(1)
        (await pool.lease(NEED)).settle(None)
        nursery.cancel_scope.cancel()
    messages = [record.getMessage() for record in caplog.records]
    assert sum("the cable is cut" in message for message in messages) == 1
    (back,) = (message for message in messages if "shared out again" in message)
    assert re.fullmatch(r".* by a table of the test, after 3[0-9] s\.", back)


@on_fake_clock
async def test_a_table_that_hangs_is_one_that_is_gone() -> None:
    """A step without an answer is given up; neither requests nor the end wait for it."""
    table, pool = NearTable(), pool_of(1)
    sharer = sharer_of(pool, table)
    async with trio.open_nursery() as nursery:
        await nursery.start(sharer.run)
        table.hangs = True
        await trio.sleep(3)
        assert sharer.state.gone == "a table of the test does not answer"
        (await pool.lease(NEED)).settle(None)
        began = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began <= 1


@on_fake_clock
async def test_a_start_without_a_table_is_a_start(caplog: pytest.LogCaptureFixture) -> None:
    """A server whose table hangs from the start is ready after two seconds, and says what lacks."""
    caplog.set_level(logging.INFO)
    table, pool = NearTable(), pool_of(1)
    table.hangs = True
    async with trio.open_nursery() as nursery:
        await nursery.start(sharer_of(pool, table).run)
        assert trio.current_time() <= 2.1
        await trio.sleep(3)
        with pytest.raises(SharedPoolUnreachable):
            await pool.lease(NEED)
        table.hangs = False
        await trio.sleep(3)
        nursery.cancel_scope.cancel()
    assert "does not answer" in caplog.text
    assert re.search(r"shared out again, by a table of the test, after [1-9] s\.", caplog.text)


@on_fake_clock
async def test_the_end_gives_everything_back(caplog: pytest.LogCaptureFixture) -> None:
    """At a normal stop the other servers need not wait; if the table is gone, the log says that they
    must.
    """
    table, pool = NearTable(), pool_of(2)
    async with trio.open_nursery() as nursery:
        await nursery.start(sharer_of(pool, table).run)
        nursery.cancel_scope.cancel()
    assert table.steps[-1].bye
    assert len(table.steps[-1].give) == 2
    async with trio.open_nursery() as nursery:
        await nursery.start(sharer_of(pool_of(2), table).run)
        table.gone = "it is night"
        nursery.cancel_scope.cancel()
    assert "it is night; the other servers get this one's tokens in 15 s" in caplog.text


@on_fake_clock
async def test_a_stopping_server_gives_its_idle_tokens_at_once() -> None:
    """They are not kept for as long as its last answer takes."""
    table, first, second = NearTable(), pool_of(4), pool_of(4)
    async with trio.open_nursery() as nursery:
        sharers = await settled(nursery, table, first, second)
        await first.lease(NEED)
        sharers[0].stopping()
        await trio.sleep(1.5)
        assert [sharer.state.owned for sharer in sharers] == [1, 3]
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_an_action_is_passed_on() -> None:
    """An owner's action on a token that another server has is done there within a second; one on a
    token of this server is not passed on.
    """
    table, first, second = NearTable(), pool_of(2), pool_of(2)
    async with trio.open_nursery() as nursery:
        await settled(nursery, table, first, second)
        for account in first.book.accounts:
            assert first.disable(account.entry.id) is Disabled.IDLE
        await trio.sleep(1)
        for pool in (first, second):
            views = pool.views().shown
            assert [view.switched_off for view in views] == [True, True]
        assert sum(len(step.tasks) for step in table.steps) == 1
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_a_reply_that_crossed_a_standstill_is_not_believed() -> None:
    """A machine that slept while the table answered does not know how old the answer is; its next
    step tells.
    """
    table, pool = NearTable(), pool_of(1)
    sharer = sharer_of(pool, table)
    async with trio.open_nursery() as nursery:
        await nursery.start(sharer.run)
        sleeps = iter([30.0])

        def sleep_once() -> None:
            for seconds in sleeps:
                sharer.shift(seconds)

        table.before_reply = sleep_once
        await trio.sleep(0.5)
        assert sharer.state.gone == ""
        assert sharer.state.owned == 1
        assert pool.lease_now(NEED) is not None
        nursery.cancel_scope.cancel()
