"""The place of a key in a TOML text, for messages: tomllib keeps no places.

Method: from some line on, a beginning of the text has the key. The shortest beginning that parses
and has the key ends where the key's value ends. The longest shorter beginning that parses ends
before the key begins.
"""

from __future__ import annotations

import tomllib
from typing import Any

__all__ = ["place_of"]

MOST_LINES = 5000
MOST_LOOKS = 400
"""Bounds of the search: in a longer text, or one with longer values, no place is looked for."""


def place_of(text: str, path: tuple[str | int, ...]) -> tuple[int, int] | None:
    """Line and column, from 1, of the value at *path*; None if it is not there, or beyond the
    bounds.

    :param path: keys, and numbers of tables in an array of tables.
    """
    lines = text.split("\n")
    if len(lines) > MOST_LINES or not path:
        return None
    looks = [0]
    # Numbers of lines: low is without the key, high with it; beyond top no beginning parses.
    low, top, high = (
        0,
        len(lines),
        len(lines),
    )
    while top - low > 1 and looks[0] <= MOST_LOOKS:
        middle = (low + top) // 2
        at, has = next(
            (
                (at, has)
                for at in range(middle, top)
                if (has := _has(lines[:at], path, looks)) is not None
            ),
            (0, None),
        )
        if has is None:  # a value of several lines has no line of its own
            top = middle
        elif has:
            top = high = at
        else:
            low = at
    if looks[0] > MOST_LOOKS or _has(lines[:high], path, looks) is not True:
        return None
    return low + 1, len(lines[low]) - len(lines[low].lstrip()) + 1


def _has(lines: list[str], path: tuple[str | int, ...], looks: list[int]) -> bool | None:
    """Whether the text of *lines* has *path*; None if it is no TOML by itself."""
    looks[0] += 1
    try:
        value: Any = tomllib.loads("\n".join(lines))
    except (ValueError, RecursionError):
        return None
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True
