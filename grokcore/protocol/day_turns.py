"""The turn of a day that figures are counted for, under a clock that may be set.

Rules
-----
1. A later day is a new one: its figures begin at nothing.
2. The day does not go back by one day, so that a clock which is set at midnight does not forget the
   figures twice.
3. A day further ahead was written under a wrong clock, or today's clock is wrong: the figures count
   for today. If the calendar then comes to that very day, they still count: a machine without a
   clock of its own starts in the past until it has asked the network.
"""

from __future__ import annotations

import re

from attrs import frozen

__all__ = ["Turn", "day_number", "turn_of"]

MOST_DAYS_AHEAD = 1
"""Days that figures may be ahead of the calendar; see rule 2."""

_DAY = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


@frozen
class Turn:
    """The day that figures belong to from now on.

    :ivar later: a day at which they still count, by rule 3; empty if there is none.
    :ivar forgets: whether they begin anew.
    """

    day: str
    later: str = ""
    forgets: bool = False


def turn_of(day: str, today: str, later: str = "") -> Turn:
    """The turn of figures of *day* to *today*; both as YYYY-MM-DD.

    :param day: empty, or a text that is no day, if there are none yet.
    :param later: that of the last turn.
    """
    now, counted = day_number(today), day_number(day)
    if now is None or now == counted:
        return Turn(day, later)
    ahead = 0 if counted is None else counted - now
    if ahead > MOST_DAYS_AHEAD:
        return Turn(today, max(day, later))
    if ahead > 0:
        return Turn(day, later)
    return Turn(today, forgets=today != later)


def day_number(day: str) -> int | None:
    """The number of a day in the Gregorian calendar; None if *day* is none. Years begin in March
    here, so that a leap day is the last.
    """
    found = _DAY.fullmatch(day)
    if found is None:
        return None
    year, month, day_of_month = map(int, found.groups())
    if month < 3:
        year, month = year - 1, month + 12
    leap_days = year // 4 - year // 100 + year // 400
    return 365 * year + leap_days + (153 * (month - 3) + 2) // 5 + day_of_month
