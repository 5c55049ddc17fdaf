"""The record of a history: its size, and what is left of a damaged one."""

from __future__ import annotations

import gzip
import random
from array import array
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grokcore.protocol.history.groups import MOST_SUBJECTS
from grokcore.protocol.history.record import recall, record_of
from grokcore.protocol.history.usage import UsageHistory, Use
from tests.protocol.history.naive import reports

START = 1_800_000_000.0


def whole() -> dict[str, Any]:
    """A record with two requests."""
    history = UsageHistory()
    history.note(Use("grok-3", "a", "0001", tokens_in=3, first_s=2.0), START - 1800)
    history.note(Use("grok-4", "a", "0002", error=True, first_s=9.0), START)
    record: dict[str, Any] = orjson.loads(
        orjson.dumps(record_of(history.copy(START), history.latest))
    )
    return record


def recalled(record: object) -> UsageHistory:
    history = UsageHistory()
    recall(history, record)
    return history


def day(record: object) -> dict[str, Any]:
    return reports(recalled(record), START)[0]


DAMAGED_FIGURES: list[Any] = [
    None,
    7,
    [1],
    [1, 2, 3],
    [1, 0, 0, -1],
    [1, 0, 0, 2**32],
    [1.5, 0, 0, 0],
    ["1", 0, 0, 0],
    [[1, 0, 0, 0]],
    [0, 0, 0, 0],
    [1] * (4 * 97),
]


@pytest.mark.parametrize("figures", DAMAGED_FIGURES, ids=lambda value: str(value)[:20])
def test_a_damaged_subject_is_left_out_and_the_others_stay(figures: Any) -> None:
    """A part of a file that a person has changed costs that part."""
    record = whole()
    record["spans"]["24h"]["models"]["grok-3"] = figures
    record["spans"]["24h"]["all"] = figures
    report = day(record)
    assert set(report["models"]) == {"grok-4"}
    assert set(report["tokens"]) == {"0001", "0002"}
    assert not any(row["requests"] for row in report["all"])


@pytest.mark.parametrize("first", [None, 7, [0, 1.5, 2], [-1, 0, 1], [500, 3, 1, 0, 900, 1, 0]])
def test_damaged_times_are_left_out(first: Any) -> None:
    """The requests stay."""
    record = whole()
    record["spans"]["24h"]["first"] = first
    report = day(record)
    assert {row["first_p50_s"] for row in report["all"]} == {None}
    assert sum(row["requests"] for row in report["all"]) == 2


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spans", "24h"), None),
        (("spans", "24h", "step_s"), 600),
        (("spans", "24h", "newest"), 5),
        (("spans", "24h", "newest"), True),
        (("spans", "24h", "newest"), "5"),
        (("at",), START - 9000),
    ],
    ids=str,
)
def test_a_span_of_other_steps_is_left_out(path: tuple[str, ...], value: object) -> None:
    """It would be shown at a wrong time."""
    record = whole()
    part = record
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    history = recalled(record)
    short, long = reports(history, START)
    assert short["models"] == {}
    assert set(long["models"]) == {"grok-3", "grok-4"}  # type: ignore[call-overload]


def test_kinds_that_are_no_tables_are_empty() -> None:
    """The rest is read."""
    record = whole()
    record["spans"]["24h"]["models"] = []
    assert day(record)["models"] == {}
    assert set(day(record)["keys"]) == {"a"}


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        {},
        {"grok2api_history": 2, "at": START, "spans": {}},
        {"grok2api_history": 1, "spans": {}},
        {"grok2api_history": 1, "at": True, "spans": {}},
        {"grok2api_history": 1, "at": -5, "spans": {}},
        {"grok2api_history": 1, "at": 1e300, "spans": {}},
        {"grok2api_history": 1, "at": START, "spans": []},
    ],
    ids=str,
)
def test_what_is_no_history_is_refused(record: object) -> None:
    """Among them one of a later version, whose figures may mean something else."""
    assert not recall(UsageHistory(), record)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**33) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_no_damage_raises(data: st.DataObject) -> None:
    """A history never keeps the server from starting, nor a report from being made."""
    record = whole()
    part: Any = record
    while isinstance(part, dict | list) and part:
        keys = list(part) if isinstance(part, dict) else list(range(len(part)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(part[key], dict | list) or data.draw(st.booleans()):
            part[key] = data.draw(json_values)
            break
        part = part[key]
    history = recalled(record)
    history.note(Use("grok-3"), START + 5)
    reports(history, START + 10)


@given(json_values)
@example({"grok2api_history": 1, "at": 0, "spans": {"24h": {}, "30d": {"newest": 0}}})
@settings(deadline=None, max_examples=20)
def test_no_value_raises(record: object) -> None:
    """Whatever JSON the file holds."""
    reports(recalled(record), START)


def test_a_full_history_stays_within_two_megabytes() -> None:
    """On a disk and in memory: all subjects busy in every step, with figures of many digits."""
    dice, history = random.Random(1), UsageHistory()
    for number in range(200):
        use = Use(f"model-{number % 64}", f"key of client {number}", f"{number * 7919:08x}")
        history.note(use, START)
    history.note(Use("model-other", "another", "ffffffff"), START)
    subjects = [
        history.all,
        *(each for group in history.groups.values() for _, each in group.subjects()),
    ]
    arrays = [rows for subject in subjects for rows in subject.rows]
    assert len(subjects) == 1 + sum(MOST_SUBJECTS.values()) + len(MOST_SUBJECTS)
    for rows in arrays:
        for at in range(0, len(rows), 4):
            rows[at : at + 4] = array("I", [dice.randrange(top) for top in (99, 9, 99_999, 9_999)])
    text = orjson.dumps(record_of(history.copy(START), history.latest))
    assert len(gzip.compress(text, 3)) < 1_000_000
    assert len(text) < 4_000_000
    assert sum(rows.itemsize * len(rows) + 150 for rows in arrays) < 2_000_000
