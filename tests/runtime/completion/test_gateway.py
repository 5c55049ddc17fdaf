"""Completions that share tokens, and clients that leave, on a clock that jumps."""

from __future__ import annotations

import math

import pytest
import trio
from attrs import evolve

from grokcore.errors import (
    Challenge,
    NoTokens,
    Overloaded,
    ShuttingDown,
)
from grokcore.protocol.conversation.events import Finished, Text
from grokcore.protocol.models import SHIPPED
from grokcore.simulator import lines
from grokcore.simulator.scripts import (
    CUT,
    HANG,
    Script,
    Wait,
    answer,
    error,
    page,
)
from tests.scenarios import on_fake_clock

from ..worlds import collect, failure_of, make_world
from .streams import SILENT, token_line

# Tokens and the queue ---------------------------------------------------------------------------


@on_fake_clock
async def test_without_any_token_the_error_says_what_to_do() -> None:
    """No token at all, and no token for this model, are different sentences."""
    nobody, _ = await failure_of(make_world(SILENT, tokens=0).ask())
    no_super, _ = await failure_of(make_world(SILENT).ask(model=SHIPPED["grok-4-heavy"]))

    assert isinstance(nobody, NoTokens)
    assert "tokens add" in nobody.message
    assert isinstance(no_super, NoTokens)
    assert "Super" in no_super.message


@on_fake_clock
async def test_requests_wait_their_turn_for_a_busy_token_and_not_longer_than_the_queue_allows() -> (
    None
):
    """In-flight cap, first come first served, and `overloaded` after the queue's seconds."""
    slow = Script((Wait(4), *answer("done").steps))
    world = make_world(slow, max_in_flight=1, queue_s=10)
    finished: list[tuple[int, float, str]] = []

    async def client(number: int) -> None:
        try:
            await collect(world.ask())
            outcome = "answered"
        except Overloaded:
            outcome = "overloaded"
        finished.append((number, trio.current_time(), outcome))

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(client, number)
            await trio.testing.wait_all_tasks_blocked()

    assert finished == [
        (0, 4, "answered"),
        (1, 8, "answered"),
        (3, 10, "overloaded"),
        (2, 12, "answered"),
    ]
    assert world.idle


@on_fake_clock
async def test_a_token_that_stops_cooling_serves_those_who_wait() -> None:
    """Nobody waits for a busy token while another has come back."""
    busy = Script((Wait(9), *answer("late").steps))
    world = make_world(
        error(429, lines.ERROR_429, (("retry-after", "3"),)),
        busy,
        answer("soon"),
        tokens=2,
        max_in_flight=1,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect, world.ask())
        await trio.testing.wait_all_tasks_blocked()
        assert await collect(world.ask()) == [Text("soon"), Finished()]
        assert trio.current_time() == 3


@on_fake_clock
async def test_a_request_that_waits_for_a_super_token_does_not_hold_up_the_others() -> None:
    """The queue is fair among those that a free token can serve."""
    slow = Script((Wait(4), *answer("done").steps))
    world = make_world(slow, super_tokens=1, max_in_flight=1)
    finished: list[str] = []

    async def client(name: str, model: str) -> None:
        await collect(world.ask(model=SHIPPED[model]))
        finished.append(name)

    async with trio.open_nursery() as nursery:
        for name, model in [
            ("heavy 1", "grok-4-heavy"),
            ("heavy 2", "grok-4-heavy"),
            ("fast", "grok-3-fast"),
        ]:
            nursery.start_soon(client, name, model)
            await trio.testing.wait_all_tasks_blocked()

    assert sorted(finished[:2]) == ["fast", "heavy 1"]
    assert finished[2] == "heavy 2"


@on_fake_clock
async def test_a_challenge_pauses_its_egress_for_all_and_a_success_ends_the_pause() -> None:
    """While an egress pauses nobody is sent through it; 5 s, then twice as long, and forgotten
    after a success.
    """
    world = make_world(page(), page(), answer("fine"), page(), tokens=2)
    outcomes = []
    for pause in (0, 1, 5, 10, 1, 0):
        await trio.sleep(pause)
        try:
            await collect(world.ask())
            outcomes.append("answered")
        except Challenge as refusal:
            outcomes.append(f"{len(world.transport.exchanges)} calls, wait {refusal.retry_after}")

    assert outcomes == [
        "1 calls, wait 5.0",
        "1 calls, wait 4.0",
        "2 calls, wait 10.0",
        "answered",
        "4 calls, wait 5.0",
        "4 calls, wait 5.0",
    ]


# Leaving ----------------------------------------------------------------------------------------

STEPS = answer("one two three", thoughts=[lines.thought("hm")]).steps


@on_fake_clock
async def test_next_events_can_be_cancelled_at_any_time_and_called_again() -> None:
    """Whatever the moments at which the caller wants to be back, the events are the same."""
    expected = None
    for patience in (math.inf, 0.05, 0.3, 0.7, 1.1):
        script = Script(tuple(step for send in STEPS for step in (Wait(0.25), send)))
        world = make_world(script)
        completion = world.ask()
        await completion.start()
        events: list[object] = []
        while Finished() not in events:
            until = trio.current_time() + patience
            found = await completion.next_events(until)
            assert found or trio.current_time() == until
            events += found
            with trio.move_on_after(patience / 3):
                events += await completion.next_events() if Finished() not in events else []
        await completion.aclose()
        assert world.idle
        expected = expected or events
        assert events == expected


@pytest.mark.parametrize("moment", [0, 0.5, 1.5, 2.5, 4.5, 9.5])
@on_fake_clock
async def test_a_client_that_leaves_gives_everything_back_and_blames_nobody(moment: float) -> None:
    """Queue, before the head, before the first event, between events, near the end: always the same
    clean exit.
    """
    script = evolve(Script(tuple(step for send in STEPS for step in (Wait(1), send))), before=1)
    world = make_world(script, max_in_flight=1)
    other = world.ask()
    if moment == 0.5:
        with trio.move_on_after(0.1):
            await other.start()
    with trio.move_on_after(moment):
        await collect(world.ask())
    await other.aclose()

    assert world.idle
    assert world.book.counts(trio.current_time())["cooling"] == 0
    assert not world.book.accounts[0].egress.challenges


@on_fake_clock
async def test_cancellation_at_every_checkpoint_leaves_nothing_behind() -> None:
    """Cancel at the n-th await, for every n until it finishes untouched: lease and exchange are
    always given back.
    """
    for awaits in range(1, 200):
        world = make_world(Script((CUT,)), Script(STEPS), tokens=2)
        scope = trio.CancelScope()
        task = _CancelAfter(awaits, scope)
        trio.lowlevel.add_instrument(task)
        with scope:
            await collect(world.ask())
        trio.lowlevel.remove_instrument(task)
        assert world.idle, f"cancelled at await {awaits}"
        if not scope.cancelled_caught:
            return
    raise AssertionError("it never finished")


class _CancelAfter(trio.abc.Instrument):
    """Cancels a scope when its task has been scheduled so many times."""

    def __init__(self, count: int, scope: trio.CancelScope) -> None:
        self._task = trio.lowlevel.current_task()
        self._count = count
        self._scope = scope

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._count -= task is self._task
        if self._count == 0:
            self._scope.cancel()


@on_fake_clock
async def test_an_interruption_ends_an_answer_now_and_one_that_is_not_waiting_at_its_next_wait() -> (
    None
):
    """What a shutdown does to answers under way."""
    world = make_world(Script((token_line("a"), HANG)), tokens=2)
    waiting, busy = world.ask(), world.ask()
    for completion in (waiting, busy):
        await completion.start()
        await completion.next_events()
    with pytest.RaisesGroup(ShuttingDown):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(waiting.next_events)
            await trio.testing.wait_all_tasks_blocked()
            world.gateway.interrupt_all(ShuttingDown("bye"))
    with pytest.raises(ShuttingDown):
        await busy.next_events()
    await waiting.aclose()
    await busy.aclose()

    assert world.idle
