"""Scores at calling tools."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve, frozen

from grokcore.protocol.conversation.events import ToolCall
from grokcore.protocol.conversation.tools import Toolbox
from grokcore.protocol.emulation.evaluation import Attempted, Score, best_form, judge, total
from grokcore.protocol.emulation.exercises import Exercise, Kind, Wanted

ONE = Exercise(Kind.SINGLE, "a", Toolbox(), (Wanted("f", {"x": "1", "n": 2}),))
TWO = evolve(ONE, wanted=(Wanted("f", {"x": "a"}), Wanted("f", {"x": "b"})))
NONE = evolve(ONE, wanted=())


def made(*values: Any, name: str = "f") -> tuple[ToolCall, ...]:
    return tuple(ToolCall(index, name, json.dumps(one)) for index, one in enumerate(values))


RIGHT = {"x": "1", "n": 2}
SOLVED = Score(1, 1, 1, 1, 1, questions=1)


@frozen
class Case:
    """A course, and its score."""

    name: str
    exercise: Exercise
    attempted: Attempted
    score: Score


CASES = [
    Case("right", ONE, Attempted(calls=made(RIGHT)), SOLVED),
    Case("a free value", ONE, Attempted(calls=made({**RIGHT, "z": 0})), SOLVED),
    Case("another order", TWO, Attempted(calls=made({"x": "b"}, {"x": "a"})), SOLVED),
    Case("nothing is right", NONE, Attempted("plain"), Score(1, solved=1, questions=1)),
    Case(
        "an example is no leak", NONE, Attempted("<function_call>"),
        Score(1, solved=1, questions=1),
    ),
    Case(
        "another value", ONE, Attempted(calls=made({**RIGHT, "n": 3})),
        Score(1, 1, valid=1, questions=1),
    ),
    Case("a value is missing", ONE, Attempted(calls=made({})), Score(1, 1, valid=1, questions=1)),
    Case("no object", ONE, Attempted(calls=made("x")), Score(1, 1, valid=1, questions=1)),
    Case(
        "one call twice", TWO, Attempted(calls=made({"x": "a"}, {"x": "a"})),
        Score(1, 1, valid=1, questions=1),
    ),
    Case("one call too few", TWO, Attempted(calls=made({"x": "a"})), Score(1, 1, questions=1)),
    Case("another tool", ONE, Attempted(calls=made(RIGHT, name="g")), Score(1, 1, questions=1)),
    Case(
        "corrected", ONE, Attempted(calls=made(RIGHT), questions=2),
        Score(1, 1, valid=1, equal=1, questions=2),
    ),
    Case(
        "not to be used", ONE, Attempted(calls=made(RIGHT), usable=False), Score(1, 1, questions=1)
    ),
    Case("prose", ONE, Attempted("Done!"), Score(1, 1, missed=1, questions=1)),
    Case("a false call", NONE, Attempted(calls=made({})), Score(1, false_calls=1, questions=1)),
    Case(
        "an outcome of its own", ONE, Attempted(calls=made(RIGHT), went_on=True),
        evolve(SOLVED, went_on=1),
    ),
    Case(
        "a leak", ONE, Attempted("Here: <fn2:call"), Score(1, 1, missed=1, leaks=1, questions=1)
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_course_has_its_score(case: Case) -> None:
    """The owner chooses a form by these figures."""
    assert judge(case.exercise, case.attempted) == case.score


def test_scores_add_up() -> None:
    """Of no exercises, all figures are 0."""
    assert total([]) == Score()
    both = total([SOLVED, Score(1, 1, missed=1, questions=2)])
    assert both == Score(2, 2, 1, 1, 1, missed=1, questions=3)
    assert (both.rate, both.questions_each) == (0.5, 1.5)
    assert (Score().rate, Score().questions_each) == (0.0, 0.0)


@frozen
class Ranking:
    """Scores of forms, and the best form."""

    scores: dict[str, Score]
    best: str


RANKINGS = [
    Ranking({}, ""),
    Ranking({"a": Score()}, ""),
    Ranking({"a": Score(2, solved=1), "b": Score(2, solved=2)}, "b"),
    Ranking({"a": Score(2, solved=1), "b": Score(2, solved=1)}, "a"),
    Ranking({"a": Score(2, solved=1, questions=4), "b": Score(2, solved=1, questions=3)}, "b"),
]


@pytest.mark.parametrize("case", RANKINGS, ids=lambda case: case.best or "none")
def test_the_best_form_solves_most_with_the_fewest_questions(case: Ranking) -> None:
    """Of equal ones it is the first: the one that is set anyway."""
    assert best_form(case.scores.items()) == case.best
