"""The clocks of one completion, without sockets, on a clock that jumps."""

from __future__ import annotations

import math

import pytest
import trio
from attrs import frozen

from grokcore.config import DEFAULT_LIMITS
from grokcore.errors import (
    ContentPolicyViolation,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    TimeoutChunk,
    TimeoutFirstResponse,
    TimeoutTotal,
    TransportFailure,
    UpstreamUnavailable,
)
from grokcore.protocol.conversation.events import Event, Finished, Text
from grokcore.protocol.models import Limits
from grokcore.simulator import lines
from grokcore.simulator.scripts import (
    CUT,
    HANG,
    Script,
    Send,
    Step,
    Wait,
    play_lines,
    wrapped,
)
from tests.scenarios import on_fake_clock

from ..worlds import collect, failure_of, make_world
from .streams import SILENT, beats, token_line


@frozen
class Silence:
    """A way for Grok to keep silent, and what must come of it, when."""

    name: str
    script: Script
    error: type[GrokApiError]
    at: float
    limits: Limits = DEFAULT_LIMITS
    upstream_calls: int = 1


SILENCES = [
    Silence("no head", Script((), before=math.inf), TimeoutFirstResponse, 30),
    Silence("a head and no body", SILENT, TimeoutFirstResponse, 30),
    Silence(
        "layout lines only",
        play_lines([wrapped(lines.ui_layout())] * 3),
        EmptyAnswer,
        0.5,
        upstream_calls=2,
    ),
    Silence("heartbeats before the answer", Script(tuple(beats(900, 1))), TimeoutFirstResponse, 30),
    Silence("silence after a token", Script((Wait(5), token_line("a"), HANG)), TimeoutChunk, 125),
    Silence(
        "heartbeats after a token", Script((token_line("a"), *beats(900, 1))), TimeoutChunk, 120
    ),
    Silence(
        "a token every 100 s",
        Script(tuple(step for _ in range(9) for step in (token_line("a"), Wait(100)))),
        TimeoutTotal,
        600,
    ),
    Silence(
        "own limits",
        SILENT,
        TimeoutFirstResponse,
        7.5,
        Limits(first_response=7.5, chunk=1, total=9),
    ),
    Silence(
        "total before first", SILENT, TimeoutTotal, 3, Limits(first_response=7.5, chunk=1, total=3)
    ),
    Silence(
        "a refusal whose body never ends",
        Script((HANG,), status=500),
        UpstreamUnavailable,
        10.5,
        upstream_calls=2,
    ),
]


@pytest.mark.parametrize("case", SILENCES, ids=lambda case: case.name)
@on_fake_clock
async def test_each_clock_fires_at_its_exact_time_and_names_itself(case: Silence) -> None:
    """A silent upstream costs exactly the clock's value, in every phase, and leaves nothing
    behind.
    """
    world = make_world(case.script)

    found, at = await failure_of(world.ask(limits=case.limits))

    assert (type(found), at) == (case.error, case.at)
    assert len(world.transport.exchanges) == case.upstream_calls
    assert world.idle


@on_fake_clock
async def test_no_clock_counts_the_time_a_slow_client_takes() -> None:
    """A wait for the client to read puts off the chunk clock and the total clock alike."""
    world = make_world(Script((token_line("a"), HANG)))
    completion = world.ask(limits=Limits(first_response=10, chunk=20, total=100))
    await completion.start()
    await completion.next_events()
    await trio.sleep(100)
    completion.client_was_slow(100)
    with pytest.raises(TimeoutChunk):
        await completion.next_events()

    assert trio.current_time() == 120
    await completion.aclose()


@on_fake_clock
async def test_a_client_that_reads_drop_by_drop_gives_the_token_back() -> None:
    """After twice the total: the next client can have it."""
    words = Script(tuple(step for _ in range(1000) for step in (token_line("a"), Wait(1))))
    world = make_world(words, max_in_flight=1)
    completion = world.ask(limits=Limits(first_response=10, chunk=20, total=25))
    await completion.start()
    with pytest.raises(TimeoutTotal):
        while await completion.next_events():
            await trio.sleep(9)  # each word is written for so long
            completion.client_was_slow(9)
    assert 50 <= trio.current_time() <= 50 + 9
    assert world.book.accounts[0].in_flight == 0
    await completion.aclose()


@on_fake_clock
async def test_the_total_clock_spans_the_queue_and_all_attempts() -> None:
    """Each attempt has a first-response clock of its own, all of them one total."""
    failing = Script((CUT,), before=8)
    world = make_world(failing, failing, SILENT, tokens=3)

    found, at = await failure_of(world.ask(limits=Limits(first_response=10, chunk=10, total=20)))

    assert (type(found), at) == (TimeoutTotal, 20)
    assert [exchange.opened_at for exchange in world.transport.exchanges] == [0, 8, 17.5]


STOP = Send(lines.line(wrapped(lines.soft_stop())))
WHOLE = Send(lines.line(wrapped(lines.model_response("a", "grok-3"))))
MODERATED = Send(lines.line(wrapped(lines.nested_error("contentModerated", "no"))))


@frozen
class End:
    """What follows the token ``a``; the texts that come of it, how it ends, and when."""

    name: str
    steps: tuple[Step, ...]
    error: type[GrokApiError] | None
    at: float
    texts: tuple[str, ...] = ("a",)


ENDS = [
    End("a soft stop and the end of the stream", (STOP,), None, 0),
    End("a soft stop, and the end a while later", (STOP, Wait(9)), None, 9),
    End("a soft stop and silence", (STOP, HANG), IncompleteAnswer, 20),
    End("a soft stop and heartbeats", (STOP, *beats(900, 0.5)), IncompleteAnswer, 20),
    End("a soft stop and a broken connection", (STOP, Wait(1), CUT), None, 1),
    End("more after 3 s, and an end", (STOP, Wait(3), token_line("b"), STOP), None, 3, ("a", "b")),
    End(
        "more after 19 s, and an end", (STOP, Wait(19), token_line("b"), STOP), None, 19, ("a", "b")
    ),
    End(
        "more after 3 s, and no end",
        (STOP, Wait(3), token_line("b")),
        IncompleteAnswer,
        3,
        ("a", "b"),
    ),
    End(
        "more, and a broken connection",
        (STOP, Wait(3), token_line("b"), CUT),
        TransportFailure,
        3,
        ("a", "b"),
    ),
    End("more, and silence", (STOP, Wait(3), token_line("b"), HANG), TimeoutChunk, 123, ("a", "b")),
    End(
        "more, a stop, and silence",
        (STOP, Wait(3), token_line("b"), STOP, HANG),
        IncompleteAnswer,
        23,
        ("a", "b"),
    ),
    End("the whole answer and silence", (STOP, Wait(1), WHOLE, HANG), None, 1.25),
    End("the whole answer and heartbeats", (WHOLE, *beats(900, 0.1)), None, 0.25),
    End("the whole answer and a broken connection", (WHOLE, CUT), None, 0),
    End("the whole answer, late", (STOP, Wait(15), WHOLE), None, 15),
    End("an error behind it at once", (WHOLE, MODERATED), ContentPolicyViolation, 0),
    End("an error behind it soon", (WHOLE, Wait(0.2), MODERATED), ContentPolicyViolation, 0.2),
    End("an error behind it, too late to be seen", (WHOLE, Wait(0.3), MODERATED), None, 0.25),
]


@pytest.mark.parametrize("case", ENDS, ids=lambda case: case.name)
@on_fake_clock
async def test_an_answer_is_whole_only_once_its_end_is_certain(case: End) -> None:
    """Nothing that follows a soft stop is dropped, nothing waits for ever, and silence is no
    end.
    """
    world = make_world(Script((token_line("a"), *case.steps)))
    completion = world.ask()
    await completion.start()
    events: list[Event] = []
    error: type[GrokApiError] | None = None
    try:
        while not events or not isinstance(events[-1], Finished):
            events += await completion.next_events()
    except GrokApiError as failure:
        error = type(failure)
    at = trio.current_time()
    await completion.aclose()

    assert error is case.error
    assert at == pytest.approx(case.at)
    assert tuple(event.text for event in events if isinstance(event, Text)) == case.texts
    assert world.idle


@on_fake_clock
async def test_an_answer_that_is_whole_in_the_last_moment_is_whole() -> None:
    """No clock runs any more once the whole answer has come."""
    world = make_world(Script((token_line("a"), Wait(8), WHOLE, HANG)))
    completion = world.ask(limits=Limits(first_response=1, chunk=8.1, total=8.1))

    assert await collect(completion) == [Text("a"), Finished()]
