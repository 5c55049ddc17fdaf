"""Past alerts of one kind, and their record in the state file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeGuard

from attrs import frozen

from .kinds import LONGEST_SUBJECT, AlertKind

__all__ = ["Standing", "read_standings", "standings_record"]

MOST_TOLD = 200
"""States of a kind that are kept by name. One beyond may be alerted again."""

MOST_COUNT = 1000


@frozen
class Standing:
    """Past alerts of one kind.

    :ivar known: ids of the states that the owner knows of; empty once they are mended.
    :ivar sent_at: the last alert, in seconds since 1970.
    :ivar count: alerts of the same states so far.
    """

    known: tuple[str, ...] = ()
    sent_at: float = -math.inf
    count: int = 0


def standings_record(standings: Mapping[AlertKind, Standing]) -> dict[str, object]:
    """The record of *standings*, as JSON values."""
    return {
        kind.value: {
            "told": [*standing.known[:MOST_TOLD]],
            "sent_at": round(standing.sent_at, 3),
            "count": standing.count,
        }
        for kind, standing in standings.items()
    }


def read_standings(
    record: Mapping[str, object], now: float, set_by: float
) -> dict[AlertKind, Standing]:
    """The standings of a record, with their times moved by *set_by* seconds, and not beyond *now*.
    Damaged ones are left out.
    """
    found = {}
    for kind in AlertKind:
        standing = _read(record.get(kind.value), now, set_by)
        if standing is not None:
            found[kind] = standing
    return found


def _read(value: object, now: float, set_by: float) -> Standing | None:
    if not isinstance(value, dict):
        return None
    told, sent_at, count = (value.get(name) for name in ("told", "sent_at", "count"))
    if not isinstance(told, list) or not all(_is_id(name) for name in told):
        return None
    if not _is_number(sent_at) or not _is_number(count) or not 0 <= count <= MOST_COUNT:
        return None
    return Standing(tuple(told[:MOST_TOLD]), min(sent_at + set_by, now), int(count))


def _is_id(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 2 * LONGEST_SUBJECT


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
