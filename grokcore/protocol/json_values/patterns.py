"""Regular expressions of clients, tried only where their cost is bounded.

Python's ``re`` backtracks: ``(a+)+$`` takes hours for forty characters. So the steps that a search
may take are estimated from the pattern first. A pattern that may take too many is not tried.

The estimate is a product: the text's length for each ``*`` and ``+``, and the number of choices for
``?``, ``{m,n}`` and ``|``. Unless the pattern begins with ``^``, the length counts once more. A
repeated group with choices in it multiplies with every repetition, so it is not tried at all.
"""

from __future__ import annotations

import re

from attrs import define

__all__ = ["Searches"]

MOST_PATTERN = 1000
"""Characters of a pattern."""

MOST_TEXT = 64 * 1024
"""Characters of a text."""

MOST_STEPS = 2_000_000
"""Steps of a search, of which Python makes some 50 million in a second."""

MOST_STEPS_IN_ALL = 20_000_000
"""Steps of all searches for one value."""

MOST_COUNT = 1000
"""Repetitions that a pattern may count."""

_TOKEN = re.compile(
    r"""
    \\.                                             # an escape
    | \[ \^? \]? (?: [^\]\\] | \\. )* \]            # a set
    | \( (?: \? (?: [:=!] | <[=!] | P<\w+> ) )?     # the opening of a group
    | \)
    | [*+?] [?+]? | \{ (?:\d+ (?:,\d*)? | ,\d+) \} [?+]?
    | .
    """,
    re.DOTALL | re.VERBOSE,
)
_ODD_SET = re.compile(r"\[\^?\[|--|&&|~~|\|\|")  # warned about by Python, which may change them


class Searches:
    """Searches with one bound for all of them."""

    def __init__(self) -> None:
        self._left = MOST_STEPS_IN_ALL

    def found_in(self, pattern: object, text: str) -> bool | None:
        """Whether a part of *text* fits *pattern*; None if that can't be found out at a bounded
        cost, or *pattern* is none of Python's.
        """
        if not isinstance(pattern, str) or len(pattern) > MOST_PATTERN or len(text) > MOST_TEXT:
            return None
        try:
            steps = _steps(pattern, max(2, len(text)))
            if steps > min(MOST_STEPS, self._left):
                return None
            self._left -= steps + len(pattern)
            return re.search(pattern, text) is not None
        except (re.error, OverflowError, _NotTried):
            return None


class _NotTried(Exception):
    """The pattern's cost has no bound here."""


@define
class _Group:
    """A group while it is read.

    :ivar steps: the estimate for all of it but its last part.
    :ivar last: the estimate for its last part, which a quantifier may follow.
    :ivar bars: the number of ``|``.
    """

    steps: int = 1
    last: int = 1
    is_group: bool = False
    bars: int = 0

    def add(self, steps: int, *, is_group: bool = False) -> None:
        """Add a part."""
        self.steps *= self.last
        self.last, self.is_group = steps, is_group

    def repeat(self, least: int, most: int) -> None:
        """Repeat the last part."""
        if most > 1 and self.last > 1:
            raise _NotTried
        self.last *= (most - least + 1) * (max(1, least) if self.is_group else 1)

    @property
    def total(self) -> int:
        """The estimate for the whole group."""
        return self.steps * self.last * (self.bars + 1)


def _steps(pattern: str, chars: int) -> int:
    groups = [_Group()]
    for match in _TOKEN.finditer(pattern):
        part = match.group()
        if _is_odd(part, pattern[match.end() : match.end() + 1]):
            raise _NotTried
        if part[0] == "(":
            groups.append(_Group())
        elif part == ")" and len(groups) > 1:
            inner = groups.pop()
            groups[-1].add(inner.total, is_group=True)
        elif part == "|":
            groups[-1].bars += 1
        elif part[0] in "*+?" or (part[0] == "{" and len(part) > 1):
            groups[-1].repeat(*_range(part, chars))
        else:
            groups[-1].add(1)
    return groups[0].total * (1 if pattern.startswith("^") and not groups[0].bars else chars)


def _is_odd(part: str, following: str) -> bool:
    """Whether a set stays open or has a form that Python warns of, or a group is an extension:
    ``(?x)`` makes a comment of a part of the pattern.
    """
    if part[0] == "[":
        return part == "[" or _ODD_SET.search(part) is not None
    return part == "(" and following == "?"


def _range(quantifier: str, chars: int) -> tuple[int, int]:
    """The fewest and the most repetitions."""
    if quantifier[0] != "{":
        return (0, 1) if quantifier[0] == "?" else (0, chars)
    least, comma, most = quantifier.rstrip("?+")[1:-1].partition(",")
    low = int(least or 0)
    high = int(most) if most else chars if comma else low
    if max(low, high if most else 0) > MOST_COUNT:
        raise _NotTried
    return low, max(low, high)
