"""Token counts: those that an upstream reports, and an estimate where it reports none.

Grok's web protocol gives no token counts, and its tokenizer is not public. So tokens are counted
here, the same for question and answer: one per CJK character, and one per four other characters.
Responses carry the header ``x-grok2api-usage``: ``estimated``, or ``reported`` if the lane that
answers counts itself.
"""

from __future__ import annotations

import re

from attrs import frozen

__all__ = ["CHARS_PER_TOKEN", "TICKS_PER_USD", "TokenEstimate", "Usage", "estimate"]

TICKS_PER_USD = 10_000_000_000
"""xAI's unit of cost: 1e-10 USD (docs.x.ai, cost tracking, 2026-11)."""


@frozen
class Usage:
    """The counts that an upstream reports for one answer.

    :ivar input_tokens: cached ones included.
    :ivar output_tokens: those of the reasoning included.
    :ivar cost_ticks: what the upstream charges, in 1e-10 USD; None if it does not say.
    :ivar searches: uses of the upstream's own tools.
    """

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_ticks: int | None = None
    searches: int = 0


CHARS_PER_TOKEN = 4
"""For anything but CJK; the usual rule of thumb for English, within some 20 % for prose and low for
code.
"""

_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff]"
)


def _cjk_in(text: str) -> int:
    return 0 if text.isascii() else len(_CJK.findall(text))


def _tokens(cjk: int, other: int) -> int:
    return cjk + -(-other // CHARS_PER_TOKEN)


class TokenEstimate:
    """A running count over pieces of text, however they are cut."""

    def __init__(self) -> None:
        self._cjk = 0
        self._other = 0

    def add(self, text: str) -> None:
        """Count *text*."""
        cjk = _cjk_in(text)
        self._cjk += cjk
        self._other += len(text) - cjk

    def fitting(self, text: str, most: int) -> int:
        """The number of leading characters of *text* that can be added within *most* tokens."""
        cjk = _cjk_in(text)
        if _tokens(self._cjk + cjk, self._other + len(text) - cjk) <= most:
            return len(text)
        cjk, other, at = self._cjk, self._other, 0
        while _tokens(cjk, other) <= most:
            cjk_here = _cjk_in(text[at])
            cjk, other, at = cjk + cjk_here, other + 1 - cjk_here, at + 1
        return max(0, at - 1)

    @property
    def tokens(self) -> int:
        """Tokens so far, rounded up."""
        return _tokens(self._cjk, self._other)


def estimate(text: str) -> int:
    """Tokens of one whole text."""
    count = TokenEstimate()
    count.add(text)
    return count.tokens
