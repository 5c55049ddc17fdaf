"""A progress bar on stderr for slow work."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from ..languages.streams import plain_stream, said

__all__ = ["progress"]


@contextlib.contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar if stderr is a terminal, and remove it afterwards.

    :param total: the number of steps; the caller calls the yielded function after each.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    # Late: a server has no use for it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(said(label)), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=plain_stream(sys.stderr)), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
