"""The simulated model at the exercises, in every character, as the gateway reads its answers."""

from __future__ import annotations

import pytest
from attrs import evolve

from grokcore.config import DEFAULT_LIMITS
from grokcore.protocol.conversation.events import ToolCall
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.conversation.question import Question
from grokcore.protocol.emulation.evaluation import Attempted, Score, judge, total
from grokcore.protocol.emulation.exercises import EXERCISES, Exercise, first_of
from grokcore.protocol.emulation.forms import JSON_WORDS, WORDS, CallWords
from grokcore.protocol.emulation.tools_text import ToolTexts
from grokcore.protocol.grok_web.question_text import LongTexts, WebRendering, render_question
from grokcore.protocol.models import SHIPPED
from grokcore.simulator.agent.characters import CHARACTERS
from grokcore.simulator.agent.model import Agent
from grokcore.simulator.agent.pieces import Answer, Thought, Words


def rendered(exercise: Exercise, words: CallWords) -> WebRendering:
    asked = (Message("user", exercise.asked),)
    question = Question(SHIPPED["grok-fast"], DEFAULT_LIMITS, asked, toolbox=exercise.toolbox)
    return render_question(question, LongTexts(), ToolTexts(words=words))


def answered(exercise: Exercise, character: str, words: CallWords = WORDS["call"]) -> Attempted:
    """The course of an exercise, without lanes."""
    question = rendered(exercise, words)
    answer = Agent(character).answer(question.message)
    assert answer is not None
    return read(question, answer)


def read(question: WebRendering, answer: Answer) -> Attempted:
    reader = question.call_reader()
    assert reader is not None
    pieces = [
        one for piece in answer if isinstance(piece, Words) for one in reader.feed(piece.text)
    ]
    went_on = reader.cut
    pieces += reader.close("".join(one.text for one in answer if isinstance(one, Thought)))
    return Attempted(
        "".join(one for one in pieces if isinstance(one, str)),
        tuple(one for one in pieces if isinstance(one, ToolCall)),
        went_on,
        usable=reader.unusable() is None,
    )


@pytest.mark.parametrize("words", [*WORDS.values(), JSON_WORDS], ids=lambda words: words.call)
def test_an_obedient_model_solves_everything_in_every_form(words: CallWords) -> None:
    """Else a real model would be blamed for faults of the exercises, or of the reader."""
    assert [
        one.asked for one in EXERCISES if not judge(one, answered(one, "obedient", words)).solved
    ] == []


FEW = first_of(24)
"""Four of each kind."""

ALL = Score(24, 20, 24, 20, 20, questions=24)
PROSE = Score(24, 20, 4, missed=20, questions=24)

SCORES = {
    "obedient": ALL,
    "fenced": ALL,
    "explaining": evolve(PROSE, leaks=16),  # text of a forced answer is held back
    "chatty after the call": evolve(ALL, went_on=20),
    "inventing the outcome": evolve(ALL, went_on=20),
    "entity escaper": ALL,
    "wrong closers": ALL,
    "native markup": ALL,
    "JSON body": ALL,
    "prose only": PROSE,
    "thinking only": ALL,
    "cut in a value": PROSE,
    "broken off in a value": PROSE,
    "two of three broken": evolve(PROSE, missed=0),
}


@pytest.mark.parametrize("name", CHARACTERS)
def test_each_character_has_its_score(name: str) -> None:
    """All that can be read without doubt is read, and nothing else."""
    found = total(judge(one, answered(one, name)) for one in FEW)
    assert found == SCORES[name]
