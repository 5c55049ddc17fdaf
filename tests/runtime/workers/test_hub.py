"""The parent's side of its workers' channels, with workers in the same process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from grokcore.protocol.sharing.ownership import RESTED_S
from grokcore.protocol.sharing.steps import Step
from grokcore.protocol.sharing.table import Table
from grokcore.runtime.sharing.sharer import HURRY_S, Sharer
from grokcore.runtime.sharing.socket_table import SocketTable
from grokcore.runtime.sharing.table_seam import TableGone
from grokcore.runtime.workers.channel import Channel
from grokcore.runtime.workers.hub import ASK_S, VALUES_AT_MOST, Hub
from grokcore.runtime.workers.worker_peers import WorkerPeers
from tests.protocol.pool.books import NEED
from tests.runtime.sharing.tables import pool_of
from tests.runtime.workers.pairs import channel_pair, hangs, running
from tests.scenarios import decorator, run_on_fake_clock

on_fake_clock = decorator(run_on_fake_clock)


@asynccontextmanager
async def hub(count: int) -> AsyncIterator[tuple[Hub, list[Channel]]]:
    """A hub, and the workers' ends of its channels."""
    made = Hub(Table("table", 0.0), trio.current_time)
    theirs = []
    async with trio.open_nursery() as nursery:
        for index in range(count):
            ours, their = channel_pair()
            made.join(index, ours)
            theirs.append(their)
            nursery.start_soon(ours.run)
            nursery.start_soon(their.run)
        yield made, theirs
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_workers_take_tokens_of_one_table() -> None:
    """No token is two workers', and what one has learned reaches the other."""
    async with hub(2) as (_, (one, other)):
        first, second = SocketTable(one), SocketTable(other)
        reply = await first.step(
            Step("a", 60_000, table="table", want=("x", "y"), take=1, records={"z": "r"})
        )
        assert (reply.table, reply.taken, reply.servers) == ("table", ("x",), 1)
        reply = await second.step(Step("b", 60_000, table="table", want=("x", "y"), take=2))
        assert (reply.taken, reply.servers, reply.news) == (("y",), 2, {"z": "r"})


@on_fake_clock
async def test_the_tokens_of_a_worker_that_has_ended_are_free_at_once() -> None:
    """Its time need not run out: the parent knows that nothing of it is left."""
    async with hub(2) as (made, (one, other)):
        await SocketTable(one).step(Step("a", 60_000, table="table", want=("x",), take=1))
        made.leave(0)
        made.leave(0)
        reply = await SocketTable(other).step(Step("b", 60_000, table="table", want=("x",), take=1))
        assert (reply.taken, reply.servers) == (("x",), 1)


@on_fake_clock
async def test_an_idle_token_changes_hands_at_once() -> None:
    """A worker that lacks a token wakes the others, and they wake it when one is free: a request does
    not wait for regular steps.
    """
    async with hub(2) as (_, channels), trio.open_nursery() as nursery:
        pools = [pool_of(1), pool_of(1)]
        for pool, channel in zip(pools, channels, strict=True):
            table = SocketTable(channel)
            sharer = Sharer(pool, table, ttl_s=15.0, max_in_flight=1, clock=trio.current_time)
            await nursery.start(sharer.run)
        await trio.sleep(20)  # the table is young at first
        for turn in range(6):
            began = trio.current_time()
            lease = await pools[turn % 2].lease(NEED)
            assert trio.current_time() - began <= 3 * HURRY_S
            lease.settle(None)
            await trio.sleep(2 * RESTED_S)
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_a_value_is_changed_by_one_at_a_time() -> None:
    """Money that all workers count together is counted once each."""
    async with hub(3) as (_, channels), trio.open_nursery() as nursery:

        async def count(channel: Channel) -> None:
            for _ in range(10):
                await SocketTable(channel).change("spent", lambda old: str(int(old or "0") + 1))

        async with trio.open_nursery() as counting:
            for channel in channels:
                counting.start_soon(count, channel)
        assert await SocketTable(channels[0]).change("spent", lambda old: old) == "30"
        nursery.cancel_scope.cancel()


@on_fake_clock
async def test_values_are_bounded_in_number() -> None:
    """A table of a server that runs for years does not grow."""
    async with hub(1) as (_, (channel,)):
        table = SocketTable(channel)
        for number in range(VALUES_AT_MOST + 1):
            await table.change(f"day {number}", lambda _: "1")
        assert await table.change("day 0", lambda old: old or "forgotten") == "forgotten"


@on_fake_clock
async def test_a_table_without_a_parent_is_gone() -> None:
    """The pool then keeps what it owns, and takes nothing."""
    one, other = channel_pair()
    async with running(one):
        table = SocketTable(one)
        with pytest.raises(TableGone, match="the parent process: there was no answer within 5 s"):
            await table.step(Step("a", 1000))
        with pytest.raises(TableGone, match="the parent process"):
            await table.change("spent", lambda old: old)
    del other


@on_fake_clock
async def test_a_parent_that_answers_nonsense_is_gone() -> None:
    """A reply is checked as any other input."""
    one, other = channel_pair()

    async def nonsense(_: object) -> object:
        return {"table": 3}

    other.answer("table.step", nonsense)
    async with running(one, other):
        with pytest.raises(TableGone, match="a shared pool"):
            await SocketTable(one).step(Step("a", 1000))


@on_fake_clock
async def test_a_worker_asks_all_others() -> None:
    """In their order; and not itself."""
    async with hub(3) as (_, channels):
        peers = [WorkerPeers(channel, index, 3) for index, channel in enumerate(channels)]
        for one in peers:

            async def answer(value: object, number: int = one.index) -> object:
                await trio.sleep((3 - number) / 10)
                return [number, value]

            one.answer("who", answer)
        assert await peers[1].ask("who", "you") == [[0, "you"], [2, "you"]]
        assert await peers[0].ask("unknown") == []


@on_fake_clock
async def test_a_worker_that_hangs_is_left_out_after_a_second() -> None:
    """A page of one worker must not hang with another one."""
    async with hub(3) as (made, channels):
        peers = [WorkerPeers(channel, index, 3) for index, channel in enumerate(channels)]
        peers[1].answer("who", hangs)

        async def here(_: object) -> object:
            return "here"

        peers[2].answer("who", here)
        began = trio.current_time()
        assert await peers[0].ask("who") == ["here"]
        assert trio.current_time() == began + ASK_S
        made.leave(1)
        assert await peers[0].ask("who") == ["here"]
        assert trio.current_time() == began + ASK_S


@on_fake_clock
async def test_without_a_parent_nobody_answers() -> None:
    """Figures are then this worker's alone."""
    one, other = channel_pair()
    async with running(one):
        assert await WorkerPeers(one, 0, 2).ask("who") == ()
    del other
