"""Pieces of answers, for scripts of them."""

from __future__ import annotations

from collections.abc import Iterator

from grokcore.simulator import lines
from grokcore.simulator.scripts import (
    HANG,
    Script,
    Send,
    Step,
    Wait,
    wrapped,
)

SILENT = Script((HANG,))


def token_line(text: str) -> Send:
    return Send(lines.line(wrapped(lines.token(text))))


def beats(count: int, every: float) -> Iterator[Step]:
    """Heartbeats as Grok sends them: empty tokens, which say nothing of the answer."""
    for _ in range(count):
        yield Wait(every)
        yield Send(lines.line(wrapped(lines.empty())))
