"""A template of a message in English, and its counterpart.

An English template has ``{}`` in the place of each value. Its counterpart has ``{0}``, ``{1}`` …,
in any order. ``{0!}`` stands for a value that is never translated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["Template", "joined", "words_of"]

QUOTES = frozenset("\"'`“”‘’«»")
"""A value between two of them is another's text: it stays as it is."""

_WORD = re.compile(r"\w+")
_PLACE = re.compile(r"\{(\d+)(!?)\}")
_WIDE = re.compile(r"[\u2e80-\u9fff\uff00-\uffef]")
_TORN = frozenset(" ,;)")
_CLOSING = frozenset("，。；：、！？）”（“")


def words_of(text: str) -> list[str]:
    """The words of a text, numbers among them."""
    return _WORD.findall(text)


class Template:
    """An entry of a catalogue with values in it.

    :ivar first: the character with which its messages begin; empty if it is a value's.
    :ivar raw: the numbers of the values that stay as they are.
    :ivar runs: how many values stand side by side, run by run; where they part is unknown.
    :ivar words: the words that each message of this template has.
    :ivar weight: number of letters that are not values; the heavier template is the more specific.
    """

    def __init__(self, english: str, other: str) -> None:
        self._literals = english.split("{}")
        self._other = other
        self.first = self._literals[0][:1]
        self.raw = self._raw_places()
        self.runs = self._runs()
        self.words = self._certain_words()
        self.weight = sum(len(word) for text in self._literals for word in words_of(text))

    def _raw_places(self) -> frozenset[int]:
        """The numbers of the values that stay as they are."""
        marked = {int(place[1]) for place in _PLACE.finditer(self._other) if place[2]}
        pairs = enumerate(zip(self._literals, self._literals[1:], strict=False))
        quoted = {
            number
            for number, (before, after) in pairs
            if before[-1:] in QUOTES and after[:1] in QUOTES and before and after
        }
        return frozenset(marked | quoted)

    def _certain_words(self) -> frozenset[str]:
        """Words that no value can be a part of."""
        last = len(self._literals) - 1
        words: set[str] = set()
        for number, text in enumerate(self._literals):
            found = list(_WORD.finditer(text))
            words |= {
                word[0]
                for word in found
                if (number == 0 or word.start() > 0) and (number == last or word.end() < len(text))
            }
        return frozenset(words)

    def may_be_in(self, text: str) -> bool:
        """Whether all of the template is in a text, wherever."""
        return all(literal in text for literal in self._literals)

    def values(self, message: str) -> list[str] | None:
        """The values of a message; None if it was not made from this template.

        Of several ways to read it, each value is as short as it can be, from the first on.
        """
        first, last = self._literals[0], self._literals[-1]
        end = len(message) - len(last)
        if not message.startswith(first) or not message.endswith(last) or end < len(first):
            return None
        values, at = [], len(first)
        for literal in self._literals[1:-1]:
            found = message.find(literal, at, end)
            if found < 0:
                return None
            values.append(message[at:found])
            at = found + len(literal)
        values.append(message[at:end])
        return None if self._torn(values) else values

    def _torn(self, values: Sequence[str]) -> bool:
        """Whether a value begins or ends in the middle of a sentence, so that another template made
        the message.
        """
        around = zip(values, self._literals, self._literals[1:], strict=False)
        return any(
            (value[:1] in _TORN and before[-1:] in {"", " "})
            or value[-1:] in {",", ";", ":"}
            or (value[-1:] == " " and after[:1] != " ")
            for number, (value, before, after) in enumerate(around)
            if number not in self.raw and (before or number == 0)
        )

    def _runs(self) -> list[int]:
        runs = [1]
        for literal in self._literals[1:-1]:
            if literal:
                runs.append(1)
            else:
                runs[-1] += 1
        return runs

    def filled(self, values: Sequence[str]) -> str:
        """The counterpart with the *values* in it."""
        text, at = "", 0
        for place in _PLACE.finditer(self._other):
            text = joined(joined(text, self._other[at : place.start()]), values[int(place[1])])
            at = place.end()
        return joined(text, self._other[at:])


def joined(one: str, other: str) -> str:
    """Two texts in a row, with a space between Chinese and Latin words, and none within
    Chinese.
    """
    if not one or not other:
        return one + other
    if other[0] == " " and _WIDE.match(one[-1]) and _WIDE.match(other[1:2] or "a"):
        return one + other[1:]
    if one[-1] == " " and _WIDE.match(one[-2:-1] or "a") and _WIDE.match(other[0]):
        return one[:-1] + other
    narrow = {side.isascii() and side.isalnum() for side in (one[-1], other[0])}
    wide = next((side for side in (one[-1], other[0]) if _WIDE.match(side)), "")
    apart = len(narrow) == 2 and wide and wide not in _CLOSING
    return f"{one} {other}" if apart else one + other
