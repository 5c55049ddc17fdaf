"""Pages that searches found, and the numbers under which an answer cites them."""

from __future__ import annotations

from typing import Any

from ..conversation.events import Cited, Found, Source
from .cards import MOST_ADDRESS_CHARS, Card, Reference

__all__ = ["Citations"]

MOST = 200
"""Pages that are kept of one answer. Deep searches read some dozens."""


MOST_IDS = 4 * MOST
"""Ids of the pages: each search gives its own."""

MOST_ID_CHARS = 100


class Citations:
    """The pages of one answer."""

    def __init__(self) -> None:
        self._by_url: dict[str, Source] = {}
        self._by_citation_id: dict[str, Source] = {}
        self._numbers: dict[str, int] = {}

    def read_results(self, value: Any) -> Found | None:
        """Keep the pages of ``{"results": […]}`` or a bare list (grok-protocol.md §3.3, §3.4), and
        return the new ones.
        """
        results = value.get("results") if isinstance(value, dict) else value
        new = (
            [source for result in results if (source := self._note(result))]
            if isinstance(results, list)
            else []
        )
        return Found(tuple(new)) if new else None

    def cite(self, reference: Reference, card: Card | None) -> Cited | None:
        """Return the source that an element in the text refers to; None if it is unknown."""
        source = self._by_citation_id.get(reference.citation_id)
        if card is not None and card.url:
            source = self._by_url.get(card.url) or Source(card.url, card.title)
        if source is None:
            return None
        return Cited(self._numbers.setdefault(source.url, len(self._numbers) + 1), source)

    def _note(self, result: Any) -> Source | None:
        """Keep a page; return it if it is new."""
        source = _source(result)
        if source is None or len(self._by_url) >= MOST:
            return None
        kept = self._by_url.setdefault(source.url, source)
        citation_id = result.get("citationId")
        if (
            isinstance(citation_id, str | int)
            and citation_id
            and len(self._by_citation_id) < MOST_IDS
        ):
            self._by_citation_id.setdefault(str(citation_id)[:MOST_ID_CHARS], kept)
        return source if kept is source else None


def _source(result: Any) -> Source | None:
    """A page of a web search, or a post of an X search, which has no url of its own."""
    if not isinstance(result, dict):
        return None
    url, title = result.get("url"), result.get("title")
    post, author = result.get("postId"), result.get("username")
    if not url and isinstance(post, str) and isinstance(author, str) and post and author:
        url, title = f"https://x.com/{author}/status/{post}", f"@{author}"
    if (
        not isinstance(url, str)
        or not url.startswith(("https://", "http://"))
        or len(url) > MOST_ADDRESS_CHARS
    ):
        return None
    return Source(url, " ".join(title.split())[:200] if isinstance(title, str) else "")
