"""JSON of foreign programs: valid text is read exactly, nearly valid text is mended, the
rest is a ValueError.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.lenient_json import decode_at, loads

from .strategies import json_values, plain_text


@settings(deadline=None, max_examples=60)
@given(json_values, st.booleans())
def test_json_comes_back_as_it_was(value: Any, ascii_only: bool) -> None:
    """Escaped or raw, nothing is lost."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert loads(text.encode()) == value
    assert decode_at(text, 0) == (value, len(text))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'"\\ud83d"', "\ufffd"),
        (b'"\\ude00\\ud83d"', "\ufffd\ufffd"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'{"\\ud83d":["\\udfff",{"a":"\\ud800"}]}', {"\ufffd": ["\ufffd", {"a": "\ufffd"}]}),
        (b'"caf\xe9"', "caf\ufffd"),
        (b' {"a": "\\ud800"} \n', {"a": "\ufffd"}),
    ],
)
def test_half_characters_are_mended(data: bytes, value: Any) -> None:
    """JavaScript cuts emoji in half: the half is lost, the message is not, and it can be encoded
    again.
    """
    assert loads(data) == value
    json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"{} x",
        b"{}{}",
        b"nothing",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 5000 + b"x",
        b'["\\ud800", ' + b"9" * 5000 + b"]",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    """Never another exception, however deep or long it is."""
    with pytest.raises(ValueError):
        loads(data)


@settings(deadline=None, max_examples=80)
@given(
    st.binary(max_size=40)
    | st.lists(st.sampled_from([b"{", b"[", b'"', b"\\ud8", b"1e9", b":", b"}"])).map(b"".join)
)
def test_any_bytes_are_json_or_a_value_error(data: bytes) -> None:
    """And every string that comes out can be encoded."""
    try:
        value = loads(data)
    except ValueError:
        return
    json.dumps(value, ensure_ascii=False).encode()


@settings(deadline=None, max_examples=60)
@given(json_values.filter(lambda value: isinstance(value, (dict, list, str))), plain_text)
def test_the_first_value_ends_where_it_ends(value: Any, rest: str) -> None:
    """What follows a value is not read."""
    text = json.dumps(value, ensure_ascii=False)
    assert decode_at(text + rest, 0) == (value, len(text))


def test_a_depth_beyond_reason_is_a_value_error_here_too() -> None:
    """``RecursionError`` stays inside."""
    with pytest.raises(ValueError, match="deep"):
        decode_at("[" * 100_000, 0)
