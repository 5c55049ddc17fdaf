"""One poll of an allowance: its request, and what each outcome teaches; on a clock that jumps."""

from __future__ import annotations

import json
import logging
import math
import uuid
from urllib.parse import urlsplit

import pytest
import trio
import trio.testing
from attrs import frozen

from grokcore.errors import (
    Challenge,
    CredentialsRejected,
    GrokApiError,
    QuotaExhausted,
    TransportFailure,
    UpstreamFailure,
)
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.pool.book import Need, TokenBook
from grokcore.protocol.pool.quota_polls import FIRST_S
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.lanes.grok_web.quota_polling import QuotaAsker, QuotaKeeper
from grokcore.runtime.pool.leases import TokenPool
from grokcore.simulator import lines
from grokcore.simulator.scripts import CUT, HANG, Script, Send, Wait, error, page
from tests.scenarios import on_fake_clock

from .polls import (
    BASE_URL,
    FAILING,
    GROUP,
    IDENTITY,
    MODEL,
    OTHER,
    PLENTY,
    Grok,
    World,
    make_world,
    said,
    told,
    with_keeper,
)


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "grokcore.runtime.lanes.grok_web.quota_polling")


@frozen
class Outcome:
    """A way for Grok to answer a poll, and its outcome.

    :ivar known: the quota in the book afterwards, after one successful question.
    :ivar fails: the failure of the poll; None if it did not fail.
    :ivar took: seconds that it took.
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
    """The class is that of a question's refusal; the exchange is closed before it is raised."""
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
    """Neither in the log nor in the token's recorded refusal."""
    await world.use(TransportFailure("x"))
    await trio.sleep(1)
    assert "no session" in world.book.accounts[0].refusal
    assert "verysecret" not in world.book.accounts[0].refusal
    (line,) = said(caplog)
    assert "no session" in line
    assert "verysecret" not in caplog.text


REFUSALS_OF_COOKIES = {
    "anti-bot": error(403, lines.ERROR_403_ANTIBOT),
    "challenge": page(),
    "a page": page(200),
    "unknown path": error(404, {"code": 5, "message": "Not Found", "details": []}),
    "unknown form": error(200, {"remaining": "many"}),
}


@pytest.mark.parametrize("script", REFUSALS_OF_COOKIES.values(), ids=REFUSALS_OF_COOKIES)
@on_fake_clock
async def test_a_mode_is_asked_for_with_cookies_and_a_refusal_costs_nobody(script: Script) -> None:
    """No breaker, no cooling, no pause of polls; the next question goes out as ever."""
    grok = Grok([script])
    asker = QuotaAsker(grok, BASE_URL, IDENTITY, frozenset({GROUP}))
    world = make_world(tokens=[TokenEntry("sso-0")], asker=asker)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.keeper.run)
        await world.use()
        await trio.sleep(1)
        (exchange,) = grok.exchanges
        assert not {name for name, _ in exchange.request.headers} & {"x-statsig-id"}
        (account,) = world.book.accounts
        egress, now = account.egress, trio.current_time()
        assert world.states() == ["ok"]
        assert max(egress.paused_until, egress.no_polls_until, account.suspect_until) <= now
        assert account.open_at(GROUP, 1) <= now
        await world.use()
        nursery.cancel_scope.cancel()
