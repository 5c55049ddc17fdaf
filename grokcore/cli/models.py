"""``models``: the table of models."""

from __future__ import annotations

import argparse
import os

from ..protocol.models import Model
from .setup import InputFiles
from .tables import Column, print_table

__all__ = ["models_command"]

GAP = 1
"""Spaces between columns; a wider gap would push the shipped table over 80 columns."""


def models_command(arguments: argparse.Namespace) -> int:
    """Print the models and what they mean at Grok."""
    models = InputFiles(arguments, os.environ).read_config().config.models
    rows = [_row(model) for model in models.values()]
    columns = (
        Column("model", whole=True),
        # Names and modes at Grok are not split, but may stand on two lines.
        Column("at Grok", least=max(len(word) for row in rows for word in row[1].split())),
        Column("cost", whole=True),
        Column("tier", whole=True),
        Column("clocks (s)", whole=True),  # first response, chunk, total
    )
    print_table(columns, rows, gap=GAP)
    return 0


def _row(model: Model) -> tuple[str, ...]:
    assert model.limits is not None
    clocks = f"{model.limits.first_response:g} / {model.limits.chunk:g} / {model.limits.total:g}"
    at_grok = model.mode_id or f"{model.grok_model}, {model.mode}"
    return model.name, at_grok, str(model.cost), model.tier.value, clocks
