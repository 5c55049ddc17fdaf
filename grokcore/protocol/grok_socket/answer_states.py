"""States of an answer that is being read, and what moves it from one to another; :mod:`.decoder`
says what they mean.
"""

from __future__ import annotations

import enum

__all__ = ["TRANSITIONS", "Input", "State"]


class State(enum.Enum):
    """How far an answer is."""

    OPEN = enum.auto()
    REASONING = enum.auto()
    ANSWERING = enum.auto()
    ENDED = enum.auto()


class Input(enum.Enum):
    """What an event can mean to the machine."""

    THOUGHT = enum.auto()
    ANSWER = enum.auto()
    WHOLE = enum.auto()
    CITATION = enum.auto()
    DONE = enum.auto()
    ERROR = enum.auto()
    END = enum.auto()


# (state, input) -> (next state, name of the method that handles it). Nothing leads out of ENDED:
# what follows an answer's end is another's, or nobody's.
TRANSITIONS: dict[tuple[State, Input], tuple[State, str]] = {
    (State.OPEN, Input.THOUGHT): (State.REASONING, "_think"),
    (State.OPEN, Input.ANSWER): (State.ANSWERING, "_write"),
    (State.OPEN, Input.WHOLE): (State.ANSWERING, "_compare"),
    (State.OPEN, Input.CITATION): (State.OPEN, "_find_cited"),
    (State.OPEN, Input.DONE): (State.ENDED, "_conclude"),
    (State.OPEN, Input.ERROR): (State.ENDED, "_fail"),
    (State.OPEN, Input.END): (State.ENDED, "_break_off"),
    (State.REASONING, Input.THOUGHT): (State.REASONING, "_think"),
    (State.REASONING, Input.ANSWER): (State.ANSWERING, "_write"),
    (State.REASONING, Input.WHOLE): (State.ANSWERING, "_compare"),
    (State.REASONING, Input.CITATION): (State.REASONING, "_find_cited"),
    (State.REASONING, Input.DONE): (State.ENDED, "_conclude"),
    (State.REASONING, Input.ERROR): (State.ENDED, "_fail"),
    (State.REASONING, Input.END): (State.ENDED, "_break_off"),
    (State.ANSWERING, Input.THOUGHT): (State.ANSWERING, "_drop_late_thought"),
    (State.ANSWERING, Input.ANSWER): (State.ANSWERING, "_write"),
    (State.ANSWERING, Input.WHOLE): (State.ANSWERING, "_compare"),
    (State.ANSWERING, Input.CITATION): (State.ANSWERING, "_cite"),
    (State.ANSWERING, Input.DONE): (State.ENDED, "_conclude"),
    (State.ANSWERING, Input.ERROR): (State.ENDED, "_fail"),
    (State.ANSWERING, Input.END): (State.ENDED, "_break_off"),
}
