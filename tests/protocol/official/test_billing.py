"""The credits of a CLI session."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.official.billing import Credits, parse_billing

from ..strategies import json_values

START, END = 1_795_000_000.0, 1_795_604_800.0
PERIOD = {
    "type": "USAGE_PERIOD_TYPE_WEEKLY",
    "start": "2026-11-18T11:06:40+00:00",
    "end": "2026-11-25T11:06:40+00:00",
}


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (
            {"currentPeriod": PERIOD, "creditUsagePercent": 22.5, "onDemandCap": {"val": "2500"}, "onDemandUsed": {"val": 125}, "prepaidBalance": {"val": 30}, "history": []},
            Credits(22.5, "weekly", START, END, 2500, 125, 30),
        ),
        ({"currentPeriod": PERIOD}, Credits(0.0, "weekly", START, END)),
        ({"creditUsagePercent": 5}, Credits(5)),
        (
            {"monthlyLimit": {"val": 15000}, "used": {"val": 3750}, "billingPeriodStart": START, "billingPeriodEnd": END},
            Credits(25, "", START, END),
        ),
        ({"monthlyLimit": {"val": 15000}}, Credits(0.0)),
        ({"currentPeriod": {"type": "USAGE_PERIOD_TYPE_UNSPECIFIED"}}, Credits(0.0)),
        ({"currentPeriod": {"type": "<script>"}}, Credits(0.0)),
        ({"creditUsagePercent": -5, "onDemandCap": "x", "prepaidBalance": {"val": 5}}, Credits(prepaid=5)),
    ],
)  # fmt: skip
def test_credits_are_read(config: dict[str, object], found: Credits) -> None:
    """A share of 0 is left out of the answer, and is known all the same."""
    assert parse_billing(json.dumps({"config": config}).encode()) == found
    assert parse_billing(json.dumps(config).encode()) == found


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"config": {}}', b"<html>", b'{"config": 5}']
)
def test_an_answer_without_credits_is_none(body: bytes) -> None:
    """The status page then shows nothing, and not 0 %."""
    assert parse_billing(body) is None


KEYS = ["config", "currentPeriod", "creditUsagePercent", "onDemandCap", "monthlyLimit", "used"]


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(KEYS), json_values))
def test_any_answer_is_survived(answer: dict[str, Any]) -> None:
    """Forms that are not known say nothing."""
    found = parse_billing(json.dumps(answer).encode())
    assert found is None or found.percent_used is None or found.percent_used >= 0
