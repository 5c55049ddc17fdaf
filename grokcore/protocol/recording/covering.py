"""Characters that can't be read: an ``x`` for each one that a reader could see."""

from __future__ import annotations

import re

from ..grok_web.wholeness import INVISIBLE

__all__ = ["COVERED", "HIDDEN", "covered"]

COVERED = rf"[^{INVISIBLE}!-/:-@\[-`{{-~]"
"""A pattern: one character that becomes an ``x``. White space and ASCII punctuation stay."""

HIDDEN = rf"[{INVISIBLE}](?<!\s)"
"""A pattern: one character that can't be seen and is no white space. Some of them spell words."""

_COVERED = re.compile(f"{COVERED}+")
_HIDDEN = re.compile(HIDDEN)


def covered(text: str) -> str:
    """Return *text* with an ``x`` for every visible character except ASCII punctuation, and a
    zero-width space for every invisible one that is no white space.
    """
    return _HIDDEN.sub("\u200b", _COVERED.sub(_row, text))


def _row(run: re.Match[str]) -> str:
    return "x" * (run.end() - run.start())
