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
    STOPPED = enum.auto()
    CONCLUDED = enum.auto()
    ENDED = enum.auto()


class Input(enum.Enum):
    """What a line can mean to the machine."""

    THOUGHT = enum.auto()
    ANSWER = enum.auto()
    WORK = enum.auto()
    STOP = enum.auto()
    FINAL = enum.auto()
    ERROR = enum.auto()
    END = enum.auto()


# (state, input) -> (next state, name of the method that handles it); an input that is missing is
# ignored. A soft stop while Grok still reasons is the end of a step, not of the answer, unless
# nothing follows: the end of the stream then finds no answer and says so. Whatever Grok does behind
# a soft stop takes it back.
TRANSITIONS: dict[tuple[State, Input], tuple[State, str]] = {
    (State.OPEN, Input.THOUGHT): (State.REASONING, "_think"),
    (State.OPEN, Input.ANSWER): (State.ANSWERING, "_answer"),
    (State.OPEN, Input.STOP): (State.STOPPED, "_nothing"),
    (State.OPEN, Input.FINAL): (State.CONCLUDED, "_conclude"),
    (State.OPEN, Input.ERROR): (State.ENDED, "_fail"),
    (State.OPEN, Input.END): (State.ENDED, "_end_unsaid"),
    (State.REASONING, Input.THOUGHT): (State.REASONING, "_think"),
    (State.REASONING, Input.ANSWER): (State.ANSWERING, "_answer"),
    (State.REASONING, Input.STOP): (State.REASONING, "_note_stop"),
    (State.REASONING, Input.FINAL): (State.CONCLUDED, "_conclude"),
    (State.REASONING, Input.ERROR): (State.ENDED, "_fail"),
    (State.REASONING, Input.END): (State.ENDED, "_end_unsaid"),
    (State.ANSWERING, Input.THOUGHT): (State.ANSWERING, "_drop_late_thought"),
    (State.ANSWERING, Input.ANSWER): (State.ANSWERING, "_answer"),
    (State.ANSWERING, Input.STOP): (State.STOPPED, "_nothing"),
    (State.ANSWERING, Input.FINAL): (State.CONCLUDED, "_conclude"),
    (State.ANSWERING, Input.ERROR): (State.ENDED, "_fail"),
    (State.ANSWERING, Input.END): (State.ENDED, "_end_unsaid"),
    (State.STOPPED, Input.THOUGHT): (State.ANSWERING, "_drop_late_thought"),
    (State.STOPPED, Input.ANSWER): (State.ANSWERING, "_answer"),
    (State.STOPPED, Input.WORK): (State.ANSWERING, "_nothing"),
    (State.STOPPED, Input.FINAL): (State.CONCLUDED, "_conclude"),
    (State.STOPPED, Input.ERROR): (State.ENDED, "_fail"),
    (State.STOPPED, Input.END): (State.ENDED, "_end_stopped"),
    (State.CONCLUDED, Input.ERROR): (State.ENDED, "_fail"),
    (State.CONCLUDED, Input.END): (State.ENDED, "_finish"),
}
