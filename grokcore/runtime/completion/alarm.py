"""An alarm clock for many sleepers whose alarms are nearly always put off before they ring.

Every token puts off its stream's chunk clock. With a cancel scope around each wait, that costs an
entry in trio's list of deadlines per token, about as much as decoding it. Here an alarm that is put
off costs one comparison. The early entry stays, and may ring too early now and then. The sleeper
looks at the time itself, and sets its alarm anew.
"""

from __future__ import annotations

import heapq
import math
from typing import Protocol

import trio
from attrs import define

__all__ = ["AlarmClock", "Sleeper"]


class Sleeper(Protocol):
    """A waiting task that may be woken too early."""

    def wake(self) -> None:
        """Wake up and look at the time."""


@define(eq=False)
class _Entry:
    """An alarm; without a sleeper it wakes no task."""

    at: float
    sleeper: Sleeper | None


class AlarmClock:
    """Wakes sleepers, each at the earliest of the times it has set. :meth:`run` has to be
    running.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, _Entry]] = []
        self._set: dict[Sleeper, _Entry] = {}
        self._number = 0
        self._earlier = trio.lowlevel.ParkingLot()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ring until cancelled."""
        task_status.started()
        while True:
            next_at = self._entries[0][0] if self._entries else math.inf
            with trio.CancelScope(deadline=next_at):
                await self._earlier.park()
            self._ring(trio.current_time())

    def set(self, sleeper: Sleeper, at: float) -> None:
        """Wake *sleeper* at this time (trio's) or before."""
        entry = self._set.get(sleeper)
        if entry is not None:
            if entry.at <= at:
                return
            entry.sleeper = None
        entry = self._set[sleeper] = _Entry(at, sleeper)
        self._number += 1
        heapq.heappush(self._entries, (at, self._number, entry))
        if self._entries[0][2] is entry:
            self._earlier.unpark()

    def clear(self, sleeper: Sleeper) -> None:
        """Forget *sleeper*."""
        entry = self._set.pop(sleeper, None)
        if entry is not None:
            entry.sleeper = None

    def _ring(self, now: float) -> None:
        while self._entries and self._entries[0][0] <= now:
            entry = heapq.heappop(self._entries)[2]
            if entry.sleeper is not None:
                del self._set[entry.sleeper]
                entry.sleeper.wake()
