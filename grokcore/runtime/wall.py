"""The wall clock, watched: listeners are notified of time that the loop's clock has missed."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import trio

from ..protocol.wall import ClockReading, TimeKeeper, set_since

__all__ = ["WallClock", "clock_reader", "wall_reading"]

TICK_S = 2.0
"""Pause between comparisons of the clocks while no request looks, in seconds. All times must be
right within 5 s of a machine's waking.
"""


def clock_reader() -> Callable[[], ClockReading]:
    """Make a reader of this machine's clocks and trio's."""
    boot = _boot_name()

    def read() -> ClockReading:
        # In this order: a sleep between two of these is then counted once, when the uptime shows
        # it.
        now, wall = trio.current_time(), time.time()
        return ClockReading(now, wall, _uptime(), boot)

    return read


def wall_reading() -> ClockReading:
    """Read this machine's clocks, for a program whose own clock is the wall's."""
    wall = time.time()
    return ClockReading(wall, wall, _uptime(), _boot_name())


class WallClock:
    """The time in seconds since 1970, and notice of its leaps. :meth:`run` has to be running.

    :param read: reads the clocks; None is for tests in which no machine sleeps.
    :ivar on_missed: listeners, called with the seconds that the loop's clock has missed. Times of
        that clock have to be moved to so much earlier. They must not wait.
    :ivar on_set: listeners, called with the seconds by which the wall clock was set. Times of the
        wall clock have to be moved by as much.
    """

    def __init__(self, read: Callable[[], ClockReading] | None = None) -> None:
        self._read = read
        self._keeper: TimeKeeper | None = None
        self.on_missed: list[Callable[[float], None]] = []
        self.on_set: list[Callable[[float], None]] = []

    def look(self) -> ClockReading:
        """Read the clocks, and notify the listeners if time was missed or the clock was set. Costs
        some 2 µs.
        """
        if self._read is None:
            return ClockReading(trio.current_time(), time.time())
        reading = self._read()
        if self._keeper is None:
            self._keeper = TimeKeeper(reading)
        change = self._keeper.look(reading)
        if change.missed:
            for follower in self.on_missed:
                follower(change.missed)
        if change.set_by:
            for follower in self.on_set:
                follower(change.set_by)
        return reading

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time() if self._read is None else self.look().wall

    def stamp(self, reading: ClockReading) -> dict[str, object]:
        """See :meth:`~grokcore.protocol.wall.TimeKeeper.stamp`."""
        return {} if self._keeper is None else self._keeper.stamp(reading)

    def recall(
        self, records: Mapping[str, Mapping[str, object]]
    ) -> Callable[[Mapping[str, object]], float]:
        """Take over from a state's *records* the highest time that the wall clock has had.

        :returns: a function of a record: the seconds by which the clock was set since it was made.
        """
        reading = self.look()
        if self._keeper is not None:
            for record in records.values():
                self._keeper.recall(record, reading)
        return lambda record: set_since(record, reading)

    async def run(self) -> None:
        """Look at the clocks every :data:`TICK_S`, until cancelled."""
        while True:
            self.look()
            await trio.sleep(TICK_S)


def _uptime() -> float | None:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else None


def _boot_name() -> str:
    """A name for this run of the machine, as this process sees its uptime; empty if the system
    offers no name.
    """
    try:
        seen = Path("/proc/sys/kernel/random/boot_id").read_bytes()
    except OSError:
        return ""
    with contextlib.suppress(OSError):  # a container may count its uptime from elsewhere
        seen += Path("/proc/self/timens_offsets").read_bytes()
    return hashlib.sha256(seen).hexdigest()[:8]
