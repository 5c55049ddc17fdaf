"""The cost of an answer."""

from __future__ import annotations

from ..conversation.usage import Usage
from .model_list import OfficialModel

__all__ = ["cost_of"]


def cost_of(usage: Usage, model: OfficialModel) -> int | None:
    """The cost of an answer in 1e-10 USD: as reported, else by the list's prices; None if these are
    unknown.

    The list's prices know nothing of discounts, so the figure may be too high.
    """
    if usage.cost_ticks is not None:
        return usage.cost_ticks
    if model.input_ticks is None or model.output_ticks is None:
        return None
    cached_ticks = model.input_ticks if model.cached_ticks is None else model.cached_ticks
    input_ticks, output_ticks, long = model.input_ticks, model.output_ticks, model.long_prices
    if long is not None and usage.input_tokens > long.above:
        input_ticks = long.input_ticks or input_ticks
        cached_ticks = long.cached_ticks or cached_ticks
        output_ticks = long.output_ticks or output_ticks
    cached = min(usage.cached_tokens, usage.input_tokens)
    return (
        (usage.input_tokens - cached) * input_ticks
        + cached * cached_ticks
        + usage.output_tokens * output_ticks
        + usage.searches * (model.search_ticks or 0)
    )
