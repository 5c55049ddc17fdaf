"""The judgement over the figures of the branch coverage."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("coverage")

from tests.measuring import Figure, figures_of, gaps_of, part_of, total


def entry(statements: int, missing: list[int], branches: int, missed: list[list[int]]) -> Any:
    """A file of coverage's report."""
    return {
        "summary": {
            "num_statements": statements,
            "missing_lines": len(missing),
            "num_branches": branches,
            "missing_branches": len(missed),
        },
        "missing_lines": missing,
        "missing_branches": missed,
    }


FILES = {
    "grokcore/errors.py": entry(10, [], 2, []),
    "grokcore/web/edge.py": entry(90, [7], 10, [[7, 8]]),
    "grokcore/web/app.py": entry(0, [], 0, []),
    "grokcore/protocol/grok_web/lines.py": entry(900, [], 100, [[3, -1]]),
}


def test_a_figure_counts_lines_and_branches_of_a_part() -> None:
    """A folder of grokcore is a part, whatever lies below it."""
    assert figures_of(FILES) == [
        Figure("grokcore", 12, 0),
        Figure("grokcore/protocol", 1000, 1),
        Figure("grokcore/web", 100, 2),
    ]
    assert part_of("grokcore\\protocol\\wall.py") == "grokcore/protocol"


@pytest.mark.parametrize(
    ("wanted", "missed", "percent"),
    [(0, 0, 100), (100, 0, 100), (100_000, 1, 99.9), (8, 1, 87.5), (100, 100, 0)],
)
def test_one_branch_that_is_missed_is_no_100_percent(
    wanted: int, missed: int, percent: float
) -> None:
    """Figures are rounded down."""
    assert Figure("x", wanted, missed).percent == percent


def test_several_parts_have_a_figure_together() -> None:
    """Each line counts alike, however small its part is."""
    assert total("all", figures_of(FILES)) == Figure("all", 1112, 3)


def test_what_is_missing_is_shown_by_file() -> None:
    """With lines and branches, so that nobody has to measure again."""
    assert gaps_of(FILES) == [
        "grokcore/web/edge.py: lines [7], branches [[7, 8]]",
        "grokcore/protocol/grok_web/lines.py: lines [], branches [[3, -1]]",
    ]
