"""Histories of several workers as one."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

from attrs import evolve

from .figures import MOST, zeros
from .record import recall
from .usage import SpanCopy, UsageHistory

__all__ = ["copies_of", "merged"]


def copies_of(record: object, now: float) -> tuple[SpanCopy, ...]:
    """The spans of another worker's record, up to *now*; empty ones if it is no record."""
    history = UsageHistory()
    recall(history, record)
    return history.copy(now)


def merged(one: SpanCopy, other: SpanCopy) -> SpanCopy:
    """Both together, if they end with the same step; else *one* alone."""
    if one.newest != other.newest:
        return one
    groups = {
        kind: _added_by_name(by_name, other.groups[kind]) for kind, by_name in one.groups.items()
    }
    return evolve(
        one, all=_added(one.all, other.all), first=_added(one.first, other.first), groups=groups
    )


def _added_by_name(
    one: Mapping[str, array[int]], other: Mapping[str, array[int]]
) -> dict[str, array[int]]:
    names = dict.fromkeys((*one, *other))
    return {name: _added(one.get(name, ()), other.get(name, ())) for name in names}


def _added(one: Sequence[int], other: Sequence[int]) -> array[int]:
    if not (one and other):
        return array("I", one or other)
    sums = zeros(len(one))
    for at, (left, right) in enumerate(zip(one, other, strict=True)):
        if left or right:
            sums[at] = min(left + right, MOST)
    return sums
