"""When a worker that has died is started again."""

from __future__ import annotations

from attrs import define, field

__all__ = ["DEATHS_AT_MOST", "WITHIN_S", "Restarts"]

DEATHS_AT_MOST = 5
"""Deaths of one worker within :data:`WITHIN_S` seconds at which it is given up."""

WITHIN_S = 60.0

FIRST_WAIT_S = 0.1
"""The wait before the first restart. Each further death within :data:`WITHIN_S` doubles it."""


@define
class Restarts:
    """The deaths of one worker. Times are seconds of a clock that is never set.

    :ivar count: deaths since the start.
    """

    count: int = 0
    _recent: list[float] = field(factory=list)

    def died(self, now: float) -> float | None:
        """Count a death.

        :returns: seconds to wait before the restart; None if it has died too often.
        """
        self.count += 1
        self._recent = [*(at for at in self._recent if at > now - WITHIN_S), now]
        deaths = len(self._recent)
        return None if deaths >= DEATHS_AT_MOST else FIRST_WAIT_S * 2.0 ** (deaths - 1)
