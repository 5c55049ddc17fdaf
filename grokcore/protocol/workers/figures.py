"""Figures of all workers together, for the reports on the whole server.

A worker sends its figures as a mapping of JSON's types (:data:`Figures`): ``worker`` (its number),
``restarts``, ``open``, ``waiting``, ``minutes``, ``faults`` and ``keys``. The reports have the same
names, so the sums are made in place of their own values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["FAULTS_AT_MOST", "Figures", "faults_of_all", "minutes_of_all", "sums", "team", "used"]

Figures: TypeAlias = Mapping[str, Any]

FAULTS_AT_MOST = 20


def team(own: Figures, others: Sequence[Figures], count: int) -> dict[str, Any]:
    """The workers themselves: how many there are, which do not answer, how often one was started
    again.
    """
    answering = [own, *others]
    there = {figures["worker"] for figures in answering}
    return {
        "count": count,
        "missing": [number for number in range(count) if number not in there],
        "restarts": sum(figures["restarts"] for figures in answering),
    }


def sums(
    report: Mapping[str, Any], others: Sequence[Figures], names: Iterable[str]
) -> dict[str, Any]:
    """*report* with the sums of the values called *names*."""
    added = {name: report[name] + sum(one[name] for one in others) for name in names}
    return {**report, **added}


def minutes_of_all(
    own: Sequence[Mapping[str, Any]], others: Sequence[Figures]
) -> list[dict[str, Any]]:
    """The minutes of the last hour. Percentiles can't be added: a minute has the median of the
    workers' medians, weighed by their requests, and their largest 95th percentile.
    """
    by_time: dict[int, list[Mapping[str, Any]]] = {}
    for figures in others:
        for minute in figures["minutes"]:
            by_time.setdefault(minute["at"], []).append(minute)
    return [_minute([minute, *by_time.get(minute["at"], [])]) for minute in own]


def _minute(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    timed = [part for part in parts if part["first_p50_s"] is not None]
    return {
        "at": parts[0]["at"],
        "requests": sum(part["requests"] for part in parts),
        "errors": sum(part["errors"] for part in parts),
        "first_p50_s": _weighed_median(timed),
        "first_p95_s": max((part["first_p95_s"] for part in timed), default=None),
    }


def _weighed_median(parts: Sequence[Mapping[str, Any]]) -> float | None:
    ordered = sorted(parts, key=lambda part: float(part["first_p50_s"]))
    half = sum(part["requests"] for part in ordered) / 2
    seen = 0
    for part in ordered:
        seen += part["requests"]
        if seen >= half:
            return float(part["first_p50_s"])
    return None


def faults_of_all(
    own: Sequence[Mapping[str, Any]], others: Sequence[Figures]
) -> list[dict[str, Any]]:
    """The last faults, newest first; one that several workers have had is one row."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    every = (*own, *(fault for figures in others for fault in figures["faults"]))
    for fault in sorted(every, key=lambda fault: float(fault["at"]), reverse=True):
        row = rows.setdefault((fault["code"], fault["message"]), {**fault, "count": 0})
        row["count"] += fault["count"]
        row["reached"] = row["reached"] or fault["reached"]
    return list(rows.values())[:FAULTS_AT_MOST]


def used(row: Mapping[str, Any], others: Sequence[Figures]) -> dict[str, Any]:
    """A key's row of ``/usage``, with what it has used at all workers."""
    name = row["key"] or ""
    rows = [figures["keys"][name] for figures in others if name in figures["keys"]]
    requests = {
        kind: _limit(limit, [other["requests"][kind] for other in rows])
        for kind, limit in row["requests"].items()
    }
    tokens = {
        **_limit(row["tokens"], [other["tokens"] for other in rows]),
        **{kind: sum(one["tokens"][kind] for one in (row, *rows)) for kind in ("in", "out")},
    }
    return {**row, "requests": requests, "tokens": tokens}


def _limit(own: Any, others: Sequence[Any]) -> Any:
    """A limit's figures; None for a key without this kind of limit."""
    if own is None:
        return None
    number = own["used"] + sum(other["used"] for other in others if other is not None)
    left = None if own["limit"] is None else max(0, own["limit"] - number)
    return {**own, "used": number, "left": left}
