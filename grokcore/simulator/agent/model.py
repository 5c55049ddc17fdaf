"""The simulated model's answers to prompts with functions."""

from __future__ import annotations

from attrs import define

from .characters import CHARACTERS, OBEDIENT
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
        """The answer to *prompt*; None if it shows no functions."""
        reading = read_prompt(prompt)
        if reading is None:
            return None
        step = next_step(reading)
        if step is None:
            return (Words(f"This is a simulated Grok. You said: {reading.asked}"),)
        if not step.calls:
            return (Words(step.words),)
        chosen = OBEDIENT if self.mends and reading.repairs else self.character
        return CHARACTERS[chosen](reading.notation, step.calls)
