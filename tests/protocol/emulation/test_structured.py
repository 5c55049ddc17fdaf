"""Answers in a form that the client sets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import AnswerTooLong, InternalError, InvalidStructuredOutput
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
from grokcore.protocol.conversation.usage import Usage
from grokcore.protocol.emulation.structured import MOST_CHARS, StructuredDecoder, within_bounds

from .scripted import Scripted, cut_up, joined, play

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
FORM = TextFormat(SCHEMA, "numbers")
DONE = Finished()
LENGTH = Finished(End.LENGTH)
STOPPED = Finished(End.STOP_SEQUENCE, "END")
CALLS = Finished(End.CALLS)
REFUSED = Finished(End.REFUSAL, "No.")
CALL = ToolCall(0, "read", "{}")
CITED = Cited(1, Source("https://example.com/"))
PICTURE = Picture("https://example.com/a.png")
FOUND = Found((Source("https://example.com/"),))
FAILED = Failed(InternalError("It broke."))
UNUSABLE = Unusable("a", ("It is odd.",), InternalError("It is odd."))


@frozen
class Case:
    """An answer, and what the client gets of it."""

    name: str
    events: list[Event]
    left: list[Event]


CASES = [
    Case("pure", [Text('{ "a" : 1 }\n'), DONE], [Text('{ "a" : 1 }'), DONE]),
    Case(
        "fence and words",
        [Text('Here you are:\n```json\n{"a": 1}\n```\nThat is all.'), DONE],
        [Text('{"a": 1}'), DONE],
    ),
    Case("mended", [Text("{'a': 1,}"), DONE], [Text('{"a": 1}'), DONE]),
    Case("left open", [Text("{'a': 1 "), DONE], [Text('{"a": 1}'), DONE]),
    Case(
        "thinking and searches stream",
        [Thinking("Hm"), FOUND, Text('{"a": 1}'), DONE],
        [Thinking("Hm"), FOUND, Text('{"a": 1}'), DONE],
    ),
    Case(
        "no citations and pictures",
        [Text('{"a":'), CITED, Text(" 1}"), PICTURE, DONE],
        [Text('{"a": 1}'), DONE],
    ),
    Case(
        "words before a call",
        [Text("I look "), CITED, Text("there."), CALL, CALLS],
        [Text("I look "), CITED, Text("there."), CALL, CALLS],
    ),
    Case("call alone", [CALL, CALL, CALLS], [CALL, CALL, CALLS]),
    Case("refusal", [Text("I can't"), REFUSED], [REFUSED]),
    Case("failure", [Text('{"a": 1}'), FAILED], [FAILED]),
    Case("failed calls", [Text('{"a": 1}'), UNUSABLE], [UNUSABLE]),
    Case("cut behind the value", [Text('{"a": 1} and'), LENGTH], [Text('{"a": 1}'), LENGTH]),
    Case("stopped behind it", [Text('{"a": 1}'), STOPPED], [Text('{"a": 1}'), STOPPED]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(deadline=None, max_examples=20)
@given(st.data())
def test_the_client_gets_checked_json_and_nothing_else(case: Case, data: st.DataObject) -> None:
    """A program reads the answer: a word beside the JSON breaks it. Cuts make no difference."""
    steps = data.draw(cut_up(case.events))
    decoder = StructuredDecoder(Scripted(steps), FORM)
    assert joined(play(decoder, data.draw(st.integers(0, len(steps))))) == case.left


@pytest.mark.parametrize(
    ("text", "end", "faults"),
    [
        ('{"a": "x"}', DONE, ("a must be an integer.",)),
        (
            '{"b": 1}',
            DONE,
            ('The value lacks the key "a".', 'The value has an unknown key: "b".'),
        ),
        ("[1]", DONE, ("The value must be an object.",)),
        ("Sorry.", DONE, ("The answer is not one JSON value: there is no JSON value.",)),
        ("", DONE, ("The answer is not one JSON value: there is no JSON value.",)),
        (
            '{"a": 1} {"a": 2}',
            DONE,
            ("The answer is not one JSON value: there is more than one JSON value.",),
        ),
        (
            '{"a": 1 ',
            LENGTH,
            (
                "The answer is not one JSON value: a comma or a closing bracket is missing.",
                "The answer is longer than allowed and was cut; write a shorter one.",
            ),
        ),
        (
            '{"a": "x"}',
            STOPPED,
            ("a must be an integer.", "The answer was cut at a text at which it has to end."),
        ),
    ],
)
def test_an_answer_that_does_not_fit_never_goes_out(
    text: str, end: Finished, faults: tuple[str, ...]
) -> None:
    """Another question corrects it; if that fails too, the client gets an error."""
    said: list[Event] = [Text(text)] if text else []
    (last,) = joined(play(StructuredDecoder(Scripted([said, [end]]), FORM), 1))
    assert isinstance(last, Unusable)
    assert (last.said, last.faults) == (text, faults)
    assert isinstance(last.error, InvalidStructuredOutput)
    assert last.error.message.endswith(faults[0])


@pytest.mark.parametrize(
    ("text", "fits"), [('{"any": [1]}', True), ("{}", True), ("[{}]", False), ("1", False)]
)
def test_without_a_schema_any_object_fits(text: str, fits: bool) -> None:
    """``json_object`` asks for no more."""
    events = joined(play(StructuredDecoder(Scripted([[Text(text), DONE]]), TextFormat()), 1))
    assert (events == [Text(text), DONE]) is fits


def test_held_text_shows_as_a_sign_of_life() -> None:
    """A long value must not look like a pause."""
    steps: list[list[Event]] = [[Text('{"a"')], [Text(": 1}")], [DONE]]
    decoder = StructuredDecoder(Scripted(steps), FORM)
    assert play(decoder, 2) == [[Activity()], [Activity()], [Text('{"a": 1}'), DONE]]


def test_an_endless_text_fails() -> None:
    """It is kept in memory, and read in one go."""
    steps: list[list[Event]] = [[Text("x" * MOST_CHARS)], [Text("x"), Text("y")], [DONE]]
    decoder = StructuredDecoder(Scripted(steps), FORM)
    assert (decoder.stopped, decoder.concluded, decoder.cut_short) == (True, True, False)
    _, (last,), closed = play(decoder, 2)
    assert isinstance(last, Failed)
    assert isinstance(last.error, AnswerTooLong)
    assert closed == []
    assert decoder.receive(b".") == []
    assert (decoder.stopped, decoder.concluded, decoder.cut_short) == (False, False, True)


def test_facts_of_the_answer_shine_through() -> None:
    """Health and headers report on the answer, whatever its form."""
    inner = Scripted([])
    decoder = StructuredDecoder(inner, FORM)
    assert decoder.counters is inner.counters
    assert decoder.answered_by == "grok-4"
    inner.cut_short = True
    assert decoder.cut_short


def test_all_bounds_hold_together() -> None:
    """The cut comes first: what is behind it counts for nothing."""
    bounds = Bounds(("END",), 10, FORM)
    steps: list[list[Event]] = [[Text('{"a": 1} EN')], [Text("D x")], [DONE]]
    decoder = within_bounds(Scripted(steps), bounds)
    assert joined(play(decoder, 2)) == [Text('{"a": 1}'), STOPPED]
    assert decoder.cut_short
    long: list[list[Event]] = [[Text('{"a": 1}' + " " * 40 + "x"), DONE]]
    assert joined(play(within_bounds(Scripted(long), bounds), 1)) == [Text('{"a": 1}'), LENGTH]


def test_an_unbounded_answer_costs_nothing() -> None:
    """Most requests have no bounds."""
    inner = Scripted([])
    assert within_bounds(inner, Bounds()) is inner


_values = st.dictionaries(st.sampled_from("ab"), st.integers(0, 9) | st.text("{}[],", max_size=3))


@settings(deadline=None, max_examples=100)
@given(_values, st.sampled_from(["", "Sure:\n", "```json\n"]), st.data())
def test_what_goes_out_fits_the_schema(
    value: dict[str, Any], before: str, data: st.DataObject
) -> None:
    """Either the value, or nothing of it."""
    after = "\n```" if before.startswith("```") else ""
    steps = data.draw(cut_up([Text(f"{before}{json.dumps(value)}{after}"), DONE]))
    events = joined(play(StructuredDecoder(Scripted(steps), FORM), len(steps)))
    fits = value.keys() == {"a"} and isinstance(value["a"], int)
    assert (events == [Text(json.dumps(value)), DONE]) is fits
    assert fits or isinstance(events[0], Unusable)


@pytest.mark.parametrize(
    ("events", "last"),
    [
        ([Text('{"a": 1}')], DONE),
        ([Text("words")], DONE),
        ([Text("No.")], REFUSED),
        ([CALL], CALLS),
        ([Text("{")], FAILED),
    ],
)
def test_the_count_of_an_answer_stands_right_before_its_end(
    events: list[Event], last: Event
) -> None:
    """It is never lost, and no text follows it."""
    used = Used(Usage(9, 3))
    decoder = StructuredDecoder(Scripted([events, [used], [last]]), FORM)
    found = joined(play(decoder, 3))
    assert found[-2] is used
    assert isinstance(found[-1], Finished | Failed | Unusable)
    assert found.count(used) == 1
