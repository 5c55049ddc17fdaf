"""A span's figures as JSON values for the owner's page: a series for each subject."""

from __future__ import annotations

from array import array

from .figures import WIDTH, quantile
from .usage import BUCKETS, SpanCopy

__all__ = ["span_report"]


def span_report(copy: SpanCopy) -> dict[str, object]:
    """Series of equal length, the oldest step first. Subjects without a request are left out.

    ``from`` and ``to`` are the beginning of the first step and the end of the last one, in seconds
    since 1970.
    """
    span = copy.span
    begin = (copy.newest - span.count + 1) * span.step_s
    times = range(begin, begin + span.count * span.step_s, span.step_s)
    return {
        "span": span.name,
        "step_s": span.step_s,
        "from": begin,
        "to": begin + span.count * span.step_s,
        **{
            kind: {name: _series(times, rows) for name, rows in by_name.items() if any(rows)}
            for kind, by_name in copy.groups.items()
        },
        "all": [
            {**row, **_first_times(copy.first, number)}
            for number, row in enumerate(_series(times, copy.all))
        ],
    }


def _series(times: range, rows: array[int]) -> list[dict[str, object]]:
    return [
        {
            "at": time,
            "requests": rows[at],
            "errors": rows[at + 1],
            "tokens_in": rows[at + 2],
            "tokens_out": rows[at + 3],
        }
        for time, at in zip(times, range(0, len(rows), WIDTH), strict=True)
    ]


def _first_times(first: array[int], number: int) -> dict[str, float | None]:
    counts = first[BUCKETS * number : BUCKETS * (number + 1)]
    return {"first_p50_s": quantile(counts, 0.5), "first_p95_s": quantile(counts, 0.95)}
