"""Times and numbers as xAI writes them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.official.moments import moment_of, number_of, object_of

from ..strategies import json_values

AT = 1_795_000_000.0


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-18T11:06:40Z", AT),
        ("2026-11-18 11:06:40", AT),
        ("2026-11-18T11:06:40.25+00:00", AT + 0.25),
        ("2026-11-18T11:06:40.123456789Z", AT + 0.123456789),
        ("2026-11-18T12:06:40+01:00", AT),
        ("2026-11-18T06:36:40 -0430", AT),
        ("2026-11-18T11:06Z", AT - 40),
        ("2026-11-18", AT - 40_000),
        (AT, AT),
        (int(AT), AT),
        (AT * 1000, AT),
        (str(int(AT)), AT),
        ("2026-13-18T11:06:40Z", None),
        ("18.11.2026", None),
        ("soon", None),
        (0, None),
        (-5, None),
        (math.inf, None),
        (math.nan, None),
        (True, None),
        (None, None),
        (1e300, None),
    ],
)
def test_a_moment_is_read_in_any_of_its_forms(value: object, moment: float | None) -> None:
    """A session's end that is misread would stop the lane, or use it in vain."""
    assert moment_of(value) == (moment if moment is None else pytest.approx(moment, abs=1e-4))


@settings(deadline=None, max_examples=100)
@given(st.integers(10**6, 3 * 10**10), st.integers(-720, 720))
def test_moments_agree_with_the_standard_library(moment: int, offset: int) -> None:
    """Offsets are of a minute's precision, and count towards the east."""
    zone = timezone(timedelta(minutes=offset))
    assert moment_of(datetime.fromtimestamp(moment, zone).isoformat()) == moment


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ({"val": "12.5"}, 12.5),
        ({"val": 3}, 3.0),
        ({"val": {"val": 3}}, None),
        ({}, None),
        (" 7 ", 7.0),
        ("-7", -7.0),
        ("1e5", None),
        ("٣", None),
        (False, None),
        ([1], None),
    ],
)
def test_a_number_is_read_in_any_of_its_forms(value: object, number: float | None) -> None:
    """Money comes as an object, and whole numbers of 64 bits as text."""
    assert number_of(value) == number


@settings(deadline=None, max_examples=200)
@given(json_values)
def test_any_value_is_survived(value: object) -> None:
    """A form that is not known says nothing."""
    assert moment_of(value) is None or moment_of(value)
    assert number_of(value) is None or math.isfinite(number_of(value) or 0)
    assert object_of(value) == (value if isinstance(value, dict) else {})
