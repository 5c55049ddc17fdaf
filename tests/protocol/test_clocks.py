"""The three clocks, on times that are passed in."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import (
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    TimeoutChunk,
    TimeoutFirstResponse,
    TimeoutTotal,
)
from grokcore.protocol.clocks import AFTER_FINAL_S, AFTER_STOP_S, Clocks
from grokcore.protocol.models import Limits

LIMITS = Limits(first_response=30, chunk=120, total=600)

Step: TypeAlias = "tuple[str, float]"


def played(steps: list[Step], limits: Limits = LIMITS) -> Clocks:
    """Clocks of a request that was accepted at 0, after *steps*: a method's name and its
    argument.
    """
    clocks = Clocks(limits, accepted=0)
    for method, argument in steps:
        getattr(clocks, method)(*([] if method == "end_attempt" else [argument]))
    return clocks


@frozen
class History:
    """What happened, when the next thing is due, and what it is."""

    name: str
    steps: list[Step]
    due: float
    leaf: type[GrokApiError] | None


HISTORIES = [
    History("waiting for a token", [], 600, TimeoutTotal),
    History("silence", [("begin_attempt", 5)], 35, TimeoutFirstResponse),
    History("each attempt has its own first response", [("begin_attempt", 5), ("begin_attempt", 30)], 60, TimeoutFirstResponse),
    History("a gap", [("begin_attempt", 5), ("heard", 10)], 130, TimeoutChunk),
    History("each event starts the gap anew", [("begin_attempt", 5), ("heard", 10), ("heard", 100)], 220, TimeoutChunk),
    History("a new attempt has no gap yet", [("begin_attempt", 5), ("heard", 10), ("begin_attempt", 20)], 50, TimeoutFirstResponse),
    History("the total runs over all of it", [("begin_attempt", 575)], 600, TimeoutTotal),
    History("and over every gap", [("begin_attempt", 5), ("heard", 481)], 600, TimeoutTotal),
    History("the soft stop", [("begin_attempt", 5), ("heard", 10), ("stopped", 11)], 31, IncompleteAnswer),
    History("a soft stop behind nothing", [("begin_attempt", 5), ("stopped", 11)], 31, EmptyAnswer),
    History("only the first soft stop counts", [("begin_attempt", 5), ("heard", 10), ("stopped", 11), ("stopped", 12)], 31, IncompleteAnswer),
    History("what goes on has not stopped", [("begin_attempt", 5), ("stopped", 11), ("heard", 12)], 132, TimeoutChunk),
    History("each soft stop has a wait of its own", [("begin_attempt", 5), ("stopped", 11), ("heard", 20), ("stopped", 20)], 40, IncompleteAnswer),
    History("a soft stop at the end of all time", [("begin_attempt", 580), ("heard", 590), ("stopped", 590)], 600, TimeoutTotal),
    History("the whole answer", [("begin_attempt", 5), ("heard", 10), ("concluded", 11)], 11.25, None),
    History("the whole answer comes once", [("begin_attempt", 5), ("concluded", 11), ("concluded", 12)], 11.25, None),
    History("the whole answer in the last moment", [("begin_attempt", 580), ("heard", 600), ("concluded", 600)], 600, None),
    History("between attempts only the total", [("begin_attempt", 5), ("end_attempt", 9)], 600, TimeoutTotal),
    History("a new attempt has not stopped", [("begin_attempt", 5), ("stopped", 11), ("begin_attempt", 12)], 42, TimeoutFirstResponse),
    History("a slow client stops the gap", [("begin_attempt", 5), ("heard", 10), ("client_was_slow", 50)], 180, TimeoutChunk),
    History("and the first response", [("begin_attempt", 5), ("client_was_slow", 50)], 85, TimeoutFirstResponse),
    History("and the wait after the stop", [("begin_attempt", 5), ("stopped", 11), ("client_was_slow", 50)], 81, EmptyAnswer),
    History("a slow client and no attempt", [("client_was_slow", 50)], 650, TimeoutTotal),
    History("a client that is slow for longer than the total", [("client_was_slow", 599), ("client_was_slow", 599)], 1200, TimeoutTotal),
    History("work of our own is no client's", [("exclude", 900), ("client_was_slow", 50)], 1550, TimeoutTotal),
    History("and the gap all the same", [("heard", 1000), ("client_was_slow", 900)], 1200, TimeoutTotal),
]  # fmt: skip


@pytest.mark.parametrize("case", HISTORIES, ids=lambda case: case.name)
def test_the_clock_that_is_due_first_names_itself(case: History) -> None:
    """The deadline is the earliest of the clocks that run, and the error is that clock's own."""
    clocks = played(case.steps)
    error = clocks.expired()
    assert (clocks.deadline, None if error is None else type(error)) == (case.due, case.leaf)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "The answer was not complete within 600 s (total clock)."),
        (
            [("begin_attempt", 0)],
            "Grok sent nothing of an answer within 2.5 s (first-response clock).",
        ),
        ([("heard", 0)], "Grok sent nothing more of the answer for 120 s (chunk clock)."),
    ],
)
def test_an_error_says_which_clock_and_how_long(steps: list[Step], message: str) -> None:
    """So that the user knows which setting to raise."""
    error = played(steps, Limits(first_response=2.5, chunk=120, total=600)).expired()
    assert error is not None
    assert error.message == message


def test_the_waits_for_the_last_lines_are_short() -> None:
    """They are for lines that come within some 10 ms; behind a soft stop Grok's agents may go
    on.
    """
    assert (AFTER_STOP_S, AFTER_FINAL_S) == (20, 0.25)


SECONDS = st.integers(0, 200)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "begin_attempt",
                "heard",
                "stopped",
                "concluded",
                "exclude",
                "client_was_slow",
                "end_attempt",
            ]
        ),
        SECONDS,
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=100)
@given(STEPS)
def test_any_history_keeps_the_arithmetic(steps: list[tuple[str, int]]) -> None:
    """The deadline is that of a plain model, never later than the total, and only an attempt's
    clocks are anew.
    """
    clocks = Clocks(LIMITS, accepted=0)
    now, slow, patience = 0, 0, 600
    due = {"total": 600.0}
    for method, seconds in steps:
        if method in ("exclude", "client_was_slow"):
            getattr(clocks, method)(seconds)
            granted = seconds if method == "exclude" else min(seconds, patience)
            patience -= granted if method == "client_was_slow" else 0
            now, slow = now + seconds, slow + granted
            due = {name: at + (granted if name == "total" else seconds) for name, at in due.items()}
        else:
            now += seconds
            getattr(clocks, method)(*([] if method == "end_attempt" else [now]))
            if method == "begin_attempt":
                due = {"total": due["total"], "first": now + 30}
            elif method == "heard":
                due.pop("first", None)
                due.pop("stop", None)
                due["chunk"] = now + 120
            elif method == "end_attempt":
                due = {"total": due["total"]}
            elif method == "stopped":
                due.setdefault("stop", now + 20)
            else:
                due.setdefault("final", now + 0.25)
        assert clocks.deadline == min(due.values())
        assert clocks.total_at == 600 + slow
        assert (clocks.expired() is None) == ("final" in due)
