"""The stream of reports: when it sends, and when it ends."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
import trio
import trio.testing
from attrs import frozen

from grokcore.cli.assembly import Server
from grokcore.errors import Overloaded
from grokcore.protocol.languages.negotiate import Language
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.completion.facts import FailedAttempt
from grokcore.simulator import lines
from grokcore.simulator.scripts import HANG, Script, Send, answer, wrapped
from grokcore.web import dashboard
from grokcore.web.dashboard import overview
from grokcore.web.dashboard.overview import Overview
from grokcore.web.observing.trace import Trace
from tests.runtime.failed_attempts import failed_attempt
from tests.scenarios import on_fake_clock
from tests.servers import TOKENS, Site, configured, on_site, run_on_site
from tests.web.dashboard.status_routes import (
    ID,
    TOP,
    status,
    watching,
)

FIRST_WORD = Script((Send(lines.line(wrapped(lines.token("a")))), HANG))


def test_the_stream_tells_at_once_and_again_when_something_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A question under way, its end, and what a person does; without anybody asking."""
    monkeypatch.setattr(overview, "APART_S", 0.02)
    monkeypatch.setattr(overview, "SHARED_S", 0.0)

    async def scenario(site: Site) -> None:
        site.simulator.script("sso-0", FIRST_WORD)
        site.simulator.always(answer("ok"))
        async with watching(site) as watch, trio.open_nursery() as nursery:
            assert set(await watch.next() or {}) == TOP
            nursery.start_soon(functools.partial(site.ask, stream=True))
            await watch.until(lambda report: report["open"] == 1)
            nursery.cancel_scope.cancel()
            await site.ask()
            await watch.until(lambda report: sum(at["requests"] for at in report["minutes"]) == 2)
            await site.client.post(f"/status/tokens/{ID}/disable")
            await watch.until(lambda report: report["tokens"]["counts"]["disabled"] == 1)

    run_on_site(scenario, tokens=(TokenEntry("sso-0"), TokenEntry("sso-1")))


@frozen
class Beat:
    """When things happen (seconds), and when reports are due."""

    name: str
    changes: tuple[float, ...]
    due: tuple[float, ...]
    cooling: float = 0.0


BEATS = [
    Beat("nothing happens", (), (0, 15, 30, 45)),
    Beat("one change", (5,), (0, 5, 20, 35)),
    Beat("one at once", (0.5,), (0, 2, 17, 32, 47)),
    Beat("a storm", tuple(0.1 * n for n in range(1, 80)), (0, 2, 4, 6, 8, 23, 38)),
    Beat("a cooling ends", (), (0, 15, 30, 34, 49), cooling=33.5),
]


@pytest.mark.parametrize("beat", BEATS, ids=lambda beat: beat.name)
@on_fake_clock
async def test_reports_are_two_seconds_apart_at_least_and_fifteen_at_most(beat: Beat) -> None:
    """In virtual time; a change that needs only time to pass is reported when it happens."""
    server = Server(configured(), TOKENS)
    pool = server.pool
    if beat.cooling:
        pool.book.accounts[0].allowance("grok-3").cool(beat.cooling, trio.current_time())
    stream = dashboard._Events(Overview(server.services), Language.EN)
    began = trio.current_time()
    told: list[float] = []

    def note() -> None:
        told.append(round(trio.current_time() - began, 1))

    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def watch() -> None:
            async for _ in stream:
                note()

        for at in beat.changes:
            await trio.sleep_until(began + at)
            pool.changed()
        await trio.sleep_until(began + 49.5)
        nursery.cancel_scope.cancel()
    assert tuple(told) == beat.due


def asking(*, asks: bool) -> Trace:
    return Trace("req_1", "POST", "/chat/completions", 0.0, asks=asks)


def failed(server: Server, failure: FailedAttempt) -> None:
    for listener in server.gateway.on_failed_attempt:
        listener(failure)


@pytest.mark.parametrize(
    ("happens", "news"),
    [
        (lambda server: server.pool.changed(), True),
        (lambda server: server.state.request_ended(asking(asks=True)), True),
        (lambda server: server.state.request_ended(asking(asks=False)), False),
        (lambda server: failed(server, failed_attempt(Overloaded("x"), "grok-4", ID)), True),
    ],
    ids=["the pool", "a question's end", "another request", "a failed attempt"],
)
@on_fake_clock
async def test_whatever_is_shown_is_news_when_it_changes(
    happens: Callable[[Server], None], news: bool
) -> None:
    """The page's own requests are not: they would make news of themselves."""
    server = Server(configured(), TOKENS)
    stream = dashboard._Events(Overview(server.services), Language.EN)
    await anext(stream)
    happens(server)
    began = trio.current_time()
    await anext(stream)
    assert trio.current_time() - began == (overview.APART_S if news else overview.AT_LEAST_EVERY_S)


@on_fake_clock
async def test_those_who_watch_share_a_report() -> None:
    """A report of a large pool takes milliseconds; ``GET /status`` always makes a new one."""
    server = Server(configured(), TOKENS)
    view = Overview(server.services)
    first, second = [await anext(dashboard._Events(view, Language.EN)) for _ in "ab"]
    assert first == second
    server.pool.disable(ID)
    assert json.loads(view.take().body)["tokens"]["counts"]["disabled"] == 1


@on_site
async def test_so_many_streams_are_open_at_once_and_no_more(site: Site) -> None:
    """The next watcher gets an error with a time to retry; one that leaves makes room."""
    async with AsyncExitStack() as stack:
        for _ in range(overview.MOST_WATCHERS - 1):
            assert (await stack.enter_async_context(watching(site))).status == 200
        async with watching(site) as last, watching(site) as refused:
            assert (last.status, refused.status) == (200, 503)
            assert refused.headers["retry-after"] == "15"
            await status(site)
        answered = 503
        while answered == 503:
            async with watching(site) as again:
                answered = again.status
        assert answered == 200


@on_site
async def test_streams_end_when_the_server_drains_and_do_not_hold_it_up(site: Site) -> None:
    """With a last word, and in good order."""
    async with watching(site) as watch:
        await watch.next()
        began = trio.current_time()
        site.stop.set()
        assert (await watch.next() or {})["status"] == "draining"
        assert await watch.next() is None
        assert trio.current_time() - began < 1
