"""What the tests of the status page stand on: a server in a thread of its own, a furnished pool,
and Chromium.
"""

from __future__ import annotations

import contextlib
import functools
import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from attrs import evolve, field, frozen
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from grokcore.errors import AntiBotRefusal, Challenge
from grokcore.protocol.models import LaneName, Tier, WebLane
from grokcore.protocol.pool.account import Account
from grokcore.protocol.pool.desk_view import Budget, DeskState, DeskView, Plan, Rest, Stock
from grokcore.protocol.quota import Quota
from grokcore.protocol.tokens import TokenEntry
from tests.servers import Site, run_on_site

T = TypeVar("T")

MARKUP = '<script>window.canary = 1</script><img src=x onerror="window.canary = 2">'
CHINESE = "工作用的账号，不要删除"
LONG_GROUP = (
    "a-group-with-a-name-that-nobody-would-choose-unless-it-were-to-see-what-the-page-makes-of-it"
)
CLEARANCE = "canary-clearance"
PROXY = "http://user:canary-password@127.0.0.1:9"

GROUPS = ("grok-3", "grok-4", "grok-4-1-non-thinking-w-tool", "grok-4-1-thinking-1108b", LONG_GROUP)
NOTES = (
    "",
    "main account",
    CHINESE,
    MARKUP,
    "second, from the old laptop, which nobody has used since last summer",
)
KINDS = (
    "ok",
    "ok",
    "ok",
    "cooling",
    "unknown",
    "invalid",
    "disabled",
    "ok",
    "spent",
    "busy",
    "switched off",
)


# The server -------------------------------------------------------------------------------------


@frozen
class Live:
    """A server that runs in a thread of its own, until the ``with`` block is left or it is
    stopped.
    """

    site: Site
    _token: trio.lowlevel.TrioToken = field(repr=False)

    @property
    def url(self) -> str:
        return self.site.url

    def do(self, what: Callable[..., T], *arguments: Any) -> T:
        """Have something done in the server's thread."""
        return trio.from_thread.run_sync(what, *arguments, trio_token=self._token)

    def wait(self, what: Callable[..., Any], *arguments: Any) -> Any:
        """The same for an async function."""
        return trio.from_thread.run(what, *arguments, trio_token=self._token)


@contextlib.contextmanager
def live_site(furnish: Callable[[Site], None] = lambda _: None, **options: Any) -> Iterator[Live]:
    """A server as of :func:`tests.servers.run_on_site`, for code that can't be in trio."""
    news: queue.SimpleQueue[Live | BaseException] = queue.SimpleQueue()
    leave = trio.Event()

    async def scenario(site: Site) -> None:
        furnish(site)
        news.put(Live(site, trio.lowlevel.current_trio_token()))
        await leave.wait()

    def main() -> None:
        try:
            run_on_site(scenario, **options)
        except BaseException as error:
            news.put(error)

    thread = threading.Thread(target=main, name="the server under test")
    thread.start()
    found = news.get()
    if isinstance(found, BaseException):
        raise found
    try:
        yield found
    finally:
        with contextlib.suppress(trio.RunFinishedError):
            found.do(leave.set)
        thread.join()
    if not news.empty():
        raise AssertionError("the server failed") from news.get()  # type: ignore[misc]


# Contents of the page ---------------------------------------------------------------------------


def many_tokens(count: int) -> tuple[TokenEntry, ...]:
    """Tokens of all kinds, some behind a proxy, some disabled; :func:`furnish` puts them into their
    states.
    """
    return tuple(
        TokenEntry(
            f"sso-{number}",
            Tier.SUPER if number % 4 == 3 else Tier.BASIC,
            NOTES[number % len(NOTES)],
            PROXY if number % 9 == 2 else None,
            KINDS[number % len(KINDS)] == "disabled",
        )
        for number in range(count)
    )


def furnish(site: Site) -> None:
    """Give the pool a past, and the last hour some traffic."""
    _use_browser_values(site)
    now = trio.current_time()
    book = site.server.pool.book
    for number, account in enumerate(site.gateway.pool.book._roster.listed):
        _put_into_state(account, KINDS[number % len(KINDS)], number, now)
        if KINDS[number % len(KINDS)] == "switched off":
            book.disable(account.entry.key)
        if account.entry.proxy_url and account.egress.paused_until < now:
            account.egress.fail(Challenge("a challenge page"), now, now)
    book._start_anew()
    _fill_history(site)


def _use_browser_values(site: Site) -> None:
    """Give the site a clearance that is two days old and was refused on several ways."""
    state = site.server.state
    config, now = state.config, state.wall.time()
    site.server.adopt_config(evolve(config, grok=evolve(config.grok, cf_clearance=CLEARANCE)))
    state.browser._uses["cf_clearance"].since = now - 2.2 * 86400
    proxies = [f"proxy {number:08x}" for number in range(4)]
    for ago, egress in zip(
        (90000.0, 50000.0, 9000.0, 7300.0, 40.0), [*proxies, "direct"], strict=True
    ):
        state.browser.refused(Challenge("a page"), WebLane.SOCKET, egress, now - ago)
    state.browser.refused(AntiBotRefusal("x"), WebLane.REST, "direct", now - 600)


def _put_into_state(account: Account, kind: str, number: int, now: float) -> None:
    if kind in ("unknown", "disabled"):
        return
    account.answered = True
    account.last_used = now - 7 * number
    for at, group in enumerate(GROUPS[: 1 + number % len(GROUPS)]):
        total = (20, 40, 80)[at % 3]
        left = 0 if kind == "spent" and not at else max(1, total - 7 * at - number % total)
        account.allowance(group).learn(Quota(left, total, 7200.0 - 60 * at), now - 30)
    if kind == "cooling":
        account.allowance("grok-4").cool(1800.0 + number, now)
    if kind == "busy":
        account.in_flight = 2
    if kind == "invalid":
        for ago in (120.0, 1.0):
            account.doubt("Grok refused it: Invalid credentials.", now - ago)


def _fill_history(site: Site) -> None:
    history = site.server.state.history
    clock = history._clock
    start = int(clock()) // 60 * 60 - 59 * 60
    for minute in range(60):
        if 22 < minute < 27:
            continue
        history._clock = lambda at=start + minute * 60: float(at)  # type: ignore[misc]
        bucket = history._bucket()
        bucket.requests, bucket.errors = 8 + minute * 7 % 13, 2 * (minute % 9 == 4)
        if minute not in (35, 37):
            for sample in range(bucket.requests):
                bucket.note_first(0.6 + (minute * 13 + sample * 5) % 29 / 24)
    now = clock()
    for ago, code, message in FAULTS:
        history._clock = lambda at=now - ago: at  # type: ignore[misc]
        history.note_fault(code, message, "grok-4-expert", "1f2e3d4c" if ago < 1000 else "")
    history._clock = clock
    for fault in history._faults.values():
        fault.reached = fault.code != "upstream_antibot"


FAULTS = (
    (9100.0, "timeout_chunk", "Grok was silent for 120 s."),
    (4100.0, "rate_limit_exceeded", "All tokens that may answer grok-4-heavy are used up."),
    (4000.0, "upstream_challenge", "A challenge page came instead of an answer."),
    (400.0, "upstream_error", f"Grok said: {MARKUP}"),
    (40.0, "upstream_antibot", "Grok's anti-bot rules refused the request (code 7)."),
    (39.0, "upstream_antibot", "Grok's anti-bot rules refused the request (code 7)."),
)


def furnish_lanes(site: Site) -> None:
    """Show both official lanes in use, each with something to tell."""
    shown = {
        LaneName.CLI: DeskView(
            LaneName.CLI,
            "5e55a0c1",
            DeskState.OK,
            "",
            None,
            2,
            Stock(9, 7300.0),
            plan=Plan(37.4, "weekly", site.server.state.wall.time() + 3.2 * 86400),
            rests=(Rest("grok-4.7-build-fast", "The account has reached a limit.", 190.0),),
        ),
        LaneName.API: DeskView(
            LaneName.API,
            "ab12cd34",
            DeskState.CAP_REACHED,
            f"The paid lane has spent today's [api] daily_usd (2.5 USD). {MARKUP}",
            18400.0,
            0,
            Stock(21, 40.0),
            Budget(2.5213, 2.5, 18400.0),
        ),
    }
    for desk in site.gateway.lending.desks:
        showing = functools.partial(_shown, shown[desk.name])
        desk.view = showing  # type: ignore[method-assign]
    site.server.pool.on_change[0]()


def _shown(view: DeskView, _: float) -> DeskView:
    return view


# The browser ------------------------------------------------------------------------------------

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]

WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine. Without one, tests are skipped; on CI (``GROKCORE_CI``) they
    fail.
    """
    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        missing = "no Chromium here; Debian's package is called chromium"
        if os.environ.get("GROKCORE_CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=found, args=FLAGS) as browser,
    ):
        yield browser


class Window:
    """A page in a browser of its own, and what went wrong in it."""

    def __init__(self, context: BrowserContext) -> None:
        self._context = context
        self.console: list[str] = []
        self.asked: list[str] = []
        context.set_default_timeout(8000)
        context.add_init_script(WATCH)
        context.on("console", self._on_console)
        context.on("weberror", lambda told: self.console.append(f"uncaught: {told.error}"))
        context.on("request", lambda request: self.asked.append(request.url))
        self.page: Page = context.new_page()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.console.append(message.text)

    def open(self, url: str) -> Page:
        """Go there, and wait until there is something to see."""
        self.page.goto(url)
        self.page.wait_for_selector("#board:not([hidden]), #asking:not([hidden])")
        return self.page

    def complaints(self, url: str) -> list[str]:
        """What the console, the Content-Security-Policy and the list of requests have to say
        against the page.
        """
        elsewhere = [asked for asked in self.asked if not asked.startswith((f"{url}/", "data:"))]
        return [*self.console, *self.page.evaluate("window.violations"), *elsewhere]


@contextlib.contextmanager
def window(
    browser: Browser, *, size: tuple[int, int] = (1280, 900), **options: Any
) -> Iterator[Window]:
    """A window with storage, cookies and history of its own."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        **{"timezone_id": "UTC", "locale": "en", **options},
    )
    try:
        yield Window(context)
    finally:
        context.close()


def photograph(page: Page, folder: Path, name: str, *, whole: bool = True) -> None:
    """A screenshot; with ``GROK2API_SHOTS`` it is kept there."""
    kept = Path(os.environ.get("GROK2API_SHOTS") or folder)
    kept.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=kept / f"{name}.png", full_page=whole)
