"""The table of a shared pool in a Redis.

A script makes a step as a whole, and Redis's clock is the table's. ``redis_step.lua`` has its
rules, which are those of :class:`~grokcore.protocol.sharing.table.Table`.

All keys begin with ``grok2api:{NAME}:``, where the braces keep them together in a cluster.
"""

from __future__ import annotations

import json
import random
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from itertools import chain
from typing import NamedTuple, cast

import trio

from ...protocol.sharing.portions import Portions
from ...protocol.sharing.redis_address import ShareAddress
from ...protocol.sharing.redis_identity import Identity
from ...protocol.sharing.steps import MOST_TASKS, Reply, Step
from ...protocol.sharing.table import RECORDS_AT_MOST
from .redis_link import CALL_S, Answer, RedisLink
from .table_seam import TableGone

__all__ = ["RedisTable"]

PORTION = 1000
"""Tokens that one script keeps, records that it takes, and news that it tells: some milliseconds of
a Redis."""

REMEMBER_MS = 30 * 24 * 3600 * 1000
"""For how long what was learned is kept when no server makes a step."""

VALUE_MS = 3 * 24 * 3600 * 1000
"""For how long a value is kept after its last change."""

ATTEMPTS = 40
"""Of a change, when other servers change the same value at the same time."""

PAUSE_S = 0.02
"""Between two attempts, at most."""

_CHANGE = """
local value = redis.call('GET', KEYS[1]) or ''
if value ~= ARGV[1] then return {0, value} end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return {1, ARGV[2]}
"""

_KEYS = ("marker", "version", "servers", "shorts", "texts", "writers", "versions", "tasks")


class _Told(NamedTuple):
    """What the script returns."""

    marker: str
    seconds: str
    microseconds: str
    lost: list[str]
    taken: list[str]
    servers: int
    lacks: list[str]
    news: list[str]
    version: int
    more: int
    tasks: list[str]


class RedisTable:
    """A table in the Redis at *address*. :meth:`run` must be running.

    :param pool: name of the pool; all its servers have the same.
    :param portion: see :data:`PORTION`; another in tests, as *call_s*.
    """

    def __init__(
        self,
        address: ShareAddress,
        pool: str,
        *,
        portion: int = PORTION,
        call_s: float = CALL_S,
    ) -> None:
        self._link = RedisLink(address, call_s=call_s)
        self._prefix = f"grok2api:{{{pool}}}:"
        self._fixed = [self._prefix + key for key in _KEYS]
        self._owner = f"{self._prefix}owner:"
        self._portion = portion
        self._identity = Identity()
        self._changing = trio.Lock()
        script = resources.files(__package__).joinpath("redis_step.lua")
        self._script = script.read_text("utf-8")

    @property
    def name(self) -> str:
        """Where the table is, for the owner."""
        return self._link.address.place

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the connection, until this is cancelled. It is made by the first call."""
        await self._link.run(task_status)

    async def step(self, step: Step) -> Reply:
        """Make a step, in portions if it is large; see :class:`SharedTable`."""
        portions = Portions(step, self._portion)
        while portion := portions.next():
            reply, more = await self._portion_of(portion)
            portions.receive(reply, more_news=more)
        return portions.reply()

    async def change(self, name: str, update: Callable[[str], str]) -> str:
        """Replace a value; see :class:`SharedTable`."""
        key = f"{self._prefix}value:{name}"
        async with self._changing:  # only other servers' changes come between
            old = str((await self._link.call("GET", key)).value or "")
            for _ in range(ATTEMPTS):
                new = update(old)
                answer = await self._link.call("EVAL", _CHANGE, 1, key, old, new, VALUE_MS)
                done, old = cast(tuple[int, str], answer.value)
                if done:
                    return new
                await trio.sleep(random.uniform(0, PAUSE_S))  # noqa: S311 - spreads servers
        raise TableGone(f"Too many servers change {name} in the Redis at {self.name}")

    async def _portion_of(self, step: Step) -> tuple[Reply, bool]:
        keys = [*self._fixed, *map(self._owner.__add__, _tokens(step))]
        answer = await self._link.call(
            "EVAL", self._script, len(keys), *keys, *self._arguments(step)
        )
        told = _Told(*cast(Sequence[object], answer.value))  # type: ignore[arg-type]
        return self._reply(told, answer), bool(told.more)

    def _arguments(self, step: Step) -> Iterable[str | int]:
        return (
            step.server,
            max(step.ttl_ms, 1),
            int(step.bye),
            json.dumps(dict(step.short)),
            secrets.token_hex(8),
            int(self._identity.known),
            REMEMBER_MS,
            RECORDS_AT_MOST,
            MOST_TASKS,
            step.since,
            self._portion,
            step.take,
            len(self._owner.encode()),
            len(step.keep),
            len(step.records),
            *step.records.values(),
            len(step.give),
            len(step.want),
            len(step.tasks),
            *chain.from_iterable(step.tasks.items()),
        )

    def _reply(self, told: _Told, answer: Answer) -> Reply:
        time = int(told.seconds) + int(told.microseconds) / 1e6
        name, age_s = self._identity.saw(told.marker, answer.facts, time, trio.current_time())
        return Reply(
            name,
            age_s,
            time,
            tuple(told.lost),
            tuple(told.taken),
            told.servers,
            _sum(told.lacks),
            _pairs(told.news),
            told.version,
            {key: tuple(json.loads(texts)) for key, texts in _pairs(told.tasks).items()},
        )


def _tokens(step: Step) -> Iterable[str]:
    """The tokens that a step names, in the script's order."""
    return chain(step.keep, step.records, step.give, step.want)


def _sum(lacks: Iterable[str]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for text in lacks:
        sums.update(json.loads(text))
    return dict(sums)


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
