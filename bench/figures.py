"""Figures beside their budgets, as a table for a terminal or for Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

__all__ = ["Figure", "as_markdown", "as_text"]

_HEAD = ("figure", "budget", "measured", "verdict")


@frozen
class Figure:
    """A row of the table. *kept* is None for a figure without a budget, which helps to read the
    others.
    """

    name: str
    budget: str
    measured: str
    kept: bool | None = None

    @property
    def verdict(self) -> str:
        return "" if self.kept is None else "ok" if self.kept else "MISSED"

    @property
    def row(self) -> tuple[str, str, str, str]:
        return self.name, self.budget, self.measured, self.verdict


def as_text(figures: Sequence[Figure]) -> str:
    rows = [_HEAD, *(figure.row for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[2], "-" * widths[3]))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def as_markdown(figures: Sequence[Figure]) -> str:
    # Leading spaces would be lost.
    rows = [
        _HEAD,
        ("---",) * 4,
        *(tuple(cell.replace("  ", "· ", 1) for cell in figure.row) for figure in figures),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
