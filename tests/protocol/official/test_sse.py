"""An event stream is read by the WHATWG's grammar, however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.official.sse import EventReader

from ..strategies import chunked, cut_everywhere

CASES = [
    (b"data: a\n\ndata:b\n\n", [b"a", b"b"]),
    (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    (b"\xef\xbb\xbf{}\n", [b"{}"]),
    (b": a comment\n\n:\nevent: x\nid: 7\nretry: 5\ndata: a\n\n", [b"a"]),
    (b"data: a\ndata: b\ndata:\n\n", [b"a\nb\n"]),
    (b"data:  two\n\n", [b" two"]),
    (b"data\n\ndata:\n\ndata: [DONE]\n\n", []),
    (b"data: [DONE]", []),
    (b"data: a", [b"a"]),
    (b"data: a\n", [b"a"]),
    (b'data: a\n{"error":1}\nx: y\n\n', [b"a", b'{"error":1}']),
    (b'{\n "a": 1,\n\n "b": 2}\n', [b'{\n "a": 1,\n\n "b": 2}\n']),
    (b"", []),
]


def read(pieces: list[bytes], reader: EventReader | None = None) -> list[bytes]:
    reader = reader or EventReader()
    return [value for piece in pieces for value in reader.feed(piece)] + reader.close()


@pytest.mark.parametrize(("stream", "found"), CASES)
def test_lines_fields_and_events_are_the_standards(stream: bytes, found: list[bytes]) -> None:
    """Every end of line, comments, many lines of data, a BOM; cut between any two bytes."""
    assert read([stream]) == found
    assert read(cut_everywhere(stream)) == found


_PIECES = [b"data: a", b"data:", b"\r", b"\n", b"\r\n", b"{", b":", b"event: x", b"\xef\xbb\xbf"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=20).map(b"".join), st.data())
def test_cuts_make_no_difference(stream: bytes, data: st.DataObject) -> None:
    """Junk included, and cuts between CR and LF."""
    assert read(data.draw(chunked(stream))) == read([stream])


@pytest.mark.parametrize(
    "stream", [b"data: " + b"a" * 30, b"data: aaaa\n" * 5, b": " + b"a" * 30 + b"\n", b"x" * 30]
)
def test_a_line_or_event_over_the_cap_ends_the_reading(stream: bytes) -> None:
    """An upstream can't fill the memory; what came before is there."""
    for pieces in ([stream + b"\n\ndata: c\n\n"], cut_everywhere(stream + b"\n\ndata: c\n\n")):
        reader = EventReader(max_line_bytes=16)
        assert read([b"data: b\n\n", *pieces], reader) == [b"b"]
        assert reader.too_long


def test_an_event_of_the_very_size_is_read() -> None:
    """The cap is on the longest event that is read."""
    reader = EventReader(max_line_bytes=16)
    assert read([b"data: 0123456789\n\n"], reader) == [b"0123456789"]
    assert not reader.too_long
