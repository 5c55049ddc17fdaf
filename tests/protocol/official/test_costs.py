"""The cost of an answer, reported or by the list's prices."""

from __future__ import annotations

import pytest

from grokcore.protocol.conversation.usage import TICKS_PER_USD, Usage
from grokcore.protocol.official.costs import cost_of
from grokcore.protocol.official.model_list import LongPrices, OfficialModel

MODEL = OfficialModel(
    "m", input_ticks=20000, cached_ticks=5000, output_ticks=60000, search_ticks=50_000_000
)
LONG = OfficialModel(
    "m",
    input_ticks=20000,
    cached_ticks=5000,
    output_ticks=60000,
    long_prices=LongPrices(200, 40000, 0, 120_000),
)


@pytest.mark.parametrize(
    ("model", "usage", "ticks"),
    [
        (MODEL, Usage(1_000_000, 0), 2 * TICKS_PER_USD),
        (MODEL, Usage(0, 1_000_000), 6 * TICKS_PER_USD),
        (MODEL, Usage(1_000_000, 0, cached_tokens=1_000_000), TICKS_PER_USD // 2),
        (MODEL, Usage(100, 10, cached_tokens=60, reasoning_tokens=5), 40 * 20000 + 60 * 5000 + 600_000),
        (MODEL, Usage(100, 0, cached_tokens=500), 100 * 5000),
        (MODEL, Usage(0, 0, searches=2), 100_000_000),
        (MODEL, Usage(5, 5, cost_ticks=7), 7),
        (MODEL, Usage(5, 5, cost_ticks=0), 0),
        (LONG, Usage(200, 1), 200 * 20000 + 60000),
        (LONG, Usage(201, 1), 201 * 40000 + 120_000),
        (LONG, Usage(201, 0, cached_tokens=201), 201 * 5000),
        (OfficialModel("m", input_ticks=3, output_ticks=4), Usage(2, 1, cached_tokens=1, searches=9), 10),
        (OfficialModel("m", input_ticks=3), Usage(2, 1), None),
        (OfficialModel("m", output_ticks=3), Usage(2, 1), None),
        (OfficialModel("m"), Usage(2, 1, cost_ticks=9), 9),
    ],
)  # fmt: skip
def test_a_cost_is_reported_or_by_the_list(
    model: OfficialModel, usage: Usage, ticks: int | None
) -> None:
    """The day's cap counts it: too low a figure would overspend."""
    assert cost_of(usage, model) == ticks
