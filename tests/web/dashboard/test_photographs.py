"""The status page photographed: each number of tokens and each state, on each device, by day and
night, in each language.

A program looks at each photograph for what the eye would stumble over. ``GROK2API_SHOTS`` names a
folder in which the photographs are kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen
from playwright.sync_api import Browser, Page

from tests.web.dashboard import made_report
from tests.web.dashboard.axe import axe_script, violations
from tests.web.dashboard.looks import FAINT, LOOKS, SIZES, THEMES
from tests.web.dashboard.page_site import chromium, photograph
from tests.web.dashboard.studio import LANGUAGES, LONG, Studio

pytestmark = [pytest.mark.once, pytest.mark.large]

TALLEST = {
    ("8", "desk"): 900,
    ("40", "desk"): 2500,
    ("40", "phone"): 4500,
}
"""Pixels. With up to 8 tokens a desk shows everything on one screen."""


READ_BY_AXE = {"en": "desk", "zh": "phone"}
"""Devices whose page axe-core reads, by language. The elements on the others are the same, and
contrast is looked at on all.
"""


@frozen
class Scene:
    """A state of the page."""

    name: str
    arrange: Callable[[Studio], object]


def with_tokens(count: int) -> Scene:
    return Scene(str(count), lambda studio: studio.open(made_report.report(count)))


def wrong_key(studio: Studio) -> None:
    page = studio.open(None, "The key is not known.")
    page.locator("#key").fill("wrong")
    page.locator("#key-form button").click()
    page.wait_for_selector("#key-wrong:not(:empty)")


def gone(studio: Studio) -> None:
    studio.open(made_report.report(8))
    studio.answers.report = None
    studio.page.wait_for_selector("#notice:not([hidden])")


def opened(studio: Studio) -> None:
    """All that opens: rows, a question, forms, groups, advice."""
    page = studio.open(made_report.report(12))
    for place in (0, 1, 4):
        page.locator("#rows .toggle").nth(2 * place).click()
    page.locator("[data-act=disable]").first.click()
    page.locator("[data-act=replace]").last.click()
    page.locator("#group").select_option("state")
    for press in ("#open-token", "#open-values", "#more-models", "#more-failures"):
        page.locator(press).click()
    page.locator(".fault summary").first.click()
    page.locator("#mended > summary").click()


def history_of(span: str) -> Scene:
    def arrange(studio: Studio) -> None:
        page = studio.open(made_report.report(8, page_edits=True))
        page.locator(f"#spans [data-name='{span}']").click()
        page.wait_for_selector("#lines li")

    return Scene(f"history-{span}", arrange)


SCENES = [
    Scene("0", lambda studio: studio.open(made_report.no_tokens())),
    Scene("0-with-edits", lambda studio: studio.open(made_report.no_tokens(page_edits=True))),
    *(with_tokens(count) for count in (1, 8, 40, 200)),
    Scene("key-asked", lambda studio: studio.open(None, "A key is needed.")),
    Scene("key-wrong", wrong_key),
    Scene("gone", gone),
    Scene("fault", lambda studio: studio.open(made_report.broken())),
    Scene("opened", opened),
    history_of("24h"),
    history_of("30d"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One process for all photographs."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def studios(browser: Browser) -> Iterator[dict[str, Studio]]:
    """A page in each language."""
    script = axe_script()
    made = {language: Studio.build(browser, language, script) for language in LANGUAGES}
    yield made
    for studio in made.values():
        studio.close()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_nothing_is_cut_alone_faint_or_out_of_reach(
    scene: Scene, language: str, studios: dict[str, Studio], tmp_path: Path
) -> None:
    """On every screen, by day and night, in each language."""
    studio = studios[language]
    scene.arrange(studio)
    page = studio.page
    faults = []
    for device in SIZES:
        _look_from(page, device)
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            _settle(page)
            found = _colourless(page, scene, device, language) if theme == THEMES[0] else []
            faults += [f"{device} {theme}: {words}" for words in found + page.evaluate(FAINT)]
            if "GROK2API_SHOTS" in os.environ:
                page.evaluate("scrollTo(0, 0)")
                photograph(page, tmp_path, f"{scene.name}-{device}-{theme}-{language}")
    assert faults == []
    assert page.evaluate("window.canary") is None


WORDY = ("0-with-edits", "40", "key-wrong", "gone", "fault", "opened", "history-24h")
"""States that have all words among them."""


@pytest.mark.parametrize(
    "scene", [scene for scene in SCENES if scene.name in WORDY], ids=lambda scene: scene.name
)
def test_there_is_room_for_longer_words(scene: Scene, studios: dict[str, Studio]) -> None:
    """Another language's words may be longer by half, and the owner's settings as well."""
    scene.arrange(studios[LONG])
    page = studios[LONG].page
    faults = []
    for device in SIZES:
        _look_from(page, device)
        _settle(page)
        faults += [f"{device}: {words}" for words in page.evaluate(LOOKS)]
    assert faults == []


def _look_from(page: Page, device: str) -> None:
    width, height = SIZES[device]
    page.set_viewport_size({"width": width, "height": height})


def _settle(page: Page) -> None:
    """Wait until the page has been laid out and drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def _colourless(page: Page, scene: Scene, device: str, language: str) -> list[str]:
    """Faults that are the same in all colours."""
    found: list[str] = page.evaluate(LOOKS)
    tall = page.evaluate("document.documentElement.scrollHeight")
    if tall > TALLEST.get((scene.name, device), tall):
        found.append(f"{tall} px high")
    if device == READ_BY_AXE[language]:
        found += violations(page, with_contrast=scene.name == "8")
    return found
