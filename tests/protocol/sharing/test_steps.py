"""The messages of a step, as they go from one process to another."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.sharing.steps import Reply, Step, read_reply, read_step, written

TEXTS = st.text(max_size=5)
TUPLES = st.lists(TEXTS, max_size=3).map(tuple)
MAPPINGS = st.dictionaries(TEXTS, TEXTS, max_size=3)
COUNTS = st.integers(0, 2**53)
NUMBERS = st.dictionaries(TEXTS, COUNTS, max_size=3)
SECONDS = st.floats(allow_nan=False, allow_infinity=False)
STEPS = st.builds(
    Step,
    *(TEXTS, COUNTS, TEXTS, TUPLES, TUPLES, TUPLES, COUNTS),
    *(NUMBERS, MAPPINGS, MAPPINGS, COUNTS, st.booleans()),
)
REPLIES = st.builds(
    Reply,
    *(TEXTS, SECONDS, SECONDS, TUPLES, TUPLES, COUNTS, NUMBERS, MAPPINGS, COUNTS),
    st.dictionaries(TEXTS, TUPLES, max_size=3),
)


@settings(deadline=None, max_examples=100)
@given(STEPS, REPLIES)
def test_a_message_is_read_as_it_was_written(step: Step, reply: Reply) -> None:
    """Over JSON, which knows no tuples."""
    assert read_step(json.loads(json.dumps(written(step)))) == step
    assert read_reply(json.loads(json.dumps(written(reply)))) == reply


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200)
@given(JSON | st.builds(lambda step, more: {**written(step), **more}, STEPS, MAPPINGS))
def test_anything_else_is_refused_in_one_way(value: object) -> None:
    """A worker of another version must not end the parent."""
    for read in (read_step, read_reply):
        try:
            read(value)
        except ValueError as error:
            reason = str(error)
        else:
            reason = "a message of a shared pool"
        assert "of a shared pool" in reason


@pytest.mark.parametrize("name", ["server", "ttl_ms"])
def test_a_step_without_its_sender_is_none(name: str) -> None:
    """Nothing is guessed."""
    value: dict[str, Any] = written(Step("one", 1000))
    del value[name]
    with pytest.raises(ValueError, match="of a shared pool"):
        read_step(value)


def test_a_reply_of_another_shape_is_none() -> None:
    """Nothing is guessed here either."""
    with pytest.raises(ValueError, match=r"of a shared pool|of another type"):
        read_reply({"table": "x", "age_s": "long", "time": 0})


@pytest.mark.parametrize("tasks", [{"a": "text"}, {"a": [1]}, {"a": None}, ["a"]])
def test_actions_of_another_shape_are_none(tasks: object) -> None:
    """A text is no list of its letters."""
    reply = {"table": "x", "age_s": 0, "time": 0, "tasks": tasks}
    with pytest.raises(ValueError, match="tasks of a shared pool's message"):
        read_reply(reply)
