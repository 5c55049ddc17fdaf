"""Texts cut into sentences and clauses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.languages.segments import (
    MOST_SEGMENTS,
    Segment,
    clauses_of,
    sentences_of,
)


def whole(segments: list[Segment]) -> str:
    return "".join(segment.text + segment.cut for segment in segments)


@settings(deadline=None, max_examples=200)
@given(st.text('ab"“”`.,;: ?!…(\n'))
def test_the_pieces_make_up_the_text(text: str) -> None:
    """No character is lost, whatever it is."""
    assert whole(sentences_of(text)) == whole(clauses_of(text)) == text


@pytest.mark.parametrize(
    ("text", "sentences", "clauses"),
    [
        ("one", ["one"], ["one"]),
        ("One. Two? Three", ["One", "Two", "Three"], ["One", "Two", "Three"]),
        ("a: b; c, d (e)", ["a: b; c, d (e)"], ["a", "b", "c", "d", "(e)"]),
        ('It said: "No. Never, ever." Wait.', ['It said: "No. Never, ever."', "Wait."], None),
        ("run `a, b. c` now", ["run `a, b. c` now"], ["run `a, b. c` now"]),
        ("one\n  two", ["one", "two"], ["one", "two"]),
        ("1.5 and a.b", ["1.5 and a.b"], ["1.5 and a.b"]),
    ],
)
def test_a_text_is_cut_at_its_marks(
    text: str, sentences: list[str], clauses: list[str] | None
) -> None:
    """Never within quotes, whose text is another's, and not within a number or a name."""
    assert [segment.text for segment in sentences_of(text)] == sentences
    if clauses is not None:
        assert [segment.text for segment in clauses_of(text)] == clauses


def test_a_long_text_is_cut_so_many_times_at_most() -> None:
    """A client's text of ten thousand commas costs no more than one of sixty."""
    assert len(clauses_of("a, " * 10_000)) == MOST_SEGMENTS + 1
