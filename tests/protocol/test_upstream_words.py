"""An upstream's words are cleaned before they are shown."""

from __future__ import annotations

import re
import time
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.upstream_words import cleaned

from .strategies import json_values, marked_up_text


@settings(deadline=None, max_examples=80)
@given(marked_up_text | st.text() | json_values)
def test_cleaned_words_are_one_short_line_without_markup(message: object) -> None:
    """Never a page, never a control character of ASCII, never more than 300 characters."""
    text = cleaned(message)
    assert len(text) <= 300
    assert text == " ".join(text.split())
    assert re.search(r"<[^>]*>|[\x00-\x1f\x7f]", text) is None
    assert isinstance(message, str) or text == ""


def test_cleaned_words_hold_no_c1_control_characters() -> None:
    """They reach logs and terminals, where U+009B begins a command."""
    assert [char for char in cleaned("a\x9b31mb") if unicodedata.category(char) == "Cc"] == []


def test_cleaning_takes_no_longer_than_reading() -> None:
    """A body of the full 64 kB must not stop the event loop."""
    began = time.process_time()
    cleaned("<" * 16 * 1024)
    assert time.process_time() - began < 0.05
