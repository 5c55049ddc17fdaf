"""Scores of a model at calling tools: its answers to the exercises (:mod:`.exercises`).

Rules
-----
1. An exercise is solved if the calls are the wanted ones, no more and no fewer, in any order.
   Values that the exercise does not name are free.
2. A call that was only right once it had been corrected solves nothing: it costs a second question.
3. Everything else is counted too: an owner wants to see which fault occurs how often.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import astuple, field, frozen

from ..conversation.events import ToolCall
from .exercises import Exercise, Wanted

__all__ = ["Attempted", "Score", "best_form", "judge", "total"]

_MARKUP = re.compile(r"</?(?:fn\d*:|xai:function_call|tool_call\b|function_call\b|invoke\b)")
"""Tags of calls, which no client should see as text."""


@frozen
class Attempted:
    """The course of one exercise.

    :ivar text: the visible text.
    :ivar calls: of the last answer.
    :ivar went_on: whether the model wrote something after its calls, such as their outcome.
    :ivar questions: put for it, with the corrections.
    :ivar usable: whether the last answer could be used.
    """

    text: str = field(default="", repr=False)
    calls: tuple[ToolCall, ...] = ()
    went_on: bool = False
    questions: int = 1
    usable: bool = True


@frozen
class Score:
    """Counts over some exercises.

    :ivar exercises: how many there were; *wanting*: how many of them want calls.
    :ivar solved: at once, as they should be.
    :ivar valid: of those that want calls, how many had calls of the right tools; *equal*: with the
        right values too.
    :ivar false_calls: calls where none was wanted.
    :ivar missed: how many had no call though one was wanted.
    :ivar went_on: how many had text after a call: most often an outcome that the model made up.
    :ivar leaks: how many showed markup of calls as text.
    :ivar questions: put in all.
    """

    exercises: int = 0
    wanting: int = 0
    solved: int = 0
    valid: int = 0
    equal: int = 0
    false_calls: int = 0
    missed: int = 0
    went_on: int = 0
    leaks: int = 0
    questions: int = 0

    @property
    def questions_each(self) -> float:
        """Questions for an exercise."""
        return self.questions / self.exercises if self.exercises else 0.0

    @property
    def rate(self) -> float:
        """The share of exercises that were solved at once."""
        return self.solved / self.exercises if self.exercises else 0.0


def judge(exercise: Exercise, attempted: Attempted) -> Score:
    """The score of one exercise."""
    calls, wanted = attempted.calls, exercise.wanted
    names = sorted(call.name for call in calls) == sorted(one.name for one in wanted)
    equal = names and attempted.usable and _all_equal(calls, wanted)
    wants = bool(wanted)
    leaks = bool(_MARKUP.search(attempted.text)) and wants
    return Score(
        exercises=1,
        wanting=int(wants),
        solved=int(equal and attempted.questions == 1),
        valid=int(wants and names and attempted.usable),
        equal=int(wants and equal),
        false_calls=0 if wants else len(calls),
        missed=int(wants and not calls),
        went_on=int(attempted.went_on),
        leaks=int(leaks),
        questions=attempted.questions,
    )


def _all_equal(calls: Sequence[ToolCall], wanted: Sequence[Wanted]) -> bool:
    """Whether each wanted call was made, each by another call."""
    left = [(call.name, json.loads(call.arguments)) for call in calls]
    for one in wanted:
        found = next((made for made in left if made[0] == one.name and _has(made[1], one)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _has(arguments: Any, wanted: Wanted) -> bool:
    return isinstance(arguments, dict) and all(
        key in arguments and arguments[key] == value for key, value in wanted.values.items()
    )


def total(scores: Iterable[Score]) -> Score:
    """The sum of scores."""
    columns = zip(*map(astuple, (Score(), *scores)), strict=True)
    return Score(*map(sum, columns))


def best_form(scores: Iterable[tuple[str, Score]]) -> str:
    """The name of the form with the best score, of equal ones the first; empty without any."""
    ranked = [(name, score) for name, score in scores if score.exercises]
    if not ranked:
        return ""
    return max(ranked, key=lambda row: (row[1].rate, -row[1].questions_each))[0]
