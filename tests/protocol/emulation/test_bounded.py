"""Stop sequences and limits of length."""

from __future__ import annotations

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import InternalError
from grokcore.protocol.conversation.bounds import Bounds, TextFormat
from grokcore.protocol.conversation.events import (
    Activity,
    Cited,
    End,
    Event,
    Failed,
    Finished,
    Found,
    Picture,
    Source,
    Text,
    Thinking,
    ToolCall,
    Unusable,
    Used,
)
from grokcore.protocol.conversation.usage import Usage, estimate
from grokcore.protocol.emulation.bounded import BoundedDecoder, bounded

from .scripted import Scripted, cut_up, joined, play

CITED = Cited(1, Source("https://example.com/"))
PICTURE = Picture("https://example.com/a.png")
CALL = ToolCall(0, "read", "{}")
FAILED = Failed(InternalError("It broke."))
UNUSABLE = Unusable("a", ("It is odd.",), InternalError("It is odd."))
FOUND = Found((Source("https://example.com/"),))


@frozen
class Case:
    """An answer, and what is left of it within bounds."""

    name: str
    bounds: Bounds
    events: list[Event]
    left: list[Event]


def texts(*pieces: str) -> list[Event]:
    return [Text(piece) for piece in pieces]


def stop(*stops: str) -> Bounds:
    return Bounds(stop=stops)


def most(tokens: int, *stops: str) -> Bounds:
    return Bounds(stop=stops, most_tokens=tokens)


DONE = Finished()
LENGTH = Finished(End.LENGTH)


def at(sequence: str) -> Finished:
    return Finished(End.STOP_SEQUENCE, sequence)


CASES = [
    Case("in one piece", stop("END"), [*texts("a END b"), DONE], [Text("a "), at("END")]),
    Case("across pieces", stop("END"), [*texts("a E", "N", "D b"), DONE], [Text("a "), at("END")]),
    Case("at the start", stop("END"), [*texts("END"), DONE], [at("END")]),
    Case("nearly", stop("END"), [*texts("a EN", "Ð EN"), DONE], [Text("a ENÐ EN"), DONE]),
    Case("repeated beginning", stop("aab"), [*texts("aa", "ab c"), DONE], [Text("a"), at("aab")]),
    Case("complete first", stop("bcd", "c"), [*texts("abcd"), DONE], [Text("ab"), at("c")]),
    Case("longer of two", stop("c", "bc"), [*texts("abcd"), DONE], [Text("a"), at("bc")]),
    Case("any character", stop("]", "\n"), [*texts("a\nb]"), DONE], [Text("a"), at("\n")]),
    Case(
        "not in thinking",
        stop("END"),
        [Thinking("END"), *texts("a"), DONE],
        [Thinking("END"), Text("a"), DONE],
    ),
    Case("a beginning that is none", stop("abc"), [*texts("xad"), DONE], [Text("xad"), DONE]),
    Case("not in calls", stop("{}"), [*texts("a"), CALL, DONE], [Text("a"), CALL, DONE]),
    Case("before a call", stop("END"), [*texts("a E"), CALL, DONE], [Text("a E"), CALL, DONE]),
    Case(
        "not across a source",
        stop("END"),
        [*texts("a EN"), CITED, *texts("D"), DONE],
        [Text("a EN"), CITED, Text("D"), DONE],
    ),
    Case(
        "across other news",
        stop("END"),
        [*texts("a EN"), FOUND, Activity(), *texts("D"), DONE],
        [Text("a "), FOUND, at("END")],
    ),
    Case("failed", stop("END"), [*texts("a E"), FAILED], [Text("a E"), FAILED]),
    Case("unusable", stop("END"), [*texts("a E"), UNUSABLE], [Text("a E"), UNUSABLE]),
    Case("short enough", most(2), [*texts("abcd", "efgh"), DONE], [Text("abcdefgh"), DONE]),
    Case("too long", most(2), [*texts("abcd", "efg", "hi"), DONE], [Text("abcdefgh"), LENGTH]),
    Case("too long at a border", most(1), [*texts("abcd", "e"), DONE], [Text("abcd"), LENGTH]),
    Case(
        "in many pieces",
        most(9),
        [*texts(*["abcd"] * 10), DONE],
        [Text("abcd" * 9), LENGTH],
    ),
    Case("CJK", most(3), [*texts("你好 abcd"), DONE], [Text("你好 abc"), LENGTH]),
    Case(
        "thinking is free",
        most(1),
        [Thinking("a" * 99), *texts("b"), DONE],
        [Thinking("a" * 99), Text("b"), DONE],
    ),
    Case(
        "pictures count not",
        most(1),
        [*texts("abcd"), PICTURE, CITED, DONE],
        [Text("abcd"), PICTURE, CITED, DONE],
    ),
    Case("call at the limit", most(1), [*texts("abcd"), CALL, DONE], [Text("abcd"), CALL, DONE]),
    Case("call behind the limit", most(1), [*texts("abcde"), CALL, DONE], [Text("abcd"), LENGTH]),
    Case("stop first", most(1, "d"), [*texts("abcdefgh"), DONE], [Text("abc"), at("d")]),
    Case("limit first", most(1, "f"), [*texts("abcdefgh"), DONE], [Text("abcd"), LENGTH]),
    Case("both at once", most(1, "ef"), [*texts("abcde", "fgh"), DONE], [Text("abcd"), at("ef")]),
    Case("held over the limit", most(1, "ef"), [*texts("abcde"), DONE], [Text("abcd"), LENGTH]),
    Case(
        "held before a source",
        most(1, "ef"),
        [*texts("abcde"), CITED, DONE],
        [Text("abcd"), LENGTH],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_answer_ends_at_its_bounds(case: Case) -> None:
    """The text ends before the first stop sequence, and no token is over the limit."""
    inner = Scripted([[event] for event in case.events])
    decoder = bounded(inner, case.bounds)
    assert joined(play(decoder, len(case.events))) == case.left
    assert decoder.cut_short is (case.left[-1] != case.events[-1])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(deadline=None, max_examples=20)
@given(st.data())
def test_the_result_does_not_depend_on_the_cuts(case: Case, data: st.DataObject) -> None:
    """Grok's tokens end anywhere, and network packets too."""
    steps = data.draw(cut_up(case.events))
    decoder = BoundedDecoder(Scripted(steps), case.bounds)
    assert joined(play(decoder, data.draw(st.integers(0, len(steps))))) == case.left


@settings(deadline=None, max_examples=100)
@given(
    st.text("abc", max_size=40),
    st.lists(st.text("abc", min_size=1, max_size=4), max_size=3),
    st.none() | st.integers(1, 6),
    st.data(),
)
def test_any_answer_is_cut_where_its_whole_text_says(
    text: str, stops: list[str], tokens: int | None, data: st.DataObject
) -> None:
    """Against a plain search in the whole text."""
    ends = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    until = min(ends)[1] if ends else len(text)
    limit = len(text) if tokens is None else 4 * tokens
    steps = data.draw(cut_up([*([Text(text)] if text else []), DONE]))
    decoder = bounded(Scripted(steps), Bounds(tuple(stops), tokens))
    *events, last = joined(play(decoder, len(steps)))
    shown = "".join(event.text for event in events if isinstance(event, Text))
    assert shown == text[: min(until, limit)]
    assert isinstance(last, Finished)
    assert last.end is (End.LENGTH if limit < until else End.STOP_SEQUENCE if ends else End.STOP)
    assert tokens is None or estimate(shown) <= tokens


def test_held_text_shows_as_a_sign_of_life() -> None:
    """The clocks between two pieces must not run out over a text that may become a stop."""
    decoder = bounded(Scripted([texts("E"), texts("N"), texts("A"), [DONE]]), stop("END"))
    assert play(decoder, 3) == [[Activity()], [Activity()], texts("ENA"), [DONE]]


def test_nothing_follows_a_cut() -> None:
    """The transfer is aborted, and what came meanwhile is thrown away."""
    decoder = bounded(Scripted([texts("aEND"), texts("b"), [DONE]]), stop("END"))
    assert (decoder.stopped, decoder.concluded, decoder.cut_short) == (True, True, False)
    assert play(decoder, 2) == [[Text("a"), at("END")], [], []]
    assert (decoder.stopped, decoder.concluded, decoder.cut_short) == (False, False, True)


def test_facts_of_the_answer_shine_through() -> None:
    """Health and headers report on the answer, bounded or not."""
    inner = Scripted([])
    decoder = bounded(inner, stop("END"))
    assert decoder.counters is inner.counters
    assert decoder.answered_by == "grok-4"
    inner.cut_short = True
    assert decoder.cut_short


def test_an_unbounded_answer_costs_nothing() -> None:
    """Most requests have no bounds of this kind."""
    inner = Scripted([])
    assert bounded(inner, Bounds()) is inner
    assert bounded(inner, Bounds(text_format=TextFormat())) is inner


@pytest.mark.parametrize("last", [Finished(), FAILED])
def test_the_count_of_an_answer_stands_behind_its_held_text(last: Event) -> None:
    """The count comes right before the last event, whatever was held back."""
    used = Used(Usage(9, 3))
    decoder = bounded(Scripted([[Text("a E")], [used, last]]), stop("END"))
    assert joined(play(decoder, 2)) == [Text("a E"), used, last]


def test_the_count_of_a_cut_answer_is_not_given() -> None:
    """It is of the whole answer, and nothing follows the last event."""
    decoder = bounded(Scripted([[Text("a END b")], [Used(Usage(9, 3)), Finished()]]), stop("END"))
    assert joined(play(decoder, 2)) == [Text("a "), Finished(End.STOP_SEQUENCE, "END")]
