"""The Redis of a shared pool, looked at before a server starts."""

from __future__ import annotations

import secrets
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import trio

from ...protocol.sharing.redis_address import ShareAddress
from ...protocol.sharing.steps import Step
from .table_seam import TableGone

if TYPE_CHECKING:
    from .redis_table import RedisTable

__all__ = ["ShareFault", "check_redis", "redis_table"]

PATIENCE_S = 5.0
"""For a Redis that is being started at the same time."""

AGAIN_S = 0.2
"""Between two tries."""

_PACKAGE = "coredis>=6.9,<7"


class ShareFault(Exception):
    """The Redis of a shared pool can't be used. ``str()`` says why, for the owner."""


def redis_table(address: ShareAddress, pool: str) -> RedisTable:
    """The table of a pool, which is not connected yet.

    :raises ShareFault: if the package for Redis is not installed.
    """
    if find_spec("coredis") is None:
        raise ShareFault(
            "A shared pool in a Redis needs the package coredis: "
            f"{sys.executable} -m pip install '{_PACKAGE}'"
        )
    from .redis_table import RedisTable  # its package takes half a second, and few need it

    return RedisTable(address, pool)


async def check_redis(address: ShareAddress, pool: str, *, patience_s: float = PATIENCE_S) -> None:
    """Make an empty step, as a server that leaves at once.

    :param patience_s: for a Redis that is not there, or not ready.
    :raises ShareFault: if the Redis can't be used.
    """
    table = redis_table(address, pool)
    async with trio.open_nursery() as nursery:
        await nursery.start(table.run)
        reason = await _reason_against(table, trio.current_time() + patience_s)
        nursery.cancel_scope.cancel()
    if reason:
        raise ShareFault(reason)


async def _reason_against(table: RedisTable, deadline: float) -> str:
    from .redis_faults import TableRefused

    step = Step(f"check-{secrets.token_hex(8)}", 1000, bye=True)
    while True:
        try:
            await table.step(step)
        except TableGone as gone:
            if isinstance(gone, TableRefused) or trio.current_time() >= deadline:
                return str(gone)
        else:
            return ""
        await trio.sleep(AGAIN_S)
