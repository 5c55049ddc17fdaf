"""The estimate of tokens: honest, offline, and independent of the cuts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.conversation.usage import TokenEstimate, estimate

from ..strategies import chunked


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("abcd", 1),
        ("abcde", 2),
        ("Hello, world", 3),
        ("你好", 2),
        ("你好 ab", 3),
        ("こんにちは", 5),
        ("안녕", 2),
        ("，。", 2),
        ("\U00020000", 1),
        ("\U0003ffff", 1),
        ("🙂🙂🙂🙂", 1),
        ("мир!", 1),
        ("\n" * 8, 2),
    ],
)
def test_one_token_per_cjk_character_and_per_four_others(text: str, tokens: int) -> None:
    """Rounded up once, at the end."""
    assert estimate(text) == tokens


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_the_count_does_not_depend_on_the_cuts(data: st.DataObject) -> None:
    """A stream and a whole body of the same answer show the same usage."""
    text = data.draw(st.text(st.sampled_from("ab 你好🙂é한，"), max_size=30))
    count = TokenEstimate()
    for piece in data.draw(chunked(text)):
        before = count.tokens
        count.add(piece)
        assert count.tokens >= before
    assert count.tokens == estimate(text) <= len(text)


@settings(deadline=None, max_examples=100)
@given(st.text("ab你🙂", max_size=12), st.text("ab你🙂", max_size=12), st.integers(0, 12))
def test_the_longest_fitting_beginning_is_found(before: str, text: str, most: int) -> None:
    """An answer is cut at the limit: not before, not behind."""
    count = TokenEstimate()
    count.add(before)
    fitting = count.fitting(text, most)
    assert count.tokens == estimate(before)
    lengths = [end for end in range(len(text) + 1) if estimate(before + text[:end]) <= most]
    assert fitting == max(lengths, default=0)
