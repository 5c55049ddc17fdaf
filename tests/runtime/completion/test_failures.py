"""Failures of one completion and what follows them, on a clock that jumps."""

from __future__ import annotations

import pytest
import trio
from attrs import field, frozen

from grokcore.errors import (
    AntiBotRefusal,
    Challenge,
    ContentPolicyViolation,
    CredentialsRejected,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    NoValidTokens,
    RateLimitExceeded,
    TimeoutTotal,
    TransportFailure,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamUnavailable,
)
from grokcore.protocol.conversation.events import Finished, Text
from grokcore.protocol.models import Limits
from grokcore.simulator import lines
from grokcore.simulator.scripts import (
    CUT,
    Script,
    Send,
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
from .streams import SILENT, token_line


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
    """A lease is given back also when the transport itself fails."""
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
    """Events before the failure are delivered first, also if they came in the same packet."""
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
