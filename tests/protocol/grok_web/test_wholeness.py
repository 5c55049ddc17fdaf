"""Answers that look whole are whole: golden streams cut, damaged and shuffled at every place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import orjson
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import UpstreamOverloaded
from grokcore.protocol.conversation.events import (
    Event,
    Failed,
    File,
    Finished,
    FoundPicture,
    Picture,
    Text,
    Video,
)
from grokcore.protocol.grok_web.decoder import Decoder
from grokcore.protocol.grok_web.markup import TagFilter
from grokcore.protocol.grok_web.wholeness import Agreement, agreement, is_visible
from grokcore.simulator import lines
from grokcore.simulator.scripts import wrapped
from tests.protocol.grok_web.mutated_streams import GOLDEN, TAGS, check_mutations

from ..strategies import plain_text

INVISIBLE = "\t\x00\x07\x85\xa0\xad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u202e\u2060\u2063\u2066\u206f\u2800\u3000\u3164\ufe0f\ufeff\uffa0\U000e0041\U000e0101"
GOLDEN |= {
    path.stem + "_fixture": path.read_bytes()
    for path in Path(__file__).parent.glob("fixtures/*.ndjson")
}


@frozen
class Shown:
    """An answer's text, and its pictures, videos and files in any order; its sources are not a part
    of it.
    """

    text: str
    media: frozenset[Event]


def read(data: bytes) -> tuple[Shown, Event]:
    """What is shown of a stream, and its last event."""
    decoder = Decoder(TAGS)
    events = decoder.receive(data) + decoder.close()
    text = "".join(event.text for event in events if isinstance(event, Text))
    media = frozenset(
        event for event in events if isinstance(event, Picture | Video | File | FoundPicture)
    )
    return Shown(text, media), events[-1]


WHOLE = {name: read(data) for name, data in sorted(GOLDEN.items())}
COMPLETE = [name for name, (_, last) in WHOLE.items() if last == Finished()]


# Ways to break a stream -------------------------------------------------------------------------

_OVERLOAD = lines.line(wrapped(lines.nested_error("modelNotAvailable", "no")))


def cut(stream: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Broken off in the middle of a line, and behind it."""
    for at, line in enumerate(stream):
        for end in {0, 1, 12, len(line) // 2, len(line) - 2, len(line)}:
            yield at, [*stream[:at], line[:end]]


def dropped(stream: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Without one line."""
    for at in range(len(stream)):
        yield at, stream[:at] + stream[at + 1 :]


def damaged(stream: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """One line does not parse: overwritten, its beginning or its end lost, run into the next."""
    for at, line in enumerate(stream):
        half = len(line) // 2
        for broken in (
            line[:half] + b"\xff\x00" + line[half:],
            line[3:],
            line[half:],
            line[:half] + b"\n",
            line[:half],
        ):
            yield at, [*stream[:at], broken, *stream[at + 1 :]]


def doubled(stream: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """One line twice."""
    for at, line in enumerate(stream):
        yield at, [*stream[:at], line, *stream[at:]]


def swapped(stream: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """Two lines have changed places."""
    for at in range(len(stream) - 1):
        yield at, [*stream[:at], stream[at + 1], stream[at], *stream[at + 2 :]]


def with_error(stream: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """An error line between two others, or at either end."""
    for at in range(len(stream) + 1):
        yield at, [*stream[:at], _OVERLOAD, *stream[at:]]


Way: TypeAlias = Callable[[list[bytes]], Iterator[tuple[int, list[bytes]]]]

WAYS: list[Way] = [cut, dropped, damaged, doubled, swapped]


def nobody_could_know(stream: list[bytes], way: str, at: int) -> bool:
    """Whether a line left no trace, or one that an answer in good order may show as well.

    * The whole answer may differ from its tokens in white space and in elements; so a token of
      nothing else is not missed, nor seen to stand twice or elsewhere. One that is damaged is.
    * That a picture is moderated stands in one line only.
    * A recording without a modelResponse has nothing to compare with.
    """
    if way not in {"dropped", "doubled", "swapped"}:
        return False
    touched = stream[at : at + 2] if way == "swapped" else [stream[at]]
    elements = any(_only_elements(line) for line in touched)
    moderated = b'"moderated":true' in stream[at]
    return (
        elements
        or moderated
        or (way != "dropped" and not any(b'"modelResponse"' in line for line in stream))
    )


def _only_elements(line: bytes) -> bool:
    token = orjson.loads(line).get("result", {}).get("response", {}).get("token")
    if not token:
        return False
    tags = TagFilter(TAGS)
    return not (tags.feed(token) + tags.close()).strip()


@pytest.mark.large
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", COMPLETE)
def test_a_broken_stream_is_the_whole_answer_or_an_error(name: str, way: Way) -> None:
    """Whatever is lost, doubled, moved or damaged: nothing less than the whole answer ever looks
    complete.
    """
    stream = GOLDEN[name].splitlines(keepends=True)
    for at, broken in way(stream):
        shown, last = read(b"".join(broken))
        if last == Finished() and shown != WHOLE[name][0]:
            assert nobody_could_know(stream, way.__name__, at), f"line {at} of {name}: {shown}"


@pytest.mark.parametrize("name", COMPLETE)
def test_an_error_fails_an_answer_wherever_it_stands(name: str) -> None:
    """Before, within and behind the answer, and behind its title."""
    for at, broken in with_error(GOLDEN[name].splitlines(keepends=True)):
        _, last = read(b"".join(broken))
        assert isinstance(last, Failed), at
        assert isinstance(last.error, UpstreamOverloaded)


# Proof ------------------------------------------------------------------------------------------

PIECES = st.lists(plain_text.filter(str.strip), min_size=2, max_size=8)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_lost_piece_is_proven_by_the_whole(data: st.DataObject) -> None:
    """Tokens without one of them are never taken for all of the answer, unless what is missing
    can't be told.
    """
    pieces = data.draw(PIECES)
    at = data.draw(st.integers(0, len(pieces) - 2))
    brought, whole = "".join(pieces[:at] + pieces[at + 1 :]), "".join(pieces)
    found = agreement(brought, whole, TAGS)
    plain = "".join(brought.split()), "".join(whole.split())
    assert found is (Agreement.SAME if plain[0] == plain[1] else Agreement.BROKEN)


@settings(deadline=None, max_examples=100)
@given(st.text(), st.text())
def test_any_two_texts_can_be_compared(one: str, other: str) -> None:
    """Nothing is raised, and a text agrees with itself."""
    assert agreement(one, other, TAGS) in Agreement
    assert agreement(one, f" {one}\n", TAGS) is Agreement.SAME


@pytest.mark.parametrize("char", INVISIBLE, ids=lambda char: f"U+{ord(char):04X}")
def test_a_character_that_nobody_sees_is_no_answer(char: str) -> None:
    """Alone it is nothing; beside a letter it does not matter."""
    assert not is_visible(char * 3)
    assert is_visible(f"{char}.{char}")


@pytest.mark.parametrize(
    "text", ["a", ".", "é", "晴", "🙂", "\ufffd", "\u0301a", "☀\ufe0f", "ㅎ", "ﷺ", "1\u200b"]
)
def test_whatever_can_be_seen_is_an_answer(text: str) -> None:
    """In any script."""
    assert is_visible(text)


# Mutations --------------------------------------------------------------------------------------


@pytest.mark.large
def test_mutated_streams_end_once() -> None:
    """No exception leaves the decoder, and the last event is the only last one."""
    assert 0 < check_mutations(1500, seed=1) < 1500
