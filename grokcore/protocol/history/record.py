"""The history as a record of JSON values, and back. A part that can't be meant counts as missing.

A subject's figures are one list, step by step up to the newest, without the empty steps in front.
``first`` is a list of three numbers for each bucket in use: age of the step in steps, bucket,
count.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from .figures import WIDTH, zeros
from .steps import Steps
from .usage import BUCKETS, SpanCopy, UsageHistory

__all__ = ["VERSION", "recall", "record_of"]

VERSION = 1

LATEST = 1e11
"""Seconds since 1970 beyond which a time can't be meant."""

CLOSE = 2
"""Steps by which a span's newest one may differ from the record's time: shifts are rounded."""


def record_of(spans: Sequence[SpanCopy], at: float) -> dict[str, object]:
    """The record of a history.

    :param at: the latest time that the history has seen.
    """
    return {
        "grok2api_history": VERSION,
        "at": round(at, 3),
        "spans": {copy.span.name: _span_record(copy) for copy in spans},
    }


def recall(history: UsageHistory, record: object, set_by: float = 0.0) -> bool:
    """Fill an empty history from its record.

    :param set_by: seconds by which the clock was set since the record was made.
    :returns: whether *record* is a history's, of this version.
    """
    if not isinstance(record, Mapping) or record.get("grok2api_history") != VERSION:
        return False
    at, spans = record.get("at"), record.get("spans")
    if not _is_time(at) or not isinstance(spans, Mapping):
        return False
    history.latest = at
    for place, steps in reversed([*enumerate(history.steps)]):  # the longest span has all subjects
        steps.newest = int(at) // steps.span.step_s
        value = spans.get(steps.span.name)
        if isinstance(value, Mapping) and _is_ours(value, steps):
            steps.newest = value["newest"]
            _fill(history, place, value)
    history.clock_set(set_by)
    return True


# Writing ----------------------------------------------------------------------------------------


def _span_record(copy: SpanCopy) -> dict[str, object]:
    named = {
        kind: {name: _without_front(rows) for name, rows in by_name.items() if any(rows)}
        for kind, by_name in copy.groups.items()
    }
    whole = {"all": _without_front(copy.all), "first": [*_triples(copy)]}
    return {"step_s": copy.span.step_s, "newest": copy.newest, **whole, **named}


def _without_front(rows: array[int]) -> list[int]:
    """Figures without the empty steps in front."""
    figures = rows.tolist()
    used = next((at for at, figure in enumerate(figures) if figure), len(figures))
    return figures[used // WIDTH * WIDTH :]


def _triples(copy: SpanCopy) -> Iterator[int]:
    for age in range(copy.span.count):
        end = len(copy.first) - BUCKETS * age
        for bucket, count in enumerate(copy.first[end - BUCKETS : end]):
            if count:
                yield from (age, bucket, count)


# Reading ----------------------------------------------------------------------------------------


def _is_time(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LATEST


def _is_ours(value: Mapping[str, object], steps: Steps) -> bool:
    """Whether a span's record has steps of our length, and of the time of the whole record."""
    newest = value.get("newest")
    is_near = type(newest) is int and abs(newest - steps.newest) <= CLOSE
    return is_near and value.get("step_s") == steps.span.step_s


def _fill(history: UsageHistory, place: int, value: Mapping[str, object]) -> None:
    count = history.steps[place].span.count
    history.all.absorb(place, _figures(value.get("all"), WIDTH, count))
    for kind, group in history.groups.items():
        named = value.get(kind)
        for name, flat in named.items() if isinstance(named, Mapping) else ():
            rows = _figures(flat, WIDTH, count)
            if any(rows):
                group.use(str(name), -math.inf).absorb(place, rows)
    _put_first(history.first[place], value.get("first"))


def _figures(value: object, width: int, count: int) -> array[int]:
    """A ring of figures whose newest step has slot 0; zeros if *value* can't be meant."""
    empty = zeros(width * count)
    if not isinstance(value, list) or len(value) % width or len(value) > len(empty):
        return empty
    try:
        figures = array("I", value)
    except (TypeError, OverflowError):
        return empty
    padded = empty[len(figures) :] + figures
    return padded[-width:] + padded[:-width]


def _put_first(first: array[int], value: object) -> None:
    try:
        triples = array("I", value if isinstance(value, list) else [])
    except (TypeError, OverflowError):
        return
    steps = len(first) // BUCKETS
    for age, bucket, count in zip(triples[::3], triples[1::3], triples[2::3], strict=False):
        if age < steps and bucket < BUCKETS:
            first[BUCKETS * (-age % steps) + bucket] = count
