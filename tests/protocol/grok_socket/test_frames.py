"""Messages of the websocket as objects, however they were cut."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.grok_socket.frames import FrameReader, Lost, as_line

from ..strategies import chunked, cut_everywhere, json_objects

QUIET_LOSS = Lost(content=False, media=False)


def read(pieces: Iterable[bytes], reader: FrameReader | None = None) -> list[Any]:
    reader = reader or FrameReader()
    return [value for piece in pieces for value in reader.feed(piece)] + reader.close()


# Lines, and what they hold.
LINES: list[tuple[bytes, list[Any]]] = [
    (b"", []),
    (b"  \r", []),
    (b'{"a":1}', [{"a": 1}]),
    (b' {"a":1}\r', [{"a": 1}]),
    (b'{"a":1}{"b":{"c":2}}', [{"a": 1}, {"b": {"c": 2}}]),
    (b'{"a":1} {"b":2} ', [{"a": 1}, {"b": 2}]),
    (b'{"a":"}{"}{"b":"\\"}"}{"c":"\\\\"}', [{"a": "}{"}, {"b": '"}'}, {"c": "\\"}]),
    (b'{"a":tru}{"b":2}', [Lost(content=True, media=False), {"b": 2}]),
    (b'{"a":1', [Lost(content=True, media=False)]),
    (b'{"event":{"video', [Lost(content=True, media=True)]),
    (b'{"event":{"type":"pong"', [QUIET_LOSS]),
    (b'{"type":"conversation.title.updated","title":"a video', [QUIET_LOSS]),
    (b'vent":{"type":"x"}}', [{"type": "x"}, Lost(content=True, media=False)]),
    (b'x{"a":1}', [{"a": 1}, QUIET_LOSS]),
    (b'[{"a":1},{"b":2}]', [{"a": 1}, {"b": 2}, QUIET_LOSS]),
    (b'"{"', [Lost(content=True, media=False), QUIET_LOSS]),
    (b"null", [QUIET_LOSS]),
    (b'{"a":NaN}', [Lost(content=True, media=False)]),
    (b"{}}{", [{}, QUIET_LOSS, QUIET_LOSS]),
    (b"\0", [QUIET_LOSS]),
    (b'{"a":"\xff"}', [{"a": "\ufffd"}]),
    (b'{"a":"\\ud800"}', [{"a": "\ufffd"}]),
]


@pytest.mark.parametrize(("line", "expected"), LINES, ids=lambda case: repr(case)[:40])
def test_a_line_is_a_run_of_objects(line: bytes, expected: list[Any]) -> None:
    """Whole, byte by byte, alone or among others, with its end or without."""
    assert read([line + b"\n"]) == expected
    assert read(cut_everywhere(line + b"\n")) == expected
    assert read([b'{"z":0}\n' + line + b'\n{"z":1}\n']) == [{"z": 0}, *expected, {"z": 1}]
    assert read([line]) == expected


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_objects_don_t_depend_on_messages_or_fragments(data: st.DataObject) -> None:
    """Any number of objects a message, any number of fragments a message, any cut of the bytes."""
    messages = data.draw(st.lists(st.lists(json_objects, max_size=3), max_size=4))
    lines = b""
    for values in messages:
        texts = [json.dumps(value, ensure_ascii=data.draw(st.booleans())) for value in values]
        *fragments, last = data.draw(chunked(" ".join(texts).encode()))
        lines += b"".join(as_line(fragment, last=False) for fragment in fragments)
        lines += as_line(last, last=True)
    expected = [value for values in messages for value in values]
    assert read(data.draw(chunked(lines))) == expected


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_garbage_reads_the_same_however_it_is_cut(data: st.DataObject) -> None:
    """Nothing is raised, and a cut changes nothing."""
    alphabet = st.sampled_from(list(b'{}"\\\n :,a1\xff\x00['))
    noise = bytes(data.draw(st.lists(alphabet, max_size=60)))
    once = read([noise])
    assert read(cut_everywhere(noise)) == once
    assert read(data.draw(chunked(noise))) == once


def test_a_line_break_within_a_message_does_not_end_it() -> None:
    """JSON may be written over several lines."""
    pretty = json.dumps({"a": {"b": 1}}, indent=1).encode()
    assert read([as_line(pretty, last=True)]) == [{"a": {"b": 1}}]
    assert as_line(b"", last=True) == b"\n"


@pytest.mark.parametrize("cut", [1, 10, 64, 1000])
def test_an_object_over_the_cap_costs_itself_only(cut: int) -> None:
    """Its neighbours in the same message are read."""
    large = b'{"a":"' + b"x" * 100 + b'"}'
    data = b'{"b":1}' + large + b'{"c":2}\n' + large
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    loss = Lost(content=True, media=True, too_large=True)
    assert read(pieces, FrameReader(max_object_bytes=50)) == [{"b": 1}, loss, {"c": 2}, loss]


def test_an_object_just_within_the_cap_is_read() -> None:
    """The cap is on the object, not on the message."""
    text = b'{"a":"xxxx"}'
    for data in (text + b"\n", text * 9 + b"\n", b" " * 50 + text + b"\n"):
        assert read([data], FrameReader(max_object_bytes=len(text)))[0] == {"a": "xxxx"}
        assert isinstance(read([data], FrameReader(max_object_bytes=len(text) - 1))[0], Lost)


def test_memory_does_not_grow_with_what_is_passed_over() -> None:
    """Neither with an endless object, nor with endless noise."""
    reader = FrameReader(max_object_bytes=100_000)
    tracemalloc.start()
    try:
        for start in (b'{"a":"', b'"}\nnoise'):
            reader.feed(start)
            for _ in range(200):
                reader.feed(b"x" * 10_000)
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
