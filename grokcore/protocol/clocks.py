"""The three clocks of a request, as arithmetic on times that the caller passes in.

* **first response**: from sending an attempt's request to its first meaningful event; starts anew
  with each attempt.
* **chunk**: the gap between two meaningful events.
* **total**: from accepting the request, over queue and all attempts.

None of them runs while the server does work of its own (:meth:`Clocks.exclude`) or is blocked
writing to a slow client (:meth:`Clocks.client_was_slow`). But an answer holds a token as long as it
lasts. So a slow client puts the total clock off by no more than the clock's own length: one that
reads drop by drop has twice the total for its answer. (The write timeout ends a client that stops
reading altogether.)

Two more bound the wait for Grok's last lines:

* **after a soft stop**: Grok has called its text complete, and neither ended its answer nor gone
  on. Its agents do go on, after pauses, so silence is no end: an answer that this clock cuts off is
  incomplete.
* **after the modelResponse**: the whole answer has arrived; only an error could follow. The end of
  this wait is no failure.
"""

from __future__ import annotations

import math

from ..errors import (
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    TimeoutChunk,
    TimeoutFirstResponse,
    TimeoutTotal,
)
from .models import Limits

__all__ = ["AFTER_FINAL_S", "AFTER_STOP_S", "Clocks"]

AFTER_STOP_S = 20.0
"""Seconds of silence after a soft stop. In all recorded streams a modelResponse follows within some
10 ms.
"""

AFTER_FINAL_S = 0.25
"""Seconds to wait for the end of the stream after a modelResponse. A title follows within some
10 ms.
"""


class Clocks:
    """The deadlines of one request. All times are seconds on one monotonic clock.

    :param accepted: time at which the request was accepted.
    """

    def __init__(self, limits: Limits, accepted: float) -> None:
        self._limits = limits
        self._total_at = accepted + limits.total
        self._patience = limits.total  # seconds by which a slow client may still put off the total
        self._first_at = math.inf
        self._chunk_at = math.inf
        self._stop_at = math.inf
        self._final_at = math.inf

    def begin_attempt(self, now: float) -> None:
        """Start the first-response clock: an attempt's request is being sent."""
        self._first_at = now + self._limits.first_response
        self._chunk_at = self._stop_at = self._final_at = math.inf

    def end_attempt(self) -> None:
        """Stop all clocks but the total: the attempt is over, and the next waits for its token."""
        self._first_at = self._chunk_at = self._stop_at = self._final_at = math.inf

    def heard(self, now: float) -> None:
        """Start the chunk clock anew: a meaningful event has arrived. It ends a soft stop too."""
        self._first_at = self._stop_at = math.inf
        self._chunk_at = now + self._limits.chunk

    def stopped(self, now: float) -> None:
        """Start the clock of a soft stop: Grok has called its text complete."""
        if self._stop_at == math.inf:
            self._stop_at = now + AFTER_STOP_S

    def concluded(self, now: float) -> None:
        """Start the last clock: the whole answer has arrived."""
        if self._final_at == math.inf:
            self._final_at = now + AFTER_FINAL_S

    def exclude(self, seconds: float) -> None:
        """Leave out *seconds* of work of our own."""
        self._total_at += seconds
        self._put_off(seconds)

    def client_was_slow(self, seconds: float) -> None:
        """Leave out *seconds* of writing to the client; of the total clock, as far as there is
        patience left.
        """
        granted = min(seconds, self._patience)
        self._patience -= granted
        self._total_at += granted
        self._put_off(seconds)

    def _put_off(self, seconds: float) -> None:
        self._first_at += seconds
        self._chunk_at += seconds
        self._stop_at += seconds
        self._final_at += seconds

    @property
    def total_at(self) -> float:
        """Time at which the total clock fires."""
        return self._total_at

    @property
    def deadline(self) -> float:
        """Time at which the first clock fires."""
        return min(self._total_at, self._first_at, self._chunk_at, self._stop_at, self._final_at)

    def expired(self) -> GrokApiError | None:
        """The error of the clock that fires first; None if the whole answer has arrived."""
        if self._final_at != math.inf:
            return None
        due = self.deadline
        if due == self._stop_at:
            if self._first_at != math.inf:
                return EmptyAnswer("Grok ended its answer without any text.")
            waited = f"{AFTER_STOP_S:g} s"
            return IncompleteAnswer(
                f"Grok stopped, and for {waited} neither ended its answer nor went on with it."
            )
        if due == self._first_at:
            limit = f"{self._limits.first_response:g}"
            return TimeoutFirstResponse(
                f"Grok sent nothing of an answer within {limit} s (first-response clock)."
            )
        if due == self._chunk_at:
            return TimeoutChunk(
                f"Grok sent nothing more of the answer for {self._limits.chunk:g} s (chunk clock)."
            )
        return self.out_of_time()

    def out_of_time(self) -> TimeoutTotal:
        """The error of the total clock."""
        return TimeoutTotal(
            f"The answer was not complete within {self._limits.total:g} s (total clock)."
        )
