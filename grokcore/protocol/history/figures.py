"""Figures of one subject by step, and a histogram of times by step, in arrays of fixed size.

Arrays of 4 bytes a figure keep 464 subjects over both spans within 1.7 MB; lists of Python's
numbers would take ten times as much.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from .steps import SPANS

__all__ = [
    "BOUNDS",
    "MOST",
    "WIDTH",
    "Subject",
    "add",
    "bucket_of",
    "in_order",
    "quantile",
    "zeros",
]

WIDTH = 4
"""Figures of a step: requests, errors, tokens in, tokens out."""

MOST = 2**32 - 1
"""Largest figure that is kept; a step with more shows this."""

BOUNDS = tuple(0.05 * 1.25**power for power in range(41))
"""Bounds of the histogram's buckets in seconds, from 0.05 s to 376 s. A bucket's middle is at most
12 % away from any time in it."""


def zeros(length: int) -> array[int]:
    """*length* figures of zero."""
    return array("I", [0]) * length


def add(rows: array[int], at: int, amounts: tuple[int, int, int, int]) -> None:
    """Add the *amounts* of a step to the figures from index *at* on."""
    for place, amount in enumerate(amounts, at):
        if amount:
            try:
                rows[place] += amount
            except OverflowError:
                rows[place] = MOST


def in_order(rows: array[int], slot: int, width: int) -> array[int]:
    """A copy of a ring's figures, the oldest step first.

    :param slot: that of the newest step.
    :param width: figures of a step.
    """
    end = width * (slot + 1)
    return rows[end:] + rows[:end]


class Subject:
    """The figures of a model, a key, a token, or of all requests.

    :ivar rows: for each span, its figures.
    :ivar used: time of the last request, in seconds since 1970.
    """

    __slots__ = ("rows", "used")

    def __init__(self, used: float = -math.inf) -> None:
        self.rows = tuple(zeros(WIDTH * span.count) for span in SPANS)
        self.used = used

    def clear(self, span: int, slots: Iterable[int]) -> None:
        """Set the figures of *slots* to zero."""
        for slot in slots:
            self.rows[span][WIDTH * slot : WIDTH * (slot + 1)] = zeros(WIDTH)

    def absorb(self, place: int, rows: array[int]) -> None:
        """Add figures with the slots of this subject's."""
        own = self.rows[place]
        for at in range(0, len(rows), WIDTH):
            if rows[at]:
                add(own, at, (rows[at], rows[at + 1], rows[at + 2], rows[at + 3]))


def bucket_of(seconds: float) -> int:
    """The histogram's bucket for a time."""
    return bisect_right(BOUNDS, seconds)


def quantile(counts: Sequence[int], share: float) -> float | None:
    """The nearest-rank quantile of a histogram, as its bucket's middle; None if it is empty."""
    rank = math.ceil(share * sum(counts))
    seen = 0
    for bucket, count in enumerate(counts):
        seen += count
        if count and seen >= rank:
            return _middle(bucket)
    return None


def _middle(bucket: int) -> float:
    low, high = BOUNDS[max(0, bucket - 1)], BOUNDS[min(bucket, len(BOUNDS) - 1)]
    return round(math.sqrt(low * high), 3)
