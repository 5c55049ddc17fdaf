"""Corrections of answers that the client can't use: one question at most, of the same request."""

from __future__ import annotations

import pytest
import trio
from attrs import evolve

from grokcore.errors import (
    InvalidStructuredOutput,
    ToolCallFailed,
    TransportFailure,
)
from grokcore.protocol.conversation.events import (
    Activity,
    End,
    Event,
    Finished,
    Text,
    Thinking,
    ToolCall,
    Unusable,
)
from grokcore.protocol.conversation.question import Repair
from grokcore.protocol.conversation.tools import Tool, Toolbox
from grokcore.protocol.pool.account import AccountState
from grokcore.simulator.scripts import answer
from tests.scenarios import on_fake_clock

from ..echo_lane import EchoLane
from ..worlds import World, collect, make_world

FAULTS = ("The call of read names no path.",)
FAULTY = Unusable('<fn:call name="read">', FAULTS, ToolCallFailed("It could not be read."))
CALLED = Finished(End.CALLS)
TOOLS = Toolbox((Tool("read"), Tool("write")))


def read(index: int) -> ToolCall:
    return ToolCall(index, "read", "{}")


def asking(*scripts: list[list[Event]]) -> tuple[World, EchoLane]:
    """A world whose Grok gives these answers."""
    world = make_world(tokens=2)
    lane = EchoLane(scripts=list(scripts))
    world.gateway.lane = lane
    return world, lane


@on_fake_clock
async def test_an_answer_is_corrected_by_one_more_question() -> None:
    """The client gets its calls; those that it has keep their numbers, and nothing is told twice."""
    world, lane = asking(
        [[Text("Looking.")], [read(0)], [FAULTY]],
        [[Thinking("Hm.")], [read(1), CALLED]],
    )
    assert await collect(world.ask(toolbox=TOOLS)) == [
        Text("Looking."),
        read(0),
        Activity(),
        read(1),
        CALLED,
    ]
    first, second = lane.asked
    assert first.repair is None
    assert second == evolve(first, repair=Repair(FAULTY.said, FAULTS, calls=1))
    assert world.idle


@on_fake_clock
async def test_a_correction_with_faults_is_the_last() -> None:
    """Each costs a question of the account, and a model that fails twice fails again."""
    world, lane = asking([[FAULTY]], [[FAULTY]], [[read(0), CALLED]])
    with pytest.raises(ToolCallFailed):
        await collect(world.ask(toolbox=TOOLS))
    assert len(lane.asked) == 2
    assert world.idle


@on_fake_clock
async def test_both_answers_count_as_answers_for_their_tokens() -> None:
    """The account did its work: the fault is the model's, and costs the token nothing."""
    world, _ = asking([[FAULTY]], [[FAULTY]])
    with pytest.raises(ToolCallFailed):
        await collect(world.ask(toolbox=TOOLS))
    assert world.idle
    states = {account.state(trio.current_time()) for account in world.book.accounts}
    assert states == {AccountState.OK}


@on_fake_clock
async def test_a_correction_is_tried_again_like_any_question() -> None:
    """A broken connection is no answer, and nothing of the correction has gone out."""
    world, lane = asking([[FAULTY]], [[read(0), CALLED]])
    completion = world.ask(toolbox=TOOLS)
    await completion.start()
    (unusable,) = await completion.next_events()
    assert isinstance(unusable, Unusable)
    lane.refusals.append(TransportFailure("broken"))
    lane.scripts.insert(0, [])
    completion.commit()
    await completion.repair(unusable)
    assert await completion.next_events() == [read(0), CALLED]
    assert completion.attempts == 3
    await completion.aclose()
    assert world.idle


@on_fake_clock
async def test_a_correction_may_wait_for_a_token_like_any_question() -> None:
    """The clocks of the first answer are over: only the total clock runs meanwhile."""
    broken = answer('<fn:call name="read">\n<fn:arg name="path">a')
    world = make_world(broken, broken, answer('<fn:call name="read">\n</fn:call>'), max_in_flight=1)
    completion = world.ask(toolbox=TOOLS)
    await completion.start()
    events = await completion.next_events()
    while not isinstance(events[-1], Unusable):
        events = await completion.next_events()
    other = world.ask(toolbox=TOOLS)
    await other.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(completion.repair, events[-1])
        await trio.sleep(5)
        await other.aclose()
    events = await completion.next_events()
    while not isinstance(events[-1], Finished):
        events += await completion.next_events()
    assert [event for event in events if not isinstance(event, Activity)] == [read(0), CALLED]
    await completion.aclose()
    assert world.idle


@on_fake_clock
async def test_an_answer_that_needs_no_tools_and_no_form_is_not_corrected() -> None:
    """Its question is not kept, since it may hold many pictures."""
    world, _ = asking([[Text("a"), Unusable("a", (), InvalidStructuredOutput("no"))]])
    completion = world.ask()
    await completion.start()
    assert await completion.next_events() == [Text("a")]
    (unusable,) = await completion.next_events()
    assert isinstance(unusable, Unusable)
    with pytest.raises(InvalidStructuredOutput):
        await completion.repair(unusable)
    await completion.aclose()
    assert world.idle
