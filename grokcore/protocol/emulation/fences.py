"""Fences of code blocks, as in CommonMark: a line that begins with three backticks or tildes."""

from __future__ import annotations

import re

__all__ = ["FENCE", "FENCE_CHARS", "LONGEST_FENCE", "FenceState", "run_at"]

FENCE = "(?:`{3}|~{3})"
"""The pattern of a fence's first characters."""

FENCE_CHARS = ("`", "``", "~", "~~")
"""Beginnings of a fence."""

LONGEST_FENCE = 64
"""Characters of a fence's line, with the white space behind it, that are waited for."""

_RUN = re.compile("`{3,}|~{3,}")


def run_at(text: str, at: int, end: int) -> str:
    """The run of backticks or tildes at *at*; empty if it is too short for a fence."""
    found = _RUN.match(text, at, end)
    return found.group() if found is not None else ""


class FenceState:
    """The open code block of a text, and whether its current line is blank so far.

    :ivar open: the run that opened the block; empty outside of one.
    """

    def __init__(self, fence: str = "") -> None:
        self.open = fence
        self.blank_line = True

    def passed(self, text: str) -> None:
        """Note text that is behind us."""
        line = text.rfind("\n") + 1
        if line:
            text = text[line:]
        self.blank_line = (bool(line) or self.blank_line) and (not text or text.isspace())

    def begins_line(self, text: str, start: int, at: int) -> bool:
        """Whether only white space stands before *at* in its line, *start* being the place where we
        are.
        """
        line = text.rfind("\n", start, at) + 1
        begun = text[line or start : at]
        return (bool(line) or self.blank_line) and (not begun or begun.isspace())

    def read_line(self, line: str) -> None:
        """Read a line that may be a fence."""
        run = run_at(line, 0, len(line))
        rest = line[len(run) :]
        if not self.open:
            self.open = "" if run.startswith("`") and "`" in rest else run
        elif run.startswith(self.open) and not rest.strip():
            self.open = ""
