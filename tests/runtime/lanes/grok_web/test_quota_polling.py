"""When allowances are polled, and how many at once; without sockets, on a clock that jumps."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
import trio
import trio.testing
from attrs import frozen

from grokcore.errors import (
    Challenge,
    CredentialsRejected,
    GrokApiError,
    UpstreamFailure,
)
from grokcore.protocol.pool.quota_polls import FIRST_S
from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator import lines
from grokcore.simulator.scripts import CUT, HANG, Script, error, page
from tests.scenarios import on_fake_clock

from .polls import (
    DAY,
    FAILING,
    GROUP,
    HOUR,
    OTHER,
    PLENTY,
    World,
    make_world,
    run_with_keeper,
    told,
    used_up,
    with_keeper,
)

# When -------------------------------------------------------------------------------------------


@frozen
class Days:
    """Uses of one token (second, outcome), what Grok answers to asks, and the seconds at which it
    is asked.

    :ivar until: how long the server runs on then.
    """

    name: str
    uses: Sequence[tuple[float, GrokApiError | None]]
    asked: Sequence[float]
    scripts: Sequence[Script] = (PLENTY,)
    until: float = 3 * HOUR


def refused() -> CredentialsRejected:
    return CredentialsRejected("no")


GONE = error(401, lines.ERROR_401)
INVALID = [(0.0, None), (40.0, refused()), (100.0, refused())]
DAYS = [
    Days("not used", [], [], until=3 * DAY),
    Days("used once", [(5, None)], [5 + FIRST_S], until=DAY),
    Days("used at once again", [(5, None), (5.5, None)], [5 + FIRST_S, 35 + FIRST_S], until=DAY),
    Days("used while the pause lasts", [(0, None), (10, None), (12, None)], [FIRST_S, 30 + FIRST_S]),
    Days("used later", [(0, None), (40, None), (100, None)], [FIRST_S, 41, 101]),
    Days("used all the time", [(float(n), None) for n in range(100)], [FIRST_S + 30 * n for n in range(5)]),
    Days("used in vain, which may have been counted", [(0, UpstreamFailure("x")), (100, UpstreamFailure("x"))], [FIRST_S, 101]),
    Days("a 429 that names no time", [(0, None), (40, used_up())], [FIRST_S, 41, 100]),
    Days("a 429 that names one", [(0, None), (40, used_up(900))], [FIRST_S, 41, 940]),
    Days("used up until a known time", [(0, None)], [FIRST_S, FIRST_S + 2429], [told(0, 25, wait_s=2429), PLENTY]),
    Days("used up until an unknown time", [(0, None)], [FIRST_S + 300 * n for n in range(4)], [told(0, 25)] * 3 + [PLENTY]),
    Days("there again later than said", [(0, None)], [FIRST_S + 50 * n for n in range(3)], [told(0, 25, wait_s=50)] * 2 + [PLENTY]),
    Days("refused once", [(0, None), (40, refused())], [FIRST_S, 100]),
    Days("invalid, asked for after an hour and then daily", INVALID, [FIRST_S, 3700, 3700 + DAY, 3700 + 2 * DAY], [PLENTY, GONE], 2.5 * DAY),
    Days("invalid, and accepted after an hour", INVALID, [FIRST_S, 3700], until=2.5 * DAY),
    Days("invalid, and used again then", [*INVALID, (4000, None)], [FIRST_S, 3700, 4001], until=2 * DAY),
    Days("no answer", [(float(n), None) for n in range(500)], [FIRST_S + n for n in (0, 60, 180, 420, 900)], [FAILING], HOUR),
    Days("no answer, once", [(0, None), (10, None)], [FIRST_S, FIRST_S + 60], [FAILING, PLENTY]),
    Days("no answer that is long in coming", [(float(n), None) for n in range(500)], [FIRST_S + n for n in (0, 60, 180, 420, 900)], [Script((HANG,))], HOUR),
    Days("no answer to a cooling's end", [(0, used_up(100))], [FIRST_S, 100], [FAILING]),
]  # fmt: skip


@pytest.mark.parametrize("case", DAYS, ids=lambda case: case.name)
def test_asks_are_made_when_there_is_something_to_learn_and_at_no_other_time(case: Days) -> None:
    """At the first use, a second after later ones and half a minute apart, and when something opens
    again.
    """

    async def scenario(world: World) -> None:
        for at, outcome in case.uses:
            await trio.sleep_until(at)
            await world.use(outcome)
        await trio.sleep(case.until)
        assert world.grok.times == pytest.approx(list(case.asked))

    run_with_keeper(scenario, *case.scripts)


@with_keeper(PLENTY)
async def test_an_egress_that_pauses_is_not_asked_through(world: World) -> None:
    """The ask is made when the pause is over."""
    await world.use(Challenge("x"))
    await trio.sleep(10)
    assert world.grok.times == [5]


@with_keeper(
    page(),
    tokens=[
        TokenEntry("sso-0"),
        TokenEntry("sso-1"),
        TokenEntry("sso-2", proxy_url="http://proxy.example.com:1"),
        TokenEntry("sso-3"),
    ],
)
async def test_an_ask_that_meets_a_challenge_puts_off_asks_through_that_egress_and_no_question(
    world: World,
) -> None:
    """Five seconds, then ten; other egresses are asked through meanwhile."""
    world.grok.by_token = {"sso-2": [PLENTY]}
    for at, sso in ((0, "sso-0"), (1, "sso-1"), (1, "sso-2"), (6, "sso-3"), (7, "sso-3")):
        await trio.sleep_until(at)
        await world.use(sso=sso)
        assert trio.current_time() == at
    await trio.sleep(HOUR)
    asked = [
        (one.opened_at, dict(one.request.headers)["Cookie"][4:9]) for one in world.grok.exchanges
    ]
    first = FIRST_S
    assert asked == [
        (first, "sso-0"),
        (1 + first, "sso-2"),
        (5 + first, "sso-1"),
        (15 + first, "sso-3"),
    ]
    assert world.states() == ["ok"] * 4


def test_a_place_is_not_lost_when_an_ask_that_was_due_is_put_off() -> None:
    """Twenty times an egress pauses just when a poll through it was due; all polls are made in the
    end.
    """
    entries = [
        TokenEntry(f"sso-{number}", proxy_url=f"http://proxy-{number}.example.com:1")
        for number in range(20)
    ]

    async def scenario(world: World) -> None:
        for entry in entries:
            await world.use(Challenge("x"), sso=entry.sso)
            await trio.sleep(1)
        await trio.sleep(10)
        assert world.grok.times == [number + 5 for number in range(20)]

    run_with_keeper(scenario, PLENTY, tokens=entries)


@on_fake_clock
async def test_what_was_planned_before_it_runs_is_asked_when_it_runs() -> None:
    """A pool may be used, and changed, at any time."""
    world = make_world(PLENTY)
    await world.use()
    await trio.sleep(7)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.keeper.run)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert world.grok.times == [7]


@with_keeper(PLENTY, tokens=10)
async def test_an_idle_server_asks_nothing_for_days(world: World) -> None:
    """Everything that was planned is made, for ten tokens in every condition; then there is
    silence.
    """
    for number in range(10):
        outcome = [None, used_up(), used_up(900), UpstreamFailure("x"), refused()][number % 5]
        await world.use(outcome, sso=f"sso-{number}")
    await trio.sleep(2 * HOUR)
    made = len(world.grok.exchanges)
    assert made >= 10
    assert world.book.polls.next_at() == math.inf
    await trio.sleep(3 * DAY)
    assert len(world.grok.exchanges) == made


# Many -------------------------------------------------------------------------------------------


@with_keeper(Script(PLENTY.steps, before=1), tokens=100)
async def test_eight_asks_are_under_way_at_most(world: World) -> None:
    """A hundred tokens that are due together are asked for one after the other, and each once."""
    for number in range(100):
        await world.use(sso=f"sso-{number}")
    most = 0
    await trio.sleep(FIRST_S)
    for _ in range(13):
        await trio.testing.wait_all_tasks_blocked()
        most = max(most, world.grok.open_now)
        await trio.sleep(1)
    await trio.testing.wait_all_tasks_blocked()
    assert most == 8
    assert world.grok.times == pytest.approx([FIRST_S + number // 8 for number in range(100)])
    assert (
        len({dict(exchange.request.headers)["Cookie"] for exchange in world.grok.exchanges}) == 100
    )
    assert {account.allowance(GROUP).left for account in world.book.accounts} == {30}


def test_places_are_given_back_by_asks_that_fail() -> None:
    """In every way: after thirty failures, eight at once are still made."""

    async def scenario(world: World) -> None:
        for number in range(38):
            await world.use(sso=f"sso-{number}")
        await trio.sleep(200)
        assert (
            len({dict(exchange.request.headers)["Cookie"] for exchange in world.grok.exchanges})
            == 38
        )
        assert world.grok.open_now == 0
        world.grok.scripts = [Script((HANG,))]
        for number in range(38):
            await world.use(sso=f"sso-{number}", model=OTHER)
        await trio.sleep(1)
        assert world.grok.open_now == 8

    ways = [FAILING, GONE, page(), Script((CUT,)), error(200, {}), Script((HANG,))] * 5
    run_with_keeper(scenario, *ways, PLENTY, tokens=38)


@with_keeper(Script((), before=math.inf))
async def test_one_token_and_group_is_never_asked_twice_at_once(world: World) -> None:
    """However long an ask takes and however often it is used; other groups of the same token are
    asked meanwhile.
    """
    for _ in range(1500):
        await world.use()
        await world.use(model=OTHER)
        await trio.sleep(0.2)
    for group in (GROUP, OTHER.rate_limit_name):
        asks = [
            one
            for one in world.grok.exchanges
            if json.loads(one.request.body)["modelName"] == group
        ]
        assert len(asks) >= 3
        for one, next_one in pairwise(asks):
            assert one.closed_at == pytest.approx(one.opened_at + 15)
            assert next_one.opened_at >= one.opened_at + 30


@with_keeper(PLENTY, tokens=2)
async def test_a_sooner_ask_does_not_wait_for_a_later_one(world: World) -> None:
    """While it sleeps until a cooling ends in an hour, a first use is asked for at once."""
    await world.use(used_up(HOUR), sso="sso-0")
    await trio.sleep(100)
    await world.use(sso="sso-1")
    await trio.sleep(2 * HOUR)
    assert world.grok.times == [FIRST_S, 100 + FIRST_S, HOUR]


@with_keeper(Script(PLENTY.steps, before=1), tokens=2)
async def test_a_token_that_was_taken_out_is_not_asked_for(world: World) -> None:
    """Nor does an ask that was under way for it do harm."""
    await world.use(used_up(100), sso="sso-0")
    await world.use(used_up(100), sso="sso-1")
    await trio.sleep(0.5)
    world.adopt("sso-1")
    await trio.sleep(HOUR)
    cookies = [dict(exchange.request.headers)["Cookie"] for exchange in world.grok.exchanges]
    assert ["sso-0" in cookie for cookie in cookies] == [True, False, False]
    assert world.grok.times == [FIRST_S, FIRST_S, 100]


@with_keeper(PLENTY)
async def test_an_invalid_token_that_was_taken_out_and_comes_back_is_asked_for(
    world: World,
) -> None:
    """Who puts a token back wants it used; it serves again after one ask, at its time at the
    latest.
    """
    for at in (0, 70):
        await trio.sleep_until(at)
        await world.use(refused())
    assert world.states() == ["invalid"]
    for tokens in ([], ["sso-0"]):
        await trio.sleep(100)
        world.adopt(*tokens)
    assert world.states() == ["invalid"]
    await trio.sleep(HOUR)
    await world.use()
    assert world.states() == ["ok"]


@with_keeper(FAILING, Script(GONE.steps, 401, before=5), PLENTY)
async def test_a_token_that_is_refused_while_it_is_out_is_asked_for_when_it_comes_back(
    world: World,
) -> None:
    """The ask that made it invalid was under way when it went."""
    await world.use(refused())
    await trio.sleep_until(61)  # its cooling has ended, and Grok is being asked
    world.adopt()
    await trio.sleep(100)
    world.adopt("sso-0")
    assert world.states() == ["invalid"]
    await trio.sleep(HOUR)
    await world.use()
    assert world.states() == ["ok"]
