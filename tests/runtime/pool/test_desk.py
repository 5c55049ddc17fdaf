"""A desk: what it lends, when, what it costs, and whom it wakes."""

from __future__ import annotations

import math

import pytest
import trio
import trio.testing

from grokcore.errors import (
    CliOutdated,
    ContentPolicyViolation,
    CreditsExhausted,
    GrokApiError,
    ModelGone,
    NoTokens,
    OfficialCredentialRejected,
    Overloaded,
    QuotaExhausted,
    SpendingCapReached,
    TimeoutChunk,
    TransportFailure,
    UpstreamFailure,
)
from grokcore.protocol.conversation.usage import TICKS_PER_USD, Usage
from grokcore.protocol.models import LaneName, LaneUse
from grokcore.protocol.pool.book import Need
from grokcore.protocol.pool.spending import UNKNOWN_TICKS
from grokcore.runtime.pool.desk import Desk
from grokcore.runtime.pool.official_lease import OfficialLease
from tests.scenarios import on_fake_clock

from ..desks import EVERYWHERE, WEB_ONLY, FakeHolder, FakeWares, desk_of

NEED = Need(EVERYWHERE)
COST = 100


def lent(desk: Desk, need: Need = NEED) -> OfficialLease:
    lease = desk.lend(need, trio.current_time())
    assert lease is not None
    return lease


def spent(desk: Desk) -> int:
    assert desk.spending is not None
    return desk.spending.spent


# Offers -----------------------------------------------------------------------------------------


@on_fake_clock
async def test_a_lane_that_is_off_or_not_allowed_or_lacks_the_model_lends_nothing() -> None:
    """And says so."""
    for desk, need in (
        (desk_of(use=LaneUse.OFF), NEED),
        (desk_of(), Need(EVERYWHERE, lanes=frozenset({LaneName.WEB, LaneName.CLI}))),
        (desk_of(), Need(WEB_ONLY)),
        (desk_of(), Need(EVERYWHERE, excluded=frozenset({"api-1"}))),
    ):
        assert desk.lend(need, 0) is None
        assert isinstance(desk.hopeless(need, 0), NoTokens)


@on_fake_clock
async def test_without_a_credential_the_owner_is_told_why() -> None:
    """The holder knows."""
    desk = desk_of(holder=FakeHolder("", "The key file is empty."))
    error = desk.hopeless(NEED, 0)
    assert isinstance(error, OfficialCredentialRejected)
    assert error.message == "The key file is empty."


@on_fake_clock
async def test_a_lease_shows_whose_it_is_and_ends_once() -> None:
    """In whatever way it ends first."""
    for end in ("settle", "abandon", "return_unused"):
        desk = desk_of(cap=1000, cost=COST)
        lease = lent(desk)
        assert (lease.lane, lease.key, lease.model) == (LaneName.API, "api-1", "grok-x")
        assert lease.secrets == ("secret api-1",)
        assert repr(lease) == "<OfficialLease of api id of api-1>"
        lease.used(Usage(1, 1, cost_ticks=7))
        getattr(lease, end)(*([None] if end == "settle" else []))
        lease.settle(CreditsExhausted("x"))
        lease.abandon()
        lease.return_unused()
        assert (desk.open, desk.hopeless(NEED, 0)) == (0, None)
        assert (spent(desk), lease.cost) == ((0, None) if end == "return_unused" else (7, 7))


# Costs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "answering", "usage", "cost"),
    [
        (None, True, Usage(1, 1, cost_ticks=70), 70),
        (None, True, Usage(1, 1), 55),
        (None, True, None, COST),
        (UpstreamFailure("x"), False, None, 0),
        (UpstreamFailure("x"), True, None, COST),
        (UpstreamFailure("x"), False, Usage(1, 1, cost_ticks=70), 70),
        (ContentPolicyViolation("x"), False, None, 0),
        (TransportFailure("x"), False, None, COST),
        (TimeoutChunk("x"), False, None, COST),
    ],
)
@on_fake_clock
async def test_a_cost_is_as_reported_else_by_prices_else_as_before_and_a_refusal_is_free(
    error: GrokApiError | None, answering: bool, usage: Usage | None, cost: int
) -> None:
    """A request of which xAI said nothing may have been answered there."""
    desk = desk_of(cap=100_000, cost=COST, wares=FakeWares(cost=55))
    lease = lent(desk)
    if answering:
        lease.answering()
    if usage is not None:
        lease.used(usage)
    lease.settle(error)
    assert (lease.cost, spent(desk)) == (cost, cost)


@on_fake_clock
async def test_an_abandoned_answer_costs_what_answers_cost() -> None:
    """xAI charges for what it has written, and that is not known."""
    desk = desk_of(cap=10 * UNKNOWN_TICKS)
    lease = lent(desk)
    lease.abandon()
    assert lease.cost == UNKNOWN_TICKS


@on_fake_clock
async def test_a_lane_without_a_cap_counts_no_cost() -> None:
    """The CLI's session is paid by the month."""
    desk = desk_of(LaneName.CLI)
    lease = lent(desk)
    lease.used(Usage(1, 1, cost_ticks=7))
    lease.settle(None)
    assert lease.cost is None


@on_fake_clock
async def test_a_reserve_reaches_the_state_file_before_the_answer() -> None:
    """A server that is killed has written it."""
    desk = desk_of(cap=1000, cost=COST)
    records: list[object] = []
    spending = desk.spending
    assert spending is not None
    desk.on_change.append(lambda: records.append((spending.take_record() or {}).get("ticks")))
    lease = lent(desk)
    assert records == [COST]
    lease.settle(None)
    assert records == [COST, COST]


@on_fake_clock
async def test_at_the_cap_the_error_names_the_setting_and_the_time() -> None:
    """``Retry-After`` is the end of the owner's day."""
    desk = desk_of(cap=TICKS_PER_USD // 2)
    await trio.sleep(200)
    lease = lent(desk)
    lease.used(Usage(1, 1, cost_ticks=TICKS_PER_USD))
    lease.settle(None)
    error = desk.hopeless(NEED, trio.current_time())
    assert isinstance(error, SpendingCapReached)
    assert "daily_usd (0.5 USD)" in error.message
    assert error.retry_after == 43_000
    desk.calendar = lambda: ("2026-11-30", 86_400.0)
    assert desk.hopeless(NEED, trio.current_time()) is None


# Failures ---------------------------------------------------------------------------------------


@on_fake_clock
async def test_a_refused_credential_is_refreshed_and_another_one_is_lent() -> None:
    """A refresh that was cancelled is made again; the refusal of a new key is not forgotten."""
    holder = FakeHolder("api-1", next_keys=["api-2"])
    desk = desk_of(holder=holder)
    lent(desk).settle(OfficialCredentialRejected("x"))
    assert isinstance(desk.hopeless(NEED, 0), OfficialCredentialRejected)
    holder.slow = lambda: 5.0
    with trio.move_on_after(1):
        await desk.refresh()
    assert holder.refreshed == []
    await desk.refresh()
    await desk.refresh()
    assert holder.refreshed == ["api-1"]
    assert lent(desk).key == "api-2"


@on_fake_clock
async def test_a_refusal_during_a_refresh_asks_for_another_one() -> None:
    """Two keys in a row may be refused."""
    holder = FakeHolder("api-1", next_keys=["api-2", "api-3"], slow=lambda: 5.0)
    desk = desk_of(holder=holder)
    first = lent(desk)
    holder.key = "api-2"
    second = lent(desk)
    first.settle(OfficialCredentialRejected("x"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(desk.refresh)
        await trio.testing.wait_all_tasks_blocked()
        second.settle(OfficialCredentialRejected("x"))
    await desk.refresh()
    assert holder.refreshed == ["api-1", "api-2"]


@on_fake_clock
async def test_failures_reach_the_part_that_they_concern() -> None:
    """A version is looked up anew, and a model that is gone is offered no more."""
    holder, wares = FakeHolder(), FakeWares()
    desk = desk_of(holder=holder, wares=wares)
    lent(desk).settle(CliOutdated("x"))
    assert holder.versions_forgotten == 1
    desk.standing.forget()
    lent(desk).settle(ModelGone("x"))
    assert not desk.offers(NEED)


# Loans of pictures ------------------------------------------------------------------------------


@on_fake_clock
async def test_a_request_for_pictures_waits_for_room_and_no_longer_than_it_may() -> None:
    """First come, first served; whoever leaves lets the next one pass."""
    desk = desk_of(cap=10 * UNKNOWN_TICKS)
    began = await desk.borrow("grok-image", until=0)
    served: list[tuple[int, float]] = []

    async def ask(number: int, until: float) -> None:
        try:
            (await desk.borrow("grok-image", until=until)).settle(None)
        except Overloaded:
            number = -number
        served.append((number, trio.current_time()))

    async with trio.open_nursery() as nursery:
        for number, until in ((1, 10), (2, 3), (3, 10)):
            nursery.start_soon(ask, number, until)
            await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(5)
        began.settle(None)
    assert served == [(-2, 3), (1, 5), (3, 5)]
    assert (desk.open, len(desk.waiting)) == (0, 0)


@on_fake_clock
async def test_who_waits_in_vain_is_told_at_once() -> None:
    """The key is refused, or the cap is reached, while they wait."""
    for error, usage, leaf in (
        (OfficialCredentialRejected("x"), None, OfficialCredentialRejected),
        (None, Usage(1, 1, cost_ticks=TICKS_PER_USD), SpendingCapReached),
    ):
        desk = desk_of(cap=10 * UNKNOWN_TICKS)
        began = await desk.borrow("grok-image", until=0)
        found: list[type[GrokApiError]] = []

        async def ask(desk: Desk = desk, found: list[type[GrokApiError]] = found) -> None:
            try:
                await desk.borrow("grok-image", until=math.inf)
            except GrokApiError as failure:
                found.append(type(failure))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            if usage is not None:
                began.used(usage)
            began.settle(error)
        assert found == [leaf] * 3
        assert len(desk.waiting) == 0


@on_fake_clock
async def test_nobody_is_served_before_those_who_wait() -> None:
    """A newcomer that finds room leaves it to the one that was woken for it."""
    desk = desk_of(cap=10 * UNKNOWN_TICKS)
    began = await desk.borrow("grok-x", until=0)
    order: list[str] = []

    async def ask(name: str) -> None:
        lease = await desk.borrow("grok-x", until=100)
        order.append(name)
        lease.abandon()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, "waiter")
        await trio.testing.wait_all_tasks_blocked()
        began.abandon()
        await ask("newcomer")
    assert order == ["waiter", "newcomer"]


@on_fake_clock
async def test_a_rest_of_one_model_does_not_stop_another() -> None:
    """As xAI's rate limits don't."""
    desk = desk_of(LaneName.CLI)
    lent(desk).settle(QuotaExhausted("x", retry_after=9))
    assert desk.lend(NEED, 0) is None
    assert (await desk.borrow("grok-image", until=0)).model == "grok-image"
