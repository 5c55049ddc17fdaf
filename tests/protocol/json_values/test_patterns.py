"""Patterns of clients: tried only if that is cheap."""

from __future__ import annotations

import pytest

from grokcore.protocol.json_values.patterns import Searches


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^[a-z]+@[a-z]+\\.[a-z]+$", "a@b.de", True),
        ("^[a-z]+@[a-z]+\\.[a-z]+$", "a@b", False),
        ("^\\d{4}-\\d{2}-\\d{2}$", "2026-11-29", True),
        ("^(a|b)$", "b", True),
        ("(?:ab){2}(c)?", "ababc", True),
        ("(?=a)(?!b)(?<=x)?a", "xa", True),
        ("^(?P<year>\\d+)-\\d{1,2}?$", "2026-1", True),
        ("^[^\\]()|*]+$", "ab", True),
        ("a{2,}", "aa", True),
        ("{a}", "{a}", True),
        ("", "", True),
    ],
)
def test_a_usual_pattern_is_tried(pattern: str, text: str, found: object) -> None:
    """Dates, names and addresses of schemas are checked."""
    assert Searches().found_in(pattern, text) is found


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "a?" * 40 + "a" * 40,
        ".*" * 6,
        "(?:(?:a){999}){999}",
        "(?x) a # [",
        "[[a]",
        "[a--b]",
        "[" * 500,
        "(",
        "a)",
        "a{99999999999999999999}",
        "a{2000}",
        "a**",
        "\\p{Letter}",
        "a" * 2000,
        7,
    ],
)
def test_a_pattern_that_may_take_long_is_not_tried(pattern: object) -> None:
    """Some take hours for forty characters; they count as found."""
    assert Searches().found_in(pattern, "a" * 40) is None


def test_a_long_text_is_not_searched() -> None:
    """A search is linear at best."""
    assert Searches().found_in("a", "b" * 100_000) is None


def test_all_searches_share_one_bound() -> None:
    """A schema's patterns are tried on every item of an array."""
    searches = Searches()
    results = [searches.found_in("^a+b*$", "a" * 1000) for _ in range(30)]
    assert results[0] is True
    assert results[-1] is None
