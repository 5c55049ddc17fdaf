"""Real servers that share one pool through a real Redis, under load, with faults."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from attrs import frozen

from tests.network_hosts import Host, hosts_of
from tests.redis_server import RedisServer, running_redis
from tests.scenarios import run_on_real_clock
from tests.shared_pool_world import TTL_S, Fleet, Site, fleet, free_port


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


async def course(world: Fleet, redis: RedisServer, rest_s: float) -> None:
    """All kinds of faults, one after the other."""
    await world.settle()
    await trio.sleep(rest_s)
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
    believe the same of it, which is right but for answers that a fault has cut. Every question is answered, but while a server
    may not lend: then it is refused with that reason.
    """

    async def scenario() -> None:
        async with fleet(
            tmp_path,
            [Site(redis_server.url)] * size.servers,
            tokens=size.tokens,
            allowance=size.allowance,
        ) as (world, nursery):
            for number in range(size.clients):
                nursery.start_soon(world.client, number)
            await course(world, redis_server, size.rest_s)
            world.resting = True
            await trio.sleep(1)
            believed = await world.agreement()
        assert len(set(believed)) == 1
        assert abs(believed[0] - world.grok.left) <= size.clients
        assert world.grok.at_once() == []
        assert world.unexpected("shared_pool_unreachable") == []
        assert not world.grok.refused
        assert world.answered > 20 * size.clients
        users = {use.run for use in world.grok.uses}
        assert len(users) == size.servers + 2

    run_on_real_clock(scenario, patience_s=180)


# Hosts of their own -----------------------------------------------------------------------------


@pytest.mark.once
def test_a_server_that_is_cut_off_from_redis_goes_on_and_then_stops(tmp_path: Path) -> None:
    """Two hosts and a Redis, in network namespaces. The network between one host and Redis breaks: its
    server answers on with what it has, then refuses; the other one takes over its tokens. Healed,
    they share again. No token is used by both at once.
    """

    async def scenario(hosts: Sequence[Host], redis: RedisServer) -> None:
        sites = [
            Site(f"redis://:secret@{host.redis}:{redis.port}", host.server, host.grok, host.within)
            for host in hosts
        ]
        async with fleet(tmp_path, sites, tokens=12, allowance=600) as (world, nursery):
            for number in range(6):
                nursery.start_soon(world.client, number)
            await world.settle()
            hosts[0].cut()
            cut_at = time.monotonic()
            await trio.sleep(TTL_S + 3)
            hosts[0].heal()
            healed_at = time.monotonic()
            await trio.sleep(TTL_S)
            world.resting = True
            await trio.sleep(1)
            believed = await world.agreement()
        refused = [failure for failure in world.failures if failure.slot == 0]
        assert world.unexpected("shared_pool_unreachable") == []
        assert refused == world.failures
        assert refused[0].at - cut_at > TTL_S / 2
        assert refused[-1].at - healed_at < TTL_S / 2
        late = [use for use in world.grok.uses if use.run == "1.1" and use.began > healed_at - 2]
        assert len({use.token for use in late}) > 4
        assert world.grok.at_once() == []
        assert believed == [world.grok.left] * 2

    with hosts_of(2) as hosts, redis_of(tmp_path, hosts) as redis:
        run_on_real_clock(lambda: scenario(hosts, redis), patience_s=60)


@contextmanager
def redis_of(folder: Path, hosts: Sequence[Host]) -> Iterator[RedisServer]:
    """A Redis that all hosts reach, each by a network of its own."""
    place = folder / "redis"
    place.mkdir()
    options = ["--requirepass", "secret"]
    with running_redis(
        place, *options, port=free_port(), hosts=[one.redis for one in hosts]
    ) as redis:
        yield redis
