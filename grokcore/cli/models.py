"""``models``: the table of models."""

from __future__ import annotations

import argparse
import os

from .setup import Sources

__all__ = ["models_command"]


def models_command(arguments: argparse.Namespace) -> int:
    """Print the models and what they mean at Grok."""
    rows = [("model", "at Grok", "cost", "tier", "clocks: first / chunk / total (s)")]
    for model in Sources(arguments, os.environ).read_config().config.models.values():
        at_grok = model.mode_id or f"{model.grok_model}, {model.mode}"
        assert model.limits is not None
        clocks = f"{model.limits.first_response:g} / {model.limits.chunk:g} / {model.limits.total:g}"
        rows.append((model.name, at_grok, str(model.cost), model.tier.value, clocks))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0
