"""Tables on stdout: readable on a terminal, easy to cut up in a pipe.

A terminal gets colours, and columns as wide as it has room for. Anything else gets a line for each
row, aligned, without colours and without spaces at its end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from ..languages.streams import plain_stream, said

if TYPE_CHECKING:
    # Late: a server, which imports this module with all of the command line, has no use for it.
    from rich.console import Console, RenderableType

__all__ = ["Cell", "Column", "print_table", "printable", "write"]

_UNLIMITED = 100_000
"""Columns of an output that is not a terminal: each row is one line there."""

GAP = 2
"""Spaces between two columns."""


@frozen
class Column:
    """A column of a table.

    :ivar whole: its cells are never folded, however narrow the terminal: ids, and names that a
        person may copy.
    :ivar least: its least width, in characters.
    """

    name: str
    whole: bool = False
    least: int = 0


@frozen
class Cell:
    """A text and, for terminals, its style."""

    text: str
    style: str = ""


def print_table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str | Cell]],
    *,
    heading: bool = True,
    gap: int = GAP,
) -> None:
    """Print *rows*, each with as many cells as there are *columns*.

    :param heading: whether the columns' names come first.
    :param gap: spaces between two columns.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold", show_header=heading
    )
    for column in columns:
        table.add_column(
            said(column.name), overflow="fold", no_wrap=column.whole, min_width=column.least or None
        )
    for row in rows:
        cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
        table.add_row(*(Text(printable(said(cell.text)), cell.style) for cell in cells))
    write(table)


def write(what: RenderableType) -> None:
    """Print a renderable of rich's, on a terminal or not."""
    console = _console(terminal=sys.stdout.isatty())
    if console.is_terminal:
        console.print(what, crop=False)
        return
    with console.capture() as captured:
        console.print(what, crop=False)
    for line in captured.get().splitlines():
        print(line.rstrip(), file=plain_stream(sys.stdout))


def _console(*, terminal: bool) -> Console:
    from rich.console import Console

    return Console(
        file=plain_stream(sys.stdout),
        force_terminal=terminal,
        color_system="auto" if terminal else None,
        width=None if terminal else _UNLIMITED,
    )


def printable(text: str) -> str:
    """*text* without control characters and characters that the output can't encode. A note may be
    a stranger's.
    """
    encoding = sys.stdout.encoding or "utf-8"
    plain = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return plain.encode(encoding, "replace").decode(encoding)
