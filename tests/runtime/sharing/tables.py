"""A shared pool's table within the test's process, that can be slow, or gone."""

from __future__ import annotations

from collections.abc import Callable

import trio

from grokcore.protocol.pool.book import TokenBook
from grokcore.protocol.sharing.steps import Reply, Step
from grokcore.protocol.sharing.table import Table
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.pool.leases import TokenPool
from grokcore.runtime.sharing.sharer import Sharer
from grokcore.runtime.sharing.table_seam import TableGone

TTL_S = 15.0
WAY_S = 0.001
START = 1_800_000_000.0


class NearTable:
    """A table that each step takes 1 ms to reach, and as long to come back from.

    :ivar gone: what a step fails with; empty if it is there.
    :ivar hangs: whether no step has an answer.
    """

    name = "a table of the test"

    def __init__(self, *, age_s: float = 86400.0) -> None:
        self.table = Table("t0", START - age_s)
        self.values: dict[str, str] = {}
        self.gone = ""
        self.hangs = False
        self.steps: list[Step] = []
        self.on_wake: Callable[[], None] = lambda: None
        self.before_reply: Callable[[], None] = lambda: None

    async def step(self, step: Step) -> Reply:
        await trio.sleep(WAY_S)
        if self.hangs:
            await trio.sleep_forever()
        if self.gone:
            raise TableGone(self.gone)
        self.steps.append(step)
        reply = self.table.step(step, START + trio.current_time())
        self.before_reply()
        await trio.sleep(WAY_S)
        return reply

    async def change(self, name: str, update: Callable[[str], str]) -> str:
        await trio.sleep(WAY_S)
        if self.gone:
            raise TableGone(self.gone)
        self.values[name] = update(self.values.get(name, ""))
        return self.values[name]


def pool_of(count: int, *, queue_s: float = 10) -> TokenPool:
    entries = [TokenEntry(f"sso-{number}") for number in range(count)]
    return TokenPool(TokenBook(entries, max_in_flight=1), queue_s=queue_s)


def sharer_of(pool: TokenPool, table: NearTable) -> Sharer:
    return Sharer(pool, table, ttl_s=TTL_S, max_in_flight=1, clock=trio.current_time)
