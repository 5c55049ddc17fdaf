"""Telling time that passed unnoticed from a wall clock that was set. Pure: readings of the clocks
are passed in.

Theory
------
Everything is kept in seconds of the loop's clock, which stands still while the machine sleeps,
while a virtual machine is paused and while the process is stopped. Coolings and resets end in the
world, so after such a time they would end too late for good. Three clocks tell what happened:

* the **loop's clock** counts the time in which the loop ran;
* the **uptime** (Linux: ``CLOCK_BOOTTIME``) counts sleep too, and nobody can set it: what it is
  ahead of the loop's clock has passed, exactly. It does not see that a virtual machine was paused,
  and other systems have none;
* the **wall clock** sees everything, and can be set.

Rules
-----
1. A wall clock that moved forwards by more than the others, and by over :data:`SET_S` seconds,
   shows time that has passed.
2. One that moved backwards shows nothing but that it was set. Moving forwards again is its
   correction up to the highest it has been: only what goes beyond counts. (So a clock that is set
   back and corrected, however often, moves nothing. Without an uptime a sleep after such a setting
   is taken for its correction, up to that amount.)
3. A record has its time by the wall clock, the uptime and how far the wall clock was below its
   highest. A later reader, in another process too, tells by these how far the wall clock was set in
   between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from attrs import frozen

__all__ = ["SET_S", "Change", "ClockReading", "TimeKeeper", "set_since"]

SET_S = 5.0
"""Seconds. What a wall clock moves by less is no setting, but its drift."""

MISSED_S = 2.0
"""Seconds that the uptime must be ahead before it is acted on. Less harms nobody, and moving 10 000
tokens takes 0.1 s.
"""


@frozen
class ClockReading:
    """The clocks at one moment, in seconds.

    :ivar now: the loop's clock.
    :ivar wall: since 1970.
    :ivar uptime: since the machine's start, sleep included; None if that is not known.
    :ivar boot: a name for this run of the machine; empty if that is not known.
    """

    now: float
    wall: float
    uptime: float | None = None
    boot: str = ""

    @property
    def offset(self) -> float:
        """What to add to the loop's time to have seconds since 1970."""
        return self.wall - self.now


@frozen
class Change:
    """What has happened since the clocks were read before.

    :ivar missed: seconds that passed without the loop's clock; never negative.
    :ivar set_by: seconds by which the wall clock was set without any time passing; negative
        backwards.
    """

    missed: float = 0.0
    set_by: float = 0.0


class TimeKeeper:
    """Compares readings. See the theory."""

    def __init__(self, reading: ClockReading) -> None:
        self._slept = _slept(reading)  # the most that was seen, and acted on
        self._highest = _sleepless_offset(reading)
        self._offset = reading.offset  # as far as changes of it have been reported

    def look(self, reading: ClockReading) -> Change:
        """Compare with the readings before."""
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
        """Take over from a record of this run of the machine how high the wall clock has been."""
        made = _made(record, reading)
        if made is not None:
            offset, below = made
            self._highest = max(self._highest, offset + below)


def set_since(record: Mapping[str, object], reading: ClockReading) -> float:
    """By how many seconds the wall clock was set since *record* was made, without any time passing.

    :param record: with ``at``, the wall clock's time when it was made, and a
        :meth:`TimeKeeper.stamp`.
    :returns: 0 if the record is of another run of the machine, or does not say.
    """
    made = _made(record, reading)
    if made is None:
        return 0.0
    offset, below = made
    set_by = min(_sleepless_offset(reading) - offset, below)
    return set_by if abs(set_by) > SET_S else 0.0


def _slept(reading: ClockReading) -> float:
    """How far the uptime is ahead of the loop's clock, from an unknown beginning."""
    return 0.0 if reading.uptime is None else reading.uptime - reading.now


def _sleepless_offset(reading: ClockReading) -> float:
    """The wall clock's distance from the best of the clocks that can't be set."""
    return reading.wall - (reading.now if reading.uptime is None else reading.uptime)


def _made(record: Mapping[str, object], reading: ClockReading) -> tuple[float, float] | None:
    """The wall clock's distance from the uptime when *record* was made, and how far that was below
    its highest.
    """
    at, uptime, below = (record.get(name) for name in ("at", "uptime", "below"))
    if reading.uptime is None or not reading.boot or record.get("boot") != reading.boot:
        return None
    if not (_is_number(at) and _is_number(uptime) and _is_number(below)):
        return None
    assert isinstance(at, int | float)
    assert isinstance(uptime, int | float)
    assert isinstance(below, int | float)
    return (at - uptime, below) if uptime <= reading.uptime and below >= 0 else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
