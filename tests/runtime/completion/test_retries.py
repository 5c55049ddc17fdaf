"""Attempts when Grok sheds load or can't be reached: spaced, bounded, and reported honestly. On a
faked clock.
"""

from __future__ import annotations

import math

import pytest
import trio
from attrs import frozen

from grokcore.errors import GrokApiError, TransportFailure, UpstreamOverloaded, UpstreamUnavailable
from grokcore.protocol.models import Limits
from grokcore.simulator import lines
from grokcore.simulator.scripts import CUT, Script, answer, error, page
from tests.scenarios import on_fake_clock, run_on_fake_clock

from ..worlds import World, collect, failure_of, make_world

OVERLOADED = error(429, lines.ERROR_429_HEAVY)
BROKEN = Script((CUT,))


@frozen
class Trouble:
    """What Grok does, and what must come of it."""

    name: str
    script: Script
    leaf: type[GrokApiError]
    asked_at: list[float]


TROUBLES = [
    Trouble("load is shed", OVERLOADED, UpstreamOverloaded, [0, 0.5, 2]),
    Trouble(
        "HTTP 500",
        error(500, {"error": {"code": 13, "message": "internal"}}),
        UpstreamUnavailable,
        [0, 0.5, 2],
    ),
    Trouble("HTTP 503 as a page", page(503, "<html>busy</html>"), UpstreamUnavailable, [0, 0.5, 2]),
    Trouble("connections break", BROKEN, TransportFailure, [0, 0, 1.5]),
]


def asked_at(world: World) -> list[float]:
    return [exchange.opened_at for exchange in world.transport.exchanges]


@pytest.mark.parametrize("case", TROUBLES, ids=lambda case: case.name)
@on_fake_clock
async def test_attempts_are_spaced_and_the_failure_says_when_to_come_back(case: Trouble) -> None:
    """Half a second, then one and a half; a broken connection is first tried anew at once, since a
    kept one may have died.
    """
    world = make_world(case.script, tokens=3)
    found, _ = await failure_of(world.ask())
    assert (type(found), asked_at(world)) == (case.leaf, case.asked_at)
    assert dict(found.headers())["retry-after"] == "5"
    assert world.idle


@pytest.mark.parametrize("case", TROUBLES, ids=lambda case: case.name)
@on_fake_clock
async def test_one_question_that_failed_keeps_nobody_else_waiting(case: Trouble) -> None:
    """Grok may have stumbled over that question alone: the next one is asked at once."""
    world = make_world(*[case.script] * 3, answer("hello"), tokens=3)
    await failure_of(world.ask())
    began = trio.current_time()
    await collect(world.ask())
    assert trio.current_time() == began


@pytest.mark.parametrize("case", TROUBLES, ids=lambda case: case.name)
@on_fake_clock
async def test_after_repeated_failures_callers_are_refused_at_once_and_single_attempts_probe(
    case: Trouble,
) -> None:
    """Ten seconds of pause, then one attempt; each failed one doubles the pause, and a success ends
    it.
    """
    world = make_world(case.script, tokens=3)
    await failure_of(world.ask())
    began = trio.current_time()

    for pause in (10, 20, 40, 60, 60):
        found, took = await failure_of(world.ask())
        assert (type(found), took, found.retry_after) == (case.leaf, 0, pause)
        again, took = await failure_of(world.ask())
        assert (type(again), took, again.retry_after) == (case.leaf, 0, pause)
        await trio.sleep(pause)
    assert asked_at(world) == [*case.asked_at, *(began + at for at in (0, 10, 30, 70, 130))]

    world.transport.scripts[:] = [answer("hello")]
    await collect(world.ask())
    await collect(world.ask())  # at the same moment: nothing is spaced any more
    assert world.idle


def jittered(value: float) -> list[float]:
    """When Grok is asked with this random number."""
    times: list[float] = []

    async def scenario() -> None:
        world = make_world(OVERLOADED, tokens=3)
        world.gateway.jitter = lambda: value
        await failure_of(world.ask())
        times.extend(asked_at(world))

    run_on_fake_clock(scenario)
    return times


def test_attempts_of_requests_that_failed_together_come_back_apart() -> None:
    """A quarter earlier or later."""
    assert (jittered(0), jittered(1)) == ([0, 0.375, 1.5], [0, 0.625, 2.5])


@on_fake_clock
async def test_fifty_clients_at_once_ask_once_a_second_at_most_once_the_pause_is_on() -> None:
    """However often they come back: the failures of the first moment open the pause, and then
    single attempts probe.
    """
    world = make_world(OVERLOADED, tokens=50)
    until = 40

    async def client() -> None:
        while trio.current_time() < until:
            await failure_of(world.ask())
            await trio.sleep(0.3)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(client)

    first, later = asked_at(world)[:50], asked_at(world)[50:]
    assert first == [0] * 50
    assert [round(at) for at in later] == [10, 30]
    assert world.idle


@on_fake_clock
async def test_after_a_pause_the_first_answer_lets_everybody_pass() -> None:
    """Fifty waiting clients are served as soon as one has had its first words, not one a second."""
    world = make_world(OVERLOADED, tokens=25)
    served: list[float] = []
    await failure_of(world.ask())
    await failure_of(world.ask())
    world.transport.scripts[:] = [answer("hello")]
    await trio.sleep(10)

    async def client() -> None:
        while True:
            try:
                await collect(world.ask())
                served.append(trio.current_time())
                return
            except GrokApiError as refused:
                await trio.sleep(refused.retry_after or math.inf)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(client)

    assert len(served) == 50
    assert max(served) - min(served) <= 1.1
    assert world.idle


@on_fake_clock
async def test_no_attempt_is_waited_for_when_the_total_clock_leaves_no_time_for_it() -> None:
    """The failure is reported at once, and not after a time-out."""
    world = make_world(Script((), status=503, before=1), tokens=3)
    found, took = await failure_of(world.ask(limits=Limits(first_response=5, chunk=5, total=3.5)))
    assert (type(found), took, asked_at(world)) == (UpstreamUnavailable, 2.5, [0, 1.5])


@pytest.mark.parametrize(
    "case", [case for case in TROUBLES if case.leaf is not TransportFailure], ids=lambda c: c.name
)
@on_fake_clock
async def test_a_question_that_grok_stumbles_over_keeps_no_other_key_out(case: Trouble) -> None:
    """However often a guest repeats it, others are answered at once all the time."""
    world = make_world(case.script, tokens=3)
    while trio.current_time() < 200:
        world.transport.scripts[:] = [case.script]
        for _ in range(3):
            await failure_of(world.ask(asker="guest"))
        world.transport.scripts[:] = [answer("hello")]
        began = trio.current_time()
        await collect(world.ask(asker="other"))
        assert trio.current_time() == began
        await trio.sleep(0.7)
    assert world.idle
