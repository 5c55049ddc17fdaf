"""Figures of all workers together."""

from __future__ import annotations

from typing import Any

from grokcore.protocol.workers.figures import (
    FAULTS_AT_MOST,
    faults_of_all,
    minutes_of_all,
    sums,
    team,
    used,
)


def test_a_worker_that_does_not_answer_is_named() -> None:
    """The owner sees that figures lack its part."""
    own, other = {"worker": 0, "restarts": 1}, {"worker": 2, "restarts": 2}
    assert team(own, [other], 3) == {"count": 3, "missing": [1], "restarts": 3}


def test_only_what_is_named_is_added() -> None:
    """Tokens are known to every worker, and counted once."""
    report = {"open": 1, "waiting": 0, "tokens": 5}
    others = [{"open": 2, "waiting": 3, "tokens": 5}]
    assert sums(report, others, ("open", "waiting")) == {"open": 3, "waiting": 3, "tokens": 5}


def minute(at: int, requests: int, median: float | None, p95: float | None) -> dict[str, Any]:
    named = {"first_p50_s": median, "first_p95_s": p95}
    return {"at": at, "requests": requests, "errors": requests // 2, **named}


def test_minutes_are_added_up_and_their_percentiles_are_not() -> None:
    """A quiet worker's median does not outweigh a busy one's; the worst 95th percentile shows."""
    own = [minute(0, 0, None, None), minute(60, 2, 0.1, 9.5), minute(120, 4, 1.0, 2.0)]
    others = [
        {"minutes": [minute(60, 10, 1.0, 3.0), minute(9999, 7, 1.0, 1.0)]},
        {"minutes": [minute(60, 1, None, None)]},
    ]
    assert minutes_of_all(own, others) == [
        minute(0, 0, None, None),
        {**minute(60, 13, 1.0, 9.5)},
        minute(120, 4, 1.0, 2.0),
    ]


def fault(at: float, message: str, **fields: Any) -> dict[str, Any]:
    return {"at": at, "code": "c", "message": message, "count": 1, "reached": False, **fields}


def test_a_fault_of_several_workers_is_one() -> None:
    """With its last time, all its occurrences, and whether any client got it."""
    own = [fault(1, "same", count=2, token="a"), fault(3, "own", token="b")]
    others = [{"faults": [fault(2, "same", reached=True, token="c")]}]
    assert faults_of_all(own, others) == [
        fault(3, "own", token="b"),
        fault(2, "same", count=3, reached=True, token="c"),
    ]
    many = [{"faults": [fault(at, f"fault {at}") for at in range(30)]}]
    assert [row["at"] for row in faults_of_all([], many)] == list(
        range(29, 29 - FAULTS_AT_MOST, -1)
    )


def test_the_use_of_a_key_is_that_at_all_workers() -> None:
    """And nothing is left where they have used it up together."""

    def row(used_requests: int, tokens: int) -> dict[str, Any]:
        return {
            "requests": {
                "minute": {"limit": 5, "used": used_requests, "left": 5 - used_requests},
                "day": {"limit": None, "used": used_requests, "left": None},
                "at_once": None,
            },
            "tokens": {"in": tokens, "out": 1, "limit": 100, "used": tokens + 1, "left": 0},
        }

    others = [{"keys": {"guest": row(4, 10)}}, {"keys": {"other": row(1, 1)}}]
    whole = used({"key": "guest", "models": [], **row(3, 20)}, others)
    assert whole["requests"] == {
        "minute": {"limit": 5, "used": 7, "left": 0},
        "day": {"limit": None, "used": 7, "left": None},
        "at_once": None,
    }
    assert whole["tokens"] == {"in": 30, "out": 2, "limit": 100, "used": 32, "left": 68}
    assert whole["models"] == []
    owners = used({"key": None, **row(3, 20)}, [{"keys": {"": row(1, 1)}}])
    assert owners["requests"]["day"]["used"] == 4
