"""Asking Grok what is left: what is sent, what comes of each outcome, and when; without sockets, on
a clock that jumps.
"""

from __future__ import annotations

import json
import logging
import math
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
import trio
import trio.testing
from attrs import define, field, frozen

from grokcore.errors import (
    Challenge,
    CredentialsRejected,
    GrokApiError,
    QuotaExhausted,
    TransportFailure,
    UpstreamFailure,
)
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.grok_web.payload import CHAT_PATH
from grokcore.protocol.grok_web.rate_limits import RATE_LIMITS_PATH
from grokcore.protocol.models import SHIPPED, Model
from grokcore.protocol.pool.allowance import Allowance
from grokcore.protocol.pool.book import Need, TokenBook
from grokcore.protocol.pool.quota_polls import FIRST_S
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.lanes.grok_web.quota_polling import QuotaAsker, QuotaKeeper
from grokcore.runtime.pool.leases import TokenPool
from grokcore.runtime.transport.seam import UpstreamRequest
from grokcore.simulator import lines
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import CUT, HANG, Script, Send, Wait, error, page
from tests.scenarios import decorator, on_fake_clock, run_on_fake_clock

from ...fakes import FakeExchange, FakeTransport

MODEL, OTHER = SHIPPED["grok-3-fast"], SHIPPED["grok-4.1"]
GROUP = MODEL.rate_limit_name
BASE_URL = "https://grok.example.com"
IDENTITY = Identity(
    {RATE_LIMITS_PATH: "for-asks", CHAT_PATH: "for-chats", "*": "for-others"},
    "clearance",
    "Browser/1",
)
HOUR, DAY = 3600.0, 86400.0


def told(left: int, total: int = 40, *, flat: bool = True, wait_s: int = 0) -> Script:
    return error(200, Limit(total, left, flat=flat, wait_s=wait_s).answer())


PLENTY, FAILING = told(30), error(500, {})


@define(eq=False)
class Grok(FakeTransport):
    """Plays a script to asks: those of a token or of a group, each once and the last for ever; else
    the usual ones.
    """

    by_token: dict[str, list[Script]] = field(factory=dict)
    by_group: dict[str, list[Script]] = field(factory=dict)

    def open(self, request: UpstreamRequest) -> FakeExchange:
        sso = dict(request.headers)["Cookie"].partition(";")[0].removeprefix("sso=")
        own = (
            self.by_token.get(sso)
            or self.by_group.get(json.loads(request.body)["modelName"])
            or self.scripts
        )
        self.exchanges.append(FakeExchange(request, own.pop(0) if len(own) > 1 else own[0]))
        return self.exchanges[-1]

    @property
    def times(self) -> list[float]:
        """When it was asked."""
        return [exchange.opened_at for exchange in self.exchanges]

    @property
    def open_now(self) -> int:
        return sum(exchange.closed_at is None for exchange in self.exchanges)


@define
class World:
    """A pool, its keeper and the Grok that is asked. Questions need no answer here: their outcomes
    are told the pool.
    """

    grok: Grok
    pool: TokenPool
    keeper: QuotaKeeper

    @property
    def book(self) -> TokenBook:
        return self.pool.book

    async def use(
        self, outcome: GrokApiError | None = None, *, model: Model = MODEL, sso: str = ""
    ) -> None:
        """A question that ends at once. *sso* is of the token that is to take it."""
        others = {
            account.entry.key for account in self.book.accounts if sso and account.entry.sso != sso
        }
        lease = await self.pool.lease(Need(model, frozenset(others)))
        lease.settle(outcome)

    def adopt(self, *tokens: str) -> None:
        """Another token list."""
        entries = [TokenEntry(token) for token in tokens]
        self.book.adopt(entries, default_proxy="", max_in_flight=2, now=trio.current_time())
        self.pool.changed()

    def allowance(self, group: str = GROUP, *, number: int = 0) -> Allowance:
        return self.book.accounts[number].allowance(group)

    def states(self) -> list[str]:
        return [account.state(trio.current_time()) for account in self.book.accounts]

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        allowances = [one for account in self.book.accounts for one in account.allowances.values()]
        return self.grok.all_closed and not any(one.polling for one in allowances)


def make_world(
    *scripts: Script, tokens: int | Sequence[TokenEntry] = 1, asker: QuotaAsker | None = None
) -> World:
    grok = Grok(list(scripts))
    entries = (
        [TokenEntry(f"sso-{number}") for number in range(tokens)]
        if isinstance(tokens, int)
        else tokens
    )
    pool = TokenPool(TokenBook(entries), queue_s=10)
    usual = QuotaAsker(grok, BASE_URL, IDENTITY)
    return World(grok, pool, QuotaKeeper(pool, lambda: asker or usual))


def run_with_keeper(
    scenario: Callable[[World], Awaitable[None]],
    *scripts: Script,
    tokens: int | Sequence[TokenEntry] = 1,
) -> None:
    """Run *scenario* while the keeper runs; at the end nothing may be left of any ask."""

    async def main() -> None:
        world = make_world(*scripts, tokens=tokens)
        async with trio.open_nursery() as nursery:
            await nursery.start(world.keeper.run)
            await scenario(world)
            nursery.cancel_scope.cancel()
        assert world.idle

    run_on_fake_clock(main)


with_keeper = decorator(run_with_keeper, gives=1)


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "grokcore.runtime.lanes.grok_web.quota_polling")


def said(caplog: pytest.LogCaptureFixture, *, least: int = logging.INFO) -> list[str]:
    """The log's lines of at least that level."""
    return [f"{one.levelname} {one.getMessage()}" for one in caplog.records if one.levelno >= least]


# One ask ----------------------------------------------------------------------------------------


@frozen
class Outcome:
    """What Grok does when it is asked, and what comes of it.

    :ivar known: what the book knows afterwards, after one successful question.
    :ivar fails: how the ask failed; None if it did not.
    :ivar took: seconds after which it was over.
    :ivar fresh: the state of a token that has not answered yet.
    """

    name: str
    script: Script
    known: Quota | None = None
    fails: type[GrokApiError] | None = None
    took: float = 0
    fresh: str = "unknown"


def with_body(body: bytes, status: int = 200, *steps: Wait) -> Script:
    return Script((Send(body), *steps), status)


LIMITS = b'{"windowSizeSeconds": 7200, "remainingQueries": 3, "totalQueries": 9}'
OUTCOMES = [
    Outcome("flat", told(7, 20), Quota(7, 20, 7200.0)),
    Outcome("budget", told(9, 80, flat=False), Quota(9, 80, 7200.0, flat=False)),
    Outcome("used up", told(0, 20, wait_s=50), Quota(0, 20, 7200.0, wait_s=50.0), fresh="cooling"),
    Outcome("slow", Script((Wait(9), Send(LIMITS)), before=5), Quota(3, 9, 7200.0), took=14),
    Outcome("in pieces", Script((Send(LIMITS[:9]), Wait(1), Send(LIMITS[9:]))), Quota(3, 9, 7200.0), took=1),
    Outcome("whole, then cut", Script((Send(LIMITS), CUT)), Quota(3, 9, 7200.0)),
    Outcome("200 nonsense", error(200, {"remaining": "many"}), fails=UpstreamFailure),
    Outcome("200, no object", error(200, [1]), fails=UpstreamFailure),
    Outcome("200, no JSON", with_body(b"fine"), fails=UpstreamFailure),
    Outcome("200, nothing", with_body(b""), fails=UpstreamFailure),
    Outcome("200, a page", page(200), fails=UpstreamFailure),
    Outcome("200, a page by its body", with_body(b"<html>hello</html>"), fails=UpstreamFailure),
    Outcome("200, endless", Script((Send(b" " * 65536), Send(b" " * 65536), HANG)), fails=UpstreamFailure),
    Outcome("401", error(401, lines.ERROR_401), fails=CredentialsRejected, fresh="cooling"),
    Outcome("403 blocked", error(403, lines.ERROR_403_BLOCKED), fails=CredentialsRejected, fresh="cooling"),
    Outcome("403 anti-bot", error(403, lines.ERROR_403_ANTIBOT), fails=GrokApiError),
    Outcome("403 challenge", page(), fails=Challenge),
    Outcome("403, nothing", page(html=""), fails=Challenge),
    Outcome("404", error(404, {"code": 5, "message": "Model not found", "details": []}), fails=GrokApiError),
    Outcome("429", error(429, lines.ERROR_429), fails=QuotaExhausted),
    Outcome("500", FAILING, fails=UpstreamFailure),
    Outcome("500, whose body never ends", Script((HANG,), 500), fails=UpstreamFailure, took=15),
    Outcome("cut before the head", Script((CUT,), before=2), fails=TransportFailure, took=2),
    Outcome("cut in the body", Script((Send(LIMITS[:30]), Wait(3), CUT)), fails=UpstreamFailure, took=3),
    Outcome("no head", Script((), before=math.inf), fails=UpstreamFailure, took=15),
    Outcome("no body", Script((HANG,)), fails=UpstreamFailure, took=15),
    Outcome("half a body", Script((Send(LIMITS[:30]), HANG)), fails=UpstreamFailure, took=15),
    Outcome("a body that drips", Script(tuple(step for _ in range(99) for step in (Send(b" "), Wait(1)))), fails=UpstreamFailure, took=15),
]  # fmt: skip


@pytest.mark.parametrize("case", OUTCOMES, ids=lambda case: case.name)
@pytest.mark.parametrize("answered", [True, False], ids=["answered", "fresh"])
@with_keeper(lambda case: case.script)
async def test_every_outcome_of_an_ask_ends_it_in_time_and_teaches_what_was_said_and_no_more(
    world: World, case: Outcome, answered: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Grok's word is known; a refused session is doubted unless it has just answered; nothing else
    costs a token anything.

    A challenge on an ask does not pause the egress: asking is a call of its own.
    """
    await world.use(None if answered else TransportFailure("nobody's"))
    await trio.sleep(FIRST_S + case.took)
    await trio.testing.wait_all_tasks_blocked()

    (exchange,) = world.grok.exchanges
    assert (exchange.opened_at, exchange.closed_at) == pytest.approx((FIRST_S, FIRST_S + case.took))
    account, allowance = world.book.accounts[0], world.allowance()
    assert (allowance.known(trio.current_time()), allowance.polling) == (case.known, False)
    assert allowance.left == (case.known.left if case.known else 0)
    used_up = case.known is not None and not case.known.left
    assert world.states() == [("cooling" if used_up else "ok") if answered else case.fresh]
    assert account.egress.paused_until == -math.inf
    assert account.egress.challenges == 0
    warnings = said(caplog, least=logging.WARNING)
    assert len(warnings) == (case.fails is not None)


@pytest.mark.parametrize("case", OUTCOMES, ids=lambda case: case.name)
@on_fake_clock
async def test_an_asker_says_what_is_left_or_raises_one_of_the_family(case: Outcome) -> None:
    """The leaf is that of a question's refusal; the exchange is closed before it is told."""
    grok = Grok([case.script])
    asker = QuotaAsker(grok, BASE_URL, IDENTITY)
    if case.fails is None:
        assert await asker.ask("sso-0", "", GROUP) == case.known
    else:
        with pytest.raises(case.fails):
            await asker.ask("sso-0", "", GROUP)
    assert trio.current_time() == case.took
    assert grok.all_closed


@with_keeper(
    PLENTY, tokens=[TokenEntry("sso-secret", proxy_url="http://user:password@proxy.example.com:1")]
)
async def test_what_is_sent_is_what_a_page_would_send(world: World) -> None:
    """The path, the group, the session's cookies, the value that is bound to that path, and the
    account's own proxy.
    """
    for model in (MODEL, OTHER):
        await world.use(model=model)
        await trio.sleep(1)

    first, second = (exchange.request for exchange in world.grok.exchanges)
    headers = dict(first.headers)
    assert (first.method, first.url) == ("POST", "https://grok.example.com/rest/rate-limits")
    assert json.loads(first.body) == {"requestKind": "DEFAULT", "modelName": GROUP}
    assert json.loads(second.body)["modelName"] == OTHER.rate_limit_name
    assert headers["Cookie"] == "sso=sso-secret; sso-rw=sso-secret; cf_clearance=clearance"
    assert headers["x-statsig-id"] == "for-asks"
    assert headers["User-Agent"] == "Browser/1"
    assert headers["Content-Type"] == "application/json"
    assert uuid.UUID(headers["x-xai-request-id"]).version == 4
    assert headers["x-xai-request-id"] != dict(second.headers)["x-xai-request-id"]
    assert first.proxy_url == "http://user:password@proxy.example.com:1"
    assert 0 < first.connect_net_s <= 15
    assert "secret" not in repr(first)
    assert "password" not in repr(first)


@on_fake_clock
async def test_the_way_to_ask_is_the_one_that_is_configured_at_the_moment() -> None:
    """A changed configuration holds for the next ask."""
    grok = Grok([PLENTY])
    pool = TokenPool(TokenBook([TokenEntry("sso-0")]), queue_s=10)
    askers = [
        QuotaAsker(grok, f"https://{name}.example.com", Identity(name)) for name in ("one", "two")
    ]
    keeper = QuotaKeeper(pool, lambda: askers.pop(0))
    async with trio.open_nursery() as nursery:
        await nursery.start(keeper.run)
        for model in (MODEL, OTHER):
            (await pool.lease(Need(model))).settle(None)
            await trio.sleep(1)
        nursery.cancel_scope.cancel()
    requests = [exchange.request for exchange in grok.exchanges]
    assert [urlsplit(request.url).hostname for request in requests] == [
        "one.example.com",
        "two.example.com",
    ]
    assert [dict(request.headers)["x-statsig-id"] for request in requests] == ["one", "two"]


@with_keeper(
    error(401, {"error": {"code": 16, "message": "no session sso-verysecret", "details": []}}),
    tokens=[TokenEntry("sso-verysecret")],
)
async def test_a_session_that_is_echoed_is_not_repeated(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the log nor in what is said of the token later."""
    await world.use(TransportFailure("x"))
    await trio.sleep(1)
    assert "no session" in world.book.accounts[0].refusal
    assert "verysecret" not in world.book.accounts[0].refusal
    (line,) = said(caplog)
    assert "no session" in line
    assert "verysecret" not in caplog.text


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


def used_up(seconds: float | None = None) -> QuotaExhausted:
    return QuotaExhausted("no", retry_after=seconds)


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
    """Twenty times an egress pauses just when somebody was to be asked through it; all are asked in
    the end.
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


# The end ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", [0, 0.05, FIRST_S, 0.5, 1.5, 2.5, 4.5, 30.5, 100.5])
@on_fake_clock
async def test_the_end_at_any_time_leaves_nothing_under_way(moment: float) -> None:
    """Before the head, in the body, with more that are due than there are places, between two
    asks.
    """
    world = make_world(Script((Wait(1), *PLENTY.steps), before=1), tokens=20)
    with trio.move_on_after(moment):
        async with trio.open_nursery() as nursery:
            await nursery.start(world.keeper.run)
            for number in range(20):
                await world.use(used_up(90), sso=f"sso-{number}")
    assert trio.current_time() == moment
    assert world.idle


@define(eq=False)
class _SlowToClose(FakeExchange):
    """Takes its time to close."""

    takes_s: float = 1

    async def aclose(self) -> None:
        await trio.sleep(self.takes_s)
        await super().aclose()


@pytest.mark.parametrize(("takes_s", "ends"), [(1, 6), (math.inf, 7)], ids=["slow", "never"])
@pytest.mark.parametrize("cancelled", [True, False], ids=["cancelled", "answered"])
@on_fake_clock
async def test_closing_is_waited_for_at_the_end_too_but_not_for_long(
    takes_s: float, ends: float, cancelled: bool
) -> None:
    """A connection is out of our hands when the ask is over; on the day it never is, two seconds
    are enough.
    """
    script = Script((HANG,)) if cancelled else Script(PLENTY.steps, before=5)
    exchanges = []

    class Transport(Grok):
        def open(self, request: UpstreamRequest) -> FakeExchange:
            exchanges.append(_SlowToClose(request, script, takes_s=takes_s))
            return exchanges[-1]

    ended = None
    asker = QuotaAsker(Transport([]), BASE_URL, IDENTITY)
    with trio.move_on_after(5.0 if cancelled else math.inf):
        try:
            await asker.ask("sso-0", "", GROUP)
        finally:
            ended = trio.current_time()
    assert ended == ends
    assert (exchanges[0].closed_at is not None) == (takes_s == 1)


class _CancelAfter(trio.abc.Instrument):
    """Cancels a scope when any task but the test's own main one has been scheduled so many
    times.
    """

    def __init__(self, count: int, scope: trio.CancelScope) -> None:
        self._main = trio.lowlevel.current_root_task()
        self._count = count
        self._scope = scope

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._count -= task is not self._main
        if self._count == 0:
            self._scope.cancel()


@on_fake_clock
async def test_cancellation_at_every_step_leaves_nothing_under_way() -> None:
    """At the n-th step of any task, for every n until all asks are done: exchanges closed, none
    marked as under way.
    """
    for steps in range(1, 2000):
        world = make_world(
            Script((Wait(1), *PLENTY.steps), before=1), FAILING, Script((HANG,)), tokens=3
        )
        began = trio.current_time()
        scope = trio.CancelScope()
        instrument = _CancelAfter(steps, scope)
        with scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(world.keeper.run)
                trio.lowlevel.add_instrument(instrument)
                for number in range(3):
                    await world.use(sso=f"sso-{number}")
                await trio.sleep(50)
                nursery.cancel_scope.cancel()
        trio.lowlevel.remove_instrument(instrument)
        assert world.idle, f"cancelled at step {steps}"
        if not scope.cancelled_caught and trio.current_time() >= began + 50:
            return
    raise AssertionError("it never finished")


# Bugs and the log -------------------------------------------------------------------------------


class _Broken(QuotaAsker):
    """Has a bug, for one token."""

    async def ask(self, sso: str, proxy_url: str, group: str) -> Quota:
        await trio.lowlevel.checkpoint()
        if sso == "sso-0":
            raise ZeroDivisionError("a bug")
        return await super().ask(sso, proxy_url, group)


@on_fake_clock
async def test_a_bug_in_asking_is_logged_and_ends_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With its traceback; the other tokens are asked for, and this one too when its time comes."""
    grok = Grok([PLENTY])
    pool = TokenPool(TokenBook([TokenEntry("sso-0"), TokenEntry("sso-1")]), queue_s=10)
    world = World(grok, pool, QuotaKeeper(pool, lambda: _Broken(grok, BASE_URL, IDENTITY)))
    async with trio.open_nursery() as nursery:
        await nursery.start(world.keeper.run)
        for pause in (0, 100):
            await trio.sleep(pause)
            for sso in ("sso-0", "sso-1"):
                await world.use(sso=sso)
            await trio.sleep(2)
        nursery.cancel_scope.cancel()
    assert [world.allowance(number=number).known(110) is not None for number in (0, 1)] == [
        False,
        True,
    ]
    assert world.idle
    bugs = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.levelname for record in bugs] == ["ERROR", "ERROR"]
    assert [str(record.exc_info[1]) for record in bugs if record.exc_info] == ["a bug", "a bug"]
    assert len(grok.exchanges) == 2


@on_fake_clock
async def test_a_bug_where_the_way_is_made_is_one_too(caplog: pytest.LogCaptureFixture) -> None:
    """An asker that can't even be made."""

    def make() -> QuotaAsker:
        raise ZeroDivisionError("a bug")

    pool = TokenPool(TokenBook([TokenEntry("sso-0")]), queue_s=10)
    keeper = QuotaKeeper(pool, make)
    async with trio.open_nursery() as nursery:
        await nursery.start(keeper.run)
        (await pool.lease(Need(MODEL))).settle(None)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert not pool.book.accounts[0].allowance(GROUP).polling
    assert [line.partition(" ")[0] for line in said(caplog)] == ["ERROR"]


@with_keeper(FAILING, tokens=2)
async def test_a_period_of_failure_is_one_warning_for_each_group_and_its_end_one_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the number of tokens and asks; the warning says which token, why, and that questions
    go on.
    """
    world.grok.by_group = {OTHER.rate_limit_name: [FAILING]}
    for round_ in range(3):
        for sso in ("sso-0", "sso-1"):
            for model in (MODEL, OTHER):
                await world.use(sso=sso, model=model)
        await trio.sleep(300)
        if round_ == 0:
            warnings = said(caplog)
            assert [re.findall(r"left for (\S+), with", line) for line in warnings] == [
                [GROUP],
                [OTHER.rate_limit_name],
            ]
            assert all("WARNING" in line and "upstream_error" in line for line in warnings)
            assert all(TokenEntry("sso-0").id in line for line in warnings)
            assert all("questions are answered all the same" in line for line in warnings)
            assert not any(".." in line for line in warnings)
            assert "sso-" not in caplog.text
            caplog.clear()
            world.grok.scripts = [FAILING, PLENTY]
    assert said(caplog) == [f"INFO Grok says again what is left for {GROUP}"]
    caplog.clear()

    world.grok.scripts = [FAILING]
    await world.use()
    await trio.sleep(300)
    assert [line.partition(" ")[0] for line in said(caplog)] == ["WARNING"]


@with_keeper(PLENTY)
async def test_asks_that_work_are_told_of_only_to_who_wants_to_know_everything(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """One line at DEBUG with the token's short hash, none above."""
    await world.use()
    await trio.sleep(1)
    assert said(caplog) == []
    (line,) = said(caplog, least=logging.DEBUG)
    assert TokenEntry("sso-0").id in line
    assert GROUP in line


@with_keeper(Script(PLENTY.steps, before=1))
async def test_whoever_listens_to_the_pool_hears_of_an_answer(world: World) -> None:
    """What was learned is to be saved, and a waiting request may be served."""
    heard: list[float] = []
    await world.use()
    world.pool.on_change.append(lambda: heard.append(trio.current_time()))
    await trio.sleep(2)
    assert heard == [FIRST_S + 1]
    assert world.book.take_unsaved() == set(world.book.accounts)
