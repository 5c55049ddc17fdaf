"""JSON on one line, for readers that cut lines at more than line ends."""

from __future__ import annotations

import json

import orjson
from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.dialects.one_line import on_one_line

SEPARATORS = "\u2028\u2029\u0085\x0b\x0c\x1c\x1d\x1e\r\n"


@given(st.text(st.sampled_from("ab é漢😀" + SEPARATORS), max_size=30))
def test_no_reader_of_lines_finds_a_second_one(text: str) -> None:
    """And the text is the same."""
    line = on_one_line(orjson.dumps({"text": text}))
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line) == {"text": text}


def test_what_has_none_is_not_copied() -> None:
    """It is called for each token."""
    for data in (b"ascii", "漢字 é".encode()):
        assert on_one_line(data) is data
