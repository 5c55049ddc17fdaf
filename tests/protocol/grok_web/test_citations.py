"""Citations: pages of one answer, and their numbers."""

from __future__ import annotations

from typing import Any

import pytest

from grokcore.protocol.conversation.events import Cited, Found, Source
from grokcore.protocol.grok_web import citations
from grokcore.protocol.grok_web.cards import Card, Reference
from grokcore.protocol.grok_web.citations import Citations

PAGE = {"url": "https://example.com/a", "title": "A  page", "citationId": "7"}


@pytest.mark.parametrize(
    "value",
    [
        *(None, 5, "text", {}, {"url": 5}, {"url": "javascript:alert(1)"}, {"url": "https://" + "a" * 9000}),
        {"postId": "1"},
        {"postId": 1, "username": "a"},
    ],
)  # fmt: skip
def test_a_result_without_an_address_is_no_source(value: Any) -> None:
    """Nothing could be shown of it."""
    assert Citations().read_results([value]) is None


def test_a_page_is_found_once_and_cited_by_its_id() -> None:
    """By the search's own id, or by a card's address; posts have the address of their site."""
    pages = Citations()
    assert pages.read_results({"results": [PAGE, PAGE]}) == Found(
        (Source("https://example.com/a", "A page"),)
    )
    assert pages.read_results([PAGE]) is None
    assert pages.cite(Reference(citation_id="7"), None) == Cited(
        1, Source("https://example.com/a", "A page")
    )
    assert pages.cite(Reference(citation_id="8"), None) is None
    cited = pages.cite(Reference(), Card(url="https://example.com/b", title="B"))
    assert cited == Cited(2, Source("https://example.com/b", "B"))
    (post,) = pages.read_results([{"postId": "1", "username": "me"}]).sources  # type: ignore[union-attr]
    assert post == Source("https://x.com/me/status/1", "@me")


def test_only_so_many_pages_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search without end costs no memory without end."""
    monkeypatch.setattr(citations, "MOST", 1)
    pages = Citations()
    assert pages.read_results([PAGE]) is not None
    assert pages.read_results([{"url": "https://example.com/b"}]) is None
