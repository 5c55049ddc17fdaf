"""The clocks over Grok's websocket, without sockets, on a clock that jumps."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import trio
from attrs import define, frozen

from grokcore.config import DEFAULT_LIMITS
from grokcore.errors import (
    GrokApiError,
    TimeoutChunk,
    TimeoutFirstResponse,
    TimeoutTotal,
    TransportFailure,
)
from grokcore.protocol.conversation.events import Finished, Text
from grokcore.protocol.conversation.question import Question
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.models import Limits
from grokcore.protocol.pool.book import TokenBook
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.completion.gateway import Completion, Gateway
from grokcore.runtime.lanes.grok_socket.lane import GrokSocketLane
from grokcore.runtime.lanes.grok_socket.users import Users
from grokcore.runtime.lanes.grok_web.lane import GrokWebLane
from grokcore.runtime.lanes.grok_web.settings import GrokWebSettings
from grokcore.runtime.pool.leases import TokenPool
from grokcore.simulator.scripts import HANG, Script, Send, Step, Wait, error
from tests.handmade_grok import HEADER, attached, chunk, created, done, event, words
from tests.runtime.fakes import FakeSockets, FakeTransport
from tests.runtime.worlds import HELLO, MODEL, collect, failure_of
from tests.scenarios import on_fake_clock

MODES = error(200, {"modes": []})
QUICK = Limits(first_response=7.5, chunk=1, total=9)


@define
class SocketWorld:
    """A gateway over the websocket lane; no sockets."""

    sockets: FakeSockets
    book: TokenBook
    gateway: Gateway

    def ask(self, limits: Limits = DEFAULT_LIMITS) -> Completion:
        question = Question(MODEL, limits, HELLO)
        return self.gateway.completion(self.gateway.lane.render(question), trio.current_time())

    @property
    def idle(self) -> bool:
        """Whether nothing is left of any request."""
        leased = sum(account.in_flight for account in self.book.accounts)
        open_sockets = [one for one in self.sockets.sockets if one.closed_at is None]
        return leased == 0 and self.gateway.open_count == 0 and open_sockets == []


def make_world(*scripts: Script, http: Script = MODES, user_id: str = "u") -> SocketWorld:
    """A world of one token.

    :param http: the answer to whatever is asked beside the websockets.
    """
    transport, sockets = FakeTransport([http]), FakeSockets(list(scripts))
    book = TokenBook([TokenEntry("token-0", user_id=user_id)], max_in_flight=2)
    settings = GrokWebSettings("https://grok.example.com", Identity(""), frozenset())
    web = GrokWebLane(transport, settings)
    lane = GrokSocketLane(web, sockets, Users(transport), lambda: 1_790_000_000.0)
    gateway = Gateway(lane, TokenPool(book, queue_s=10), jitter=lambda: 0.5)
    trio.lowlevel.spawn_system_task(gateway.alarm.run)  # ends with the run
    return SocketWorld(sockets, book, gateway)


def say(*events: str) -> Send:
    return Send("".join(f"{one}\n" for one in events).encode())


CREATED, ATTACHED = event("session.created"), attached()
ACKNOWLEDGED = say(CREATED, ATTACHED)
BEGUN = say(CREATED, ATTACHED, created())
A, DONE = say(words("a")), say(done())


def upgraded(*steps: Step, before: float = 0.0) -> Script:
    return Script((*steps, HANG), status=101, before=before)


def signs_of_life() -> Iterator[Step]:
    """All that Grok sends without news of the answer, every second, for half an hour."""
    nothing = (
        event("pong"),
        event("conversation.queue.updated", queue=[]),
        event("response.in_progress"),
        chunk(ui_layout={"effort": "LOW"}),
        chunk(phase_marker={"kind": "KIND_THINKING_START"}),
        words(""),
        words("of another answer", name=""),
        event("response.persisted"),
    )
    for number in range(1800):
        yield Wait(1)
        yield say(nothing[number % len(nothing)])


def every_100_s(*events: str) -> Iterator[Step]:
    for _ in range(9):
        yield say(*events)
        yield Wait(100)


@frozen
class Silence:
    """A way for Grok to keep silent, and what must come of it, when."""

    name: str
    script: Script
    error: type[GrokApiError]
    at: float
    limits: Limits = DEFAULT_LIMITS


SILENCES = [
    Silence("no upgrade", upgraded(before=math.inf), TimeoutFirstResponse, 30),
    Silence("a late upgrade", upgraded(before=29), TimeoutFirstResponse, 30),
    Silence("no acknowledgement", upgraded(), TimeoutFirstResponse, 30),
    Silence("no acknowledgement, but pongs", upgraded(*signs_of_life()), TimeoutFirstResponse, 30),
    Silence("one acknowledgement", upgraded(Wait(20), say(CREATED)), TimeoutFirstResponse, 30),
    Silence("no response", upgraded(ACKNOWLEDGED), TimeoutFirstResponse, 30),
    Silence("no response, but pongs", upgraded(ACKNOWLEDGED, *signs_of_life()), TimeoutFirstResponse, 30),
    Silence("a response without words", upgraded(BEGUN, *signs_of_life()), TimeoutFirstResponse, 30),
    Silence("each phase late", upgraded(Wait(9), ACKNOWLEDGED, Wait(9), BEGUN, Wait(9), A, before=2), TimeoutChunk, 149),
    Silence("silence after a word", upgraded(BEGUN, Wait(5), A), TimeoutChunk, 125),
    Silence("pongs after a word", upgraded(BEGUN, A, *signs_of_life()), TimeoutChunk, 120),
    Silence("a message without an end", upgraded(BEGUN, A, *(step for _ in range(900) for step in (Wait(1), Send(b'{"a":"b')))), TimeoutChunk, 120),
    Silence("a word every 100 s", upgraded(BEGUN, *every_100_s(words("a"))), TimeoutTotal, 600),
    Silence("a step's title every 100 s", upgraded(BEGUN, *every_100_s(words("Looking", HEADER))), TimeoutTotal, 600),
    Silence("a tool at work", upgraded(BEGUN, *every_100_s(chunk(tool_partial_result={}))), TimeoutTotal, 600, Limits(120, 120, 600)),
    Silence("own limits", upgraded(BEGUN), TimeoutFirstResponse, 7.5, QUICK),
    Silence("own limits, after a word", upgraded(BEGUN, A), TimeoutChunk, 1, QUICK),
    Silence("total before the acknowledgements", upgraded(), TimeoutTotal, 3, Limits(7.5, 1, 3)),
    Silence("total in the answer", upgraded(BEGUN, A), TimeoutTotal, 3, Limits(7.5, 9, 3)),
    Silence("a later done of another answer", upgraded(BEGUN, A, Wait(50), say(done(name="b" * 36))), TimeoutChunk, 120),
]  # fmt: skip


@pytest.mark.parametrize("case", SILENCES, ids=lambda case: case.name)
@on_fake_clock
async def test_each_clock_fires_at_its_exact_time_in_each_phase(case: Silence) -> None:
    """Neither pongs nor frames without news of the answer put it off; nothing is left behind, and
    nothing is asked again.
    """
    world = make_world(case.script)

    found, at = await failure_of(world.ask(case.limits))

    assert type(found) is case.error
    assert at == pytest.approx(case.at)
    assert len(world.sockets.sockets) == 1
    assert world.idle


@on_fake_clock
async def test_the_answer_ends_with_its_last_frame() -> None:
    """No clock waits for what may come behind it, nor for a close."""
    world = make_world(upgraded(BEGUN, A, Wait(3), DONE))

    assert await collect(world.ask()) == [Text("a"), Finished()]
    assert trio.current_time() == 3
    assert world.idle


@on_fake_clock
async def test_each_attempt_has_a_first_response_clock_of_its_own() -> None:
    """And all of them one total."""
    closed = Script((Wait(8),), status=101)
    world = make_world(closed, upgraded(), upgraded())

    found, at = await failure_of(world.ask())

    assert (type(found), at) == (TimeoutFirstResponse, 8 + 30)
    assert [one.opened_at for one in world.sockets.sockets] == [0, 8]


@on_fake_clock
async def test_questions_about_the_account_have_bounds_of_their_own() -> None:
    """Modes that Grok does not tell within 5 s keep the question waiting no longer; then its first
    response has its whole time.
    """
    world = make_world(upgraded(), http=Script((), before=math.inf))

    found, at = await failure_of(world.ask())

    assert (type(found), at) == (TimeoutFirstResponse, 5 + 30)


@pytest.mark.parametrize(("limits", "leaf", "at"), [
    (DEFAULT_LIMITS, TransportFailure, 40),
    (Limits(30, 120, 25), TimeoutTotal, 25),
])  # fmt: skip
@on_fake_clock
async def test_a_user_id_that_grok_does_not_tell_is_an_end_within_the_total(
    limits: Limits, leaf: type[GrokApiError], at: float
) -> None:
    """Each of two attempts waits 20 s for it."""
    world = make_world(upgraded(), http=Script((), before=math.inf), user_id="")

    found, ended = await failure_of(world.ask(limits))

    assert (type(found), ended) == (leaf, at)
    assert world.sockets.sockets == []
    assert world.idle
