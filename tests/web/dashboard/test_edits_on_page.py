"""The page's forms for tokens and browser values: what they send, and who sees them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.web.dashboard import made_report
from tests.web.dashboard.page_site import chromium
from tests.web.dashboard.studio import Studio

pytestmark = pytest.mark.once

TOKEN = made_report.report(1)["tokens"]["rows"][0]


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    """A page that a server answers on paper."""
    with chromium() as browser:
        yield _studio(browser)


def _studio(browser: Browser) -> Studio:
    return Studio.build(browser, "en")


def test_a_token_is_added(studio: Studio) -> None:
    """With its tier and note; the field with the secret is empty afterwards."""
    page = studio.open(made_report.report(8, page_edits=True))
    studio.answers.posted.clear()
    page.get_by_role("button", name="Add a token").click()
    secret = page.get_by_label("Value of the cookie “sso”")
    expect(secret).to_be_focused()
    secret.fill(" a-secret ")
    page.locator("#new-tier").select_option("super")
    page.get_by_label("Note", exact=True).fill("mine")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#token-outcome")).to_have_text("It is done.")
    expect(secret).to_have_value("")
    sent = {"token": "a-secret", "tier": "super", "note": "mine"}
    assert studio.answers.posted == [("/status/tokens", sent)]


def test_a_token_is_replaced_and_removed(studio: Studio) -> None:
    """Both in its opened row; a removal is asked about, and Escape leaves all as it is."""
    page = studio.open(made_report.report(1, page_edits=True))
    studio.answers.posted.clear()
    page.locator("#rows .toggle").click()
    mine = page.locator("#rows .details")
    mine.get_by_role("button", name="Replace").click()
    mine.get_by_label("New value of the cookie “sso”").fill("newer")
    mine.get_by_role("button", name="Replace").click()
    expect(mine.locator(".outcome")).to_have_text("It is done.")
    mine.get_by_role("button", name="Remove").click()
    page.keyboard.press("Escape")
    expect(mine.get_by_role("button", name="Remove")).to_be_focused()
    mine.get_by_role("button", name="Remove").click()
    expect(mine).to_contain_text("Remove it from the token file?")
    mine.get_by_role("button", name="Remove").click()
    expect(mine.locator(".outcome")).to_have_text("It is done.")
    place = f"/status/tokens/{TOKEN['key']}"
    assert studio.answers.posted == [
        (f"{place}/replace", {"token": "newer"}),
        (f"{place}/remove", None),
    ]


def test_browser_values_are_taken_over(studio: Studio) -> None:
    """A copied request as a whole, or one value."""
    page = studio.open(made_report.report(8, page_edits=True))
    studio.answers.posted.clear()
    page.get_by_role("button", name="Renew").click()
    for label, text in (("A request to grok.com", "curl https://grok.com/"), ("Or one", "abc")):
        page.get_by_label(label).last.fill(text)
        page.get_by_role("button", name="Take over").click()
        expect(page.locator("#values-outcome")).to_have_text("It is done.")
        expect(page.get_by_label(label).last).to_have_value("")
    assert studio.answers.posted == [
        ("/status/browser-values", {"curl": "curl https://grok.com/"}),
        ("/status/browser-values", {"cf_clearance": "abc"}),
    ]


def test_a_server_that_takes_no_edits_shows_no_forms(studio: Studio) -> None:
    """The page never offers what the server would refuse."""
    page = studio.open(made_report.report(1, page_edits=False))
    page.locator("#rows .toggle").click()
    buttons = page.locator("#rows .details button").all_text_contents()
    assert buttons == ["Check", "Disable"]
    for name in ("#open-token", "#open-values", "#token-form", "#values-form"):
        expect(page.locator(name)).to_be_hidden()
