"""``check`` of the Redis of ``[pool] share``."""

from __future__ import annotations

from ...config import Config
from ...protocol.advice import advice
from ...protocol.sharing.redis_address import share_url
from .findings import Finding, fail, ok

__all__ = ["SHARED_POOL", "examine_share"]

SHARED_POOL = "shared pool"


async def examine_share(config: Config) -> Finding:
    """Whether the Redis can be used; without the start's patience."""
    # Late, since few owners have one, and its package takes half a second.
    from ...runtime.sharing.redis_opening import ShareFault, check_redis

    address = share_url(config.pool.share)
    try:
        await check_redis(address, config.pool.share_name, patience_s=0)
    except ShareFault as fault:
        return fail(SHARED_POOL, str(fault), advice("shared_pool_unreachable"))
    return ok(SHARED_POOL, f"the Redis at {address.place} can be used")
