"""Photographs of the status page with made reports: a browser that needs no server.

The page's own files are served to it as the server serves them, with its headers. All other answers
are made up, so that any state is shown at once.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen
from playwright.sync_api import Browser, Page, Route

from grokcore.web import dashboard
from tests.web.dashboard import made_report

__all__ = ["LANGUAGES", "LONG", "URL", "Answers", "Studio"]

URL = "http://127.0.0.1:9"

LONG = "long"
"""English with words as long as German's."""

LANGUAGES = {"en": "en-GB", "zh": "zh-CN", LONG: "en-GB"}


@define
class Answers:
    """Answers to the page's requests.

    :ivar report: answer to ``GET /status``; None while the server is gone.
    :ivar refusal: words of the 401; empty while any key is right.
    """

    report: dict[str, Any] | None = None
    refusal: str = ""
    posted: list[tuple[str, Any]] = field(factory=list)


@frozen
class Studio:
    """A page in one language, and the answers that it gets."""

    page: Page
    answers: Answers

    @classmethod
    def build(cls, browser: Browser, language: str, script: str = "") -> Studio:
        """A studio.

        :param script: runs in the page before its own; the policy does not bind it.
        """
        context = browser.new_context(
            locale=LANGUAGES[language], timezone_id="UTC", has_touch=False, reduced_motion="reduce"
        )
        context.set_default_timeout(8000)
        if script:
            context.add_init_script(script)
        studio = cls(context.new_page(), Answers())
        lengthen = stretched if language == LONG else str
        studio.page.route("**/*", lambda route: studio.serve(route, lengthen))
        return studio

    def open(self, report: dict[str, Any] | None, refusal: str = "") -> Page:
        """Load the page with this report."""
        self.answers.report, self.answers.refusal = report, refusal
        self.page.goto(URL)
        self.page.wait_for_selector("#board:not([hidden]), #asking:not([hidden])")
        return self.page

    def close(self) -> None:
        self.page.context.close()

    def serve(self, route: Route, lengthen: Callable[[str], str]) -> None:
        """Answer a request as the answers have it."""
        path = route.request.url.removeprefix(URL)
        answers = self.answers
        name = path.removeprefix("/status/") if path != "/" else "index.html"
        if name in dashboard.FILES:
            route.fulfill(
                body=lengthen(_text(name)) if name == "words.js" else _text(name),
                content_type=dashboard.MEDIA_TYPES[name.rpartition(".")[2]],
                headers=dashboard.PAGE_HEADERS,
            )
        elif answers.report is None and not answers.refusal:
            route.abort()
        elif answers.refusal:
            route.fulfill(status=401, json={"error": {"message": answers.refusal}})
        elif path.startswith("/status/history?"):
            route.fulfill(json=made_report.history(path.rpartition("=")[2]))
        elif path == "/status/ticket":
            route.fulfill(json={"ticket": "of-paper"})
        elif path == "/status":
            route.fulfill(json=answers.report)
        elif route.request.method == "POST":
            answers.posted.append((path, route.request.post_data_json))
            route.fulfill(json={"said": "It is done."})
        else:
            route.abort()  # the stream: the page then asks for reports


def _text(name: str) -> str:
    folder = importlib.resources.files(dashboard.__name__) / "page"
    return (folder / name).read_text(encoding="utf-8")


def stretched(words: str) -> str:
    """The catalogue with English words that are longer by half."""

    def longer(match: re.Match[str]) -> str:
        word = match[0]
        return word if word.startswith("{") else word + word[: len(word) // 2].lower()

    def line(match: re.Match[str]) -> str:
        return match[1] + re.sub(r"\{\w+\}|[A-Za-z]{4,}", longer, match[2])

    return re.sub(r'(\["|^    ")([^"]*)', line, words, flags=re.MULTILINE)
