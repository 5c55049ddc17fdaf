"""Citations are taken out of the text, wherever it is cut, and pages are told once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.conversation.events import Cited, Found, Source, Text
from grokcore.protocol.official.citations import (
    MOST_HELD_CHARS,
    MOST_SOURCES,
    CitationFilter,
    Sources,
)

from ..strategies import chunked, cut_everywhere

A, B = "https://example.com/a", "https://example.com/b"


def read(pieces: list[str]) -> list[Text | Cited]:
    """The events, pieces of text put together."""
    citations = CitationFilter(Sources())
    found: list[Text | Cited] = []
    for event in [event for piece in pieces for event in citations.feed(piece)] + citations.close():
        if isinstance(event, Text) and found and isinstance(last := found[-1], Text):
            found[-1] = Text(last.text + event.text)
        elif event != Text(""):
            found.append(event)
    return found


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (f"a[[1]]({A})[[2]]({B})b", [Text("a"), Cited(1, Source(A)), Cited(2, Source(B)), Text("b")]),
        (f"[[9]]({A})[[3]]({A})", [Cited(1, Source(A)), Cited(1, Source(A))]),
        (f"[[1]]({A}_(x))", [Cited(1, Source(f"{A}_(x)"))]),
        (f"[[[1]]({A})]", [Text("["), Cited(1, Source(A)), Text("]")]),
        (f"[[1]]({A}", [Text(f"[[1]]({A}")]),
        (f"[[1]]({A}(x) y)", [Text(f"[[1]]({A}(x) y)")]),
        (f"[[1]]({A}[[2]]({B})", [Text(f"[[1]]({A}"), Cited(1, Source(B))]),
        ("[[1]](ftp://x)", [Text("[[1]](ftp://x)")]),
        ("[[x]] and [1](https://x) [", [Text("[[x]] and [1](https://x) [")]),
        (f"[[1]]({A}{'a' * 2000})", [Text(f"[[1]]({A}{'a' * 2000})")]),
    ],
)  # fmt: skip
def test_a_citation_is_known_however_it_is_cut(text: str, events: list[Text | Cited]) -> None:
    """Numbers count the different pages; what only looks like a citation is text."""
    assert read([text]) == events
    assert read(cut_everywhere(text)) == events


_PIECES = ["[", "]", "(", ")", "[[1]]", f"[[2]]({A})", "https://", "h", "1", " ", "x", f"({B}"]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(_PIECES), max_size=16).map("".join), st.data())
def test_cuts_make_no_difference(text: str, data: st.DataObject) -> None:
    """And no character is lost but those of citations."""
    assert read(data.draw(chunked(text))) == read([text])


def test_little_is_held_back() -> None:
    """A text that never becomes a citation is not kept for long."""
    citations = CitationFilter(Sources())
    begin = f"[[1]]({A}"
    assert citations.feed(begin) == []
    long = "a" * MOST_HELD_CHARS
    assert citations.feed(long) == [Text(begin + long)]


def test_pages_are_found_once_and_told_at_the_end() -> None:
    """Titles that are numbers are none; what is no page is passed over."""
    sources = Sources()
    found = sources.find(
        [{"url": A, "title": " A  page "}, {"url": A}, A, "ftp://x", None, 7, "https://a b"]
    )
    assert found == Found((Source(A, "A page"),))
    assert sources.find([{"url": A}]) is None
    assert sources.find("none") is None
    sources.note({"url": B, "title": "2"})
    sources.note({"url": None})
    assert sources.cite(A) == Cited(1, Source(A, "A page"))
    assert sources.left() == Found((Source(B),))
    assert sources.left() is None


def test_pages_are_bounded() -> None:
    """A search of thousands of pages does not fill the memory."""
    sources = Sources()
    found = sources.find([f"{A}{number}" for number in range(MOST_SOURCES + 9)])
    assert found is not None
    assert len(found.sources) == MOST_SOURCES
    sources.note(B)
    assert sources.left() is None
