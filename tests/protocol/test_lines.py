"""Lines: however the bytes are cut, the same objects come out, and junk is counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.lines import LineReader

from .strategies import chunked, cut_everywhere, json_objects, stream_bytes


def read(pieces: Iterable[bytes]) -> tuple[list[dict[str, Any]], int]:
    """All objects in *pieces*, and how much junk there was."""
    reader = LineReader()
    found = [value for piece in pieces for value in reader.feed(piece)]
    found += reader.close()
    return found, reader.junk


@frozen
class Framing:
    """Bytes, and what they hold."""

    name: str
    data: bytes
    objects: list[dict[str, Any]]
    junk: int = 0


FRAMINGS = [
    Framing("nothing", b"", []),
    Framing("lines", b'{"a":1}\n{"b":2}\n', [{"a": 1}, {"b": 2}]),
    Framing("no last newline", b'{"a":1}\n{"b":2}', [{"a": 1}, {"b": 2}]),
    Framing("CRLF", b'{"a":1}\r\n{"b":2}\r\n', [{"a": 1}, {"b": 2}]),
    Framing("blank lines", b'\n\n{"a":1}\n \n\r\n{"b":2}\n\n', [{"a": 1}, {"b": 2}]),
    Framing("glued", b'{"a":1}{"b":{"c":"}{"}}{"d":3}\n', [{"a": 1}, {"b": {"c": "}{"}}, {"d": 3}]),
    Framing("glued, with spaces and no newline", b' {"a":1} \t{"b":2} ', [{"a": 1}, {"b": 2}]),
    Framing("data: and [DONE]", b'data: {"a":1}\n\ndata:{"b":2}\n\ndata: [DONE]\n\n', [{"a": 1}, {"b": 2}]),
    Framing("data: glued", b'data: {"a":1}data: {"b":2}\n', [{"a": 1}, {"b": 2}]),
    Framing("raw UTF-8 and escapes", '{"a":"\\u003c🙂\\u2028"}\n'.encode(), [{"a": "<🙂\u2028"}]),
    Framing("braces and quotes in strings", b'{"a":"}\\"{\\\\"}\n', [{"a": '}"{\\'}]),
    Framing("a newline in a string is escaped, never raw", b'{"a":"x\\ny"}\n', [{"a": "x\ny"}]),
    Framing("nested", b'{"a":[{"b":[]},null,true]}\n', [{"a": [{"b": []}, None, True]}]),
    Framing("lone surrogates become U+FFFD", b'{"a":"\\ud83d"}\n', [{"a": "\ufffd"}]),
    Framing("broken UTF-8 becomes U+FFFD", b'{"a":"\xff"}\n', [{"a": "\ufffd"}]),
    Framing("text", b'hello\n{"a":1}\n', [{"a": 1}], junk=1),
    Framing("other JSON", b'[1]\n2\n"x"\nnull\n{"a":1}\n', [{"a": 1}], junk=4),
    Framing("a list of objects is no run of objects", b'[{"a":1}]\n', [], junk=1),
    Framing("text behind an object", b'{"a":1} and so on\n{"b":2}\n', [{"a": 1}, {"b": 2}], junk=1),
    Framing("text before an object", b'so: {"a":1}\n{"b":2}\n', [{"b": 2}], junk=1),
    Framing("a cut object", b'{"a":\n{"b":2}\n', [{"b": 2}], junk=1),
    Framing("a cut last line", b'{"a":1}\n{"b":', [{"a": 1}], junk=1),
    Framing("a brace too many", b'{"a":1}}\n{"b":2}\n', [{"a": 1}, {"b": 2}], junk=1),
    Framing("nested beyond reason", b'{"a":' + b"[" * 30_000 + b'\n{"b":2}\n', [{"b": 2}], junk=1),
]


@pytest.mark.parametrize("case", FRAMINGS, ids=lambda case: case.name)
def test_every_framing_that_has_been_seen_is_one_grammar(case: Framing) -> None:
    """A line is a run of objects; the rest of it is junk, counted once; a cut anywhere changes nothing."""
    expected = case.objects, case.junk
    assert read([case.data]) == expected
    for cut in range(min(len(case.data), 99)):
        assert read([case.data[:cut], case.data[cut:]]) == expected
    if len(case.data) < 1000:
        assert read(cut_everywhere(case.data)) == expected


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_whole_streams_survive_every_cut(data: st.DataObject) -> None:
    """Objects in any framing, cut anywhere, come out as they went in, with no junk."""
    objects = data.draw(st.lists(json_objects, max_size=5))
    whole = data.draw(stream_bytes(objects))
    assert read(data.draw(chunked(whole))) == (objects, 0)


NASTY = st.lists(
    st.sampled_from(
        [b"{", b"}", b'{"a":1}', b'{"b":"}"}', b"\n", b"\r", b"data:", b"[DONE]", b" ", b"[", b'"', b"\xf0\x9f", b"1"]
    )
    | st.binary(max_size=4),
    max_size=14,
).map(b"".join)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_what_comes_out_of_any_bytes_does_not_depend_on_the_cuts(data: st.DataObject) -> None:
    """Objects and junk are a function of the bytes alone, for garbage too."""
    whole = data.draw(NASTY)
    assert read(data.draw(chunked(whole))) == read([whole]) == read(cut_everywhere(whole))


def test_big_numbers_do_not_depend_on_the_cuts() -> None:
    """What is read early and what is read at the end of the line are read by the same grammar."""
    line = b'{"a":18446744073709551617}\n'
    assert read([line]) == read([line[:-1], line[-1:]])


@pytest.mark.parametrize("line", [b'{"a":1}', b'{"a":1}{"b":2}', b'data: {"a":{}} ', b'{"a":"\xc3\xa9"}\r'])
def test_an_object_is_given_out_as_soon_as_it_is_whole(line: bytes) -> None:
    """An answer without newlines must not wait for one, and is not given out twice when it comes."""
    reader = LineReader()
    assert reader.feed(line) == read([line])[0]
    assert reader.feed(b"\n") == reader.close() == []
    assert reader.junk == 0


def test_the_cap_is_on_the_line_and_not_on_what_was_received() -> None:
    """Many short lines in one read are fine; a line of just the cap's length is fine."""
    line = b'{"a":"' + b"x" * 42 + b'"}'
    assert len(line) == 50
    reader = LineReader(max_line_bytes=50)
    assert reader.feed((line + b"\n") * 20) == [{"a": "x" * 42}] * 20
    assert reader.feed(b"\n".join([line] * 20)) == [{"a": "x" * 42}] * 20


@pytest.mark.parametrize("pieces", [[b"x" * 51], [b"x" * 50 + b"\n", b"y" * 51 + b"\n"], [b"x"] * 51, [b"x" * 30] * 2])
def test_a_line_over_the_cap_is_refused_before_it_has_ended(pieces: list[bytes]) -> None:
    """Memory is bounded: not even the newline is waited for, and nothing more is read."""
    reader = LineReader(max_line_bytes=50)
    for piece in pieces:
        assert reader.feed(piece) == []
    assert reader.too_long
    assert reader.feed(b'{"a":1}\n') == reader.close() == []


def test_objects_before_a_line_over_the_cap_do_not_depend_on_the_cuts() -> None:
    """What came before the failure comes out, however it was cut."""
    whole = b'{"a":1}\n' + b"x" * 51
    for pieces in ([whole], cut_everywhere(whole)):
        reader = LineReader(max_line_bytes=50)
        assert [found for piece in pieces for found in reader.feed(piece)] == [{"a": 1}]
        assert reader.too_long
