"""Golden streams: shapes as xAI's API sends them, with values of our own, and the events of each.

``golden/<name>.sse`` is a stream; ``<name>.events`` has one event a line, as its ``repr``; of a
failure only its name.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.counters import Counters
from grokcore.protocol.official.decoder import Decoder

from ..strategies import chunked, cut_everywhere
from .stream_of import TOOLS, decoded, shown

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.sse"))


def stream(name: str) -> bytes:
    return (GOLDEN / f"{name}.sse").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_shape_has_the_events_of_its_golden_list(name: str) -> None:
    """Every event, in order, and none more; nothing is unknown, junk or odd."""
    decoder = Decoder(TOOLS)
    expected = (GOLDEN / f"{name}.events").read_text(encoding="utf-8").splitlines()
    assert shown(decoded(stream(name), decoder)) == expected
    assert decoder.counters == Counters()


@pytest.mark.parametrize("name", NAMES)
def test_ends_of_lines_and_cuts_make_no_difference(name: str) -> None:
    """Byte by byte, and with each end of line that the standard allows."""
    data = stream(name)
    expected = shown(decoded(data))
    assert shown(decoded(cut_everywhere(data))) == expected
    for end in (b"\r\n", b"\r"):
        assert shown(decoded(cut_everywhere(data.replace(b"\n", end)))) == expected


_PATCHES = [b"", b"\n", b"{", b"}", b'"', b"null", b"[]", b"5", b"\xff", b"true", b"\\u200b"]


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_mutated_stream_ends_in_order(data: st.DataObject) -> None:
    """Pieces overwritten, taken out, put in: one last event; the cuts still make no difference."""
    whole = bytearray(stream(data.draw(st.sampled_from(NAMES))))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(whole)))
        length = data.draw(st.sampled_from([0, 1, 5, 300]))
        whole[start : start + length] = data.draw(st.sampled_from(_PATCHES))
    events = shown(decoded(bytes(whole)))
    assert [line.startswith(("Failed(", "Finished(")) for line in events] == (
        [False] * (len(events) - 1) + [True]
    )
    assert shown(decoded(data.draw(chunked(bytes(whole))))) == events


def test_every_stream_has_its_events() -> None:
    """A stream without its golden list protects nothing."""
    assert sorted(path.stem for path in GOLDEN.glob("*.events")) == NAMES
    assert len(NAMES) == 7
