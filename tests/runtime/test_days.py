"""The owner's days."""

from __future__ import annotations

import datetime as dt

import pytest

from grokcore.errors import ConfigError
from grokcore.runtime.days import Days

NOON = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize(
    ("zone", "day", "hours_left"),
    [
        ("UTC", "2026-11-29", 12),
        ("utc", "2026-11-29", 12),
        ("Asia/Tokyo", "2026-11-29", 3),
        ("Pacific/Kiritimati", "2026-11-30", 22),
        ("America/New_York", "2026-11-29", 17),
    ],
)
def test_a_day_ends_at_the_zones_midnight(zone: str, day: str, hours_left: int) -> None:
    """The cap is reset when the owner's day ends, wherever the server stands."""
    assert Days(zone, lambda: NOON)() == (day, hours_left * 3600)


def test_a_day_may_be_longer_than_24_hours() -> None:
    """When the clocks are set back, at 3 o'clock in the night."""
    began = dt.datetime(2026, 10, 24, 22, 0, 0, tzinfo=dt.UTC).timestamp()
    assert Days("Europe/Berlin", lambda: began)() == ("2026-10-25", 25 * 3600)


@pytest.mark.parametrize(
    ("moment", "zone", "utc"),
    [
        ("2026-12-31", "UTC", "2027-01-01T00:00:00+00:00"),
        ("2026-12-31", "Asia/Shanghai", "2026-12-31T16:00:00+00:00"),
        ("2026-10-25", "Europe/Berlin", "2026-10-25T23:00:00+00:00"),
        ("2026-12-31T18:00:00", "Asia/Shanghai", "2026-12-31T10:00:00+00:00"),
        ("2026-12-31 18:00", "UTC", "2026-12-31T18:00:00+00:00"),
        ("2026-12-31t18:00:00z", "Asia/Shanghai", "2026-12-31T18:00:00+00:00"),
        ("2026-12-31T18:00:00.500000+08:00", "UTC", "2026-12-31T10:00:00.500000+00:00"),
    ],
)
def test_a_moment_is_the_end_of_a_day_or_a_time(moment: str, zone: str, utc: str) -> None:
    """A day counts whole where the owner lives; a time without an offset is the owner's."""
    expected = dt.datetime.fromisoformat(utc).timestamp()
    assert Days(zone, lambda: NOON).end_of(moment) == expected


@pytest.mark.parametrize(
    "zone", ["Nowhere/City", "../etc/passwd", "Europe//Berlin", "/etc", "x\0y"]
)
def test_an_unknown_zone_is_a_fault_of_the_setting(zone: str) -> None:
    """The message names the setting, and quotes nothing."""
    with pytest.raises(ConfigError, match=r"^\[server\] timezone: ") as caught:
        Days(zone, lambda: NOON, "[server] timezone")
    assert zone not in str(caught.value)
