"""Lines of Chinese and Latin words on a terminal."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.languages.wrapping import padded, width_of, wrapped


def test_a_chinese_character_takes_two_columns() -> None:
    """Columns of a report stand below each other."""
    assert width_of("令牌 ab") == 7
    assert padded("令牌", 6) == "令牌  "
    assert padded("令牌", 3) == "令牌"


def test_chinese_breaks_anywhere_but_before_a_closing_mark() -> None:
    """A line never begins with a full stop."""
    assert wrapped("请添加令牌，或启用 tokens.json。", 10) == [
        "请添加令",
        "牌，或启用",
        "tokens.json。",
    ]
    assert wrapped("  one two three", 7) == ["one two", "three"]
    assert wrapped("", 10) == wrapped("   ", 10) == []


@settings(deadline=None, max_examples=200)
@given(st.text("ab令牌，。 "), st.integers(4, 30))
def test_all_words_are_there_and_lines_are_short(text: str, width: int) -> None:
    """Only a word that is longer than a line exceeds it."""
    lines = wrapped(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(width_of(line) <= width or " " not in line for line in lines)
