"""The counts that xAI reports are read leniently."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from grokcore.protocol.conversation.usage import Usage
from grokcore.protocol.official.usage_values import MOST, usage_of

from ..strategies import json_values


@pytest.mark.parametrize(
    ("value", "usage"),
    [
        (None, None),
        ({}, None),
        ({"input_tokens": -1, "output_tokens": "5"}, None),
        ({"input_tokens": True}, None),
        ({"input_tokens": 3.0, "output_tokens": 2.5}, Usage(3, 0)),
        ({"output_tokens": 7, "output_tokens_details": []}, Usage(0, 7)),
        ({"cost_in_usd_ticks": 5}, Usage(0, 0, cost_ticks=5)),
        ({"input_tokens": 2**80, "cost_in_usd_ticks": 0}, Usage(0, 0, cost_ticks=0)),
        ({"input_tokens": MOST, "input_tokens_details": {"cached_tokens": 1}}, Usage(MOST, 0, 1)),
    ],
)
def test_counts_are_whole_numbers_that_can_be_meant(value: Any, usage: Usage | None) -> None:
    """A missing one is zero; a cost that is not told is none."""
    assert usage_of(value) == usage


@given(json_values)
def test_no_value_raises(value: Any) -> None:
    """In any place."""
    usage_of(value)
    usage_of({"input_tokens": value, "input_tokens_details": value, "cost_in_usd_ticks": value})
