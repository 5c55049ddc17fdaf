"""Waits that a refusal's headers name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.official.waits import wait_named
from grokcore.protocol.waits import LONGEST_WAIT_S

RESET, REMAINING = "x-ratelimit-reset", "x-ratelimit-remaining"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "9" * 12}, None),
        ({"retry-after": "5", f"{RESET}-requests": "60"}, 5.0),
        ({f"{RESET}-requests": "6m0s"}, 360.0),
        ({f"{RESET}-requests": "1h2m3.5s"}, 3723.5),
        ({f"{RESET}-requests": "120ms"}, 0.12),
        ({f"{RESET}-requests": "2d"}, LONGEST_WAIT_S),
        ({f"{RESET}-requests": "1700000000"}, None),
        ({f"{RESET}-requests": "s", f"{RESET}-tokens": ""}, None),
        ({f"{RESET}-requests": "60", f"{RESET}-tokens": "5s"}, 60.0),
        ({f"{RESET}-requests": "60", f"{RESET}-tokens": "5s", f"{REMAINING}-tokens": "0"}, 5.0),
    ],
)
def test_a_wait_is_read_in_the_forms_that_are_seen(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Seconds and spans; dates and times since 1970 are none."""
    assert wait_named(headers) == seconds


@given(st.text(st.characters(codec="utf-8")) | st.from_regex(r"[0-9.dhms]{0,30}"))
def test_no_header_raises(value: str) -> None:
    """Whatever a proxy writes."""
    wait_named({"retry-after": value, f"{RESET}-x": value})
