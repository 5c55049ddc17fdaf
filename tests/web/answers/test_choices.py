"""Several answers to one question: started together, read as they come, closed together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
import pytest
import trio
from attrs import define

from grokcore.errors import (
    ContentPolicyViolation,
    GrokApiError,
    IncompleteAnswer,
    ShuttingDown,
    ToolCallFailed,
)
from grokcore.protocol.conversation.events import (
    End,
    Event,
    Failed,
    Finished,
    OfChoice,
    Picture,
    Text,
    ToolCall,
    Unusable,
)
from grokcore.protocol.conversation.tools import Tool, Toolbox
from grokcore.protocol.dialects.openai_chat.writers import DONE, KEEP_ALIVE, ChatHead, ChunkWriter
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle
from grokcore.protocol.models import Limits
from grokcore.simulator.scripts import Script, Wait, answer
from grokcore.web.answers.choices import Choices
from grokcore.web.answers.event_stream import EventStream
from tests.examples import token_line
from tests.runtime.echo_lane import EchoLane
from tests.runtime.worlds import World, make_world
from tests.scenarios import on_fake_clock

UNUSABLE = Unusable("<fn:call>", ("It has no name.",), ToolCallFailed("It could not be read."))
CALL = ToolCall(0, "read", "{}")
HEAD = ChatHead("chatcmpl-1", 1, "grok-3-fast", 1, Style(ThinkingStyle.HIDDEN), choices=2)
LIMITS = Limits(first_response=300, chunk=300, total=900)


@define
class Asked:
    """A question that was asked so often, with all that is needed to look at it."""

    world: World
    choices: Choices
    lane: EchoLane


async def with_choices(
    look: Callable[[Asked], Awaitable[None]],
    *scripts: list[list[Event]],
    count: int = 2,
    refusals: tuple[GrokApiError, ...] = (),
) -> None:
    """Look at an answer of *count* choices; nothing is left of it then."""
    world = make_world(tokens=count)
    lane = EchoLane(refusals=list(refusals), scripts=list(scripts))
    world.gateway.lane = lane
    toolbox = Toolbox((Tool("read"),))
    async with trio.open_nursery() as nursery:
        choices = Choices([world.ask(toolbox=toolbox) for _ in range(count)], nursery)
        try:
            await look(Asked(world, choices, lane))
        finally:
            await choices.aclose()
            await choices.aclose()
    assert world.idle


async def all_events(choices: Choices) -> list[Event]:
    events: list[Event] = []
    await choices.start()
    while not (events and isinstance(events[-1], Finished)):
        events += await choices.next_events()
    return events


def of(events: list[Event], index: int) -> list[Event]:
    """The events of one choice."""
    current, found = -1, list[Event]()
    for event in events:
        if isinstance(event, OfChoice):
            current = event.index
        elif current == index:
            found.append(event)
    return found


@on_fake_clock
async def test_each_choice_is_whole_and_the_last_end_is_the_last_event() -> None:
    """No end of an earlier choice can be taken for the end of all."""
    scripts: list[list[list[Event]]] = [
        [[Text("a")], [Finished()]],
        [[Text("b")], [Text("c")], [Text("d")], [Finished(End.LENGTH)]],
        [[Text("e")], [Text("f")], [Finished()]],
    ]

    async def look(asked: Asked) -> None:
        events = await all_events(asked.choices)
        whole = [[event for part in script for event in part] for script in written]
        assert sorted(map(repr, (of(events, index) for index in range(3)))) == sorted(
            map(repr, whole)
        )
        assert isinstance(events[0], OfChoice)
        ends = [index for index, event in enumerate(events) if isinstance(event, Finished)]
        assert all(isinstance(events[index + 1], OfChoice) for index in ends[:-1])
        assert ends[-1] == len(events) - 1
        assert asked.choices.attempts == 3
        assert asked.choices.failed == []
        assert len(asked.choices.token_id.split(",")) == 3
        assert asked.choices.times.first_at == 0
        assert asked.choices.ignored == frozenset()

    written = [list(script) for script in scripts]
    await with_choices(look, *scripts, count=3)


@on_fake_clock
async def test_a_choice_that_does_not_start_fails_all() -> None:
    """With its own error, before a byte went out."""

    async def look(asked: Asked) -> None:
        with pytest.raises(ContentPolicyViolation):
            await asked.choices.start()

    await with_choices(look, refusals=(ContentPolicyViolation("Moderated."),))


@on_fake_clock
async def test_a_choice_that_breaks_off_ends_all() -> None:
    """What the other has to say no longer counts."""
    broken: list[list[Event]] = [[Text("a")], [Failed(IncompleteAnswer("It broke off."))]]

    async def look(asked: Asked) -> None:
        with pytest.raises(IncompleteAnswer):
            await all_events(asked.choices)
        assert len(asked.choices.failed) == 1

    going_on: list[list[Event]] = [[Text("b")] for _ in range(10)]
    await with_choices(look, broken, [*going_on, [Finished()]])


@pytest.mark.parametrize("said", [[Text("Look:")], []], ids=["behind text", "at once"])
@on_fake_clock
async def test_a_choice_is_corrected_without_the_caller(said: list[Event]) -> None:
    """Its text before the faults counts; no ``Unusable`` comes out."""

    async def look(asked: Asked) -> None:
        events = await all_events(asked.choices)
        found = sorted(((of(events, 0)), (of(events, 1))), key=len)
        assert found == [[Text("fine"), Finished()], [Text("Look:"), CALL, Finished(End.CALLS)]]
        assert asked.choices.attempts == 3

    await with_choices(
        look,
        [[Text("Look:")], [*said[1:], UNUSABLE]] if said else [[Text("Look:"), UNUSABLE]],
        [[Text("fine")], [Finished()]],
        [[CALL], [Finished(End.CALLS)]],
    )


@on_fake_clock
async def test_a_correction_that_fails_ends_all() -> None:
    """With the error for the client."""

    async def look(asked: Asked) -> None:
        with pytest.raises(ToolCallFailed):
            await all_events(asked.choices)
        with pytest.raises(ToolCallFailed):
            await asked.choices.repair(UNUSABLE)

    await with_choices(look, [[Text("a")], [UNUSABLE]], [[Text("b")], [Finished()]], [[UNUSABLE]])


@on_fake_clock
async def test_media_are_fetched_with_the_account_that_made_them() -> None:
    """It still has its lease."""

    async def look(asked: Asked) -> None:
        events = await all_events(asked.choices)
        (picture,) = (event for event in events if isinstance(event, Picture))
        assert (await asked.choices.fetch(picture.url)).media_type == "image/jpeg"
        assert (await asked.choices.fetch_file(picture.url)).media_type == "image/jpeg"
        with pytest.raises(NotImplementedError):  # the lane's
            await asked.choices.save(picture.url, None)  # type: ignore[arg-type]

    drawn: list[list[Event]] = [[Picture("https://example.com/a.jpg")], [Finished()]]
    await with_choices(look, drawn, [[Text("b")], [Finished()]])


@on_fake_clock
async def test_an_interruption_ends_all() -> None:
    """As with one answer."""

    async def look(asked: Asked) -> None:
        await asked.choices.start()
        asked.choices.commit()
        asked.choices.client_was_slow(1)
        assert await asked.choices.aside(nine) == 9
        asked.world.gateway.interrupt_all(ShuttingDown("It stops."))
        with pytest.raises(ShuttingDown):
            await asked.choices.aside(nine)
        with pytest.raises(ShuttingDown):
            while True:
                await asked.choices.next_events()

    async def nine() -> int:
        return 9

    await with_choices(look)


@on_fake_clock
async def test_choices_are_streamed_as_they_come() -> None:
    """A choice that is silent keeps no other waiting, and one that has ended gets no empty chunks.

    In silence of all, a wait ends in time.
    """
    first, second = token_line("a"), token_line("b")
    world = make_world(
        Script((first, Wait(5), *answer("c").steps)),
        Script((second, Wait(70), *answer("d").steps)),
        tokens=2,
    )
    async with trio.open_nursery() as nursery:
        choices = Choices([world.ask(limits=LIMITS), world.ask(limits=LIMITS)], nursery)
        writer = ChunkWriter(HEAD, include_usage=True)
        stream = EventStream(choices, writer, nursery, heartbeat_s=10)
        await stream.begin(trio.current_time() + 45)
        sent = [(trio.current_time(), data) async for data in stream]
        await choices.aclose()
    assert world.idle
    assert [at for at, data in sent if data == KEEP_ALIVE] == [15, 25, 35, 45, 55]
    frames = [
        (at, orjson.loads(line.removeprefix(b"data: ")))
        for at, data in sent
        for line in data.split(b"\n\n")
        if line.startswith(b"data: {")
    ]
    chunks = [
        (at, choice["index"], choice["delta"].get("content"), choice["finish_reason"])
        for at, frame in frames
        for choice in frame["choices"]
    ]
    quick = 0 if (5, 0, "c", None) in chunks else 1
    slow = 1 - quick
    assert sorted(chunks[:4], key=lambda chunk: chunk[1]) == sorted(
        [(0, quick, "", None), (0, quick, "a", None), (0, slow, "", None), (0, slow, "b", None)],
        key=lambda chunk: chunk[1],
    )
    assert chunks[4:] == [
        *((5, quick, "c", None), (5, quick, None, "stop")),
        (65, slow, None, None),
        *((70, slow, "d", None), (70, slow, None, "stop")),
    ]
    assert sent[-1][1].endswith(DONE)
    assert frames[-1][1]["usage"]["completion_tokens"] == 2
