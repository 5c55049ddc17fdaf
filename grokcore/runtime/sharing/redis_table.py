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
from ...protocol.sharing.redis_identity import Identity, marker_of
from ...protocol.sharing.steps import MOST_TASKS, Reply, Step
from ...protocol.sharing.table import RECORDS_AT_MOST
from .redis_faults import no_answer
from .redis_link import CALL_S, Answer, RedisLink
from .table_seam import TableGone

__all__ = ["RedisTable"]

PORTION = 1000
"""Tokens of each kind, and news, of one script: some milliseconds of a Redis."""

REMEMBER_MS = 30 * 24 * 3600 * 1000
"""For how long records are kept when no server makes a step."""

VALUE_MS = 3 * 24 * 3600 * 1000
"""For how long a value is kept after its last change."""

ATTEMPTS = 100
"""Of a change, when other servers change the same value at the same time."""

PAUSE_S = 0.01
"""Between two attempts, at most."""

_KEYS = ("marker", "version", "servers", "shorts", "texts", "writers", "versions", "tasks")


class _Result(NamedTuple):
    """The script's result."""

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
        self.on_wake: Callable[[], None] = lambda: None
        self._link = RedisLink(address, call_s=call_s)
        self._prefix = f"grok2api:{{{pool}}}:"
        self._fixed = [self._prefix + key for key in _KEYS]
        self._owner = f"{self._prefix}owner:"
        self._portion = portion
        self._call_s = call_s
        self._identity = Identity()
        self._changing = trio.Lock()
        self._step_script = _script("redis_step.lua")
        self._change_script = _script("redis_change.lua")

    @property
    def name(self) -> str:
        """Where the table is, for the owner."""
        return self._link.address.place

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the connection, until this is cancelled. It is made by the first call."""
        await self._link.run(task_status)

    async def step(self, step: Step) -> Reply:
        """Make a step, in portions if it is large; see
        :class:`~grokcore.runtime.sharing.table_seam.SharedTable`.
        """
        portions = Portions(step, self._portion)
        while portion := portions.next():
            reply, more = await self._portion_of(portion, self._portion if portions.is_last else 0)
            portions.receive(reply, more_news=more)
        return portions.reply()

    async def change(self, name: str, update: Callable[[str], str]) -> str:
        """Replace a value; see :class:`~grokcore.runtime.sharing.table_seam.SharedTable`."""
        with trio.move_on_after(self._call_s):
            async with self._changing:  # only other servers' changes come between
                return await self._change(name, update)
        raise no_answer(self._link.address, self._call_s)

    async def _change(self, name: str, update: Callable[[str], str]) -> str:
        key = f"{self._prefix}value:{name}"
        old = str((await self._link.call(lambda _: ("GET", key))).value or "")
        for _ in range(ATTEMPTS):
            new = update(old)
            done, old = await self._changed(key, old, new)
            if done:
                return new
            await trio.sleep(random.uniform(0, PAUSE_S))  # noqa: S311 - spreads servers
        raise TableGone(f"Too many servers change {name} in the Redis at {self.name}")

    async def _changed(self, key: str, old: str, new: str) -> tuple[int, str]:
        """Whether *key* had the *old* value, and the one that it has now."""
        words = ("EVAL", self._change_script, 1, key, old, new, VALUE_MS)
        return cast(tuple[int, str], (await self._link.call(lambda _: words)).value)

    async def _portion_of(self, step: Step, news_at_most: int) -> tuple[Reply, bool]:
        keys = [*self._fixed, *map(self._owner.__add__, _tokens(step))]
        answer = await self._link.call(
            lambda facts: [
                *("EVAL", self._step_script, str(len(keys)), *keys),
                *self._arguments(step, marker_of(step.table, facts), news_at_most),
            ]
        )
        result = _Result(*cast(Sequence[object], answer.value))  # type: ignore[arg-type]
        return self._reply(result, answer), bool(result.more)

    def _arguments(self, step: Step, marker: str, news_at_most: int) -> Iterable[str | int]:
        return (
            step.server,
            max(step.ttl_ms, 1),
            int(step.bye),
            json.dumps(dict(step.short)),
            secrets.token_hex(8),
            int(self._identity.known),
            marker,
            REMEMBER_MS,
            RECORDS_AT_MOST,
            MOST_TASKS,
            step.since,
            news_at_most,
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

    def _reply(self, result: _Result, answer: Answer) -> Reply:
        time = int(result.seconds) + int(result.microseconds) / 1e6
        name, age_s = self._identity.saw(result.marker, answer.facts, time, trio.current_time())
        return Reply(
            name,
            age_s,
            time,
            tuple(result.lost),
            tuple(result.taken),
            result.servers,
            _sum(result.lacks),
            _pairs(result.news),
            result.version,
            {key: tuple(json.loads(texts)) for key, texts in _pairs(result.tasks).items()},
        )


def _script(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


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
