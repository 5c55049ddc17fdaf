"""One completion end to end, without sockets, on a clock that jumps."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import trio
from attrs import evolve, field, frozen

from grokcore.config import DEFAULT_LIMITS
from grokcore.errors import (
    AntiBotRefusal,
    Challenge,
    ContentPolicyViolation,
    CredentialsRejected,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    NoTokens,
    NoValidTokens,
    Overloaded,
    RateLimitExceeded,
    ShuttingDown,
    TimeoutChunk,
    TimeoutFirstResponse,
    TimeoutTotal,
    TransportFailure,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamUnavailable,
)
from grokcore.protocol.conversation.events import Event, Finished, Text
from grokcore.protocol.models import SHIPPED, Limits
from grokcore.simulator import lines
from grokcore.simulator.scripts import (
    CUT,
    HANG,
    Script,
    Send,
    Step,
    Wait,
    answer,
    answer_lines,
    error,
    paced,
    page,
    play_lines,
    wrapped,
)
from tests.scenarios import on_fake_clock

from ..fakes import FakeTransport
from ..worlds import collect, failure_of, make_world

SILENT = Script((HANG,))


def token_line(text: str) -> Send:
    return Send(lines.line(wrapped(lines.token(text))))


def beats(count: int, every: float) -> Iterator[Step]:
    """Heartbeats as Grok sends them: empty tokens, which say nothing of the answer."""
    for _ in range(count):
        yield Wait(every)
        yield Send(lines.line(wrapped(lines.empty())))


# The clocks -------------------------------------------------------------------------------------


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
    """Waiting for the client to take what there is puts off the chunk clock and the total alike."""
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


# Failures and attempts --------------------------------------------------------------------------


@frozen
class Failure:
    """What Grok does, and what becomes of it: the error, how many calls Grok sees, and how the
    tokens end up.
    """

    name: str
    scripts: tuple[Script, ...]
    error: type[GrokApiError]
    calls: int
    tokens: int = 1
    counts: dict[str, int] = field(factory=dict)


NOT_COMPLETE = answer_lines(["a", "b"])[:-4]
OVERLOADED = play_lines([wrapped(lines.nested_error("modelNotAvailable", "Admission denied"))])
TOP_LEVEL_429 = play_lines([lines.ERROR_429])
FAILURES = [
    Failure("401", (error(401, lines.ERROR_401),), NoValidTokens, 1, counts={"cooling": 1}),
    Failure(
        "401 on both tokens", (error(401, lines.ERROR_401),), NoValidTokens, 2, 2, {"cooling": 2}
    ),
    Failure(
        "401 on all of five",
        (error(401, lines.ERROR_401),),
        CredentialsRejected,
        3,
        5,
        {"cooling": 3, "unknown": 2},
    ),
    Failure(
        "blocked", (error(403, lines.ERROR_403_BLOCKED),), NoValidTokens, 1, counts={"cooling": 1}
    ),
    Failure("429", (error(429, lines.ERROR_429),), RateLimitExceeded, 1, counts={"cooling": 1}),
    Failure("429 in the stream", (TOP_LEVEL_429,), RateLimitExceeded, 2, 2, {"cooling": 2}),
    Failure(
        "heavy usage",
        (error(429, lines.ERROR_429_HEAVY),),
        UpstreamOverloaded,
        2,
        counts={"unknown": 1},
    ),
    Failure(
        "heavy usage, two tokens",
        (error(429, lines.ERROR_429_HEAVY),),
        UpstreamOverloaded,
        3,
        2,
        {"unknown": 2},
    ),
    Failure("admission denied", (OVERLOADED,), UpstreamOverloaded, 2, counts={"unknown": 1}),
    Failure("challenge", (page(),), Challenge, 1, 3, {"unknown": 3}),
    Failure("empty 403", (page(html=""),), Challenge, 1, counts={"unknown": 1}),
    Failure(
        "anti-bot", (error(403, lines.ERROR_403_ANTIBOT),), AntiBotRefusal, 1, 2, {"unknown": 2}
    ),
    Failure(
        "moderated",
        (error(403, lines.ERROR_403_MODERATED),),
        ContentPolicyViolation,
        1,
        counts={"unknown": 1},
    ),
    Failure(
        "unknown 403",
        (error(403, {"code": 7, "message": "no"}),),
        UpstreamRefused,
        1,
        counts={"unknown": 1},
    ),
    Failure("404", (error(404, {"code": 5, "message": "Model not found"}),), UpstreamRefused, 1),
    Failure("500", (error(500, {}),), UpstreamUnavailable, 2),
    Failure("500, four tokens", (error(500, {}),), UpstreamUnavailable, 3, 4, {"unknown": 4}),
    Failure("a page with status 200", (page(200),), UpstreamUnavailable, 2),
    Failure("connection lost", (Script((CUT,)),), TransportFailure, 2),
    Failure(
        "connection lost, three tokens", (Script((CUT,)),), TransportFailure, 3, 3, {"unknown": 3}
    ),
    Failure("no line at all", (Script(()),), EmptyAnswer, 2),
    Failure("broken off", (play_lines(NOT_COMPLETE),), IncompleteAnswer, 1),
    Failure("lost in the middle", (Script((token_line("a"), Wait(1), CUT)),), TransportFailure, 1),
    Failure(
        "first 401, then lost twice",
        (error(401, lines.ERROR_401), Script((CUT,))),
        TransportFailure,
        3,
        2,
    ),
]


@pytest.mark.parametrize("case", FAILURES, ids=lambda case: case.name)
@on_fake_clock
async def test_a_failure_is_tried_again_only_where_that_helps_and_blames_only_the_guilty(
    case: Failure,
) -> None:
    """Attempts, the error in the end, and the state of the tokens follow the failure's class and
    scope.
    """
    world = make_world(*case.scripts, tokens=case.tokens)

    found, _ = await failure_of(world.ask())

    assert isinstance(found, case.error)
    assert len(world.transport.exchanges) == case.calls
    counts = {
        state: count for state, count in world.book.counts(trio.current_time()).items() if count
    }
    assert counts == (case.counts or counts)
    assert world.idle


@pytest.mark.parametrize(
    ("first", "fresh"),
    [
        (Script((CUT,)), True),
        (error(500, {}), False),
        (error(401, lines.ERROR_401), False),
        (Script(()), False),
    ],
)
@on_fake_clock
async def test_another_attempt_answers_as_if_nothing_had_been(first: Script, fresh: bool) -> None:
    """What fails before the first event is invisible when another attempt works; a broken
    connection is not reused.
    """
    world = make_world(first, answer("well then"), tokens=2)
    completion = world.ask()

    assert await collect(completion) == [Text("well"), Text(" then"), Finished()]
    assert completion.attempts == 2
    requests = [exchange.request for exchange in world.transport.exchanges]
    assert [request.fresh for request in requests] == [False, fresh]
    cookies = {dict(request.headers)["Cookie"] for request in requests}
    assert len(cookies) == 2
    assert world.idle


@on_fake_clock
async def test_text_after_a_soft_stop_is_waited_for_and_a_stop_while_reasoning_is_none() -> None:
    """Grok's agents stop and go on; an answer that goes on must not be cut and look complete."""
    stop = Send(lines.line(wrapped(lines.soft_stop())))
    thought = Send(lines.line(wrapped(lines.thought("hm"))))
    pieces = (
        token_line("one"),
        stop,
        Wait(1),
        token_line("two"),
        Wait(1.5),
        token_line("three"),
        stop,
    )
    world = make_world(Script((thought, stop, Wait(9), thought, *pieces)))

    texts = [event.text for event in await collect(world.ask()) if isinstance(event, Text)]

    assert texts == ["one", "two", "three"]


@on_fake_clock
async def test_while_a_retry_waits_for_its_token_no_clock_of_the_failed_attempt_runs() -> None:
    """A 401 at 28 s and a token that is free at 32 s: the retry is sent, with a first-response
    clock of its own.
    """
    late_refusal = Script(error(401, lines.ERROR_401).steps, 401, before=28)
    busy = Script((token_line("a"), Wait(32), *answer("b").steps))
    world = make_world(
        busy, late_refusal, paced(answer("c"), 1), tokens=2, max_in_flight=1, queue_s=60
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect, world.ask())
        await trio.testing.wait_all_tasks_blocked()
        assert (await collect(world.ask()))[-1] == Finished()


@on_fake_clock
async def test_a_secret_that_upstream_echoes_is_not_passed_on() -> None:
    """Neither the session token nor anything that looks like a cookie reaches the client."""
    echo = {
        "code": 3,
        "message": "bad token basic-0, cookie sso=abc; cf_clearance=def and eyJhbGciOi.x.y",
    }
    found, _ = await failure_of(make_world(error(400, echo)).ask())

    assert not [secret for secret in ("basic-0", "abc", "def", "hbGciOi") if secret in str(found)]
    assert "bad token" in str(found)


@on_fake_clock
async def test_a_retry_after_of_nothing_still_cools_the_token() -> None:
    """``Retry-After: 0`` names no time; the token is not asked again at once."""
    world = make_world(error(429, lines.ERROR_429, (("retry-after", "0"),)))
    for _ in range(2):
        found, _ = await failure_of(world.ask())
        assert (type(found), found.retry_after) == (RateLimitExceeded, 60)
    assert len(world.transport.exchanges) == 1


@on_fake_clock
async def test_a_429_in_the_middle_of_an_answer_says_when_to_come_back() -> None:
    """With the only token used up, the pool's word with its time; with another one free, a
    moment.
    """
    script = Script((token_line("a"), Wait(1), Send(lines.line(lines.ERROR_429))))
    alone, _ = await failure_of(make_world(script).ask())
    one_of_two, _ = await failure_of(make_world(script, tokens=2).ask())
    assert (alone.retry_after, one_of_two.retry_after) == (60, 1)


@on_fake_clock
async def test_a_request_that_cannot_even_be_made_gives_its_lease_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever holds a lease gives it back, also when the transport itself fails."""
    world = make_world(SILENT)

    def refuse(*_: object) -> None:
        raise OSError("out of everything")

    monkeypatch.setattr(FakeTransport, "open", refuse)
    with pytest.raises(OSError, match="everything"):
        await collect(world.ask())
    assert world.idle


@on_fake_clock
async def test_a_failure_that_was_overcome_is_forgotten() -> None:
    """An answer that comes in pieces is not ended by the failure of the attempt before it."""
    world = make_world(TOP_LEVEL_429, paced(answer("one two"), 1), tokens=2)

    assert await collect(world.ask()) == [Text("one"), Text(" two"), Finished()]


@on_fake_clock
async def test_an_upstream_that_never_pauses_is_ended_by_the_total_clock() -> None:
    """There is always something to read; the clock counts all the same."""
    world = make_world(
        Script(tuple(step for _ in range(99) for step in (token_line("a"), Wait(1))))
    )
    completion = world.ask(limits=Limits(first_response=10, chunk=10, total=20))
    await completion.start()
    with pytest.raises(TimeoutTotal):
        for _ in range(99):
            await completion.next_events()
            await trio.sleep(1)
    assert trio.current_time() == 20
    await completion.aclose()


@on_fake_clock
async def test_a_failure_behind_events_is_told_after_them() -> None:
    """What came before the failure is delivered first, whatever was in one packet."""
    script = Script((Send(token_line("a").data + lines.line(lines.ERROR_429)),))
    world = make_world(script, tokens=2)
    completion = world.ask()
    await completion.start()
    assert await completion.next_events() == [Text("a")]
    with pytest.raises(RateLimitExceeded):
        await completion.next_events()
    await completion.aclose()

    assert len(world.transport.exchanges) == 1
    assert world.book.counts(trio.current_time())["cooling"] == 1


@on_fake_clock
async def test_nothing_is_tried_again_once_a_byte_went_out() -> None:
    """A committed completion fails with its first failure."""
    world = make_world(Script((CUT,), before=50), tokens=3)
    completion = world.ask(limits=Limits(first_response=100, chunk=100, total=100))
    completion.commit()

    found, at = await failure_of(completion)

    assert (type(found), at, len(world.transport.exchanges)) == (TransportFailure, 50, 1)


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
