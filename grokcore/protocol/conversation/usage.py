"""An estimate of token counts.

Grok's web protocol gives no token counts, and its tokenizer is not public. So tokens are counted
here, the same for question and answer: one per CJK character, and one per four other characters.
Responses carry the header ``x-grok2api-usage: estimated``.
"""

from __future__ import annotations

import re

__all__ = ["TokenEstimate", "estimate"]

CHARS_PER_TOKEN = 4
"""For anything but CJK; the usual rule of thumb for English, within some 20 % for prose and low for
code.
"""

_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)


class TokenEstimate:
    """A running count over pieces of text, however they are cut."""

    def __init__(self) -> None:
        self._cjk = 0
        self._other = 0

    def add(self, text: str) -> None:
        """Count *text*."""
        cjk = 0 if text.isascii() else len(_CJK.findall(text))
        self._cjk += cjk
        self._other += len(text) - cjk

    def fitting(self, text: str, most: int) -> int:
        """The number of leading characters of *text* that can be added within *most* tokens."""
        if text.isascii():
            return max(0, min(len(text), (most - self._cjk) * CHARS_PER_TOKEN - self._other))
        cjk, other = self._cjk, self._other
        for at, character in enumerate(text):
            if _CJK.match(character):
                cjk += 1
            else:
                other += 1
            if cjk + -(-other // CHARS_PER_TOKEN) > most:
                return at
        return len(text)

    @property
    def tokens(self) -> int:
        """Tokens so far, rounded up."""
        return self._cjk + -(-self._other // CHARS_PER_TOKEN)


def estimate(text: str) -> int:
    """Tokens of one whole text."""
    count = TokenEstimate()
    count.add(text)
    return count.tokens
