"""The owner's days, which end at the midnight of a time zone."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable

from ..errors import ConfigError

__all__ = ["Days"]


class Days:
    """The calendar of one time zone.

    :param zone: a name of the IANA database, such as ``Europe/Berlin``.
    :param wall: returns seconds since 1970.
    :raises ConfigError: if this machine does not know the zone.
    """

    def __init__(self, zone: str, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._zone: dt.tzinfo = dt.UTC
        if zone.upper() not in ("UTC", "Z", ""):
            try:
                self._zone = zoneinfo.ZoneInfo(zone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
                raise ConfigError(
                    "[api] timezone: is no time zone that this machine knows; write a name such "
                    'as "Europe/Berlin", or "UTC"'
                ) from None

    def __call__(self) -> tuple[str, float]:
        """The day as YYYY-MM-DD, and the seconds until it ends."""
        wall = self._wall()
        now = dt.datetime.fromtimestamp(wall, self._zone)
        tomorrow = now.date() + dt.timedelta(days=1)
        midnight = dt.datetime.combine(tomorrow, dt.time(), self._zone)
        return now.date().isoformat(), max(0.0, midnight.timestamp() - wall)
