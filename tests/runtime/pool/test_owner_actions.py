"""Actions of a token's owner on a running pool: waiting requests are served, Grok is polled, and a
restart changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import trio
import trio.testing
from attrs import frozen

from grokcore.cli.tokens import states
from grokcore.errors import CredentialsRejected, GrokApiError, NoTokens, QuotaExhausted
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.models import SHIPPED
from grokcore.protocol.pool.book import Need, TokenBook, UnknownToken
from grokcore.protocol.pool.owner_actions import ActionResult, Disabled
from grokcore.protocol.pool.records import record_of
from grokcore.protocol.pool.view import in_words
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.disk.state_file import peek
from grokcore.runtime.lanes.grok_web.quota_polling import QuotaAsker, QuotaKeeper
from grokcore.runtime.pool.leases import Lease, TokenPool
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import Script, error
from tests.scenarios import decorator, on_fake_clock, run_on_fake_clock
from tests.servers import Site, run_on_site

from ..fakes import FakeTransport

A, B = TokenEntry("sso-a"), TokenEntry("sso-b")
NEED = Need(SHIPPED["grok-3-fast"])
GROUP = NEED.model.rate_limit_name

Act: TypeAlias = Callable[[TokenPool], ActionResult]


def pool_of(*entries: TokenEntry) -> TokenPool:
    return TokenPool(TokenBook(entries, max_in_flight=1), queue_s=10)


async def leased(pool: TokenPool, entry: TokenEntry) -> Lease:
    others = frozenset({A.key, B.key} - {entry.key})
    return await pool.lease(Need(NEED.model, excluded=others))


# Requests that wait -----------------------------------------------------------------------------


@frozen
class Opening:
    """How a token comes to be out, and the act that brings it back."""

    name: str
    outcome: GrokApiError | None
    act: Act
    switched_off: bool = False


OPENINGS = [
    Opening(
        "cleared after a 429", QuotaExhausted("x", retry_after=900), lambda pool: pool.clear(A.id)
    ),
    Opening("cleared after a refusal", CredentialsRejected("x"), lambda pool: pool.clear(A.id)),
    Opening("switched on", None, lambda pool: pool.enable(A.id), switched_off=True),
]


@pytest.mark.parametrize("case", OPENINGS, ids=lambda case: case.name)
@on_fake_clock
async def test_whoever_waits_is_served_when_a_token_is_brought_back(case: Opening) -> None:
    """In that very moment, though the other token is busy for longer than anybody waits."""
    pool = pool_of(A, B)
    (await leased(pool, A)).settle(case.outcome)
    if case.switched_off:
        pool.disable(A.id)
    busy = await leased(pool, B)
    served: list[tuple[str, float]] = []

    async def wait() -> None:
        lease = await pool.lease(NEED)
        served.append((lease.token_id, trio.current_time()))
        lease.abandon()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.sleep(3)
        assert (pool.waiting, served) == (1, [])
        case.act(pool)
    assert served == [(A.id, 3)]
    busy.abandon()


@on_fake_clock
async def test_whoever_waits_for_a_token_that_is_switched_off_hears_so_and_its_answer_is_finished() -> (
    None
):
    """Nobody waits in vain; and who has the token keeps it."""
    pool = pool_of(A)
    lease = await pool.lease(NEED)
    heard: list[tuple[str, float]] = []

    async def wait() -> None:
        with pytest.raises(NoTokens) as refused:
            await pool.lease(NEED)
        heard.append((refused.value.message, trio.current_time()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.sleep(2)
        assert pool.disable(A.id) is Disabled.BUSY
    assert heard == [
        (
            "All tokens that may use the model grok-3-fast are disabled, switched off on this server.",
            2,
        )
    ]
    assert pool.view(A.id).in_flight == 1
    lease.settle(None)
    assert (pool.view(A.id).in_flight, pool.view(A.id).state) == (0, "disabled")
    pool.enable(A.id)
    assert pool.views().shown[0].state == "ok"
    (await pool.lease(NEED)).abandon()


@pytest.mark.parametrize("act", ["clear", "recheck", "disable", "enable"])
@on_fake_clock
async def test_whoever_listens_hears_of_each_act_and_not_of_one_on_nobody(act: str) -> None:
    """The keepers of the state and of the polls depend on it."""
    pool = pool_of(A)
    heard: list[str] = []
    pool.on_change.append(lambda: heard.append(act))
    with pytest.raises(UnknownToken):
        getattr(pool, act)(B.id)
    assert heard == []
    assert in_words(getattr(pool, act)(A.key)).endswith(".")
    assert heard == [act]


# Polls ------------------------------------------------------------------------------------------


def run_while_asking(
    scenario: Callable[[TokenPool, FakeTransport], Awaitable[None]],
    *scripts: Script,
    entries: tuple[TokenEntry, ...] = (A,),
) -> None:
    """Run *scenario* while a keeper asks a Grok that answers by *scripts*."""

    async def main() -> None:
        grok, pool = FakeTransport(list(scripts)), pool_of(*entries)
        keeper = QuotaKeeper(
            pool, lambda: QuotaAsker(grok, "https://grok.example.com", Identity("statsig"))
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(keeper.run)
            await scenario(pool, grok)
            nursery.cancel_scope.cancel()
        assert grok.all_closed

    run_on_fake_clock(main)


while_asking = decorator(run_while_asking, gives=2)


def times(grok: FakeTransport) -> list[float]:
    return [exchange.opened_at for exchange in grok.exchanges]


PLENTY = error(200, Limit(40, 30).answer())


@while_asking(PLENTY)
async def test_a_recheck_wakes_the_keeper_and_a_button_can_not_hammer_grok(
    pool: TokenPool, grok: FakeTransport
) -> None:
    """At once, before any planned poll; but five seconds apart, however often the owner clicks."""
    await trio.sleep(100)
    pool.recheck(A.id, group=GROUP)
    await trio.testing.wait_all_tasks_blocked()
    assert times(grok) == [100]
    assert pool.view(A.id).groups[0].left == 30
    await trio.sleep(1)
    (await pool.lease(NEED)).settle(QuotaExhausted("x", retry_after=3600))
    for _ in range(200):
        await trio.sleep(0.1)
        pool.recheck(A.id)
    await trio.sleep(3000)
    assert times(grok) == [100, *(pytest.approx(105 + 5 * number) for number in range(5))]
    await trio.sleep(1000)
    assert times(grok)[-1] == pytest.approx(101 + 3600)  # the planned poll is made all the same


@while_asking(error(500, {}), PLENTY)
async def test_a_refused_token_that_grok_answers_for_again_serves_after_a_recheck(
    pool: TokenPool, grok: FakeTransport
) -> None:
    """Its owner has signed in anew and does not want to wait for an hour."""
    for at in (0, 70):
        await trio.sleep_until(at)
        (await pool.lease(NEED)).settle(CredentialsRejected("no"))
    assert pool.view(A.id).state == "invalid"
    await trio.sleep(100)
    asked = len(times(grok))
    pool.recheck(A.id)
    await trio.sleep(1)
    assert times(grok)[asked:] == [170]
    (await pool.lease(NEED)).settle(None)
    assert pool.view(A.id).state == "ok"


@while_asking(Script(PLENTY.steps, before=1))
async def test_a_token_that_is_switched_off_is_not_asked_for_any_more(
    pool: TokenPool, grok: FakeTransport
) -> None:
    """Neither planned nor demanded polls are made; one under way ends."""
    (await pool.lease(NEED)).settle(QuotaExhausted("x", retry_after=500))
    pool.recheck(A.id)
    await trio.sleep(0.5)
    pool.disable(A.id)
    pool.recheck(A.id)
    await trio.sleep(1000)
    assert times(grok) == [0]
    assert pool.view(A.id).groups[0].left == 30
    pool.enable(A.id)
    pool.recheck(A.id)
    await trio.sleep(100)
    assert times(grok) == [0, 1000.5]


# A restart --------------------------------------------------------------------------------------


def test_what_was_switched_off_is_off_after_a_restart_until_it_is_switched_on(
    tmp_path: Path,
) -> None:
    """The state holds it, ``tokens list`` shows it, and the token file stays as its owner wrote it."""
    state = tmp_path / "state.jsonl"
    answered: list[str] = []
    disabled: list[int] = []

    async def look(site: Site) -> None:
        reply = await site.ask()
        answered.append(reply.headers["x-grok2api-token"])
        disabled.append((await site.client.get("/health")).json()["tokens"]["disabled"])

    async def switch_off(site: Site) -> None:
        await look(site)
        site.server.pool.disable(A.id)
        await look(site)

    async def switch_on(site: Site) -> None:
        await look(site)
        site.server.pool.enable(A.id)

    for scenario, is_off in ((switch_off, True), (look, True), (switch_on, False), (look, False)):
        run_on_site(scenario, tokens=(A, B), state_file=state)
        assert (
            states.in_words(A, peek(state)[A.key], time.time()) == "switched off here"
        ) == is_off
    assert answered[:4] == [A.id, B.id, B.id, B.id]
    assert disabled == [0, 1, 1, 1, 0]


@while_asking(PLENTY)
async def test_a_recheck_that_a_kill_has_cut_short_is_made_after_the_restart(
    pool: TokenPool, grok: FakeTransport
) -> None:
    """Though no poll was planned otherwise: the owner has read that Grok is asked."""
    before = pool_of(A)
    before.recheck(A.id, group=GROUP)
    (account,) = before.book.take_unsaved()
    pool.book.recall({A.key: record_of(account, 0, 0)}, trio.current_time(), 0)
    pool.changed()
    await trio.sleep(1)
    assert times(grok) == [0]
    (account,) = pool.book.take_unsaved()
    assert "'to_ask': False" in str(record_of(account, 0, 0))
