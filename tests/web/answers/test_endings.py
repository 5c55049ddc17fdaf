"""Ends of answers that are not simply Grok's: corrections, refusals in place of errors, cuts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from grokcore.errors import ContentPolicyViolation, GrokApiError, ToolCallFailed
from grokcore.protocol.conversation.events import (
    End,
    Event,
    Failed,
    Finished,
    Text,
    ToolCall,
    Unusable,
)
from grokcore.protocol.conversation.tools import Tool, Toolbox
from grokcore.web.answers.event_stream import EventStream
from tests.runtime.echo_lane import EchoLane
from tests.runtime.worlds import World, make_world
from tests.scenarios import on_fake_clock

TOOLS = Toolbox((Tool("read"),))
UNUSABLE = Unusable("<fn:call>", ("It has no name.",), ToolCallFailed("It could not be read."))
REFUSED = Finished(End.REFUSAL, "moderated")


class NameWriter:
    """A writer of the names of events."""

    def write(self, events: Iterable[Event]) -> bytes:
        return "".join(f"{type(event).__name__}\n" for event in events).encode()

    def empty(self) -> bytes:
        return b"empty\n"

    def fail(self, error: GrokApiError) -> bytes:
        return f"failed: {error.code}\n".encode()

    def usage(self) -> dict[str, int]:
        return {}


def soften(error: GrokApiError) -> Finished | None:
    return REFUSED if isinstance(error, ContentPolicyViolation) else None


def answering(*scripts: list[list[Event]], refusals: tuple[GrokApiError, ...] = ()) -> World:
    world = make_world(tokens=2)
    world.gateway.lane = EchoLane(refusals=list(refusals), scripts=list(scripts))
    return world


async def sent_by(
    world: World, *, on_whole: Callable[[], None] = lambda: None
) -> tuple[list[str], list[GrokApiError]]:
    """The lines of a streamed answer, and the failures that it reported."""
    completion = world.ask(toolbox=TOOLS)
    failures: list[GrokApiError] = []
    sent = b""
    async with trio.open_nursery() as nursery:
        stream = EventStream(
            completion,
            NameWriter(),
            nursery,
            heartbeat_s=10,
            soften=soften,
            on_failure=failures.append,
            on_whole=on_whole,
        )
        await stream.begin(trio.current_time() + 45)
        async for data in stream:
            sent += data
        nursery.cancel_scope.cancel()
    await completion.aclose()
    assert world.idle
    return sent.decode().splitlines(), failures


@on_fake_clock
async def test_a_stream_goes_on_with_the_correction() -> None:
    """The client sees one answer; the faults never reach it."""
    call = ToolCall(0, "read", "{}")
    world = answering([[Text("a")], [Text("b"), UNUSABLE]], [[call, Finished(End.CALLS)]])
    sent, failures = await sent_by(world)
    assert [line for line in sent if line != ": keep-alive"] == [
        *("Text", "Text", "ToolCall", "Finished")
    ]
    assert failures == []


@on_fake_clock
async def test_faults_that_stay_end_a_stream_with_their_error() -> None:
    """Half an answer must not look whole."""
    world = answering([[Text("a")], [UNUSABLE]], [[UNUSABLE]])
    sent, failures = await sent_by(world)
    assert sent[-1] == "failed: tool_call_failed"
    assert failures == [UNUSABLE.error]


@on_fake_clock
async def test_a_refusal_is_an_end_where_the_dialect_wants_one() -> None:
    """It is still logged as the error that it is. So before the first byte, and after it."""
    moderated = ContentPolicyViolation("moderated")
    for world in (
        answering(refusals=(moderated,)),
        answering([[Text("a")], [Text("b"), Failed(moderated)], []]),
    ):
        sent, failures = await sent_by(world)
        assert sent[-1] == "Finished"
        assert [type(error) for error in failures] == [ContentPolicyViolation]


@on_fake_clock
async def test_a_whole_answer_is_kept_once_before_its_end_is_sent() -> None:
    """A client may refer to it at once."""
    kept: list[str] = []
    sent, _ = await sent_by(
        answering([[Text("a")], [Finished()]]), on_whole=lambda: kept.append("x")
    )
    assert (kept, sent[-1]) == (["x"], "Finished")
    broken: list[str] = []
    await sent_by(
        answering([[Text("a")], [UNUSABLE]], [[UNUSABLE]]), on_whole=lambda: broken.append("x")
    )
    assert broken == []
