"""trio's clock in a server: time in which the loop stood still counts for no deadline.

Theory
------
A process may be stopped (``SIGSTOP``, a paused virtual machine, a swapping one), or its loop
blocked. When it goes on, all its deadlines are due at once, before it has read the data that waits
in its sockets. Answers whose lines are there would time out, and writes, uploads and queues too.
With this clock nothing of that time has passed. For a moment afterwards no time passes either,
until the waiting lines have been read.

The loop never sleeps for longer than :data:`TICK_S`. When it looks at the clock much later than
planned, it stood still from some moment of its last sleep on. All of that sleep is left out, so
deadlines keep the time they had left, and get up to three quarters of a second more.

Times outside of this process (coolings, limits) are corrected by
:class:`~grokcore.runtime.wall.WallClock`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import trio

__all__ = ["RunningClock"]

TICK_S = 0.25
"""The loop looks at its clock at least this often, in seconds; a look costs some 20 µs. A
standstill of this and LATE_S is always noticed."""

LATE_S = 0.5
"""A look that is later than this, in seconds, comes after a standstill. A loaded machine is late by
some 10 ms.
"""

CATCH_UP_S = 0.5
"""How long time stands still afterwards, in seconds. Waiting input is read meanwhile: the
transport's thread needs its turn.
"""

LONG_S = 5.0
RECOVERED_S = 5.0
"""A standstill shorter than :data:`LONG_S`, within :data:`RECOVERED_S` of the last, is no stop: the
loop is overloaded. Its time has to pass, or nothing would ever time out. (In seconds.)"""

START = 10_000.0
"""The first time, in seconds; not zero, so that it is not confused with a time of another clock."""


class RunningClock(trio.abc.Clock):
    """See the module. For ``trio.run(…, clock=RunningClock())``.

    :param read: a monotonic clock in seconds; for tests.
    :ivar on_standstill: listeners, called with the seconds that the loop was late. They must not
        wait, nor ask for the time.
    """

    def __init__(self, read: Callable[[], float] = time.perf_counter) -> None:
        self.on_standstill: list[Callable[[float], None]] = []
        self._read = read
        self._seen = read()  # in the time of *read*, as the next three
        self._back_at = math.inf  # the latest time at which the loop is to look again
        self._late_at = math.inf
        self._recovered_at = -math.inf
        self._left_out = self._seen - START
        self._now = START

    def start_clock(self) -> None:
        """Begin to watch; called by trio."""
        self.current_time()

    def current_time(self) -> float:
        """Seconds in which the loop ran. Called several times for each line of an answer."""
        seen = self._read()
        if seen > self._late_at:
            self._stood_still(seen)
        self._seen = self._back_at = seen
        self._late_at = seen + LATE_S
        now = seen - self._left_out
        if now > self._now:  # noqa: PLR1730 - max() takes twice as long
            self._now = now
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Seconds that the loop may sleep; called by trio before it does."""
        if deadline <= self.current_time():
            return 0.0
        sleep_s = min(TICK_S, deadline - (self._seen - self._left_out))
        self._back_at = self._seen + sleep_s
        self._late_at = self._back_at + LATE_S
        return sleep_s

    def _stood_still(self, seen: float) -> None:
        late_s = seen - self._back_at
        if late_s >= LONG_S or self._seen >= self._recovered_at:
            self._left_out += seen - self._seen + CATCH_UP_S
        self._recovered_at = seen + RECOVERED_S
        for listener in self.on_standstill:
            listener(late_s)
