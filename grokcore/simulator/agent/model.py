"""The simulated model's answers to prompts with functions, or with a form of the answer."""

from __future__ import annotations

from attrs import define

from .characters import CHARACTERS, OBEDIENT
from .json_answers import json_answer
from .pieces import Answer, Words
from .prompts import read_prompt
from .tasks import next_step

__all__ = ["Agent"]


@define
class Agent:
    """The simulated model at work.

    :ivar character: a name of :data:`~grokcore.simulator.agent.characters.CHARACTERS`.
    :ivar mends: whether it is obedient once it is asked to correct an answer.
    :ivar pace_s: seconds before each of its tokens.
    """

    character: str = OBEDIENT
    mends: bool = False
    pace_s: float = 0.005

    def answer(self, prompt: str) -> Answer | None:
        """The answer to *prompt*; None if it shows no functions and asks for no form."""
        form = json_answer(prompt)
        reading = read_prompt(prompt)
        if reading is None:
            return None if form is None else (Words(form),)
        step = next_step(reading)
        if step is None or not step.calls:
            said = step.words if step else f"This is a simulated Grok. You said: {reading.asked}"
            return (Words(said if form is None else form),)
        chosen = OBEDIENT if self.mends and reading.repairs else self.character
        return CHARACTERS[chosen](reading.notation, step.calls)
