"""Tables in a real Redis, on the machine's clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from grokcore.protocol.sharing.redis_address import ShareAddress
from grokcore.protocol.sharing.steps import Reply, Step
from grokcore.runtime.sharing.redis_table import RedisTable
from grokcore.runtime.sharing.table_seam import TableGone

__all__ = ["PATIENCE_S", "by_some_time", "gone", "step_of", "tables"]

PATIENCE_S = 10.0
AGAIN_S = 0.005


@asynccontextmanager
async def tables(
    address: ShareAddress, count: int = 1, *, portion: int = 1000, call_s: float = 2.0
) -> AsyncIterator[list[RedisTable]]:
    """The table as *count* servers see it."""
    made = [RedisTable(address, "pool", portion=portion, call_s=call_s) for _ in range(count)]
    async with trio.open_nursery() as nursery:
        for table in made:
            await nursery.start(table.run)
        yield made
        nursery.cancel_scope.cancel()


def step_of(server: str, *, keep: str = "") -> Step:
    """A step that keeps tokens of one letter each; those that nobody owns it takes."""
    return Step(server, 60_000, keep=tuple(keep))


async def gone(call: Callable[[], Awaitable[object]]) -> str:
    """The reason why a call fails."""
    try:
        await call()
    except TableGone as error:
        return str(error)
    raise AssertionError("it has not failed")


async def by_some_time(
    look: Callable[[], Awaitable[Reply]], good: Callable[[Reply], bool]
) -> Reply:
    """The first reply that is *good*."""
    with trio.fail_after(PATIENCE_S):
        while not good(reply := await look()):  # noqa: ASYNC110 - a Redis gives no sign
            await trio.sleep(AGAIN_S)
    return reply
