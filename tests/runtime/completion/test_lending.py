"""Which lane lends, and who waits how long for which."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from attrs import evolve, frozen

from grokcore.errors import (
    CredentialsRejected,
    CreditsExhausted,
    GrokApiError,
    NoTokens,
    NoValidTokens,
    Overloaded,
    QuotaExhausted,
    RateLimitExceeded,
    SpendingCapReached,
)
from grokcore.protocol.conversation.usage import Usage
from grokcore.protocol.models import OFFICIAL_LANES, LaneName, LaneUse, Model
from grokcore.protocol.pool.book import Need, TokenBook
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.completion.lending import Lending
from grokcore.runtime.pool.desk import Desk
from grokcore.runtime.pool.desk_queue import Waiter
from grokcore.runtime.pool.leases import AnyLease, TokenPool
from tests.scenarios import on_fake_clock

from ..desks import EVERYWHERE, OFFICIAL_ONLY, WEB_ONLY, FakeHolder, desk_of

ALL = frozenset(LaneName)
WEB, API, CLI = LaneName.WEB, LaneName.API, LaneName.CLI
NEED = Need(EVERYWHERE)


def pool_of(tokens: int = 1) -> TokenPool:
    book = TokenBook([TokenEntry(f"sso-{number}") for number in range(tokens)], max_in_flight=1)
    return TokenPool(book, queue_s=10)


async def lane_of(lending: Lending, need: Need = NEED) -> LaneName | type[GrokApiError]:
    """The lane that lends, or the error."""
    try:
        lease = await lending.lease(need, lending.pool.ticket())
    except GrokApiError as error:
        return type(error)
    lease.return_unused()
    return lease.lane


def idle(lending: Lending) -> bool:
    """Whether no lease is lent, and nobody waits."""
    leased = sum(account.in_flight for account in lending.pool.book.accounts)
    desks = sum(desk.open + len(desk.waiting) for desk in lending.desks)
    return leased + desks + lending.pool.waiting == 0


# The table --------------------------------------------------------------------------------------


@frozen
class Case:
    """A question, the state of the tokens, the use of the API's desk, and the lane that answers."""

    use: LaneUse
    web: str
    expected: LaneName | type[GrokApiError]
    model: Model = EVERYWHERE
    lanes: frozenset[LaneName] = ALL

    def __str__(self) -> str:
        lanes = "+".join(sorted(lane.value for lane in self.lanes))
        return f"{self.use.value}-{self.web}-{self.model.name}-{lanes}"


OVERFLOW, FIRST, ONLY, OFF = LaneUse.OVERFLOW, LaneUse.FIRST, LaneUse.ONLY, LaneUse.OFF
W, A = frozenset({WEB}), frozenset({API})

TABLE = [
    Case(OVERFLOW, "free", WEB),
    Case(OVERFLOW, "busy", API),
    Case(OVERFLOW, "used up", API),
    Case(OVERFLOW, "refused", API),
    Case(OVERFLOW, "none", API),
    Case(FIRST, "free", API),
    Case(FIRST, "none", API),
    Case(ONLY, "free", API),
    Case(ONLY, "busy", API),
    Case(OFF, "free", WEB),
    Case(OFF, "busy", Overloaded),
    Case(OFF, "used up", RateLimitExceeded),
    Case(OFF, "refused", NoValidTokens),
    Case(OFF, "none", NoTokens),
    *[Case(use, "free", API, lanes=A) for use in (OVERFLOW, FIRST, ONLY)],
    Case(OFF, "free", NoTokens, lanes=A),
    *[Case(use, "free", WEB, lanes=W) for use in (OVERFLOW, FIRST, OFF)],
    Case(ONLY, "free", NoTokens, lanes=W),
    *[Case(use, "used up", RateLimitExceeded, lanes=W) for use in (OVERFLOW, FIRST, OFF)],
    *[Case(use, "free", API, OFFICIAL_ONLY) for use in (OVERFLOW, FIRST, ONLY)],
    Case(OFF, "free", NoTokens, OFFICIAL_ONLY),
    Case(FIRST, "free", NoTokens, OFFICIAL_ONLY, W),
    *[Case(use, "free", WEB, WEB_ONLY) for use in (OVERFLOW, FIRST, OFF)],
    Case(ONLY, "free", NoTokens, WEB_ONLY),
    Case(OVERFLOW, "used up", RateLimitExceeded, WEB_ONLY),
]


async def pool_in_state(state: str, model: Model) -> TokenPool:
    pool = pool_of(0 if state == "none" else 1)
    if state in ("busy", "used up", "refused"):
        lease = await pool.lease(Need(model if model.on_web else EVERYWHERE))
        if state != "busy":
            used_up = QuotaExhausted("x", retry_after=600)
            lease.settle(used_up if state == "used up" else CredentialsRejected("x"))
    return pool


@pytest.mark.parametrize("case", TABLE, ids=str)
@on_fake_clock
async def test_the_lane_is_the_owners_choice_among_those_that_can_answer(case: Case) -> None:
    """By the use, the tokens' state, the caller's lanes and the model's place."""
    desk = desk_of(API, use=case.use)
    lending = Lending(await pool_in_state(case.web, case.model), [desk])
    need = Need(case.model, lanes=case.lanes)
    assert await lane_of(lending, need) == case.expected
    waits = not isinstance(case.expected, LaneName) and case.expected is not Overloaded
    assert (lending.hopeless(need, trio.current_time()) is not None) == waits
    if case.web == "free":
        assert lending.serves(case.model, case.lanes) == isinstance(case.expected, LaneName)
    if isinstance(case.expected, LaneName) and case.web == "free":
        assert lending.first(need) is case.expected


@on_fake_clock
async def test_of_two_desks_the_clis_comes_before_the_paid_one() -> None:
    """It is paid already. While it rests, the paid one answers."""
    cli, api = desk_of(CLI, use=FIRST), desk_of(API, use=FIRST)
    lending = Lending(pool_of(), [cli, api])
    assert await lane_of(lending) is CLI
    lease = cli.lend(NEED, 0)
    assert lease is not None
    lease.settle(QuotaExhausted("x", retry_after=5))
    assert await lane_of(lending) is API


@on_fake_clock
async def test_an_overflow_desk_comes_behind_the_tokens_and_a_first_one_before() -> None:
    """Each desk has its own use."""
    lending = Lending(pool_of(), [desk_of(CLI, use=OVERFLOW), desk_of(API, use=FIRST)])
    assert await lane_of(lending) is API
    assert await lane_of(lending, Need(EVERYWHERE, lanes=frozenset({WEB, CLI}))) is WEB
    assert lending.desk(CLI) is lending.desks[0]
    assert lending.desk(WEB) is None


@on_fake_clock
async def test_models_are_listed_if_a_lane_has_them() -> None:
    """For the lanes that a caller may use."""
    lending = Lending(pool_of(), [desk_of(CLI, use=OFF), desk_of(API)])
    models = [EVERYWHERE, OFFICIAL_ONLY, WEB_ONLY]
    assert lending.listed(models, ALL) == models
    assert lending.listed(models, W) == [EVERYWHERE, WEB_ONLY]
    assert lending.listed(models, A) == [EVERYWHERE, OFFICIAL_ONLY]
    assert lending.names == (EVERYWHERE.name, OFFICIAL_ONLY.name)


@on_fake_clock
async def test_a_model_is_listed_with_its_lanes_and_facts() -> None:
    """Those of the lanes that the caller may use; grok.com tells nothing of its models."""
    lending = Lending(pool_of(), [desk_of(CLI), desk_of(API)])
    assert lending.facts(EVERYWHERE, ALL) == {"lanes": ["web", "cli", "api"], "context_window": 9}
    assert lending.facts(OFFICIAL_ONLY, A) == {"lanes": ["api"], "context_window": 9}
    assert lending.facts(EVERYWHERE, W) == lending.facts(WEB_ONLY, ALL) == {}


@on_fake_clock
async def test_the_error_is_that_which_passes_with_the_reasons_of_the_others() -> None:
    """And the shortest wait of all."""
    cli, api = desk_of(CLI), desk_of(API, holder=FakeHolder(""))
    lease = cli.lend(NEED, 0)
    assert lease is not None
    lease.settle(CreditsExhausted("No credits.", retry_after=90))
    lending = Lending(await pool_in_state("used up", EVERYWHERE), [cli, api])
    error = lending.hopeless(NEED, 0)
    assert isinstance(error, RateLimitExceeded)
    assert error.retry_after == 90
    assert "(Lane cli: No credits.) (Lane api: There is no credential.)" in error.message


@on_fake_clock
async def test_who_has_official_lanes_alone_is_shown_their_models_alone() -> None:
    """A client would choose a model that nothing here can answer."""
    lending = Lending(pool_of(0), [desk_of(API)])
    assert lending.listed([EVERYWHERE, OFFICIAL_ONLY, WEB_ONLY], ALL) == [
        EVERYWHERE,
        OFFICIAL_ONLY,
    ]
    assert Lending(pool_of(0), []).listed([WEB_ONLY], ALL) == [WEB_ONLY]


@pytest.mark.parametrize("asked", ["a question", "a look"])
@on_fake_clock
async def test_a_lane_that_lacks_the_model_is_named_with_the_setting_that_helps(asked: str) -> None:
    """To those who may use it, and where it is not switched off."""
    need = Need(WEB_ONLY)
    lending = Lending(
        await pool_in_state("used up", WEB_ONLY), [desk_of(CLI, use=OFF), desk_of(API)]
    )

    async def error_of(need: Need) -> GrokApiError | None:
        if asked == "a look":
            return lending.hopeless(need, trio.current_time())
        with pytest.raises(RateLimitExceeded) as caught:
            await lending.lease(need, 0)
        return caught.value

    error = await error_of(need)
    assert error is not None
    assert f"xAI has no {WEB_ONLY.name}; [api.stand_ins] can name" in error.message
    error = await error_of(evolve(need, lanes=W))
    assert error is not None
    assert "stand_ins" not in error.message


# Waits ------------------------------------------------------------------------------------------


@on_fake_clock
async def test_at_the_cap_exactly_as_many_answer_as_it_pays_for() -> None:
    """50 at once; the others are told of the cap, its setting, and when the day ends."""
    k, cost = 7, 100
    desk = desk_of(API, use=ONLY, cap=k * cost, cost=cost)
    lending = Lending(pool_of(), [desk])
    lent, refused = [0], list[GrokApiError]()

    async def ask() -> None:
        try:
            lease = await lending.lease(NEED, lending.pool.ticket())
        except GrokApiError as error:
            refused.append(error)
            return
        lent[0] += 1
        await trio.sleep(0.1)
        lease.used(Usage(1, 1, cost_ticks=cost))
        lease.settle(None)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(ask)
    assert lent == [k]
    assert len(refused) == 50 - k
    for error in refused:
        assert isinstance(error, SpendingCapReached)
        assert "daily_usd" in error.message
        assert error.retry_after == 43_200 - trio.current_time()
    assert idle(lending)


@on_fake_clock
async def test_questions_that_come_together_do_not_pass_by_a_desk_with_room() -> None:
    """Each looks at the credential first, and nobody is kept waiting by that."""
    lending = Lending(pool_of(50), [desk_of(API, use=FIRST, cap=10**6, cost=10)])
    found: list[AnyLease] = []
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(lease_later, lending, found)
    assert {lease.lane for lease in found} == {API}
    for lease in found:
        lease.abandon()
    assert idle(lending)


async def lease_later(lending: Lending, found: list[AnyLease], need: Need = NEED) -> None:
    found.append(await lending.lease(need, lending.pool.ticket()))


@on_fake_clock
async def test_a_waiter_is_served_when_an_answer_at_the_cap_ends() -> None:
    """At the moment of its end."""
    desk = desk_of(API, use=ONLY, cap=1000)
    lending = Lending(pool_of(), [desk])
    first = await lending.lease(NEED, 0)
    found: list[AnyLease] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lease_later, lending, found)
        await trio.sleep(3)
        assert found == []
        first.used(Usage(1, 1, cost_ticks=10))
        first.settle(None)
    assert (found[0].lane, trio.current_time()) == (API, 3)
    found[0].abandon()
    assert idle(lending)


@pytest.mark.parametrize("news", ["token", "rest", "credential"])
@on_fake_clock
async def test_a_waiter_in_the_tokens_queue_is_served_by_whichever_lane_is_first(news: str) -> None:
    """A token gets free, a desk's rest ends, or its owner mends it."""
    holder = FakeHolder("" if news == "credential" else "api-1")
    desk = desk_of(API, use=OVERFLOW, holder=holder)
    lending = Lending(pool_of(), [desk])
    token = await lending.pool.lease(NEED)
    if news != "credential":
        lease = desk.lend(NEED, 0)
        assert lease is not None
        lease.settle(QuotaExhausted("x", retry_after=4 if news == "rest" else 400))
    found: list[AnyLease] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lease_later, lending, found)
        await trio.sleep(2)
        assert found == []
        if news == "token":
            token.settle(None)
        holder.key = holder.key or "api-1"
        if news == "credential":
            desk.changed()
    expected = {"token": (WEB, 2), "rest": (API, 4), "credential": (API, 2)}[news]
    assert (found[0].lane, trio.current_time()) == expected
    found[0].abandon()
    token.abandon()
    assert idle(lending)


@on_fake_clock
async def test_a_wait_for_room_ends_with_the_queues_time() -> None:
    """As that for a token."""
    desk = desk_of(API, use=ONLY, cap=1000)
    lending = Lending(pool_of(), [desk])
    first = await lending.lease(NEED, 0)
    assert await lane_of(lending) is Overloaded
    assert trio.current_time() == 10
    first.abandon()
    assert idle(lending)


@pytest.mark.parametrize("moment", ["waiting", "served", "refreshing"])
@on_fake_clock
async def test_a_cancelled_waiter_leaves_nothing_behind(moment: str) -> None:
    """Also at the moment at which it is served; the next one is served in its place."""
    holder = FakeHolder("api-1")
    desk = desk_of(API, use=OVERFLOW, cap=1000, holder=holder)
    lending = Lending(pool_of(), [desk])
    token, first = await lending.pool.lease(NEED), desk.lend(NEED, 0)
    assert first is not None
    found: list[AnyLease] = []
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as leaving:
                leaving.start_soon(lease_later, lending, found)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(lease_later, lending, found)
                await trio.testing.wait_all_tasks_blocked()
                if moment != "waiting":
                    first.return_unused()
                if moment == "refreshing":
                    holder.slow = lambda: 1.0
                    await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert found == []
        if moment == "waiting":
            first.return_unused()
    (lease,) = found
    assert lease.lane is API
    lease.abandon()
    token.abandon()
    assert idle(lending)


@on_fake_clock
async def test_those_in_the_tokens_queue_are_served_before_newcomers() -> None:
    """Newcomers look for a free token first if there is a desk; they must not pass by."""
    lending = Lending(pool_of(2), [desk_of(API, holder=FakeHolder(""))])
    token, busy = [await lending.pool.lease(NEED) for _ in range(2)]
    found: list[AnyLease] = []
    async with trio.open_nursery() as nursery:
        token.settle(QuotaExhausted("x", retry_after=5))
        nursery.start_soon(lease_later, lending, found)
        await trio.testing.wait_all_tasks_blocked()
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, trio.testing.MockClock)
        clock.jump(6)  # the token has opened, and the waiter has not run yet
        assert lending.pool.lease_now(NEED) is None
    assert found[0].token_id == token.token_id
    found[0].abandon()
    busy.abandon()
    assert idle(lending)


@on_fake_clock
async def test_a_lane_that_is_switched_on_serves_those_who_wait_already() -> None:
    """The settings may change at any time."""
    cli, api = desk_of(CLI, use=OFF), desk_of(API, cap=1000)
    lending = Lending(pool_of(0), [cli, api])
    first = await lending.lease(NEED, 0)
    found: list[AnyLease] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lease_later, lending, found)
        await trio.sleep(1)
        cli.use = FIRST
        cli.changed()
    assert (found[0].lane, trio.current_time()) == (CLI, 1)
    first.abandon()
    found[0].abandon()
    assert idle(lending)


async def looks_for(waiters: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often that many look for a lease, who are served one after the other."""
    looks = 0
    find = Lending._free

    async def counted(self: Lending, need: Need, waiter: Waiter | None) -> AnyLease | None:
        nonlocal looks
        looks += 1
        return await find(self, need, waiter)

    monkeypatch.setattr(Lending, "_free", counted)
    desk: Desk = desk_of(API, use=ONLY, cap=10**15)
    lending = Lending(pool_of(), [desk])
    lending.pool.queue_s = 10_000
    need = Need(EVERYWHERE, lanes=OFFICIAL_LANES)
    served = 0

    async def ask() -> None:
        nonlocal served
        lease = await lending.lease(need, lending.pool.ticket())
        served += 1
        await trio.sleep(0.01)
        lease.used(Usage(1, 1))  # of unknown cost, so that the next one has to be alone again
        lease.settle(None)

    async with trio.open_nursery() as nursery:
        for _ in range(waiters):
            nursery.start_soon(ask)
    assert served == waiters
    assert idle(lending)
    monkeypatch.undo()
    return looks


@on_fake_clock
async def test_a_change_costs_the_same_however_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each end of an answer wakes one waiter. With a call of them all, four times as many would
    take sixteen times as long.
    """
    few, many = await looks_for(50, monkeypatch), await looks_for(200, monkeypatch)
    assert many < 5 * few
