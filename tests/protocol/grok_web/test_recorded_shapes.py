"""Golden streams: the recorded shapes with values of our own, and what each of them means.

``golden/stream/<name>.ndjson`` is a stream as Grok sends it (grok-protocol.md §3 and §4),
``<name>.events`` what it means: one event a line, as its ``repr``; of a failure only which one it
is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from grokcore.protocol.conversation.events import Event, Failed, Finished, Text, Thinking
from grokcore.protocol.counters import Counters
from grokcore.protocol.dialects.rendering import Renderer, Style, ThinkingStyle
from grokcore.protocol.grok_web.decoder import Decoder
from grokcore.protocol.grok_web.markup import parse_tag_names

TAGS = parse_tag_names("xaiartifact,xai:tool_usage_card,grok:render")
GOLDEN = Path(__file__).parent / "golden" / "stream"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.ndjson"))

SMALL_BYTES = 2000
"""Longer streams are cut at every seventh byte only: their lines are much alike, and a suite that
is slow is not run.
"""


def stream(name: str) -> bytes:
    return (GOLDEN / f"{name}.ndjson").read_bytes()


def lines_of(name: str) -> list[dict[str, Any]]:
    """The response-level objects of a stream in the envelope of a new conversation."""
    results = [json.loads(line)["result"] for line in stream(name).splitlines()]
    return [result["response"] for result in results if "response" in result]


def decoded(pieces: Iterable[bytes], decoder: Decoder | None = None) -> list[Event]:
    """All events of a stream that came in *pieces* and then ended."""
    decoder = decoder or Decoder(TAGS)
    events = [event for piece in pieces for event in decoder.receive(piece)]
    return events + decoder.close()


def shown(event: Event) -> str:
    return (
        f"Failed({type(event.error).__name__})"
        if isinstance(event, Failed)
        else "Finished()"
        if event == Finished()
        else repr(event)
    )


def joined(events: Iterable[Event]) -> list[object]:
    """*events*, with neighbouring pieces of text and of thinking put together, and of a failure
    only which one it is.
    """
    whole: list[object] = []
    for event in events:
        match whole[-1] if whole else None, event:
            case Text(before), Text(more):
                whole[-1] = Text(before + more)
            case Thinking(before), Thinking(more):
                whole[-1] = Thinking(before + more)
            case _, Failed(error):
                whole.append(type(error))
            case _:
                whole.append(event)
    return whole


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_shape_means_what_its_golden_list_says(name: str) -> None:
    """Every event, in order, none more; and no key is unknown, no line junk, no value odd; what is
    dropped is late thoughts, which only several agents have."""
    decoder = Decoder(TAGS)
    expected = (GOLDEN / f"{name}.events").read_text(encoding="utf-8").splitlines()
    assert list(map(shown, decoded([stream(name)], decoder))) == expected
    assert decoder.counters == Counters(late_thoughts=4 if name == "heavy_2026" else 0)


@pytest.mark.large
@pytest.mark.parametrize("name", NAMES)
def test_where_a_stream_is_cut_makes_no_difference(name: str) -> None:
    """Two pieces, cut anywhere (in a key, a number, an escape, a character of several bytes), are
    the same events.
    """
    data = stream(name)
    expected = joined(decoded([data]))
    for cut in range(0, len(data) + 1, 1 if len(data) <= SMALL_BYTES else 7):
        assert joined(decoded([data[:cut], data[cut:]])) == expected, f"cut at byte {cut}"


def test_every_stream_has_its_events() -> None:
    """A stream without its golden list protects nothing, and neither does a list without its
    stream.
    """
    assert sorted(path.stem for path in GOLDEN.glob("*.events")) == NAMES
    assert {path.suffix for path in GOLDEN.iterdir()} == {".ndjson", ".events"}
    assert len(NAMES) >= 12


@pytest.mark.parametrize("style", [ThinkingStyle.HIDDEN, ThinkingStyle.REASONING_CONTENT])
def test_what_agents_think_is_never_in_the_answer(style: ThinkingStyle) -> None:
    """Of several agents that think, search and talk to each other while the answer is being
    written, ``content`` holds nothing: it is Grok's final tokens, to the character. What they
    thought before it is reasoning, if that is shown.
    """
    lines = lines_of("heavy_2026")
    answer = "".join(line["token"] for line in lines if line.get("messageTag") == "final")
    first = next(at for at, line in enumerate(lines) if line.get("messageTag") == "final")
    early, late = (
        [line["token"] for line in part if line.get("messageTag") in ("header", "summary")]
        for part in (lines[:first], lines[first:])
    )
    assert early
    assert late

    fields = {"content": "", "reasoning_content": ""}
    renderer = Renderer(Style(style), 0)
    for name, text in renderer.pieces(decoded([stream("heavy_2026")])):
        fields[name] += text
    assert fields["content"] == answer
    assert not [thought for thought in early + late if thought.strip() in fields["content"]]
    told = [thought for thought in early + late if thought in fields["reasoning_content"]]
    assert told == ([] if style is ThinkingStyle.HIDDEN else early)
    assert bool(fields["reasoning_content"]) is (style is not ThinkingStyle.HIDDEN)
