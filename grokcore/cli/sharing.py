"""``[pool] share``: the Redis of a shared pool, for the server's start."""

from __future__ import annotations

import functools

import trio

from ..config import Config
from ..errors import ConfigError
from ..protocol.sharing.redis_address import share_url
from ..runtime.sharing.redis_opening import ShareFault, check_redis, redis_table
from ..runtime.sharing.table_seam import SharedTable
from .setup import Settings, naming

__all__ = ["check_share", "open_table"]


def check_share(settings: Settings) -> None:
    """Look whether the Redis of ``[pool] share`` can be used.

    :raises ConfigError: if it can't.
    """
    pool = settings.config.pool
    check = functools.partial(check_redis, share_url(pool.share), pool.share_name)
    with naming(settings.source("pool", "share")):
        try:
            trio.run(check)
        except ShareFault as fault:
            raise ConfigError(f"[pool] share: {fault}") from None


async def open_table(config: Config, helpers: trio.Nursery) -> SharedTable:
    """The table in the Redis of ``[pool] share``; its connection lives in *helpers*."""
    table = redis_table(share_url(config.pool.share), config.pool.share_name)
    await helpers.start(table.run)
    return table
