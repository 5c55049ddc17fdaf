"""Attempts that go from one lane to another, and what they cost."""

from __future__ import annotations

import contextlib

import pytest
import trio
from attrs import define

from grokcore.config import DEFAULT_LIMITS
from grokcore.errors import (
    ContentPolicyViolation,
    CreditsExhausted,
    GrokApiError,
    InvalidRequest,
    OfficialCredentialRejected,
    QuotaExhausted,
    RateLimitExceeded,
    TimeoutChunk,
    TimeoutFirstResponse,
    ToolCallFailed,
    TransportFailure,
    UpstreamFailure,
)
from grokcore.protocol.conversation.events import (
    Event,
    Failed,
    Finished,
    Text,
    Thinking,
    Unusable,
    Used,
)
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.conversation.question import Question, Rendering
from grokcore.protocol.conversation.tools import Tool, Toolbox
from grokcore.protocol.conversation.usage import Usage
from grokcore.protocol.models import LaneName, LaneUse, Model
from grokcore.protocol.pool.book import TokenBook
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.completion.gateway import Completion, Gateway
from grokcore.runtime.pool.desk import Desk
from grokcore.runtime.pool.leases import TokenPool
from grokcore.web.answers.choices import Choices
from tests.scenarios import on_fake_clock

from ..desks import EVERYWHERE, OFFICIAL_ONLY, FakeHolder, desk_of
from ..echo_lane import EchoLane, EchoQuestion
from ..worlds import collect, failure_of

OVERFLOW, FIRST = LaneUse.OVERFLOW, LaneUse.FIRST
COST = 1000
HELLO = (Message("user", "hello"),)
ANSWERED: list[Event] = [Text("hello"), Finished()]


def counted(ticks: int | None = 70) -> Used:
    return Used(Usage(3, 4, cost_ticks=ticks))


@define
class Lanes:
    """Two lanes whose upstreams echo: session tokens, and the paid one at its desk."""

    gateway: Gateway
    web: EchoLane
    api: EchoLane
    desk: Desk

    async def ask(self, model: Model = EVERYWHERE, *, toolbox: Toolbox | None = None) -> Completion:
        question = Question(model, DEFAULT_LIMITS, HELLO, toolbox=toolbox or Toolbox())
        asked = await self.gateway.rendered(question)
        return self.gateway.completion(asked, trio.current_time())

    @property
    def asked(self) -> tuple[int, int]:
        """Questions that the web, and the paid lane, have got."""
        return len(self.web.asked), len(self.api.asked)

    @property
    def spent(self) -> int:
        assert self.desk.spending is not None
        return self.desk.spending.spent

    @property
    def idle(self) -> bool:
        leased = sum(account.in_flight for account in self.gateway.pool.book.accounts)
        waiting = len(self.desk.waiting) + self.gateway.pool.waiting
        return leased + self.desk.open + waiting + self.gateway.open_count == 0


def lanes_of(
    use: LaneUse = OVERFLOW, *, tokens: int = 1, holder: FakeHolder | None = None
) -> Lanes:
    web = EchoLane(lambda question: Rendering(question, prompt_tokens=1))
    api = EchoLane(
        lambda question: Rendering(question, prompt_tokens=2, counts=True), name=LaneName.API
    )
    desk = desk_of(LaneName.API, use=use, cap=10**6, cost=COST, holder=holder)
    book = TokenBook([TokenEntry(f"sso-{number}") for number in range(tokens)], max_in_flight=2)
    gateway = Gateway(
        web,
        TokenPool(book, queue_s=10),
        jitter=lambda: 0.5,
        desks=(desk,),
        official={LaneName.API: api},
    )
    trio.lowlevel.spawn_system_task(gateway.alarm.run)  # ends with the run
    return Lanes(gateway, web, api, desk)


# Crossing ---------------------------------------------------------------------------------------


@on_fake_clock
async def test_a_question_that_the_web_refuses_is_answered_by_the_paid_lane() -> None:
    """In the same request, in that lane's words; and the manner is that lane's."""
    lanes = lanes_of()
    lanes.web.refusals.append(QuotaExhausted("x"))
    lanes.api.scripts.append([[Text("hello")], [counted(), Finished()]])
    completion = await lanes.ask()
    assert (completion.manner.lane, completion.manner.counts) == (LaneName.WEB, False)
    assert await collect(completion) == [Text("hello"), counted(), Finished()]
    assert (completion.attempts, len(completion.failed), lanes.asked) == (2, 1, (1, 1))
    assert (completion.manner.lane, completion.manner.counts) == (LaneName.API, True)
    assert (completion.cost, lanes.spent, completion.token_id) == (70, 70, "id of api-1")
    assert lanes.idle


@on_fake_clock
async def test_the_last_attempt_is_the_paid_lanes_if_tokens_fail_one_after_the_other() -> None:
    """However many there are: nobody knows of the rest whether they are used up, too."""
    lanes = lanes_of(tokens=9)
    lanes.web.refusals += [QuotaExhausted("x")] * 9
    completion = await lanes.ask()
    assert await collect(completion) == ANSWERED
    assert (completion.attempts, lanes.asked) == (3, (2, 1))
    assert lanes.idle


@on_fake_clock
async def test_the_last_attempt_is_a_tokens_if_the_paid_lane_is_shut() -> None:
    """Nothing is lost without a lane that is open."""
    lanes = lanes_of(tokens=9, holder=FakeHolder(""))
    lanes.web.refusals += [QuotaExhausted("x")] * 2
    completion = await lanes.ask()
    assert await collect(completion) == ANSWERED
    assert (completion.attempts, lanes.asked) == (3, (3, 0))


@pytest.mark.parametrize(
    "fault", [TimeoutFirstResponse("x"), TimeoutChunk("x"), TransportFailure("x")]
)
@on_fake_clock
async def test_a_question_that_the_web_may_have_answered_never_crosses(
    fault: GrokApiError,
) -> None:
    """The owner would pay for a second answer, and the client might get effects twice."""
    lanes = lanes_of()
    lanes.web.faults += [fault] * 3
    error, _ = await failure_of(await lanes.ask())
    assert error is fault
    assert (lanes.asked[1], lanes.spent) == (0, 0)
    assert lanes.idle


@on_fake_clock
async def test_a_question_whose_connection_failed_before_it_was_taken_may_cross() -> None:
    """Nobody has seen it."""
    lanes = lanes_of()
    lanes.web.refusals += [TransportFailure("x")] * 2
    assert await collect(await lanes.ask()) == ANSWERED
    assert lanes.asked == (2, 1)
    assert lanes.idle


@on_fake_clock
async def test_a_refusal_inside_the_stream_crosses() -> None:
    """Grok has said what became of the question."""
    lanes = lanes_of()
    lanes.web.scripts.append([[Failed(QuotaExhausted("x"))], []])
    assert await collect(await lanes.ask()) == ANSWERED
    assert lanes.asked == (1, 1)
    assert lanes.idle


@on_fake_clock
async def test_nothing_crosses_after_the_first_event() -> None:
    """The client has a part of the answer."""
    for failed in ([Failed(QuotaExhausted("x"))], [Text("more"), Failed(UpstreamFailure("x"))]):
        lanes = lanes_of()
        lanes.web.scripts.append([[Text("hel")], [*failed], []])
        completion = await lanes.ask()
        await completion.start()
        with pytest.raises(GrokApiError):
            while True:
                await completion.next_events()
        await completion.aclose()
        assert lanes.asked == (1, 0)
        assert lanes.idle


@on_fake_clock
async def test_a_paid_lane_that_fails_leaves_the_question_to_the_tokens() -> None:
    """Also after it may have answered unseen: the tokens cost nothing."""
    for refusals, faults in (([CreditsExhausted("x")], []), ([], [TransportFailure("x")])):
        lanes = lanes_of(FIRST)
        lanes.api.refusals += refusals
        lanes.api.faults += faults
        completion = await lanes.ask()
        assert completion.manner.lane is LaneName.API
        assert await collect(completion) == ANSWERED
        assert (completion.manner.lane, completion.attempts) == (LaneName.WEB, 2)
        assert (completion.cost, lanes.spent) == ((COST, COST) if faults else (0, 0))
        assert lanes.idle


@on_fake_clock
async def test_a_fault_of_the_question_does_not_cross() -> None:
    """It would be refused there too, or be paid for."""
    lanes = lanes_of()
    lanes.web.refusals.append(ContentPolicyViolation("x"))
    await failure_of(await lanes.ask())
    assert lanes.asked == (1, 0)


@pytest.mark.parametrize(("repeatable", "asked"), [(None, 2), (True, 2), (False, 1)])
@on_fake_clock
async def test_the_upstream_decides_whether_a_failed_question_is_repeated(
    repeatable: bool | None, asked: int
) -> None:
    """``x-should-retry`` overrules the class of the failure."""
    lanes = lanes_of()
    error = UpstreamFailure("x")
    error.amend(repeatable=repeatable)
    lanes.api.refusals.append(error)
    if asked == 2:
        assert await collect(await lanes.ask(OFFICIAL_ONLY)) == ANSWERED
    else:
        assert (await failure_of(await lanes.ask(OFFICIAL_ONLY)))[0] is error
    assert lanes.asked == (0, asked)
    assert lanes.idle


@on_fake_clock
async def test_a_failure_that_only_the_upstream_allows_to_repeat_is_repeated() -> None:
    """And one of the credential that must not be repeated with it goes to another lane."""
    lanes = lanes_of()
    error: GrokApiError = ContentPolicyViolation("x")
    error.amend(repeatable=True)
    lanes.api.refusals.append(error)
    assert await collect(await lanes.ask(OFFICIAL_ONLY)) == ANSWERED
    lanes = lanes_of(FIRST)
    error = QuotaExhausted("x", retry_after=9)
    error.amend(repeatable=False)
    lanes.api.refusals.append(error)
    assert await collect(await lanes.ask()) == ANSWERED
    assert lanes.asked == (1, 1)


# Credentials ------------------------------------------------------------------------------------


@on_fake_clock
async def test_a_refused_credential_is_refreshed_and_tried_once_more() -> None:
    """If there is another one; the client notices nothing."""
    lanes = lanes_of(holder=FakeHolder("api-1", next_keys=["api-2"]))
    lanes.api.refusals.append(OfficialCredentialRejected("x"))
    completion = await lanes.ask(OFFICIAL_ONLY)
    assert await collect(completion) == ANSWERED
    assert (completion.attempts, completion.token_id) == (2, "id of api-2")
    assert lanes.idle


@on_fake_clock
async def test_a_refused_credential_without_another_is_not_tried_again() -> None:
    """Neither by this request nor by the next."""
    lanes = lanes_of()
    lanes.api.refusals.append(OfficialCredentialRejected("x"))
    for _ in range(2):
        error, waited = await failure_of(await lanes.ask(OFFICIAL_ONLY))
        assert (type(error), waited) == (OfficialCredentialRejected, 0)
    assert lanes.asked == (0, 1)


@on_fake_clock
async def test_an_error_never_quotes_the_credential() -> None:
    """xAI may echo it."""
    lanes = lanes_of()
    lanes.api.refusals.append(InvalidRequest("Bad header: secret api-1."))
    error, _ = await failure_of(await lanes.ask(OFFICIAL_ONLY))
    assert error.message == "Bad header: …."


# Costs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        [[Text("a"), counted(), Finished()], []],
        [[Text("a")], [counted(), Finished()], []],
        [[Text("a")], [counted()], [Finished()]],
        [[Text("a")], [counted(), Failed(UpstreamFailure("x"))], []],
        [[Text("a"), counted(), Failed(UpstreamFailure("x"))], []],
    ],
)
@on_fake_clock
async def test_the_count_reaches_the_lease_before_it_is_settled(script: list[list[Event]]) -> None:
    """In whichever pieces it comes, and with a failure behind it."""
    lanes = lanes_of()
    lanes.api.scripts.append([[*events] for events in script])
    completion = await lanes.ask(OFFICIAL_ONLY)
    with contextlib.suppress(UpstreamFailure):
        await collect(completion)
    assert (completion.cost, lanes.spent) == (70, 70)
    assert lanes.idle


@on_fake_clock
async def test_a_count_alone_is_no_answer() -> None:
    """A failure behind it is repeated, and both attempts are paid for."""
    for script in (
        [[counted(), Failed(UpstreamFailure("x"))], []],
        [[counted()], [Failed(UpstreamFailure("x"))], []],
    ):
        lanes = lanes_of()
        lanes.api.scripts += [[*script], [[Text("a")], [counted(5), Finished()]]]
        completion = await lanes.ask(OFFICIAL_ONLY)
        assert await collect(completion) == [Text("a"), counted(5), Finished()]
        assert (completion.attempts, completion.cost, lanes.spent) == (2, 75, 75)
        assert lanes.idle


@on_fake_clock
async def test_an_abandoned_answer_is_paid_for() -> None:
    """The client left; xAI charges what it has written, which nobody knows."""
    lanes = lanes_of()
    lanes.api.scripts.append([[Text("a")], [Text("b")], [Finished()]])
    completion = await lanes.ask(OFFICIAL_ONLY)
    await completion.start()
    before = completion.cost
    await completion.aclose()
    assert (before, completion.cost, lanes.spent) == (None, COST, COST)
    assert lanes.idle


@on_fake_clock
async def test_a_web_answer_has_no_cost() -> None:
    """There is no header for it then."""
    lanes = lanes_of()
    completion = await lanes.ask()
    await collect(completion)
    assert completion.cost is None


@on_fake_clock
async def test_the_cost_of_several_choices_is_their_sum() -> None:
    """The web's among them cost nothing."""
    lanes = lanes_of(FIRST)
    lanes.api.scripts += [[[Text("a")], [counted(ticks), Finished()]] for ticks in (5, 6)]
    async with trio.open_nursery() as nursery:
        both = [await lanes.ask() for _ in range(2)]
        choices = Choices(both, nursery)
        await choices.start()
        events: list[Event] = []
        while not (events and isinstance(events[-1], Finished)):
            events += await choices.next_events()
        assert choices.cost == 11
        await choices.aclose()
    assert lanes.spent == 11
    assert lanes.idle


# Words ------------------------------------------------------------------------------------------


@on_fake_clock
async def test_a_question_that_the_other_lane_cannot_say_costs_nothing() -> None:
    """Its lease is given back unused, with a success of nobody."""
    lanes = lanes_of()
    lanes.web.refusals.append(QuotaExhausted("x"))
    refused = InvalidRequest("This lane takes no such thing.")

    def render(question: Question) -> Rendering:
        raise refused

    lanes.api.facts = render
    error, _ = await failure_of(await lanes.ask())
    assert error is refused
    assert (lanes.asked, lanes.spent) == ((1, 0), 0)
    assert lanes.idle


@on_fake_clock
async def test_a_correction_never_crosses() -> None:
    """It is a question about the web's words, and would be paid for."""
    lanes = lanes_of()
    unusable = Unusable("<fn:call>", ("It has no name.",), ToolCallFailed("It can't be read."))
    lanes.web.scripts.append([[Thinking("Hm.")], [unusable], []])
    completion = await lanes.ask(toolbox=Toolbox((Tool("read"),)))
    await completion.start()
    lanes.web.refusals += [QuotaExhausted("x")] * 3
    await completion.next_events()
    (last,) = await completion.next_events()
    assert isinstance(last, Unusable)
    with pytest.raises(RateLimitExceeded):
        await completion.repair(last)
    await completion.aclose()
    assert lanes.asked == (2, 0)
    assert lanes.idle


@pytest.mark.parametrize("steps", range(12))
@on_fake_clock
async def test_a_client_that_leaves_at_any_step_leaves_no_lease(steps: int) -> None:
    """Neither the desk nor the cap keeps anything of a question whose client is gone."""
    lanes = lanes_of(LaneUse.ONLY)
    completion = await lanes.ask()
    async with trio.open_nursery() as nursery:

        async def use() -> None:
            try:
                await completion.start()
                while await completion.next_events():
                    await trio.lowlevel.checkpoint()
            finally:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                    await completion.aclose()

        nursery.start_soon(use)
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert lanes.idle
    assert lanes.desk.spending is not None
    assert lanes.desk.spending.expected == 0


@pytest.mark.parametrize("step", ["prepare", "decoder", "open"])
@on_fake_clock
async def test_a_bug_at_any_step_leaves_no_lease(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer fails as a bug does; the next one finds room under the cap."""
    lanes = lanes_of(LaneUse.ONLY)
    completion = await lanes.ask()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(EchoQuestion, step, fail)
    with pytest.raises(RuntimeError, match="a bug"):
        await completion.start()
    await completion.aclose()
    assert lanes.idle
    assert lanes.desk.spending is not None
    assert lanes.desk.spending.expected == 0
