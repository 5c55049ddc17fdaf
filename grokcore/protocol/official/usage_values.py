"""The counts at the end of an answer (docs.x.ai, "Cost tracking", 2026-11)."""

from __future__ import annotations

from typing import Any

from ..conversation.usage import Usage

__all__ = ["MOST", "usage_of"]

MOST = 2**53
"""The largest count that is believed: some 900,000 USD in ticks."""


def usage_of(value: Any) -> Usage | None:
    """The counts in ``usage``; None if it holds no count of tokens, nor a cost."""
    if not isinstance(value, dict):
        return None
    came, went = _count(value.get("input_tokens")), _count(value.get("output_tokens"))
    cost = _count(value.get("cost_in_usd_ticks"))
    if came is None and went is None and cost is None:
        return None
    return Usage(
        input_tokens=came or 0,
        output_tokens=went or 0,
        cached_tokens=_detail(value.get("input_tokens_details"), "cached_tokens"),
        reasoning_tokens=_detail(value.get("output_tokens_details"), "reasoning_tokens"),
        cost_ticks=cost,
        searches=_count(value.get("num_server_side_tools_used")) or 0,
    )


def _detail(value: Any, key: str) -> int:
    return (_count(value.get(key)) if isinstance(value, dict) else None) or 0


def _count(value: Any) -> int | None:
    """A whole number, also if it is written as a float; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MOST and value == int(value) else None
