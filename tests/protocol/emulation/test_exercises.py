"""The exercises: real, different, and solvable."""

from __future__ import annotations

from collections import Counter

import pytest

from grokcore.protocol.conversation.tools import Choice
from grokcore.protocol.emulation.exercises import EXERCISES, Exercise, Kind, first_of


def test_there_are_ten_different_exercises_of_each_kind() -> None:
    """A share of solved exercises means little over a few, or over repetitions."""
    assert Counter(one.kind for one in EXERCISES) == dict.fromkeys(Kind, 10)
    assert len({one.asked for one in EXERCISES}) == len(EXERCISES)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.asked[:40])
def test_every_wanted_value_stands_in_the_question(exercise: Exercise) -> None:
    """A value that the model has to guess would count against the form of the calls."""
    assert bool(exercise.wanted) == (exercise.kind is not Kind.IRRELEVANCE)
    declared = {tool.full_name: tool for tool in exercise.toolbox.callable}
    for wanted in exercise.wanted:
        assert list(wanted.values) == declared[wanted.name].parameters["required"]
        assert [value for value in wanted.values.values() if str(value) not in exercise.asked] == []


def test_a_forced_exercise_forces_its_tool() -> None:
    """The client's demand is the only difference to a choice among many."""
    forced = [one for one in EXERCISES if one.kind is Kind.FORCED]
    assert {one.toolbox.choice for one in forced} == {Choice.REQUIRED}
    assert all(one.toolbox.only == one.wanted[0].name for one in forced)


@pytest.mark.parametrize("number", [0, 1, 6, 12, 60, 1000])
def test_a_few_exercises_are_of_all_kinds(number: int) -> None:
    """An owner with few questions a day sees something of each difficulty."""
    chosen = first_of(number)
    assert len(chosen) == min(number, 60)
    counts = Counter(one.kind for one in chosen)
    assert max(counts.values(), default=0) - min(counts.values(), default=0) <= 1
