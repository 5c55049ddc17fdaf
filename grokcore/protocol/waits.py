"""Bounds on the waits that Grok names: ``Retry-After``, reset and window, also in records."""

from __future__ import annotations

__all__ = ["LONGEST_WAIT_S", "believed_wait"]

LONGEST_WAIT_S = 86400.0
"""A day, the longest window of any account (grok-protocol.md §4.5). Nothing is gained by a longer
wait: a poll once a day costs no question."""

NONSENSE_S = 366 * 86400.0
"""A year and a day. A longer wait is none: it is a time since 1970, milliseconds, or the largest
number of a type.
"""


def believed_wait(seconds: float) -> float | None:
    """*seconds*, but at most a day. None if they can't be meant: zero or less, NaN, or more than a
    year.
    """
    if not 0 < seconds <= NONSENSE_S:  # false for NaN too
        return None
    return min(float(seconds), LONGEST_WAIT_S)
