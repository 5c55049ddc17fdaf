"""Tables of translations as text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.languages.table import read_table, written_entry

WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\\ s"), min_size=1
)


@settings(deadline=None, max_examples=200)
@given(WORDS, WORDS)
def test_an_entry_comes_back_as_it_was(english: str, other: str) -> None:
    """Spaces at the ends and line ends too: a message with them would not be found."""
    assert read_table(written_entry(english, other)) == {english: other}


def test_a_table_has_pairs_comments_and_empty_lines() -> None:
    """An escape that is none stays as it is."""
    text = "# a table\n\nen One {}.\nzh 一 {0}。\n\nen \\stwo\\s\nzh \\x\\n\n"
    assert read_table(text) == {"One {}.": "一 {0}。", " two ": "\\x\n"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("en one\nen two\nzh 二\n", "line 2: en two"),
        ("zh 一\n", "line 1: zh 一"),
        ("en one\nzh 一\nen one\n", "line 3: en one"),
        ("one\n", "line 1: one"),
    ],
)
def test_a_slip_in_a_table_is_named(text: str, place: str) -> None:
    """The next translator finds it by its line."""
    with pytest.raises(ValueError, match=place):
        read_table(text)
