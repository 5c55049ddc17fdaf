"""Detection of time that the loop's clock has missed, and of a wall clock that was set. The caller
passes in readings of the clocks.

Theory
------
All times are seconds of the loop's clock. It stands still while the machine sleeps, while a virtual
machine is paused and while the process is stopped. But Grok's coolings and resets go on, so without
a correction ours would end too late from then on. Three clocks show which of these happened:

* the **loop's clock** counts the time in which the loop ran;
* the **uptime** (Linux: ``CLOCK_BOOTTIME``) counts sleep too, and can't be set: its lead over the
  loop's clock is exactly the missed time. It does not count the pause of a virtual machine, and
  other systems have none;
* the **wall clock** counts all time, and can be set.

Rules
-----
1. A wall clock that moved forwards by more than the others, and by over :data:`SET_S` seconds,
   shows time that has passed.
2. A wall clock that moved backwards was set. A later move forwards is its correction, up to the
   highest offset that it has had; only the rest counts as time. (So a clock that is set back and
   corrected, however often, has no effect. Without an uptime, a sleep after such a setting passes
   for its correction, up to that amount.)
3. A record holds the wall clock, the uptime, and how far the wall clock was below its highest. From
   these a later reader, in another process too, finds how far the wall clock was set in between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeGuard

from attrs import frozen

__all__ = ["SET_S", "Change", "ClockReading", "TimeKeeper", "set_since"]

SET_S = 5.0
"""Seconds. A smaller move of the wall clock is its drift, no setting."""

MISSED_S = 2.0
"""Seconds that the uptime must be ahead to count as missed time. Less does no harm, and to move the
times of 10 000 tokens takes 0.1 s.
"""


@frozen
class ClockReading:
    """The clocks at one moment, in seconds.

    :ivar now: loop's clock.
    :ivar wall: wall clock, since 1970.
    :ivar uptime: time since the machine's start, sleep included; None if it is not known.
    :ivar boot: name of this run of the machine; empty if it is not known.
    """

    now: float
    wall: float
    uptime: float | None = None
    boot: str = ""

    @property
    def offset(self) -> float:
        """Seconds since 1970, minus the loop's time."""
        return self.wall - self.now


@frozen
class Change:
    """The difference between two readings of the clocks.

    :ivar missed: seconds that passed without the loop's clock; never negative.
    :ivar set_by: seconds by which the wall clock was set without any time passing; negative
        backwards.
    """

    missed: float = 0.0
    set_by: float = 0.0


class TimeKeeper:
    """Comparison of each reading with the ones before, by the rules above."""

    def __init__(self, reading: ClockReading) -> None:
        self._slept = _slept(reading)  # as far as it has been reported
        self._highest = _sleepless_offset(reading)
        self._offset = reading.offset  # as far as changes of it have been reported

    def look(self, reading: ClockReading) -> Change:
        """Compare *reading* with the ones before."""
        missed = 0.0
        if _slept(reading) - self._slept >= MISSED_S:
            missed = _slept(reading) - self._slept
            self._slept = _slept(reading)
        ahead = _sleepless_offset(reading) - self._highest
        if ahead > SET_S:
            missed += ahead
            self._highest += ahead
        self._offset += missed
        set_by = reading.offset - self._offset
        if abs(set_by) <= SET_S:
            return Change(missed)
        self._offset = reading.offset
        return Change(missed, set_by)

    def stamp(self, reading: ClockReading) -> dict[str, object]:
        """The part of a record that :func:`set_since` needs; empty where there is no uptime."""
        if reading.uptime is None or not reading.boot:
            return {}
        below = max(0.0, self._highest - _sleepless_offset(reading))
        return {"boot": reading.boot, "uptime": round(reading.uptime, 3), "below": round(below, 3)}

    def recall(self, record: Mapping[str, object], reading: ClockReading) -> None:
        """Take over the wall clock's highest offset from a record of this run of the machine."""
        made = _made(record, reading)
        if made is not None:
            offset, below = made
            self._highest = max(self._highest, offset + below)


def set_since(record: Mapping[str, object], reading: ClockReading) -> float:
    """Seconds by which the wall clock was set since *record* was made.

    :param record: with ``at``, the wall clock's time when it was made, and a
        :meth:`TimeKeeper.stamp`.
    :returns: 0 if the record is of another run of the machine, or has no stamp.
    """
    made = _made(record, reading)
    if made is None:
        return 0.0
    offset, below = made
    set_by = min(_sleepless_offset(reading) - offset, below)
    return set_by if abs(set_by) > SET_S else 0.0


def _slept(reading: ClockReading) -> float:
    """The uptime's lead over the loop's clock, plus an unknown constant."""
    return 0.0 if reading.uptime is None else reading.uptime - reading.now


def _sleepless_offset(reading: ClockReading) -> float:
    """The wall clock's distance from the best of the clocks that can't be set."""
    return reading.wall - (reading.now if reading.uptime is None else reading.uptime)


def _made(record: Mapping[str, object], reading: ClockReading) -> tuple[float, float] | None:
    """The wall clock's distance from the uptime when *record* was made, and how far that was below
    its highest. None without a usable stamp.
    """
    at, uptime, below = (record.get(name) for name in ("at", "uptime", "below"))
    if reading.uptime is None or not reading.boot or record.get("boot") != reading.boot:
        return None
    if not (_is_number(at) and _is_number(uptime) and _is_number(below)):
        return None
    return (at - uptime, below) if uptime <= reading.uptime and below >= 0 else None


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
