"""Figures that are asserted, and recorded for the table at the end of a run, and the two sizes of a
measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest
from attrs import frozen

__all__ = ["Figure", "Record", "sizes", "table", "thousands"]


@frozen
class Figure:
    """One row of the table.

    :ivar what: the hostility.
    :ivar count: how much of it there was.
    :ivar result: the measured outcome.
    :ivar bound: the outcome that is asserted.
    """

    what: str
    count: str
    result: str
    bound: str


Record: TypeAlias = Callable[[Figure], None]
"""Takes a figure for the table."""


def sizes(small: int, full: int) -> pytest.MarkDecorator:
    """Parametrize ``count``: *small* in every run of the suite, *full* on demand."""
    on_demand = pytest.param(full, id="full", marks=pytest.mark.on_demand)
    return pytest.mark.parametrize("count", [pytest.param(small, id="small"), on_demand])


def thousands(number: int) -> str:
    """A number as it stands in the table: 12 000."""
    return f"{number:,}".replace(",", " ")


def table(figures: Sequence[Figure]) -> list[str]:
    """The figures as lines of a Markdown table."""
    rows = [(figure.what, figure.count, figure.result, figure.bound) for figure in figures]
    shown = [("hostility", "count", "result", "bound"), ("---",) * 4, *rows]
    return [f"| {' | '.join(row)} |" for row in shown]
