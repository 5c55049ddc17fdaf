"""Lines: however the bytes are cut, the same objects come out, and junk is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from attrs import define, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.grok_web import lines
from grokcore.protocol.grok_web.lines import LineReader

from ..strategies import chunked, cut_everywhere, json_objects, stream_bytes


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
    Framing(
        "data: and [DONE]",
        b'data: {"a":1}\n\ndata:{"b":2}\n\ndata: [DONE]\n\n',
        [{"a": 1}, {"b": 2}],
    ),
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
    """A line is a run of objects; the rest of it is junk, counted once; a cut anywhere changes
    nothing.
    """
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
        [
            b"{",
            b"}",
            b'{"a":1}',
            b'{"b":"}"}',
            b"\n",
            b"\r",
            b"data:",
            b"[DONE]",
            b" ",
            b"[",
            b'"',
            b"\xf0\x9f",
            b"1",
        ]
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


@pytest.mark.parametrize(
    "line", [b'{"a":1}', b'{"a":1}{"b":2}', b'data: {"a":{}} ', b'{"a":"\xc3\xa9"}\r']
)
def test_an_object_is_given_out_as_soon_as_it_is_whole(line: bytes) -> None:
    """An answer without newlines must not wait for one, and is not given out twice when it
    comes.
    """
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


@pytest.mark.parametrize(
    "pieces", [[b"x" * 51], [b"x" * 50 + b"\n", b"y" * 51 + b"\n"], [b"x"] * 51, [b"x" * 30] * 2]
)
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


# Work -------------------------------------------------------------------------------------------


@define
class Work:
    """How often lines were parsed, how many bytes that were, and how many were looked at for
    braces.
    """

    parsed: int = 0
    parsed_bytes: int = 0
    scanned_bytes: int = 0


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """What the reader does from here on, counted."""
    return counted(monkeypatch)


def counted(patch: pytest.MonkeyPatch) -> Work:
    work = Work()
    objects_at_start, loads, balanced = (
        lines._objects_and_rest,
        orjson.loads,
        lines._Braces.balanced,
    )

    def counting(real: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def parse(line: bytes) -> Any:
            work.parsed += 1
            work.parsed_bytes += len(line)
            return real(line)

        return parse

    def scan(braces: lines._Braces, line: bytearray) -> bool:
        before = braces._at
        try:
            return balanced(braces, line)
        finally:
            work.scanned_bytes += braces._at - before

    patch.setattr(lines, "_objects_and_rest", counting(objects_at_start))
    orjson_here = SimpleNamespace(loads=counting(loads), JSONDecodeError=orjson.JSONDecodeError)
    patch.setattr(lines, "orjson", orjson_here)
    patch.setattr(lines._Braces, "balanced", scan)
    return work


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


LONG_LINES = {
    "braces in a string": b'{"a":"' + b"}" * 300_000 + b'"}',
    "escaped quotes": b'{"a":"' + b'\\"}' * 100_000 + b'"}',
    "a nested object": b'{"a":' * 300 + b"1" + b"}" * 300,
    "closed a thousand times": b'{"a":[' + b"{}," * 100_000 + b"{}]}",
    "no JSON": b"{x}" * 100_000,
    "an object, and no JSON": b'{"a":1}' + b"x}" * 100_000,
    "a brace too many": b'{"a":1}' + b"}" * 100_000,
    "quotes that never close": b'{"a":"' + b"\\}" * 100_000,
}


@pytest.mark.large
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("name", LONG_LINES)
def test_a_long_line_is_parsed_only_where_it_may_be_whole(work: Work, name: str, size: int) -> None:
    """Pieces that end in a brace cost nothing: what does not parse then never will."""
    line = LONG_LINES[name]
    reader = LineReader()
    for piece in pieces_of(line, size):
        reader.feed(piece)
    reader.feed(b"\n")

    assert (
        work.parsed <= 4
    )  # one early, which gives an object or never will; then twice what is left, at the newline
    assert work.parsed_bytes <= 3 * len(line)
    assert work.scanned_bytes <= len(line) + 1


@pytest.mark.large
def test_a_line_of_4_mb_is_looked_at_once(work: Work) -> None:
    """In the pieces that a network makes of it."""
    line = b'{"a":"' + b"x}" * (2 * 1024 * 1024 - 10) + b'"}'
    reader = LineReader()
    found = [value for piece in pieces_of(line, 64) for value in reader.feed(piece)]

    assert len(found) == 1
    assert (work.parsed, work.parsed_bytes) == (1, len(line))
    assert work.scanned_bytes <= len(line)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_work_is_linear_in_the_bytes_whatever_they_are(data: st.DataObject) -> None:
    """Each line is parsed once for each object in it, and at most thrice more."""
    whole = data.draw(NASTY) + data.draw(NASTY)
    with pytest.MonkeyPatch.context() as patch:
        work = counted(patch)
        found, _ = read(data.draw(chunked(whole)))
    assert work.parsed <= len(found) + 3 * (whole.count(b"\n") + 1)
    assert work.scanned_bytes <= len(whole) + whole.count(b"\n") + len(found) + 1
