"""Real servers that share one pool through a real Redis, under load, with faults."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from attrs import frozen

from tests.redis_server import RedisServer
from tests.scenarios import run_on_real_clock
from tests.shared_pool_world import TTL_S, Fleet, fleet


@frozen
class Size:
    """How much of everything."""

    servers: int
    clients: int
    tokens: int
    allowance: int
    rest_s: float


SMALL = Size(servers=3, clients=12, tokens=30, allowance=600, rest_s=1.0)
LARGE = Size(servers=4, clients=200, tokens=100, allowance=5000, rest_s=5.0)


async def course(world: Fleet, size: Size) -> None:
    """All kinds of faults, one after the other."""
    redis, rest_s = world.redis, size.rest_s
    await trio.sleep(rest_s)
    world.failures.clear()  # of questions that met three bad tokens before these were known
    await world.kill(1)
    await trio.sleep(rest_s)
    await world.start(1)
    redis.stop()  # for less than a token's time
    await trio.sleep(1)
    redis.start()  # without its data
    await trio.sleep(TTL_S + rest_s)
    await world.stop(2)
    await trio.sleep(rest_s)
    await world.start(2)
    redis.pause()
    await trio.sleep(1)
    redis.go_on()
    await trio.sleep(rest_s)
    redis.kill()  # for longer than a token's time
    await trio.sleep(TTL_S + 1)
    redis.start()
    await trio.sleep(TTL_S + 2)
    await trio.sleep(rest_s)


@pytest.mark.once
@pytest.mark.parametrize(
    "size", [SMALL, pytest.param(LARGE, marks=pytest.mark.on_demand)], ids=["small", "large"]
)
def test_a_pool_is_shared_through_all_faults(
    size: Size, tmp_path: Path, redis_server: RedisServer
) -> None:
    """Servers are killed, stopped and started; Redis stops, stands still, loses its data, is gone
    for longer than a token's time; wall clocks are wrong by 2 s; a third of the tokens fails.

    No token is used by two servers at once. No allowance is counted twice: at the end all servers
    believe the same of it, and no more than there is. Every question is answered, but while a server
    may not lend: then it is refused with that reason.
    """

    async def scenario() -> None:
        async with fleet(
            tmp_path,
            redis_server,
            servers=size.servers,
            tokens=size.tokens,
            allowance=size.allowance,
        ) as (world, nursery):
            for number in range(size.clients):
                nursery.start_soon(world.client, number)
            await course(world, size)
            world.resting = True
            await trio.sleep(3)
            believed = [await world.believed(number) for number in range(size.servers)]
        assert believed == [world.grok.left] * size.servers
        assert world.grok.at_once() == []
        assert world.unexpected("shared_pool_unreachable") == []
        assert not world.grok.refused
        assert world.answered > 20 * size.clients
        users = {use.run for use in world.grok.uses}
        assert len(users) == size.servers + 2

    run_on_real_clock(scenario, patience_s=120)
