"""The official lanes on the status page, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.servers import Site
from tests.web.dashboard.looks import DESK, FAINT, PHONE
from tests.web.dashboard.page_site import (
    Live,
    chromium,
    furnish,
    furnish_lanes,
    live_site,
    many_tokens,
    window,
)

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all tests; each has windows of its own."""
    with chromium() as found:
        yield found


def with_lanes(site: Site) -> None:
    furnish(site)
    furnish_lanes(site)


@pytest.fixture(scope="module")
def furnished() -> Iterator[Live]:
    """A server with some tokens, and both official lanes in use."""
    with live_site(with_lanes, tokens=many_tokens(12)) as live:
        yield live


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_lanes_are_readable(size: tuple[int, int], browser: Browser, furnished: Live) -> None:
    """Each has a row with its state, money and models; nothing sticks out, no text is faint, and
    text stays text.
    """
    with window(browser, size=size) as seen:
        page = seen.open(furnished.url)
        cli, api = page.locator("#lane-rows > li").all()
        for words in ("cli", "5e55a0c1", "ready", "2 under way", "37 % used", "9 models", "rests"):
            expect(cli).to_contain_text(words)
        expect(cli).to_contain_text("new in 4 d")
        for words in (
            "api",
            "cap reached",
            "back in 6 h",
            "$2.52 / $2.50",
            "<script>",
            "21 models",
        ):
            expect(api).to_contain_text(words)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.evaluate(FAINT) == []
        assert page.evaluate("window.canary") is None
        assert seen.complaints(furnished.url) == []


def test_without_an_official_lane_there_is_no_table(browser: Browser) -> None:
    """A server of session tokens alone looks as before."""
    with live_site() as live, window(browser) as seen:
        page = seen.open(live.url)
        expect(page.locator("#server-state")).to_have_text("Everything works")
        expect(page.locator("#lanes")).to_be_hidden()
