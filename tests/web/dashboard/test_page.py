"""The status page as a person has it: in a real browser, from a real server with a simulated Grok
behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
import trio
from attrs import evolve
from playwright.sync_api import Browser, Page, expect

from grokcore.protocol.tokens import TokenEntry, token_id
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import answer
from grokcore.web.dashboard import overview
from tests.servers import Site
from tests.web.dashboard.looks import FAINT, PHONE
from tests.web.dashboard.page_site import (
    CHINESE,
    CLEARANCE,
    LONG_GROUP,
    MARKUP,
    Live,
    chromium,
    furnish,
    live_site,
    many_tokens,
    window,
)

pytestmark = pytest.mark.once


KEYED = """
[grok]
api_key = "owner-key"
[[keys]]
name = "guest"
key = "guest-key"
rpm = 5
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests; each has windows of its own."""
    with chromium() as found:
        yield found


@pytest.fixture
def furnished(browser: Browser) -> Iterator[Live]:
    """A server with 240 tokens in all states and an hour of traffic, for tests that change
    nothing.
    """
    with live_site(furnish, tokens=many_tokens(240)) as live:
        yield live


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """News comes at once; how far apart it is kept has tests of its own."""
    monkeypatch.setattr(overview, "APART_S", 0.05)
    monkeypatch.setattr(overview, "SHARED_S", 0.0)


def figures(page: Page) -> dict[str, str]:
    """The numbers on top, by their names."""
    names = page.locator("#figures dt").all_text_contents()
    return dict(zip(names, page.locator("#figures dd").all_text_contents(), strict=True))


def row(page: Page, token: str) -> Any:
    """A token's row in the table."""
    return page.locator("#rows tr[data-state]", has=page.get_by_text(token, exact=True))


def opened(page: Page, token: str) -> Any:
    """What is below a token's row once it is opened."""
    row(page, token).get_by_role("button", name=f"Details of token {token}").click()
    return page.locator(f"tr[data-state]:has-text('{token}') + tr.details")


# What it shows ----------------------------------------------------------------------------------


def test_a_large_pool_is_listed_in_parts(browser: Browser, furnished: Live) -> None:
    """A report has 200 tokens, those with trouble first, and the page shows 50 of them at first."""
    with window(browser) as seen:
        page = seen.open(furnished.url)
        assert figures(page)["tokens usable"].endswith(" of 240")
        expect(page.locator("#rows tr")).to_have_count(50)
        page.get_by_role("button", name="Show all 200").click()
        expect(page.locator("#rows tr")).to_have_count(200)
        assert page.locator("#tokens-note").inner_text() == "200 of 240 are listed, trouble first."
        assert page.locator("#requests-plot .bar").count() == 56
        assert page.locator("#requests-plot .bar-error").count() > 3
        assert page.locator("#latency-plot .median").count() == 4
        assert page.evaluate(FAINT) == []
        assert seen.complaints(furnished.url) == []


def test_a_new_server_says_what_to_do(browser: Browser) -> None:
    """In the words of its installation, and with nothing else to read."""
    with live_site(tokens=()) as live, window(browser, permissions=["clipboard-write"]) as seen:
        page = seen.open(live.url)
        expect(page.locator("#server-state")).to_have_text("Not set up yet")
        expect(page.locator("#first li")).to_have_count(3)
        expect(page.locator("#figures")).to_be_hidden()
        expect(page.locator("#tokens-box h2")).to_be_hidden()
        command = page.locator("#first code").first.inner_text()
        assert command.endswith(" tokens add")
        page.get_by_role("button", name=f"Copy the command: {command}").click()
        expect(page.locator("#first button").first).to_have_text("Copied")
        assert page.title() == "Not set up yet · grok2api"
        live.do(live.site.server.adopt_tokens, (TokenEntry("sso-0"),))
        expect(page.locator("#first")).to_be_hidden()
        expect(row(page, token_id("sso-0"))).to_be_visible()
        assert seen.complaints(live.url) == []


@pytest.mark.large
def test_ten_thousand_tokens_are_no_burden(browser: Browser) -> None:
    """They are counted, those with trouble are shown, and the page answers at once."""
    with live_site(furnish, tokens=many_tokens(10_000)) as live, window(browser) as seen:
        page = seen.open(live.url)
        expect(page.locator("#chips button").first).to_have_text("all 10,000")
        assert page.locator("#tokens-note").inner_text().startswith("200 of 10,000 are listed")
        page.get_by_role("button", name=re.compile("^invalid")).click()
        expect(page.locator("#rows tr")).to_have_count(50)
        page.get_by_role("button", name=re.compile("^cooling")).click()
        expect(page.locator("#no-tokens")).to_have_text(
            "No token that is listed matches; others may."
        )
        assert seen.complaints(live.url) == []


def test_what_others_wrote_is_text_and_nothing_else(browser: Browser, furnished: Live) -> None:
    """Markup in notes and messages is shown as it is; Chinese and very long names have room."""
    with window(browser, size=PHONE) as seen:
        page = seen.open(furnished.url)
        expect(page.locator("#failures-title")).to_have_text("Failures that reached a client")
        expect(page.locator("#failures").get_by_text(MARKUP)).to_be_visible()
        expect(page.locator("#mended-rows code")).to_have_text(["upstream_antibot"])
        expect(page.locator(".note").get_by_text(MARKUP).first).to_be_visible()
        expect(page.locator(".note").get_by_text(CHINESE).first).to_be_visible()
        page.get_by_label("Find by id, note or tier").fill(token_id("sso-14"))
        page.locator("#rows .toggle").click()
        expect(page.locator(".inside .name").get_by_text(LONG_GROUP)).to_be_visible()
        assert page.evaluate("window.canary") is None
        assert page.locator("main script, main img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        assert seen.complaints(furnished.url) == []


def test_the_browser_values_show_age_and_refusals(browser: Browser, furnished: Live) -> None:
    """An owner sees which value is old or refused, and for which way; never the value."""
    with window(browser, size=PHONE) as seen:
        page = seen.open(furnished.url)
        clearance, agent, statsig = page.locator("#values > li").all()
        expect(clearance).to_contain_text(re.compile("cf_clearance.*in use for 2 d"))
        expect(clearance).to_contain_text("and by 4 more")
        expect(clearance.locator(".refusal")).to_contain_text(
            [
                re.compile(r"refused \d+ s ago upstream_challenge, socket, direct"),
                "refused 10 min ago upstream_antibot, rest, direct",
            ]
        )
        expect(agent).to_contain_text(re.compile("user_agent.*not set: as impersonated"))
        expect(statsig).to_contain_text(re.compile("x_statsig_id.*shipped with the program"))
        expect(statsig.locator(".refusal")).to_have_text(
            "refused 10 min ago upstream_antibot, rest, direct"
        )
        assert CLEARANCE not in page.content()
        assert seen.complaints(furnished.url) == []


@pytest.mark.parametrize("language", ["zh-CN", "de-DE"])
def test_it_speaks_the_language_of_the_browser(language: str, browser: Browser) -> None:
    """Chinese where the browser's owner reads it, English for everybody else."""
    words, tag = ("令牌", "zh-CN") if language == "zh-CN" else ("Tokens", "en")
    with (
        live_site(tokens=(TokenEntry("sso-0"),)) as live,
        window(browser, locale=language) as seen,
    ):
        page = seen.open(live.url)
        expect(page.locator("#tokens-title")).to_have_text(words)
        assert page.evaluate("document.documentElement.lang") == tag
        assert seen.complaints(live.url) == []


# Keys -------------------------------------------------------------------------------------------


STORED = "[sessionStorage.length, localStorage.length, document.cookie]"


@pytest.mark.parametrize("kept", [False, True])
def test_a_device_remembers_the_key_if_the_owner_says_so(kept: bool, browser: Browser) -> None:
    """Else the key is gone with the tab; "Forget key" removes it from both places."""
    with live_site(config=KEYED) as live, window(browser) as seen:
        page = seen.open(live.url)
        page.get_by_label("Remember it on this device").set_checked(kept)
        page.get_by_label("API key").fill("owner-key")
        page.get_by_role("button", name="Open").click()
        expect(page.locator("#board")).to_be_visible()
        assert page.evaluate(STORED) == [int(not kept), int(kept), ""]
        second = page.context.new_page()
        second.goto(live.url)
        expect(second.locator("#board" if kept else "#asking")).to_be_visible()
        second.close()
        page.get_by_role("button", name="Forget key").click()
        expect(page.get_by_label("API key")).to_be_visible()
        assert page.evaluate(STORED) == [0, 0, ""]


def test_it_asks_for_a_key_says_when_it_is_wrong_and_forgets_it(browser: Browser) -> None:
    """The key stays in the tab: over a reload, until it is forgotten; nothing of the server is
    shown without it.
    """
    with live_site(config=KEYED) as live, window(browser, size=PHONE) as seen:
        page = seen.open(live.url)
        field = page.get_by_label("API key")
        expect(field).to_be_focused()
        expect(page.locator("#key-wrong")).to_be_empty()
        expect(page.locator("#board")).to_be_hidden()
        for key, words in (("wrong", "not a key of this server"), ("guest-key", "has limits")):
            field.fill(key)
            field.press("Enter")
            expect(page.locator("#key-wrong")).to_contain_text(words)
            assert page.evaluate("sessionStorage.length") == 0
        field.fill("owner-key")
        page.get_by_role("button", name="Open").click()
        expect(page.locator("#server-state")).to_have_text("Everything works")
        page.reload()
        expect(page.locator("#server-state")).to_have_text("Everything works")
        expect(page.locator("#asking")).to_be_hidden()
        assert "owner-key" not in page.content()
        page.get_by_role("button", name="Forget key").click()
        expect(field).to_be_visible()
        expect(page.locator("#board")).to_be_hidden()
        assert page.evaluate(STORED) == [0, 0, ""]
        page.reload()
        expect(field).to_be_visible()
        assert not any("owner-key" in url for url in seen.asked)
        refused = [told for told in seen.complaints(live.url) if "status of 40" not in told]
        assert refused == []


def test_a_key_that_is_none_any_more_is_asked_for_again(browser: Browser) -> None:
    """When the keys change, the page hides its data and asks for a key."""
    with live_site(config=KEYED) as live, window(browser) as seen:
        page = seen.open(live.url)
        page.get_by_label("API key").fill("owner-key")
        page.get_by_role("button", name="Open").click()
        expect(page.locator("#server-state")).to_have_text("Everything works")
        old = live.site.server.state.config
        live.do(live.site.server.adopt_config, evolve(old, grok=evolve(old.grok, api_key="other")))
        expect(page.get_by_label("API key")).to_be_visible()
        expect(page.locator("#board")).to_be_hidden()


# Live -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_what_happens_is_seen_without_a_reload(browser: Browser) -> None:
    """A request, its token's use, a token that is added and one that is removed; the focus stays
    where it was.
    """
    ids = [token_id(f"sso-{number}") for number in range(3)]
    with (
        live_site(tokens=tuple(TokenEntry(f"sso-{number}") for number in range(2))) as live,
        window(browser) as seen,
    ):
        live.do(live.site.simulator.always, answer("ok"))
        page = seen.open(live.url)
        page.evaluate("window.same = true")
        expect(row(page, ids[0])).to_contain_text("not used yet")
        check = opened(page, ids[1]).get_by_role("button", name="Check")
        check.focus()
        live.wait(live.site.ask)
        expect(page.locator("#figures")).to_contain_text("requests, last hour1")
        expect(page.locator("#rows")).to_contain_text(re.compile(r"ready.*\d+ s"))
        expect(page.locator("#requests-plot .bar")).to_have_count(1)
        expect(page.locator("#latency-readout")).to_contain_text("median")
        live.do(
            live.site.server.adopt_tokens, (TokenEntry("sso-1"), TokenEntry("sso-2", note="new"))
        )
        expect(row(page, ids[2])).to_contain_text("new")
        expect(row(page, ids[0])).to_have_count(0)
        expect(check).to_be_focused()
        assert page.evaluate("window.same")
        assert seen.complaints(live.url) == []


def test_without_a_stream_it_asks_now_and_then(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many pages are open, or something on the way holds events back."""
    monkeypatch.setattr(overview, "MOST_WATCHERS", 0)
    with live_site(tokens=(TokenEntry("sso-0"),)) as live, window(browser) as seen:
        page = seen.open(live.url)
        expect(page.locator("#server-state")).to_have_text("Everything works")
        live.do(live.site.server.pool.disable, token_id("sso-0"))
        expect(row(page, token_id("sso-0")).locator(".state")).to_have_text("disabled")
        assert page.get_by_role("alert").count() == 0


def test_a_server_that_is_gone_is_missed(browser: Browser) -> None:
    """The last report stays, marked as old, and the page goes on trying."""
    with live_site(furnish, tokens=many_tokens(4)) as live, window(browser) as seen:
        page = seen.open(live.url)
        expect(page.locator("#rows tr")).to_have_count(4)
        live.do(live.site.stop.set)
        notice = page.get_by_role("alert")
        expect(notice).to_contain_text(
            "The server does not answer. The figures below are old. Next try in"
        )
        expect(page.locator("#server-state")).to_have_text("Not reachable")
        assert page.locator("#rows tr").count() == 4
        assert page.title() == "Not reachable · grok2api"


# What can be done -------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_a_token_is_disabled_after_a_question_and_enabled_again(browser: Browser) -> None:
    """The question stands in the row; Keep and Escape leave all as it is. The result is seen and
    said at once.
    """
    token = token_id("sso-0")
    with live_site() as live, window(browser, size=PHONE) as seen:
        page = seen.open(live.url)
        line, mine = row(page, token), opened(page, token)

        def button(name: str) -> Any:
            return mine.get_by_role("button", name=f"{name} token {token}", exact=True)

        for leave in (lambda: button("Keep").click(), lambda: page.keyboard.press("Escape")):
            button("Disable").click()
            expect(mine).to_contain_text("Disable it?")
            expect(button("Keep")).to_be_focused()
            leave()
            expect(button("Check")).to_be_visible()
            expect(button("Disable")).to_be_focused()
        assert not live.do(live.site.server.pool.view, token).switched_off
        button("Disable").click()
        live.do(live.site.server.pool.disable, token_id("sso-1"))
        expect(row(page, token_id("sso-1")).locator(".state")).to_have_text("disabled")
        expect(button("Keep")).to_be_focused()  # news does not take the question away
        button("Disable").click()
        expect(line.locator(".condition")).to_contain_text("disabled")
        expect(mine).to_contain_text("Switched off here.")
        expect(mine.locator(".outcome")).to_have_text("It is switched off.")
        expect(page.locator("#said")).to_have_text(f"Token {token}: It is switched off.")
        expect(page.locator("#chips")).to_contain_text("disabled 2")
        assert live.do(live.site.server.pool.view, token).switched_off
        button("Enable").click()
        expect(line.locator(".state")).to_have_text("not used yet")
        assert not live.do(live.site.server.pool.view, token).switched_off
        assert seen.complaints(live.url) == []


@pytest.mark.usefixtures("quick")
def test_a_token_is_checked_and_cleared(browser: Browser) -> None:
    """The check says how it ended: with what Grok says is left."""
    token = token_id("sso-0")

    def cool(site: Site) -> None:
        site.simulator.limits["sso-0", "grok-3"] = Limit(20, 13)
        account = site.server.pool.book.accounts[0]
        account.allowance("grok-3").cool(600.0, trio.current_time())

    with live_site(cool, tokens=(TokenEntry("sso-0"),)) as live, window(browser) as seen:
        page = seen.open(live.url)
        line, mine = row(page, token), opened(page, token)
        expect(line.locator(".condition")).to_contain_text(re.compile("cooling (10|9) min"))
        expect(mine.locator(".allowances")).to_contain_text(re.compile("back in (10|9) min"))
        mine.get_by_role("button", name="Clear").click()
        expect(line.locator(".condition")).not_to_contain_text("cooling")
        expect(mine.get_by_role("button", name="Clear")).to_have_count(0)
        mine.get_by_role("button", name="Check").click()
        expect(mine.locator(".outcome")).to_have_text(
            re.compile(r"Checked: 13 of 20 left for grok-3\S*( \+1)?\.")
        )
        expect(line).to_contain_text("13/20")
        live.do(live.site.server.adopt_tokens, ())
        expect(line).to_have_count(0)
        expect(mine).to_have_count(0)
        assert seen.complaints(live.url) == []


@pytest.mark.usefixtures("quick")
def test_a_check_that_finds_an_ended_session_says_so(browser: Browser) -> None:
    """The owner need not compare two figures to see what a check has brought."""
    token = token_id("sso-0")
    with live_site(tokens=(TokenEntry("sso-0"),)) as live, window(browser) as seen:
        live.do(live.site.simulator.dead.add, "sso-0")
        page = seen.open(live.url)
        line, mine = row(page, token), opened(page, token)
        mine.get_by_role("button", name="Check").click()
        expect(mine.locator(".outcome")).to_have_text(re.compile("Checked: Refused once: "))
        expect(line).to_contain_text("cooling")


def test_what_fails_is_said_in_the_row(browser: Browser) -> None:
    """A token that went in the same moment, here."""
    with live_site(tokens=(TokenEntry("sso-0"),)) as live, window(browser) as seen:
        page = seen.open(live.url)
        mine = opened(page, token_id("sso-0"))
        live.do(setattr, live.site.server.pool.book._roster, "listed", [])  # as if it went now
        mine.get_by_role("button", name="Check").click()
        expect(mine.locator(".outcome")).to_have_text("There is no token of that id.")
        expect(mine.locator(".outcome")).to_have_attribute("data-kind", "failed")


def test_tokens_are_found_by_state_id_note_and_tier(browser: Browser, furnished: Live) -> None:
    """Chips and words go together."""
    with window(browser) as seen:
        page = seen.open(furnished.url)
        find = page.get_by_label("Find by id, note or tier")
        chip = page.get_by_role("button", name=re.compile("^cooling"))
        chip.click()
        expect(chip).to_have_attribute("aria-pressed", "true")
        states = page.locator("#rows .condition .state")
        assert set(states.all_text_contents()) == {"cooling"}
        find.fill("SUPER")
        assert set(page.locator("#rows .tier").all_text_contents()) == {"super"}
        find.fill(CHINESE[:3])
        assert set(page.locator("#rows .note").all_text_contents()) == {CHINESE}
        find.fill("nothing like that")
        expect(page.locator("#no-tokens")).to_have_text(
            "No token that is listed matches; others may."
        )
        chip.click()
        find.fill(token_id("sso-3"))
        expect(page.locator("#rows tr")).to_have_count(1)


def test_tokens_are_put_into_order_and_groups(browser: Browser, furnished: Live) -> None:
    """An operator with hundreds of tokens looks at one kind, and closes the others."""
    with window(browser) as seen:
        page = seen.open(furnished.url)
        page.get_by_label("Order").select_option("by id")
        ids = page.locator("#rows code").all_text_contents()
        assert ids == sorted(ids)
        page.get_by_label("Order").select_option("trouble first")
        page.get_by_label("Groups").select_option("groups by state")
        heading = page.locator("#rows .group button").first
        expect(heading).to_have_text(re.compile("^invalid [0-9]+$"))
        before = page.locator("#rows tr[data-state=invalid]").count()
        assert before == int(heading.inner_text().split()[-1])
        heading.press("Enter")
        expect(page.locator("#rows tr[data-state=invalid]")).to_have_count(0)
        expect(heading).to_be_focused()
        expect(heading).to_have_attribute("aria-expanded", "false")


# Plots ------------------------------------------------------------------------------------------


def readouts(page: Page) -> tuple[str, str]:
    """The readouts of both plots."""
    found = [page.locator(f"#{name}-readout").inner_text() for name in ("requests", "latency")]
    return cast(tuple[str, str], tuple(found))


def test_a_minute_is_read_with_mouse_finger_and_keys(browser: Browser, furnished: Live) -> None:
    """The minute is marked in both plots, and its values are shown in words, also for a minute
    without answers.
    """
    with window(browser, size=PHONE, has_touch=True) as seen:
        page = seen.open(furnished.url)
        plot = page.get_by_role("slider", name="Requests")
        resting = readouts(page)
        assert re.fullmatch(r"\d+ requests, \d+ failed", resting[0])
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 60, box["y"] + 50)
        hovered = readouts(page)
        assert re.fullmatch(r"\d\d:\d\d · \d+ requests, [02] failed", hovered[0])
        assert re.fullmatch(r"\d\d:\d\d · median \d\.\d\d s, 95 % within \d\.\d\d s", hovered[1])
        assert page.locator(".marker[visibility=visible]").count() == 2
        page.mouse.move(1, 1)
        assert readouts(page) == resting
        page.touchscreen.tap(box["x"] + 60, box["y"] + 50)
        assert readouts(page) == hovered
        plot.focus()
        page.keyboard.press("Home")
        first = readouts(page)
        for _ in range(23):
            page.keyboard.press("ArrowRight")
        assert readouts(page)[0].endswith(" · 0 requests, 0 failed")
        assert readouts(page)[1].endswith(" · no answer began")
        expect(plot).to_have_attribute("aria-valuetext", readouts(page)[0])
        page.keyboard.press("Home")
        assert readouts(page) == first
        page.keyboard.press("Escape")
        assert readouts(page) == resting


def test_it_can_be_used_with_the_keyboard_alone(browser: Browser, furnished: Live) -> None:
    """Tab leads through all in the order in which it is seen; Enter opens a token's row."""
    with window(browser) as seen:
        page = seen.open(furnished.url)
        find = page.get_by_label("Find by id, note or tier")
        find.focus()
        names = []
        for _ in range(3):
            page.keyboard.press("Tab")
            names.append(page.evaluate("document.activeElement.ariaLabel"))
        assert names[:2] == ["Order", "Groups"]
        assert re.fullmatch(r"Details of token \w{8}", names[2])
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        acting = page.evaluate("document.activeElement.ariaLabel")
        assert re.fullmatch(r"Check token \w{8}", acting)
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        heads = page.get_by_role("columnheader").all_text_contents()
        assert heads[:3] + heads[-1:] == ["Token", "Note", "State", "Used"]
