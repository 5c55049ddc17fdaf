"""Pages that xAI's searches found, and its citations within the text.

xAI writes a citation into the text as ``[[1]](https://…)``, and lists the same pages as
annotations (docs.x.ai, "Citations", 2026-11). Its numbers are not kept: an answer counts the
different pages from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..conversation.events import Cited, Found, Source, Text

__all__ = ["MOST_HELD_CHARS", "MOST_SOURCES", "CitationFilter", "Sources"]

MOST_SOURCES = 500
"""Pages that are kept of one answer."""

MOST_ADDRESS_CHARS = 2000
MOST_TITLE_CHARS = 200

MOST_HELD_CHARS = MOST_ADDRESS_CHARS + 100
"""Characters of text that are held back, as the beginning of a citation."""

_ADDRESS = r"https?://(?:[^\s()\[]|\([^\s()\[]*\))+"
_WHOLE = re.compile(rf"\[\[[0-9]{{1,4}}\]\]\(({_ADDRESS})\)")

_BEGINNING = re.compile(
    r"\[\[(?:[0-9]{1,4}(?:\]{1,2}|\]\]\((?:ht{0,2}|https?(?::/?)?"
    r"|https?://(?:[^\s()\[]|\([^\s()\[]*\))*+(?:\([^\s()\[]*)?)?)?)?\Z"
)
"""A text that more characters may make a citation of."""


class Sources:
    """The pages of one answer."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}
        self._found: set[str] = set()
        self._numbers: dict[str, int] = {}

    def note(self, value: object) -> None:
        """Keep a page for the end: an annotation, an entry of ``citations``, or an address."""
        source = _source(value)
        if source is not None and len(self._titles) < MOST_SOURCES:
            self._titles[source.url] = self._titles.get(source.url) or source.title

    def find(self, values: object) -> Found | None:
        """Keep the pages of a list; return those that are new."""
        new = []
        for source in _sources(values):
            if source.url not in self._found and len(self._found) < MOST_SOURCES:
                self._found.add(source.url)
                self.note({"url": source.url, "title": source.title})
                new.append(source)
        return Found(tuple(new)) if new else None

    def cite(self, url: str) -> Cited:
        """The citation of a page."""
        number = self._numbers.setdefault(url, len(self._numbers) + 1)
        return Cited(number, Source(url, self._titles.get(url, "")))

    def left(self) -> Found | None:
        """The pages that were noted, and neither found nor cited."""
        left = [
            Source(url, title)
            for url, title in self._titles.items()
            if url not in self._found and url not in self._numbers
        ]
        self._found.update(source.url for source in left)
        return Found(tuple(left)) if left else None


class CitationFilter:
    """Takes citations out of a text that comes in pieces."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._held = ""

    def feed(self, text: str) -> list[Text | Cited]:
        """Take a piece of the text; return the events that are certain by now."""
        if not self._held and "[" not in text:
            return [Text(text)]
        text = self._held + text
        begin = _beginning(text)
        self._held = text[begin:]
        return list(self._split(text[:begin]))

    def close(self) -> list[Text | Cited]:
        """The text has ended, and the part that was held back is no citation."""
        held, self._held = self._held, ""
        return [Text(held)] if held else []

    def _split(self, text: str) -> Iterator[Text | Cited]:
        at = 0
        for found in _WHOLE.finditer(text):
            url = found.group(1)
            if len(url) > MOST_ADDRESS_CHARS:
                continue
            if found.start() > at:
                yield Text(text[at : found.start()])
            yield self._sources.cite(url)
            at = found.end()
        if at < len(text):
            yield Text(text[at:])


def _beginning(text: str) -> int:
    """The index at which an unfinished citation begins; the length of *text* if there is none."""
    at = text.rfind("[[", max(0, len(text) - MOST_HELD_CHARS))
    if at >= 0 and _BEGINNING.match(text, at):
        return at
    return len(text) - 1 if text.endswith("[") and not text.endswith("[[") else len(text)


def _sources(values: object) -> Iterator[Source]:
    for value in values if isinstance(values, list) else []:
        source = _source(value)
        if source is not None:
            yield source


def _source(value: Any) -> Source | None:
    """A page; None if *value* is none. A title that is only a number is none (an annotation has the
    citation's number there).
    """
    url = value.get("url") if isinstance(value, dict) else value
    if not (
        isinstance(url, str)
        and url.startswith(("https://", "http://"))
        and len(url) <= MOST_ADDRESS_CHARS
        and not any(char.isspace() for char in url)
    ):
        return None
    title = value.get("title") if isinstance(value, dict) else None
    line = " ".join(title.split())[:MOST_TITLE_CHARS] if isinstance(title, str) else ""
    return Source(url, "" if line.isdigit() or line == url else line)
