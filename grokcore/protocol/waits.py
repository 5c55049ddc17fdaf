"""Bounds on how long Grok may make a client wait: every ``Retry-After``, reset and window, and what
is kept of them.
"""

from __future__ import annotations

__all__ = ["LONGEST_WAIT_S", "believed_wait"]

LONGEST_WAIT_S = 86400.0
"""A day. The longest window of any account is one (grok-protocol.md §4.5), so to wait for longer is
to wait for nothing: asking again once a day costs no question."""

NONSENSE_S = 366 * 86400.0
"""Beyond a year it is no wait at all: a time since 1970, milliseconds, or the largest number there
is.
"""


def believed_wait(seconds: float) -> float | None:
    """*seconds*, or a day if they are more.

    :returns: None for what can't be meant: nothing, less than nothing, NaN, more than a year.
    """
    if not 0 < seconds <= NONSENSE_S:  # NaN is not, either
        return None
    return min(float(seconds), LONGEST_WAIT_S)
