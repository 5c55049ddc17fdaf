"""The table in a Redis: the rules of the table in memory, one name for as long as it has forgotten
nothing, and no answer that belongs to another question.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.sharing.steps import MOST_TASKS, Reply, Step
from grokcore.protocol.sharing.table import Table
from grokcore.runtime.sharing.redis_table import RedisTable
from tests.redis_server import RedisServer, running_redis
from tests.scenarios import on_real_clock, run_on_real_clock

from .redis_world import by_some_time, gone, step_of, tables


@pytest.fixture(scope="module")
def redis_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One Redis for all examples of a property, each of which empties it."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


# The rules --------------------------------------------------------------------------------------

RIGHT = "right"
"""Stands for the table's name."""

TOKENS = st.sampled_from("abcdef")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
TUPLES = st.lists(TOKENS, max_size=5).map(tuple)
STEPS = st.builds(
    Step,
    server=st.sampled_from(["one", "two:2", "drei ü"]),
    ttl_ms=st.just(600_000),
    table=st.sampled_from([RIGHT, RIGHT, RIGHT, "other", ""]),
    keep=TUPLES,
    give=TUPLES,
    want=TUPLES,
    take=st.integers(0, 4),
    short=st.dictionaries(st.sampled_from(["", "chat", "image"]), st.integers(0, 5), max_size=2),
    records=st.dictionaries(TOKENS, TEXTS, max_size=3),
    tasks=st.dictionaries(TOKENS, TEXTS, max_size=2),
    since=st.integers(0, 8),
    bye=st.sampled_from([False, False, False, True]),
)


def orderly(step: Step) -> Step:
    """*step* as servers make it: no token is both kept and given back or wanted."""
    give = tuple(token for token in step.give if token not in step.keep)
    want = tuple(token for token in step.want if token not in step.keep)
    return evolve(step, keep=tuple(dict.fromkeys(step.keep)), give=give, want=want)


def check_same(server: RedisServer, steps: list[Step], portion: int) -> None:
    """The replies are those of the table in memory, but for its name and its clock."""
    memory = Table(RIGHT, 0.0)
    expected = [memory.step(step, 0.0) for step in steps]

    async def main() -> None:
        server.send("FLUSHALL")
        async with tables(server.address, portion=portion) as (table,):
            name = (await table.step(Step("first", 1, bye=True))).table
            for step, reply in zip(steps, expected, strict=True):
                named = evolve(step, table=name if step.table == RIGHT else step.table)
                found = await table.step(named)
                assert evolve(found, table=RIGHT, age_s=0.0, time=0.0) == reply

    run_on_real_clock(main)


@settings(deadline=None, max_examples=80)
@given(st.lists(STEPS, max_size=12))
def test_it_answers_as_the_table_in_memory_does(
    redis_of_module: RedisServer, steps: list[Step]
) -> None:
    """There is one set of rules, wherever the table is."""
    check_same(redis_of_module, steps, 1000)


@settings(deadline=None, max_examples=60)
@given(st.lists(STEPS.map(orderly), max_size=8), st.integers(1, 3))
def test_a_step_in_portions_answers_as_a_whole_one(
    redis_of_module: RedisServer, steps: list[Step], portion: int
) -> None:
    """No script holds a Redis up because a server has many tokens."""
    check_same(redis_of_module, steps, portion)


def test_more_tokens_than_a_command_takes_are_kept_and_taken(redis_of_module: RedisServer) -> None:
    """A pool may have more tokens than a script's stack has places."""
    many = tuple(f"{number:05}" for number in range(9_001))
    records = dict.fromkeys(many, "{}")
    check_same(
        redis_of_module,
        [
            Step("one", 600_000, RIGHT, want=many, take=9_001),
            Step("one", 600_000, keep=many, records=records),
            Step("two", 600_000, RIGHT, want=many, take=9_001),
            Step("one", 600_000, give=many, bye=True),
        ],
        10_000,
    )


def test_actions_that_nobody_comes_for_are_bounded(redis_of_module: RedisServer) -> None:
    """A token may have no server for weeks."""
    steps = [Step("two", 600_000, tasks={"a": str(number)}) for number in range(MOST_TASKS + 5)]
    check_same(redis_of_module, [*steps, Step("one", 600_000, keep=("a",))], 1000)


@on_real_clock
async def test_a_step_renews_what_it_names(redis_server: RedisServer) -> None:
    """For as long as it says from then on, and all that is kept and taken alike."""
    async with tables(redis_server.address) as (table,):
        name = (await table.step(Step("one", 10_000, keep=("a", "b")))).table
        await table.step(Step("one", 60_000, name, keep=("a",), want=("b", "c"), take=2))
    for token in "abc":
        left = redis_server.send("PTTL", f"grok2api:{{pool}}:owner:{token}")
        assert 50_000 < int(left[1:]) <= 60_000


@on_real_clock
async def test_a_server_that_makes_no_step_loses_its_tokens(redis_server: RedisServer) -> None:
    """One that is killed does not take them with it."""
    async with tables(redis_server.address, 2) as (one, two):
        await one.step(Step("one", 30, keep=("a",), short={"": 3}, records={"a": "[1]"}))
        reply = await by_some_time(
            lambda: two.step(step_of("two", keep="a")), lambda reply: reply.lost == ()
        )
        assert reply.news == {"a": "[1]"}
        reply = await by_some_time(
            lambda: two.step(step_of("two", keep="a")), lambda reply: reply.servers == 1
        )
        assert (reply.short, reply.lost) == ({}, ())
        assert (await one.step(step_of("one", keep="a"))).lost == ("a",)


@on_real_clock
async def test_two_pools_know_nothing_of_each_other(redis_server: RedisServer) -> None:
    """A Redis may have several, and other programs' keys."""
    async with trio.open_nursery() as nursery:
        pools = {name: RedisTable(redis_server.address, name) for name in ("a", "b")}
        for name, pool in pools.items():
            await nursery.start(pool.run)
            assert (await pool.step(step_of(name, keep="x"))).lost == ()
        nursery.cancel_scope.cancel()
    assert b"grok2api:{a}:owner:x" in redis_server.send("KEYS", "*:owner:x")


@on_real_clock
async def test_every_key_but_the_marker_runs_out(redis_server: RedisServer) -> None:
    """A pool that is not used any more leaves a Redis by itself."""
    async with tables(redis_server.address) as (table,):
        step = Step("one", 60_000, keep=("a",), records={"a": "1"}, tasks={"b": "x"})
        await table.step(step)
        await table.change("day", lambda old: f"{old}1")
    keys = [key for key in redis_server.send("KEYS", "*").decode().split() if ":" in key]
    assert len(keys) == 10
    left = {key for key in keys if redis_server.send("PTTL", key) == b":-1\r\n"}
    assert left == {"grok2api:{pool}:marker"}


# Its name and its age ---------------------------------------------------------------------------


@on_real_clock
async def test_its_name_stays_over_a_lost_connection(redis_server: RedisServer) -> None:
    """Nothing is forgotten by that, and the next call makes another one."""
    async with tables(redis_server.address) as (table,):
        before = await table.step(step_of("one", keep="a"))
        redis_server.send("CLIENT", "KILL", "TYPE", "normal")
        after = await by_working(table, step_of("one", keep="a"))
        assert (after.table, after.lost) == (before.table, ())
        assert after.age_s >= before.age_s


@on_real_clock
async def test_an_emptied_redis_is_another_table_and_a_new_one(redis_server: RedisServer) -> None:
    """For other servers may still lend tokens of which it knows nothing."""
    async with tables(redis_server.address, 2) as (one, two):
        before = await one.step(step_of("one", keep="a"))
        assert (await two.step(step_of("two"))).table == before.table
        marker = "grok2api:{pool}:marker"
        assert redis_server.send("GET", marker).endswith(b":\r\n")
        redis_server.send("FLUSHALL")
        after = await one.step(step_of("one"))
        assert after.time - int(redis_server.send("GET", marker).rpartition(b":")[2]) < 2
        assert after.table != before.table
        assert after.age_s < 1
        reply = await two.step(step_of("two"))
        assert reply.table == after.table
        assert reply.age_s < 1


@pytest.mark.parametrize("data", ["with", "without"])
def test_a_redis_that_was_started_again_is_another_table(data: str, tmp_path: Path) -> None:
    """Also with its data: the last second may be missing."""
    options = ("--appendonly", "yes", "--appendfsync", "always") if data == "with" else ()

    async def main() -> None:
        async with tables(server.address) as (table,):
            before = await table.step(step_of("one", keep="a"))
            server.kill()
            assert "can't be reached" in await gone(lambda: table.step(step_of("one")))
            server.start()
            after = await table.step(step_of("two", keep="a"))
            assert after.table != before.table
            assert after.age_s < 2
            assert after.lost == (("a",) if data == "with" else ())

    with running_redis(tmp_path, *options) as server:
        run_on_real_clock(main)


@on_real_clock
async def test_without_info_the_age_counts_from_the_connection(redis_server: RedisServer) -> None:
    """A user may be forbidden to ask for it; then each connection has a table of its own name."""
    redis_server.send("ACL", "SETUSER", "default", "-info")
    async with tables(redis_server.address, 2) as (one, two):
        first = await one.step(step_of("one"))
        second = await two.step(step_of("two"))
        assert first.table != second.table
        assert first.age_s < 1


# Failures ---------------------------------------------------------------------------------------


async def by_working(table: RedisTable, step: Step) -> Reply:
    """The reply to a step, which may meet a connection that is being lost."""
    reason = ""
    for _ in range(2):
        try:
            return await table.step(step)
        except Exception as error:
            reason = str(error)
    raise AssertionError(reason)


@on_real_clock
async def test_a_redis_that_does_not_answer_fails_in_time(redis_server: RedisServer) -> None:
    """A server must learn before its tokens' time runs out that it can't keep them."""
    async with tables(redis_server.address, call_s=0.1) as (table,):
        before = await table.step(step_of("one", keep="a"))
        redis_server.pause()
        place = redis_server.address.place
        for _ in range(2):  # on the old connection, and at a new one
            reason = await gone(lambda: table.step(step_of("one", keep="a")))
            assert reason == f"The Redis at {place} has not answered for 0.1 s"
        redis_server.go_on()
        after = await by_working(table, step_of("one", keep="a"))
        assert (after.table, after.lost) == (before.table, ())


@on_real_clock
async def test_a_change_ends_in_time_however_many_wait_for_it(redis_server: RedisServer) -> None:
    """A request that asks what an answer may cost does not hang with the Redis."""
    reasons: list[str] = []

    async def change(table: RedisTable) -> None:
        reasons.append(await gone(lambda: table.change("day", lambda old: f"{old}x")))

    async with tables(redis_server.address, call_s=0.1) as (table,):
        await table.change("day", lambda _: "x")
        redis_server.pause()
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(change, table)
        assert trio.current_time() - began < 1
        redis_server.go_on()
    assert len(reasons) == 20


@on_real_clock
async def test_a_redis_that_dies_during_a_call_fails_it_at_once(
    redis_server: RedisServer,
) -> None:
    """With all calls that wait for it, and no answer is made up for any."""
    reasons: list[str] = []

    async def step(table: RedisTable) -> None:
        reasons.append(await gone(lambda: table.step(step_of("one"))))

    async with tables(redis_server.address) as (table,):
        await table.step(step_of("one"))
        redis_server.pause()
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(step, table)
            await trio.testing.wait_all_tasks_blocked(0.01)
            redis_server.kill()
    place = redis_server.address.place
    assert reasons == [f"The Redis at {place} has closed the connection"] * 3


@on_real_clock
async def test_a_redis_that_drops_keys_is_warned_of(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It would drop owners of tokens."""
    redis_server.send("CONFIG", "SET", "maxmemory", "100mb")
    redis_server.send("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    async with tables(redis_server.address) as (table,):
        await table.step(step_of("one"))
    (record,) = caplog.records
    assert "(maxmemory-policy volatile-lru)" in record.getMessage()


@on_real_clock
async def test_a_call_before_and_after_it_runs_fails(redis_server: RedisServer) -> None:
    """Nobody waits for a table that nothing is held for."""
    table = RedisTable(redis_server.address, "pool")
    assert "being closed" in await gone(lambda: table.step(step_of("one")))
    async with tables(redis_server.address) as (used,):
        await used.step(step_of("one"))
    assert "being closed" in await gone(lambda: used.step(step_of("one")))


@on_real_clock
async def test_a_call_that_waits_when_it_is_closed_fails(redis_server: RedisServer) -> None:
    """And does not wait for ever."""
    async with tables(redis_server.address) as (table,):
        await table.step(step_of("one"))
    reasons: list[str] = []
    async with trio.open_nursery() as outer, trio.open_nursery() as inner:
        table = RedisTable(redis_server.address, "pool")
        await inner.start(table.run)
        redis_server.pause()

        async def wait() -> None:
            reasons.append(await gone(lambda: table.step(step_of("one"))))

        outer.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked(0.02)
        inner.cancel_scope.cancel()
    redis_server.go_on()
    assert len(reasons) == 1


@on_real_clock
async def test_a_refused_command_says_why_in_redis_s_words(redis_server: RedisServer) -> None:
    """A full Redis is the owner's to mend."""
    async with tables(redis_server.address) as (table,):
        await table.step(step_of("one"))
        redis_server.send("CONFIG", "SET", "maxmemory", "1")
        reason = await gone(lambda: table.step(step_of("one", keep="a")))
        assert "refuses a command: OOM" in reason
        redis_server.send("CONFIG", "SET", "maxmemory", "0")
        assert (await table.step(step_of("one", keep="a"))).lost == ()


# Cancellation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@on_real_clock
async def test_calls_cancelled_at_any_moment_mix_up_no_answers(
    redis_server: RedisServer, seed: int
) -> None:
    """A client that leaves costs no other its answer, nor the connection."""
    chance, numbers = random.Random(seed), itertools.count()
    answered = []

    async def ask(table: RedisTable, number: int) -> None:
        with trio.move_on_after(chance.uniform(0, 0.02) if number % 2 else math.inf):
            name = f"value {number}"
            assert await table.change(name, lambda old: f"{old}{number}") == str(number)
            token = f"token {number}"
            reply = await table.step(Step(f"server {number}", 60_000, keep=(token,), since=2**53))
            assert reply.lost == ()
            reply = await table.step(Step("thief", 60_000, keep=(token,)))
            assert reply.lost == (token,)
            answered.append(number)

    async with tables(redis_server.address, call_s=20.0) as (table,):
        await table.step(step_of("one"))
        connections = made_connections(redis_server)
        for _ in range(10):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(ask, table, next(numbers))
        await table.step(step_of("one"))
        assert made_connections(redis_server) == connections + 1  # it makes one to ask
    assert len(answered) >= 100


def made_connections(server: RedisServer) -> int:
    stats = server.send("INFO", "stats").decode()
    return int(stats.partition("total_connections_received:")[2].split()[0])


# Values -----------------------------------------------------------------------------------------


@on_real_clock
async def test_changes_by_several_servers_lose_none(redis_server: RedisServer) -> None:
    """Money of a paid lane is counted once, and all of it."""

    async def spend(table: RedisTable) -> None:
        for _ in range(10):
            await table.change("day", lambda old: str(int(old or 0) + 1))

    async with tables(redis_server.address, 8, call_s=20.0) as servers:
        async with trio.open_nursery() as nursery:
            for table in servers:
                nursery.start_soon(spend, table)
                nursery.start_soon(spend, table)
        assert await servers[0].change("day", lambda old: old) == "160"


@on_real_clock
async def test_a_value_that_others_change_all_the_time_is_given_up(
    redis_server: RedisServer,
) -> None:
    """A change must end."""
    async with tables(redis_server.address) as (table,):

        def disturbed(old: str) -> str:
            redis_server.send("SET", "grok2api:{pool}:value:day", f"{old}x")
            return old

        reason = await gone(lambda: table.change("day", disturbed))
        assert reason.startswith("Too many servers change day")
