"""Proof that an answer is whole, or that it is not.

The modelResponse's ``message`` is the concatenation of the answer's tokens (grok-protocol.md §3.4,
checked on every recording). So it shows text that the tokens left out. Yet nobody promises that it
stays so: a ``message`` may come with other white space, with elements rendered or taken out, or
rewritten. Hence three verdicts:

* the tokens are its beginning: its remainder is the rest of the answer;
* it can be made of the tokens only by adding, doubling or moving pieces: text was lost;
* it is another text: no proof of anything.

Rules
-----
1. White space, and elements of Grok's own, prove nothing when all else is equal.
2. Work is linear in the length of the texts.
"""

from __future__ import annotations

import enum
import re

from .markup import TagFilter

__all__ = ["INVISIBLE", "Agreement", "AnswerText", "agreement", "is_visible"]

SCATTERED_CHARS = 200_000
"""Longer texts are looked at for one gap, not for several: each character would cost some 50 ns."""

_LINK = re.compile(r"\[{1,2}\d{1,4}\]{1,2}\(https?://[^()\s]{1,2000}\)")
"""A citation as Markdown."""

INVISIBLE = (
    "\\s\\x00-\\x20\\x7f-\\xa0\\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    "\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Characters that no reader can see, as the inside of a pattern's brackets: control and format
characters, white space, fillers, variation selectors (Unicode's Default_Ignorable_Code_Point).
"""

_VISIBLE = re.compile(f"[^{INVISIBLE}]")


def is_visible(text: str) -> bool:
    """Whether *text* holds a character that a reader can see."""
    return _VISIBLE.search(text) is not None


class Agreement(enum.Enum):
    """Verdict on tokens beside the whole answer."""

    SAME = enum.auto()
    """All of the answer is there; white space and elements aside."""
    BROKEN = enum.auto()
    """Text is missing, doubled, or out of order."""
    OTHER = enum.auto()
    """Two different texts, or the whole answer is the shorter one."""


class AnswerText:
    """The answer's tokens so far, raw, as UTF-8: a third of what a list of them would take."""

    def __init__(self) -> None:
        self._raw = bytearray()

    def __bool__(self) -> bool:
        return bool(self._raw)

    def add(self, token: str) -> None:
        """Append *token*."""
        self._raw += token.encode("utf-8", "surrogatepass")

    def rest_in(self, message: str) -> str | None:
        """The part of *message* that no token brought; None if *message* does not begin with the
        tokens.
        """
        whole = message.encode("utf-8", "surrogatepass")
        if not whole.startswith(self._raw):
            return None
        return whole[len(self._raw) :].decode("utf-8", "surrogatepass")

    def agreement(self, message: str, names: frozenset[str]) -> Agreement:
        """Compare with *message*; see :func:`agreement`."""
        return agreement(self._raw.decode("utf-8", "surrogatepass"), message, names)


def agreement(tokens: str, message: str, names: frozenset[str]) -> Agreement:
    """Compare the answer's *tokens* with the whole answer, of which they are not the beginning.

    :param names: elements that prove nothing, lower case.
    """
    brought, whole = _plain(tokens, names), _plain(message, names)
    if brought == whole:
        return Agreement.SAME
    if not whole:
        return Agreement.OTHER
    start = _common(brought, whole)
    end = _common(brought[start:][::-1], whole[start:][::-1])
    extra, lost = brought[start : len(brought) - end], whole[start : len(whole) - end]
    if not extra:
        return Agreement.BROKEN
    if not lost:
        return (
            Agreement.BROKEN if brought[:start].endswith(extra) else Agreement.OTHER
        )  # a piece twice
    return Agreement.BROKEN if _scattered(extra, lost) else Agreement.OTHER


def _plain(text: str, names: frozenset[str]) -> str:
    """*text* without white space, elements and links of citations."""
    tags = TagFilter(names)
    return "".join(_LINK.sub("", tags.feed(text) + tags.close()).split())


def _common(one: str, other: str) -> int:
    """Length of the longest common beginning; by halves, since comparing is done in C."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _scattered(extra: str, lost: str) -> bool:
    """Whether *lost* has the characters of *extra* in their order, and more; or the same ones in
    another order.
    """
    if max(len(extra), len(lost)) > SCATTERED_CHARS:
        return False
    if len(extra) >= len(lost):
        return len(extra) == len(lost) and sorted(extra) == sorted(lost)
    rest = iter(lost)
    return all(char in rest for char in extra)
