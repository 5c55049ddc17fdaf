"""The websocket lane: a gateway, libcurl's transport and a simulated Grok on real sockets."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest
import trio
from attrs import evolve, frozen

from grokcore.config import DEFAULT_LIMITS
from grokcore.errors import (
    AntiBotRefusal,
    Challenge,
    ContentPolicyViolation,
    GrokApiError,
    IncompleteAnswer,
    ModeNotIncluded,
    NoTokens,
    NoValidTokens,
    RateLimitExceeded,
    TimeoutChunk,
    TimeoutFirstResponse,
    TransportFailure,
    UpstreamFailure,
)
from grokcore.protocol.conversation.events import (
    Event,
    Finished,
    Found,
    Picture,
    Text,
    Thinking,
)
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.conversation.question import Question
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.models import SHIPPED, Limits, Model, WebLane
from grokcore.protocol.pool.book import TokenBook
from grokcore.protocol.pool.records import record_of
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.completion.gateway import Completion, Gateway
from grokcore.runtime.lanes.grok_socket.lane import GrokSocketLane
from grokcore.runtime.lanes.grok_socket.users import Users
from grokcore.runtime.lanes.grok_web.lane import GrokWebLane
from grokcore.runtime.lanes.grok_web.settings import GrokWebSettings
from grokcore.runtime.pool.leases import TokenPool
from grokcore.runtime.transport.curl import CurlSettings, CurlTransport
from grokcore.simulator import frames, lines
from grokcore.simulator.accounts import all_modes
from grokcore.simulator.app import Simulator
from grokcore.simulator.page_socket import (
    Binary,
    Close,
    Fragments,
    Glued,
    Pinged,
    Raw,
    Say,
    SocketScript,
    Step,
    spoken,
)
from grokcore.simulator.scripts import CUT, HANG, Script, error, page
from grokcore.simulator.serve import serve_simulator
from tests.runtime.worlds import collect, failure_of
from tests.scenarios import decorator

FAST, EXPERT = SHIPPED["grok-3-fast"], SHIPPED["grok-4-expert"]
QUICK = Limits(first_response=0.4, chunk=0.3, total=5)


@frozen
class Lane:
    """A gateway over the websocket lane, and the Grok that it asks."""

    gateway: Gateway
    book: TokenBook
    simulator: Simulator
    transport: CurlTransport

    def ask(
        self, text: str = "hello", *, model: Model = FAST, limits: Limits = DEFAULT_LIMITS
    ) -> Completion:
        question = Question(model, limits, (Message("user", text),))
        return self.gateway.completion(self.gateway.lane.render(question), trio.current_time())


def run_on_lane(
    scenario: Callable[[Lane], Awaitable[None]],
    *,
    tokens: int = 1,
    script: SocketScript | None = None,
    book: TokenBook | None = None,
) -> None:
    """Run *scenario*; afterwards nothing may be under way, and the client made no mistake."""

    async def main() -> None:
        simulator, transport = Simulator(), CurlTransport(CurlSettings())
        if script is not None:
            simulator.sockets.always(script)
        pooled = book or TokenBook([TokenEntry(f"token-{number}") for number in range(tokens)])

        async def serve(*, task_status: trio.TaskStatus[str]) -> None:
            await serve_simulator(simulator, task_status=task_status)

        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                url = await nursery.start(serve)
                await nursery.start(transport.run)
                settings = GrokWebSettings(url, Identity(""), frozenset({"grok:render"}))
                web = GrokWebLane(transport, settings)
                lane = GrokSocketLane(web, transport, Users(transport), lambda: 1_790_000_000.5)
                gateway = Gateway(lane, TokenPool(pooled, queue_s=1), jitter=lambda: 0.0)
                nursery.start_soon(gateway.alarm.run)
                await scenario(Lane(gateway, pooled, simulator, transport))
                assert gateway.open_count == transport.under_way == 0
                assert sum(account.in_flight for account in pooled.accounts) == 0
                await simulator.until(lambda: not simulator.sockets.open)
                assert [fault for call in simulator.sockets.calls for fault in call.faults] == []
                nursery.cancel_scope.cancel()

    trio.run(main)


on_lane = decorator(run_on_lane, gives=1)


def said(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


def answer(*steps: Step) -> SocketScript:
    """An answer that has begun."""
    return SocketScript((Say(frames.response_created("fast")), *steps))


# What is sent -----------------------------------------------------------------------------------


@on_lane
async def test_a_question_is_asked_as_the_page_asks_it(lane: Lane) -> None:
    """The frames in their order, with the conversation's id; the upgrade with cookies alone."""
    assert said(await collect(lane.ask("hello"))) == "This is a simulated Grok. You said: hello"
    (call,) = lane.simulator.sockets.calls
    session, item, response = (frame["event"] for frame in call.frames)
    assert session["session"]["model"] == "fast"
    settings = session["session"]["x_grok"]
    assert settings["is_temporary"] is settings["disable_memory"] is True
    assert "disable_web_search" not in settings
    (chunk,) = item["item"]["x_grok"]["input_chunks"]
    assert chunk == {"text": {"text": "hello"}}
    assert response.keys() == {"type", "event_id"}
    assert [frame.get("session_id") for frame in call.frames] == [
        None,
        *[lines.CONVERSATION_ID] * 2,
    ]
    names = {name for name in call.headers if not name.startswith("sec-websocket-")}
    assert names == {
        *("upgrade", "connection", "origin", "user-agent", "accept-language"),
        *("cache-control", "pragma", "cookie"),
    }
    assert call.headers["cookie"] == f"sso=token-0; sso-rw=token-0; x-userid={lines.USER_ID}"


@on_lane(tokens=2)
async def test_the_user_id_is_asked_for_once_per_token(lane: Lane) -> None:
    """Whoever asks, and however many at once."""
    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(collect, lane.ask())
    assert sorted(call.sso for call in lane.simulator.sessions) == ["token-0", "token-1"]
    assert all("x-statsig-id" not in call.headers for call in lane.simulator.sessions)


def test_a_user_id_outlives_a_restart() -> None:
    """The record of the account has it, and nothing that is shown of it has."""
    records: dict[str, dict[str, object]] = {}

    async def first(lane: Lane) -> None:
        await collect(lane.ask())
        (account,) = lane.book.accounts
        assert account in lane.book.take_unsaved()
        records[account.entry.key] = record_of(account, trio.current_time(), 0.0)
        shown = [account, account.entry, lane.book.views(trio.current_time())]
        assert lines.USER_ID not in repr(shown)

    async def second(lane: Lane) -> None:
        await collect(lane.ask())
        assert lane.simulator.sessions == []
        (call,) = lane.simulator.sockets.calls
        assert call.headers["cookie"].endswith(f"x-userid={lines.USER_ID}")

    run_on_lane(first)
    book = TokenBook([TokenEntry("token-0")])
    book.recall(records, 0.0, 0.0)
    run_on_lane(second, book=book)


@on_lane(book=TokenBook([TokenEntry("token-0", user_id="of-the-file")]))
async def test_the_user_id_of_the_token_file_is_used_unasked(lane: Lane) -> None:
    """Grok isn't asked, and the file's id is in the cookie."""
    await collect(lane.ask())
    assert lane.simulator.sessions == []
    (call,) = lane.simulator.sockets.calls
    assert call.headers["cookie"].endswith("x-userid=of-the-file")


@on_lane
async def test_no_user_id_is_in_an_error_or_a_log(
    lane: Lane, caplog: pytest.LogCaptureFixture
) -> None:
    """It is private, like the session: not even an answer of Grok's that fails shows it."""
    with caplog.at_level("DEBUG"):
        await collect(lane.ask())
        lane.simulator.sockets.always(answer(Close(1011, f"user {lines.USER_ID}")))
        error, _ = await failure_of(lane.ask())
    assert lines.USER_ID not in f"{error!r} {error.message} {caplog.text}"


# Modes ------------------------------------------------------------------------------------------

HEAVY_FREE = evolve(
    FAST, name="heavy", mode_id="heavy", web_lane=WebLane.SOCKET, rate_limit_name="heavy"
)
NO_ANSWERS = {
    "anti-bot": error(403, lines.ERROR_403_ANTIBOT),
    "401": error(401, lines.ERROR_401),
    "404": error(404, {}),
    "a page": page(),
    "unknown form": error(200, {"modes": "many"}),
}


@on_lane(tokens=2)
async def test_a_mode_is_not_tried_with_an_account_that_may_not_use_it(lane: Lane) -> None:
    """Each account is asked once; the other one answers, then and from then on."""
    lane.simulator.mode_scripts["token-0"] = all_modes(heavy="requiresUpgrade")
    for _ in range(3):
        await collect(lane.ask(model=HEAVY_FREE))
    assert {call.sso for call in lane.simulator.sockets.calls} == {"token-1"}
    assert sorted(call.sso for call in lane.simulator.modes) == ["token-0", "token-1"]
    assert all("x-statsig-id" not in call.headers for call in lane.simulator.modes)


@on_lane
async def test_a_mode_that_no_account_may_use_is_an_error_with_the_plan(lane: Lane) -> None:
    """The error names the plan in Grok's word, and other modes are answered."""
    lane.simulator.mode_scripts["token-0"] = all_modes(heavy="requiresUpgrade")
    for leaf in (ModeNotIncluded, NoTokens):
        failure, _ = await failure_of(lane.ask(model=HEAVY_FREE))
        assert isinstance(failure, leaf)
        assert "TIER_SUPERGROK" in failure.message
    await collect(lane.ask())
    assert len(lane.simulator.sockets.calls) == len(lane.simulator.modes) == 1


@pytest.mark.parametrize("script", NO_ANSWERS.values(), ids=NO_ANSWERS)
@on_lane
async def test_modes_that_grok_does_not_tell_cost_nothing(lane: Lane, script: Script) -> None:
    """The question is asked, and the account and its egress are as they would be without."""
    lane.simulator.mode_scripts["token-0"] = script
    for _ in range(2):
        await collect(lane.ask(model=HEAVY_FREE))
    (account,) = lane.book.accounts
    assert account.state(trio.current_time()) == "ok"
    assert account.egress.paused_until <= trio.current_time()
    assert len(lane.simulator.modes) == 1


def test_modes_outlive_a_restart() -> None:
    """The record has them, with the time of the next question."""
    account = TokenBook([TokenEntry("token-0")]).accounts[0]
    account.refused_modes, account.modes_due_at = {"heavy": "PLAN"}, 5000.0
    record = record_of(account, 10.0, 1e9)
    book = TokenBook([TokenEntry("token-0")])
    book.recall({account.entry.key: record}, 100.0, 1e9)
    assert book.accounts[0].refused_modes == {"heavy": "PLAN"}
    assert book.accounts[0].modes_due_at == 5000.0


# What comes back --------------------------------------------------------------------------------

NASTY: list[Step] = [
    Raw("nonsense"),
    Binary(),
    Pinged(),
    Say(frames.text("another conversation's"), "other"),
    Say(frames.text("another answer's", frames.ANSWER, "00000000-0000-4000-8000-000000000000")),
    Say({"type": "something.new", "value": 1}),
    Fragments(frames.text("a", frames.ANSWER)),
    Fragments(frames.text("b"), 1),
    Glued((frames.text("c"), frames.text("d"), frames.done())),
    Say(frames.text("late")),
    Say(frames.suggestions("More?")),
]


@on_lane(script=answer(*NASTY))
async def test_frames_are_taken_in_stride_however_they_come(lane: Lane) -> None:
    """Foreign, unknown, fragmented, glued, binary and late ones: the answer is its own text."""
    events = await collect(lane.ask())
    assert said(events) == "abcd"
    assert isinstance(events[-1], Finished)


@on_lane(
    script=answer(
        Say(frames.text("Looking", frames.HEADER)),
        Say(frames.text("Hm.", frames.THINKING)),
        Say(frames.tool_call("1", "web_search", query="harbour")),
        Say(frames.web_pages("1", ("https://example.com/a", "A"))),
        Say(frames.text("See")),
        Say(frames.citation("https://example.com/a")),
        Say(frames.picture(f"users/{lines.USER_ID}/generated/1/image.jpg", 50)),
        Say(frames.picture(f"users/{lines.USER_ID}/generated/1/image.jpg")),
        Say(frames.picture(f"users/{lines.USER_ID}/generated/2/image.jpg", moderated=True)),
        Say(frames.done()),
    )
)
async def test_thoughts_searches_citations_and_pictures_are_events(lane: Lane) -> None:
    """Pictures that are ready and not moderated; titles for the page are no text."""
    events = await collect(lane.ask())
    assert "Looking" not in said(events)
    assert any(isinstance(event, Thinking) and "Hm." in event.text for event in events)
    assert any(isinstance(event, Found) for event in events)
    (picture,) = [event for event in events if isinstance(event, Picture)]
    assert picture.url.endswith("/generated/1/image.jpg")


# Refusals and ends ------------------------------------------------------------------------------


@frozen
class End:
    """A websocket that ends badly, and the error that the client gets."""

    name: str
    script: SocketScript
    error: type[GrokApiError]
    words: str = ""
    model: Model = FAST


def refused(status: int, body: object = b"", **headers: str) -> SocketScript:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return SocketScript((), status=status, headers=fields, body=data)


def greeted(*steps: Step) -> SocketScript:
    return SocketScript((HANG,), greeting=steps)


ENDS = [
    End("401", refused(401), NoValidTokens),
    End("403 challenge", refused(403, cf_mitigated="challenge", server="cloudflare"), Challenge),
    End("429", refused(429), RateLimitExceeded),
    End("503", refused(503), UpstreamFailure),
    End("200", refused(200), UpstreamFailure),
    End("cut before the acknowledgements", greeted(CUT), TransportFailure),
    End("closed before the acknowledgements", greeted(Close()), TransportFailure),
    End("error instead", greeted(Say(frames.error("anti_bot", "no"))), AntiBotRefusal),
    End("one acknowledgement", greeted(Say(frames.session_created("e"))), TimeoutFirstResponse),
    End("ended at once", greeted(Say(frames.session_ended())), GrokApiError),
    End("silent", answer(HANG), TimeoutFirstResponse),
    End("stalled", answer(Say(frames.text("a")), HANG), TimeoutChunk),
    End("cut", answer(Say(frames.text("a")), CUT), TransportFailure),
    End("closed", answer(Say(frames.text("a")), Close()), IncompleteAnswer),
    End("closed for a reason", answer(Say(frames.text("a")), Close(1011, "boom")), GrokApiError, "boom"),
    End("ended", answer(Say(frames.text("a")), Say(frames.session_ended())), IncompleteAnswer),
    End("failed", answer(Say(frames.text("a")), Say(frames.done("failed", "stream_error"))), GrokApiError),
    End("not included", answer(Say(frames.done("failed", "stream_error"))), ModeNotIncluded, model=EXPERT),
    End("error event", answer(Say(frames.error("anti_bot", "no"))), AntiBotRefusal),
    End("out of date", answer(Say(frames.error("7", "This page is out of date. Reload to continue."))), AntiBotRefusal),
    End("limit", answer(Say(frames.stream_error("RATE_LIMIT", "no", usageLimitReached={}))), RateLimitExceeded),
    End("moderated", answer(Say(frames.error("content_moderated", "no"))), ContentPolicyViolation),
]  # fmt: skip


@pytest.mark.parametrize("case", ENDS, ids=lambda case: case.name)
@on_lane(script=lambda case: case.script)
async def test_an_answer_that_is_not_done_never_looks_whole(lane: Lane, case: End) -> None:
    """Each end is the error that it is on every lane."""
    found, _ = await failure_of(lane.ask(model=case.model, limits=QUICK))
    assert isinstance(found, case.error)
    assert case.words in str(found)


@on_lane
async def test_a_session_that_is_refused_is_a_refused_token(lane: Lane) -> None:
    """The question for the user id says it first, without a websocket."""
    lane.simulator.dead.add("token-0")
    found, _ = await failure_of(lane.ask())
    assert isinstance(found, GrokApiError)
    assert found.code == "no_valid_tokens"
    assert lane.simulator.sockets.calls == []


@on_lane
async def test_a_question_for_the_user_id_that_fails_is_no_fault_of_the_token(lane: Lane) -> None:
    """Nor is an answer without one."""
    for script in (error(500, {}), error(200, {"status": "ok"})):
        lane.simulator.session_scripts["token-0"] = script
        found, _ = await failure_of(lane.ask())
        assert isinstance(found, GrokApiError)
        assert not lane.book.accounts[0].invalid
    del lane.simulator.session_scripts["token-0"]


# Aborts -----------------------------------------------------------------------------------------


@frozen
class Phase:
    """A moment at which the client leaves."""

    name: str
    script: SocketScript


PHASES = [
    Phase("upgrade", SocketScript((), before=60)),
    Phase("acknowledgements", SocketScript((), greeting=(HANG,))),
    Phase("first words", answer(HANG)),
    Phase("answer", spoken("word " * 2000, pace_s=0.001)),
]


@pytest.mark.parametrize("case", PHASES, ids=lambda case: case.name)
@on_lane(script=lambda case: case.script, tokens=4)
async def test_a_client_that_leaves_ends_its_websocket_in_each_phase(
    lane: Lane, case: Phase
) -> None:
    """No lease, transfer or websocket is left, however far each had come when it was aborted."""

    async def leave(after_s: float) -> None:
        completion = lane.ask()
        try:
            with trio.move_on_after(after_s):
                await completion.start()
                while True:
                    await completion.next_events()
        except GrokApiError:
            pass  # no token was free
        finally:
            await completion.aclose()

    while len(lane.simulator.sockets.calls) <= 10:
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(leave, 0.02 + 0.005 * number)
