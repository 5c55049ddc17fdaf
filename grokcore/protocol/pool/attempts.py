"""Whether an attempt that failed is followed by another, when, and with which token.

Asked only before the first meaningful event: nothing is retried after a byte went out.
"""

from __future__ import annotations

from attrs import define, field

from ...errors import Blame, GrokApiError, TransportFailure

__all__ = ["MAX_ATTEMPTS", "Attempts"]

MAX_ATTEMPTS = 3
"""Calls that upstream sees at most for one call of a client."""

MAX_PER_TOKEN = 2
"""A failure that is not the token's gets one more try with it, over a fresh connection, when there
is no other token.
"""

SPACING_S = (0.5, 1.5)
"""Seconds before the second and the third attempt, if Grok or the way to it failed: a repetition at
once meets the same overload, and adds to it."""

JITTER = 0.25
"""Largest part of a spacing that is added or taken off, so that requests which failed together
don't come back together.
"""


@define
class Attempts:
    """What has been tried for one request.

    :ivar made: attempts so far, the current one included.
    :ivar excluded: keys of tokens that must not be tried again.
    """

    made: int = 0
    excluded: set[str] = field(factory=set)
    _uses: dict[str, int] = field(factory=dict)

    @property
    def avoided(self) -> frozenset[str]:
        """Keys of tokens that were tried and may be tried again, if there is no other."""
        return frozenset(self._uses) - self.excluded

    def begin(self, token: str) -> None:
        """An attempt with the token of this key begins."""
        self.made += 1
        self._uses[token] = self._uses.get(token, 0) + 1

    def may_go_on(self, token: str, error: GrokApiError) -> bool:
        """The attempt with *token* failed. Returns whether another may follow."""
        if error.blame is Blame.TOKEN or self._uses[token] >= MAX_PER_TOKEN:
            self.excluded.add(token)
        return error.again and self.made < MAX_ATTEMPTS

    def spacing(self, error: GrokApiError, jitter: float) -> float:
        """Seconds to wait before the next attempt, after *error*.

        None at all after a token's own failure, since another token is asked. None after the first
        broken connection either: most often it was a kept one that had died, and a fresh one works.

        :param jitter: a random number from 0 to 1.
        """
        if error.blame is Blame.TOKEN or (isinstance(error, TransportFailure) and self.made == 1):
            return 0.0
        return SPACING_S[self.made - 1] * (1 + JITTER * (2 * jitter - 1))
