"""Golden streams: recorded shapes with values of our own, and the events of each.

``golden/<name>.ndjson`` is a conversation as Grok sends it, one message a line (grok-protocol.md
§8.3); ``<name>.events`` has one event a line, as its ``repr``; of a failure only its name.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.conversation.events import Event, Failed, Finished
from grokcore.protocol.counters import Counters
from grokcore.protocol.grok_socket.decoder import Decoder
from grokcore.protocol.grok_web.markup import parse_tag_names

from ..strategies import chunked, cut_everywhere

TAGS = parse_tag_names("xaiartifact,xai:tool_usage_card,grok:render")
GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.ndjson"))

LATE = {
    "fast_2026": 3,
    "search_2026": 2,
    "heavy_2026": 1,
    "pictures_2026": 1,
    "deltas_2026": 1,
    "limit_2026": 1,
}
"""Frames behind the end."""

THOUGHTS = {"heavy_2026": 1}
"""Thoughts behind the beginning of the answer."""


def stream(name: str) -> bytes:
    return (GOLDEN / f"{name}.ndjson").read_bytes()


def decoded(pieces: list[bytes], decoder: Decoder | None = None) -> list[Event]:
    decoder = decoder or Decoder(TAGS)
    return [event for piece in pieces for event in decoder.receive(piece)] + decoder.close()


def shown(events: list[Event]) -> list[str]:
    return [
        f"Failed({type(event.error).__name__})"
        if isinstance(event, Failed)
        else "Finished()"
        if event == Finished()
        else repr(event)
        for event in events
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_shape_has_the_events_of_its_golden_list(name: str) -> None:
    """Every event, in order, and none more; nothing is unknown, junk or odd."""
    decoder = Decoder(TAGS)
    expected = (GOLDEN / f"{name}.events").read_text(encoding="utf-8").splitlines()
    assert shown(decoded([stream(name)], decoder)) == expected
    assert decoder.counters == Counters(
        late_thoughts=THOUGHTS.get(name, 0), other_side=LATE.get(name, 0)
    )


@pytest.mark.parametrize("name", NAMES)
def test_messages_and_cuts_make_no_difference(name: str) -> None:
    """Byte by byte, in one message, in messages of two objects, with blank messages between."""
    data = stream(name)
    expected = shown(decoded([data]))
    lines = data.splitlines()
    pairs = [b"".join(lines[at : at + 2]) for at in range(0, len(lines), 2)]
    assert shown(decoded(cut_everywhere(data))) == expected
    assert shown(decoded([b"".join(lines)])) == expected
    assert shown(decoded([b"\n".join(pairs)])) == expected
    assert shown(decoded([b"\n\n".join(lines)])) == expected


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_any_framing_has_the_same_events(data: st.DataObject) -> None:
    """Objects in any messages, messages in any fragments, fragments in any reads."""
    lines = stream(data.draw(st.sampled_from(NAMES))).splitlines()
    expected = shown(decoded([b"\n".join(lines)]))
    ends = data.draw(
        st.lists(st.sampled_from([b"", b"\n", b" "]), min_size=len(lines), max_size=len(lines))
    )
    whole = b"".join(line + end for line, end in zip(lines, ends, strict=True))
    assert shown(decoded(data.draw(chunked(whole)))) == expected


_PATCHES = [b"", b"\n", b"{", b"}", b'"', b"null", b"[]", b"5", b"\xff", b"true", b"\\u200b"]


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_a_mutated_stream_ends_in_order(data: st.DataObject) -> None:
    """Pieces overwritten, taken out, put in: one last event, no exception; and the cuts still make
    no difference.
    """
    stream_ = bytearray(stream(data.draw(st.sampled_from(NAMES))))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(stream_)))
        length = data.draw(st.sampled_from([0, 1, 5, 300]))
        stream_[start : start + length] = data.draw(st.sampled_from(_PATCHES))
    events = decoded([bytes(stream_)])
    ends = [isinstance(event, Finished | Failed) for event in events]
    assert ends == [False] * (len(events) - 1) + [True]
    assert shown(decoded(data.draw(chunked(bytes(stream_))))) == shown(events)


@pytest.mark.parametrize(
    "name", ["fast_2026", "search_2026", "heavy_2026", "pictures_2026", "deltas_2026"]
)
def test_a_stream_that_is_cut_short_never_looks_whole(name: str) -> None:
    """Until ``response.done`` is there to its last byte, the end is a failure."""
    data = stream(name)
    end = data.index(b'"type":"response.done"')
    end = data.index(b"\n", end)
    for cut in range(0, end, 7):
        assert isinstance(decoded([data[:cut]])[-1], Failed), cut
    assert decoded([data[:end]])[-1] == Finished()


def test_every_stream_has_its_events() -> None:
    """A stream without its golden list protects nothing."""
    assert sorted(path.stem for path in GOLDEN.glob("*.events")) == NAMES
    assert len(NAMES) >= 7
