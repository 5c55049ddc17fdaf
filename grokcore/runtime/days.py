"""The owner's days, which end at the midnight of a time zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from ..errors import ConfigError

__all__ = ["Days"]


class Days:
    """The calendar of one time zone.

    :param zone: a name of the IANA database, such as ``Europe/Berlin``.
    :param wall: returns seconds since 1970.
    :param setting: the setting that names the zone, for the message.
    :ivar now: returns seconds since 1970.
    :raises ConfigError: if this machine does not know the zone.
    """

    def __init__(
        self, zone: str, wall: Callable[[], float], setting: str = "[api] timezone"
    ) -> None:
        self.now = wall
        self._zone: dt.tzinfo = dt.UTC
        if zone.upper() not in ("UTC", "Z", ""):
            self._zone = _zone_of(zone, setting)

    def __call__(self) -> tuple[str, float]:
        """The day as YYYY-MM-DD, and the seconds until it ends."""
        wall = self.now()
        today = dt.datetime.fromtimestamp(wall, self._zone).date()
        return today.isoformat(), max(0.0, self._end_of(today) - wall)

    def end_of(self, moment: str) -> float:
        """The end of a day, or a time, in seconds since 1970.

        :param moment: YYYY-MM-DD, or a time of RFC 3339; one without an offset is this zone's.
        """
        if len(moment) == len("2026-12-31"):
            return self._end_of(dt.date.fromisoformat(moment))
        time = dt.datetime.fromisoformat(moment.upper())
        return (time if time.tzinfo else time.replace(tzinfo=self._zone)).timestamp()

    def _end_of(self, day: dt.date) -> float:
        midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), self._zone)
        return midnight.timestamp()


def _zone_of(name: str, setting: str) -> dt.tzinfo:
    # Late, since a server whose days are those of UTC does without its memory.
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"{setting}: is no time zone that this machine knows; write a name such "
            'as "Europe/Berlin", or "UTC"'
        ) from None
