"""The routes of the status page on real sockets: what is let in, what is told, its stream, and what
can be done.
"""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import h11
import pytest
import trio
import trio.testing
from attrs import evolve, frozen

import grokcore
from grokcore.cli.assembly import Server
from grokcore.errors import Overloaded
from grokcore.protocol.tokens import TokenEntry, token_id
from grokcore.runtime.completion.gateway import FailedAttempt
from grokcore.simulator import lines
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import HANG, Script, Send, answer, error, page, wrapped
from grokcore.web import dashboard
from grokcore.web.dashboard import overview
from grokcore.web.dashboard.overview import Overview
from grokcore.web.dashboard.tickets import MOST, VALID_S, Tickets
from grokcore.web.trace import Trace
from tests.scenarios import on_fake_clock
from tests.servers import TOKENS, Site, chat, configured, on_site, run_on_site
from tests.web.page_site import FAULTS, PROXY, furnish, many_tokens

KEYS = """
[grok]
api_key = "owner-key"
[[keys]]
name = "second"
key = "second-key"
[[keys]]
name = "guest"
key = "guest-key"
rpm = 5
"""

OWNERS = ("owner-key", "second-key")
ID = token_id("sso-0")
FIRST_WORD = Script((Send(lines.line(wrapped(lines.token("a")))), HANG))
ACTS = ("check", "clear", "disable", "enable")


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def status(site: Site, **options: Any) -> dict[str, Any]:
    """The report."""
    reply = await site.client.get("/status", **options)
    assert reply.status_code == 200
    return cast(dict[str, Any], reply.json())


class Watch:
    """A stream of reports on a connection of its own. (Those of httpx leave generators behind when
    one looks away.)
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self._buffered = b""
        self.status = 0
        self.headers: dict[str, str] = {}

    async def begin(self, ticket: str, key: str) -> None:
        """Ask for it, and read the head of the answer."""
        target = "/status/events" + (f"?ticket={ticket}" if ticket else "")
        headers = [
            ("host", "127.0.0.1"),
            ("connection", "close"),
            *(bearer(key) if key else {}).items(),
        ]
        request = h11.Request(method="GET", target=target, headers=headers)
        for event in (request, h11.EndOfMessage()):
            await self._stream.send_all(self._http.send(event) or b"")
        head = await self._next_event()
        assert isinstance(head, h11.Response)
        self.status = head.status_code
        self.headers = {name.decode(): value.decode() for name, value in head.headers}

    async def _next_event(self) -> Any:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._stream.receive_some(65536))
        return event

    async def next(self) -> dict[str, Any] | None:
        """The next report; None at the end of the stream."""
        while b"\n\n" not in self._buffered:
            event = await self._next_event()
            if isinstance(event, h11.EndOfMessage):
                assert self._buffered == b""
                return None
            self._buffered += event.data
        event, _, self._buffered = self._buffered.partition(b"\n\n")
        assert event.startswith(b"event: status\ndata: {")
        return cast(dict[str, Any], json.loads(event.partition(b"\ndata: ")[2]))

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first report that is like that."""
        while (report := await self.next()) is not None:
            if condition(report):
                return report
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def watching(site: Site, *, ticket: str = "", key: str = "") -> AsyncIterator[Watch]:
    """The stream, if it is given."""
    async with await site.connect() as stream:
        watch = Watch(stream)
        await watch.begin(ticket, key)
        yield watch


def row_of(report: dict[str, Any], token: str = ID) -> dict[str, Any]:
    """A token's row."""
    return next(
        row for row in cast(list[dict[str, Any]], report["tokens"]["rows"]) if row["id"] == token
    )


# The page ---------------------------------------------------------------------------------------

PATHS = {
    "/": "html",
    **{
        f"/status/{name}": name.partition(".")[2]
        for name in dashboard.FILES
        if name != "index.html"
    },
}
POLICY = {
    *(
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
    ),
    *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
    *("require-trusted-types-for 'script'", "trusted-types 'none'"),
}


@on_site(config=KEYS)
async def test_the_page_is_served_without_a_key_and_may_load_nothing_but_itself(site: Site) -> None:
    """Every file of it, with its type and a strict policy; by address with and without /v1."""
    for path, kind in PATHS.items():
        reply = await site.client.get(path)
        assert reply.status_code == 200
        assert reply.headers["content-type"] == dashboard.MEDIA_TYPES[kind]
        assert set(reply.headers["content-security-policy"].split("; ")) == POLICY
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] == "no-cache"
        assert (await site.client.get(f"/v1{path}")).content == reply.content


@on_site
async def test_the_page_comes_again_only_if_it_is_another(site: Site) -> None:
    """A tag, and 304 for who has it; HEAD has no body."""
    first = await site.client.get("/")
    tag = first.headers["etag"]
    for told in (tag, f"W/{tag}", f'"other", {tag}'):
        again = await site.client.get("/", headers={"if-none-match": told})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await site.client.get("/", headers={"if-none-match": '"other"'})).status_code == 200
    assert (await site.client.get("/status/page.css")).headers["etag"] != tag
    head = await site.client.head("/")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(first.content)


def test_every_file_of_the_page_is_served_and_is_in_the_package() -> None:
    """A file that is forgotten in either list would be missed only where the server is
    installed.
    """
    folder = Path(grokcore.__file__).parent / "web" / "dashboard" / "page"
    assert sorted(path.name for path in folder.iterdir()) == sorted(dashboard.FILES)
    project = tomllib.loads((folder.parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    assert "page/*" in project["tool"]["setuptools"]["package-data"]["grokcore.web.dashboard"]


@pytest.mark.parametrize("name", dashboard.FILES)
def test_nothing_in_the_page_is_from_elsewhere_or_makes_markup_of_text(name: str) -> None:
    """No address but that of SVG's namespace, and none of the ways in which data could become
    elements or code.
    """
    text = (Path(grokcore.__file__).parent / "web" / "dashboard" / "page" / name).read_text(
        encoding="utf-8"
    )
    assert text.count("://") == text.count("http://www.w3.org/2000/svg")
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "style=",
        "onclick=",
    ):
        assert way not in text
    if name.endswith(".js"):
        assert len(text.splitlines()) <= 400


# Who is let in ----------------------------------------------------------------------------------


@frozen
class Route:
    """A route that shows or changes something."""

    method: str
    path: str


ROUTES = [
    Route("GET", "/status"),
    Route("POST", "/status/ticket"),
    Route("GET", "/status/events"),
    *(Route("POST", f"/status/tokens/{ID}/{act}") for act in ACTS),
]


@pytest.mark.parametrize(
    "route", ROUTES, ids=lambda route: f"{route.method} {route.path.removeprefix('/status')}"
)
@on_site(config=KEYS)
async def test_only_an_owners_key_opens_the_state(site: Site, route: Route) -> None:
    """401 without one or with a wrong one, 403 with a guest's, and nothing is done; owners' keys
    do.
    """

    async def answered(key: str = "", **options: Any) -> tuple[int, str]:
        headers = bearer(key) if key else {}
        async with site.client.stream(
            route.method, route.path, headers=headers, **options
        ) as reply:
            if reply.status_code == 200:
                return 200, ""
            await reply.aread()
            return reply.status_code, reply.json()["error"]["code"]

    assert await answered() == (401, "invalid_api_key")
    assert await answered("wrong") == (401, "invalid_api_key")
    assert await answered("guest-key") == (403, "permission_denied")
    assert await answered(params={"ticket": "x"}) == (401, "invalid_api_key")
    view = site.server.pool.view(ID)
    assert not view.switched_off
    for key in OWNERS:
        assert await answered(key) == (200, "")


@on_site
async def test_other_methods_and_unknown_acts_are_refused(site: Site) -> None:
    """405 and 404, as everywhere."""
    for method, path, code in (
        ("POST", "/", 405),
        ("POST", "/status", 405),
        ("GET", "/status/ticket", 405),
        ("GET", f"/status/tokens/{ID}/disable", 405),
        ("POST", f"/status/tokens/{ID}/delete", 404),
        ("GET", "/status/page.html", 404),
        ("GET", "/status/../pyproject.toml", 404),
    ):
        assert (await site.client.request(method, path)).status_code == code


@on_site
async def test_a_page_of_another_origin_can_do_nothing(site: Site) -> None:
    """Without a key, too, though it can send such a POST."""
    reply = await site.client.post(
        f"/status/tokens/{ID}/disable", headers={"origin": "https://evil.example"}
    )
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert not site.server.pool.view(ID).switched_off
    reply = await site.client.post(f"/status/tokens/{ID}/disable", headers={"origin": site.url})
    assert reply.status_code == 200


# Tickets ----------------------------------------------------------------------------------------


def test_a_ticket_is_good_once_and_for_a_minute() -> None:
    """Whoever sees one in a log later has nothing of it."""
    box = Tickets()
    first, second = box.issue(100.0), box.issue(100.0 + VALID_S / 2)
    assert first != second
    assert box.redeem(first, 100.0 + VALID_S - 0.1)
    assert not box.redeem(first, 100.0 + VALID_S - 0.1)
    assert not box.redeem(second, 100.0 + 1.5 * VALID_S)
    assert not box.redeem("", 100.0)
    assert len(box) == 0


def test_tickets_that_nobody_uses_do_not_pile_up() -> None:
    """The oldest go."""
    box = Tickets()
    given = [box.issue(0.0) for _ in range(MOST + 3)]
    assert len(box) == MOST
    assert [box.redeem(ticket, 1.0) for ticket in given] == [False] * 3 + [True] * MOST
    box.issue(0.0)
    box.void()
    assert len(box) == 0


@on_site(config=KEYS)
async def test_a_ticket_opens_one_stream(site: Site) -> None:
    """It stands for the key, which EventSource can't send; a second use is refused like no key at
    all.
    """
    reply = await site.client.post("/status/ticket", headers=bearer("owner-key"))
    assert reply.headers["cache-control"] == "no-store"
    assert list(reply.json()) == ["ticket"]
    ticket = reply.json()["ticket"]
    async with watching(site, ticket=ticket) as watch, watching(site, ticket=ticket) as second:
        assert (await watch.next() or {})["status"] == "ok"
        assert watch.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert watch.headers["cache-control"] == "no-store, no-transform"
        assert second.status == 401


@on_site(config=KEYS)
async def test_other_keys_void_the_tickets_and_end_the_streams(site: Site) -> None:
    """Whoever had a key that is none any more sees nothing more."""
    first, second = [
        (await site.client.post("/status/ticket", headers=bearer("owner-key"))).json()["ticket"]
        for _ in "ab"
    ]
    async with watching(site, ticket=first) as watch:
        await watch.next()
        old = site.server.state.config
        site.server.adopt_config(evolve(old, grok=evolve(old.grok, api_key="another-key")))
        assert await watch.next() is None
    for ticket, key, answered in (
        (second, "", 401),
        ("", "owner-key", 401),
        ("", "another-key", 200),
    ):
        async with watching(site, ticket=ticket, key=key) as watch:
            assert watch.status == answered


# What is told -----------------------------------------------------------------------------------

TOP = {
    "version",
    "status",
    "uptime_s",
    "time",
    "open",
    "waiting",
    "faults",
    "egress",
    "tokens",
    "minutes",
    "recent_faults",
}
ROW = {
    *(
        "id",
        "key",
        "tier",
        "note",
        "state",
        "why",
        "back_in",
        "in_flight",
        "used_ago",
        "egress",
        "groups",
    ),
    *("switched_off", "disabled_in_file"),
}
GROUP = {"group", "left", "total", "flat", "reset_in", "cooling_for", "used_up", "spent"}


@on_site(tokens=many_tokens(44))
async def test_the_report_tells_all_there_is_to_see(site: Site) -> None:
    """Its shape, for a server with a past."""
    furnish(site)
    site.server.state.notices["tokens"] = "line 3 is not JSON"
    reply = await site.client.get("/status")
    assert reply.headers["cache-control"] == "no-store"
    report = reply.json()
    health = (await site.client.get("/health")).json()
    assert set(report) == TOP
    shared = ("version", "status", "open", "waiting", "faults")
    assert {name: report[name] for name in shared} == {name: health[name] for name in shared}
    assert 0 <= report["uptime_s"] < 30
    assert [way["name"].partition(" ")[0] for way in report["egress"]] == ["direct", "proxy"]
    assert report["tokens"]["counts"] == health["tokens"]
    assert report["tokens"]["total"] == len(report["tokens"]["rows"]) == 44
    assert {state for row in report["tokens"]["rows"] for state in [row["state"]]} == set(
        health["tokens"]
    )
    for row in report["tokens"]["rows"]:
        assert set(row) == ROW
        assert all(set(group) == GROUP for group in row["groups"])
    assert len(report["minutes"]) == 60
    assert {at["at"] % 60 for at in report["minutes"]} == {0}
    assert (
        sum(at["requests"] for at in report["minutes"])
        > sum(at["errors"] for at in report["minutes"])
        > 0
    )
    newest = report["recent_faults"][0]
    assert (newest["code"], newest["count"], newest["token"]) == (FAULTS[-1][1], 2, "1f2e3d4c")
    assert newest["advice"].startswith("Copy x-statsig-id")


@on_site(tokens=tuple(TokenEntry(f"sso-{number}") for number in range(300)))
async def test_of_many_tokens_those_with_trouble_are_told_and_all_are_counted(site: Site) -> None:
    """200 rows at most."""
    site.server.pool.disable(token_id("sso-250"))
    tokens = (await status(site))["tokens"]
    assert (tokens["total"], len(tokens["rows"])) == (300, overview.ROWS)
    assert tokens["rows"][0]["id"] == token_id("sso-250")
    assert sum(tokens["counts"].values()) == 300


CANARY = "canary-c4n4ry-c4n4ry-c4n4ry-c4n4ry"
SECRETS = (CANARY, CANARY[6:20], "canary-password", "user:", "owner-canary", "127.0.0.1:9")


@on_site(
    tokens=(TokenEntry(CANARY), TokenEntry("sso-1", proxy_url=PROXY, disabled=True)),
    config='[grok]\napi_key = "owner-canary"',
)
async def test_no_secret_is_in_anything_that_is_shown(site: Site) -> None:
    """Not the token that Grok echoes, nor the key, nor a proxy's address."""
    echo = f"no such session: sso={CANARY}; the token {CANARY} is not known"
    site.simulator.script(
        CANARY,
        error(401, lines.ERROR_401),
        page(500, echo),
        error(429, {"error": {"code": 8, "message": echo}}),
    )
    headers = bearer("owner-canary")
    seen = []
    for _ in range(3):
        await site.client.post("/v1/chat/completions", json=chat(), headers=headers)
        seen.append((await site.client.get("/status", headers=headers)).text)
    async with watching(site, key="owner-canary") as watch:
        seen.append(json.dumps(await watch.next()))
    for act in ACTS:
        reply = await site.client.post(f"/status/tokens/{token_id(CANARY)}/{act}", headers=headers)
        seen.append(reply.text)
    assert any('"recent_faults":[{' in text for text in seen)
    assert [secret for secret in SECRETS for text in seen if secret in text] == []


# The stream -------------------------------------------------------------------------------------


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
    """In virtual time; what changes by time alone is told just then."""
    server = Server(configured(), TOKENS)
    pool = server.pool
    if beat.cooling:
        pool.book.accounts[0].allowance("grok-3").cool(beat.cooling, trio.current_time())
    stream = dashboard._Events(Overview(server.services))
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
        (lambda server: failed(server, FailedAttempt(Overloaded("x"), "grok-4", ID)), True),
    ],
    ids=["the pool", "a question's end", "another request", "a failed attempt"],
)
@on_fake_clock
async def test_whatever_is_shown_is_news_when_it_changes(
    happens: Callable[[Server], None], news: bool
) -> None:
    """The page's own requests are not: they would make news of themselves."""
    server = Server(configured(), TOKENS)
    stream = dashboard._Events(Overview(server.services))
    await anext(stream)
    happens(server)
    began = trio.current_time()
    await anext(stream)
    assert trio.current_time() - began == (overview.APART_S if news else overview.AT_LEAST_EVERY_S)


@on_fake_clock
async def test_those_who_watch_share_a_report() -> None:
    """One of a large pool takes milliseconds to make; whoever asks by himself gets one of now."""
    server = Server(configured(), TOKENS)
    view = Overview(server.services)
    first, second = [await anext(dashboard._Events(view)) for _ in "ab"]
    assert first == second
    server.pool.disable(ID)
    assert json.loads(view.take().body)["tokens"]["counts"]["disabled"] == 1


@on_site
async def test_so_many_streams_are_open_at_once_and_no_more(site: Site) -> None:
    """The next is told to come again; one that its client just leaves makes room."""
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


# What can be done -------------------------------------------------------------------------------


@on_site
async def test_a_token_is_disabled_and_enabled(site: Site) -> None:
    """Each answer is the token's new row, with a word on what was done; the whole key does as well
    as the id.
    """
    key = site.server.pool.view(ID).key
    reply = await site.client.post(f"/status/tokens/{ID}/disable")
    assert reply.headers["cache-control"] == "no-store"
    row = reply.json()
    assert set(row) == ROW | {"said"}
    assert (row["id"], row["state"], row["switched_off"], row["said"]) == (
        ID,
        "disabled",
        True,
        "It is switched off.",
    )
    assert (await status(site))["tokens"]["counts"]["disabled"] == 1
    row = (await site.client.post(f"/status/tokens/{key}/enable")).json()
    assert (row["state"], row["switched_off"], row["said"]) == (
        "unknown",
        False,
        "It is switched on.",
    )


@on_site
async def test_an_action_that_can_not_be_kept_says_so(site: Site) -> None:
    """It is done all the same, and its owner knows what a restart would do."""

    async def full_disk() -> str:
        return "No space left on device"

    site.server.pool.written = full_disk
    row = (await site.client.post(f"/status/tokens/{ID}/disable")).json()
    told = (
        "It could not be written to the disk (No space left on device), so a restart would undo it."
    )
    assert (row["state"], row["said"]) == ("disabled", f"It is switched off. {told}")


@on_site
async def test_what_is_held_against_a_token_is_cleared(site: Site) -> None:
    """A cooling, here."""
    site.server.pool.book.accounts[0].allowance("grok-3").cool(600.0, trio.current_time())
    (cooling,) = [
        row for row in (await status(site))["tokens"]["rows"] if row["state"] == "cooling"
    ]
    assert 595 < cooling["back_in"] <= 600
    row = (await site.client.post(f"/status/tokens/{cooling['id']}/clear")).json()
    assert (row["state"], row["back_in"]) == ("unknown", None)


def test_a_check_asks_grok_also_for_a_token_that_was_never_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it says is in the report then."""
    monkeypatch.setattr(overview, "APART_S", 0.02)
    monkeypatch.setattr(overview, "SHARED_S", 0.0)

    async def scenario(site: Site) -> None:
        site.simulator.limits["sso-0", "grok-3"] = Limit(20, 13)
        row = (await site.client.post(f"/status/tokens/{ID}/check")).json()
        assert row["said"].startswith("Grok is asked how much is left for grok-3")
        async with watching(site) as watch:
            report = await watch.until(
                lambda report: any(group["left"] for group in row_of(report)["groups"])
            )
        (group,) = row_of(report)["groups"]
        assert (group["group"], group["left"], group["total"]) == ("grok-3", 13, 20)

    run_on_site(scenario)


@pytest.mark.parametrize("token", ["00000000", "0", "x", "..", "%2e%2e", "a" * 200, "%00"])
@on_site
async def test_a_token_that_is_not_there_is_a_404(site: Site, token: str) -> None:
    """In words."""
    for act in ACTS:
        reply = await site.client.post(f"/status/tokens/{token}/{act}")
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_url")


@on_site(config=KEYS)
async def test_a_look_at_the_head_of_the_stream_is_no_watcher(site: Site) -> None:
    """It has an end, takes no place, uses up no ticket, and is for owners too."""
    ticket = (await site.client.post("/status/ticket", headers=bearer("owner-key"))).json()[
        "ticket"
    ]
    for _ in range(overview.MOST_WATCHERS + 1):
        reply = await site.client.head("/status/events", headers=bearer("owner-key"))
        assert reply.status_code == 200
    refused = [
        await site.client.head("/status/events", headers={"x-api-key": key})
        for key in ("", "guest-key")
    ]
    assert [reply.status_code for reply in refused] == [401, 403]
    async with watching(site, ticket=ticket) as watch:
        assert watch.status == 200
