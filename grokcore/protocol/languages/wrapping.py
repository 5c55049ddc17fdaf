"""Widths of texts on a terminal, where a Chinese character takes two columns, and lines of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

__all__ = ["padded", "width_of", "wrapped"]

_UNIT = re.compile(r"\s+|[\u2e80-\u9fff\uff00-\uffef]|[^\s\u2e80-\u9fff\uff00-\uffef]+")
_NOT_FIRST = frozenset("，。；：、！？）”")


def width_of(text: str) -> int:
    """The columns that a text takes."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def padded(text: str, width: int) -> str:
    """A text with spaces behind it, so that it takes *width* columns."""
    return text + " " * (width - width_of(text))


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most *width* columns. Chinese may break at each character, but not
    before a closing mark; a longer word has a line of its own.
    """
    lines, line = [], ""
    for unit in _units(text):
        if line and width_of(line) + width_of(unit.rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line = line + unit if line else unit.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


def _units(text: str) -> Iterator[str]:
    """The parts of a text between which a line may end."""
    held = ""
    for found in _UNIT.finditer(text):
        unit = " " if found[0].isspace() else found[0]
        if held and unit not in _NOT_FIRST:
            yield held
            held = ""
        held += unit
    if held:
        yield held
