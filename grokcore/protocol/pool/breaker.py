"""A circuit breaker: failures in a row shut an egress, or a group of models, for a while. Single
attempts test it afterwards.

Theory
------
Clients repeat a request that failed: some at once, some without regard to ``Retry-After``. A server
that passes each of them on to Grok multiplies the load that made Grok refuse. So a breaker has
three states:

* **closed**: attempts pass. After *tolerance* failures in a row it opens.
* **open**: nothing passes until ``paused_until``; callers are refused at once.
* **half-open**, after a pause: one attempt a second passes. The first success closes the breaker,
  the next failure opens it for twice as long.

Rules
-----
1. An attempt that began before the end of a pause proves nothing about the time after it, be it a
   success or a failure.
2. Failures further apart than *memory_s* are not in a row, and neither are pauses. A breaker
   without attempts for so long is as good as closed.
"""

from __future__ import annotations

import math

from attrs import define

__all__ = ["MEMORY_S", "PROBES_APART_S", "Breaker"]

PROBES_APART_S = 1.0
"""Seconds between two attempts through a half-open breaker."""

MEMORY_S = 60.0
"""Default of ``memory_s``: seconds after which a failure is not counted any more."""


@define
class Breaker:
    """A breaker. All times are seconds of the caller's clock.

    :ivar tolerance: number of failures in a row that open it.
    :ivar pause_s: seconds of the first pause; each further pause without a success in between is
        twice as long.
    :ivar cap_s: seconds of the longest pause.
    :ivar memory_s: seconds after which a failure, or the end of a pause, is not counted any more.
    :ivar rounds: whether failures of attempts that were under way together count as one.
    :ivar paused_until: end of the last pause; -inf if there was none since the last success.
    :ivar pauses: pauses in a row.
    """

    tolerance: int
    pause_s: float
    cap_s: float
    memory_s: float = MEMORY_S
    rounds: bool = False
    paused_until: float = -math.inf
    pauses: int = 0
    _failures: int = 0
    _failed_at: float = -math.inf
    _next_probe_at: float = -math.inf

    @property
    def shut_until(self) -> float:
        """Time from which the next attempt may pass."""
        paused, probe = self.paused_until, self._next_probe_at
        return paused if paused > probe else probe  # noqa: FURB136 - max() takes twice as long

    @property
    def half_open(self) -> bool:
        """Whether there was a pause, and no success since."""
        return self.pauses > 0

    def pass_one(self, now: float) -> None:
        """Count an attempt that begins: the next one of a half-open breaker has to wait."""
        if self.half_open:
            self._next_probe_at = now + PROBES_APART_S

    def give_back(self, began: float) -> None:
        """Let another attempt pass in place of one that began at *began* and proved nothing."""
        if self._next_probe_at == began + PROBES_APART_S:
            self._next_probe_at = -math.inf

    def fail(self, began: float, now: float) -> None:
        """Count a failure of an attempt that began at *began*."""
        if self.half_open and began < self.paused_until:
            return
        if self.half_open and began - self.paused_until > self.memory_s:
            self.reset()
        if self.half_open:
            self._open(now)
            return
        if self.rounds and began < self._failed_at:
            return
        if now - self._failed_at > self.memory_s:
            self._failures = 0
        self._failures += 1
        self._failed_at = now
        if self._failures >= self.tolerance:
            self._open(now)

    def _open(self, now: float) -> None:
        self.paused_until = now + min(self.pause_s * 2**self.pauses, self.cap_s)
        self.pauses = min(self.pauses + 1, 16)
        self._failures, self._next_probe_at = 0, -math.inf

    def succeed(self, began: float) -> bool:
        """Count a success of an attempt that began at *began*.

        :returns: whether it closed the breaker.
        """
        if began < self.paused_until:
            return False
        was_half_open = self.half_open
        self.reset()
        return was_half_open

    def reset(self) -> None:
        """Forget all failures."""
        self.paused_until = self._next_probe_at = self._failed_at = -math.inf
        self.pauses = self._failures = 0

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed."""
        self.paused_until -= seconds
        self._next_probe_at -= seconds
        self._failed_at -= seconds
