"""The attempts of one request: whether another follows a failed one, when, and with which tokens.

They end with the first meaningful event: nothing is retried after a byte went out.
"""

from __future__ import annotations

from attrs import define, field

from ...errors import Blame, GrokApiError, ModelGone, TransportFailure

__all__ = ["MAX_ATTEMPTS", "Attempts"]

MAX_ATTEMPTS = 3
"""Requests that Grok receives at most for one request of a client."""

MAX_PER_TOKEN = 2
"""After a failure that is not the token's, it is tried once more if there is no other token, over a
fresh connection.
"""

SPACING_S = (0.5, 1.5)
"""Seconds before the second and the third attempt, if Grok or the egress failed. A repetition at
once meets the same overload, and adds to it."""

JITTER = 0.25
"""Fraction of a spacing that is added or taken off at most, so that requests which failed together
don't come back together.
"""


@define
class Attempts:
    """The attempts of one request so far.

    :ivar made: their number, the current one included.
    :ivar excluded: keys of tokens that must not be tried again.
    """

    made: int = 0
    excluded: set[str] = field(factory=set)
    _uses: dict[str, int] = field(factory=dict)

    @property
    def avoided(self) -> frozenset[str]:
        """Keys of tokens that have failed and may be tried again, if there is no other."""
        return frozenset(self._uses) - self.excluded

    def begin(self, token: str) -> None:
        """Count an attempt that begins with the token of this key."""
        self.made += 1
        self._uses[token] = self._uses.get(token, 0) + 1

    def may_go_on(self, token: str, error: GrokApiError) -> bool:
        """Count the failure of the attempt with *token*. Returns whether another may follow.

        An upstream that allows no repetition with a token has not said anything of others.
        """
        if _is_of_credential(error) or self._uses[token] >= MAX_PER_TOKEN:
            self.excluded.add(token)
        others = error.blame is Blame.TOKEN and error.again
        return (error.may_repeat or others) and self.made < MAX_ATTEMPTS

    def spacing(self, error: GrokApiError, jitter: float) -> float:
        """Seconds to wait before the next attempt, after *error*.

        Zero after a token's own failure, since the next attempt has another token. Zero after the
        first broken connection too: most often that was a kept one, and a fresh one works.

        :param jitter: a random number from 0 to 1.
        """
        if _is_of_credential(error) or (isinstance(error, TransportFailure) and self.made == 1):
            return 0.0
        return SPACING_S[self.made - 1] * (1 + JITTER * (2 * jitter - 1))


def _is_of_credential(error: GrokApiError) -> bool:
    """Whether another attempt with the same credential would fail alike. A model that an official
    lane has lost may still be one of another lane.
    """
    return error.blame is Blame.TOKEN or isinstance(error, ModelGone)
