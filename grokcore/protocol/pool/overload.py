"""Grok's own overload: which models are left alone for a while, and what is answered in their
place.

One breaker for each group of models that Grok counts together, since heavy use of one does not shut
the others, and one for Grok as a whole (HTTP 5xx, HTML where JSON belongs). Single attempts after a
pause are spaced over all of them together.

Grok may also stumble over a question. So each API key has breakers of its own: a client that
repeats such a question keeps nobody else out. If those of two keys are open, everybody waits.
"""

from __future__ import annotations

import math

from attrs import define, field

from ...errors import GrokApiError, UpstreamOverloaded, UpstreamUnavailable
from .breaker import PROBES_APART_S, Breaker

__all__ = ["Overload"]

TOLERANCE = 4
"""Failures in a row that begin a pause: one more than one request makes, so that a single question
that Grok stumbles over keeps nobody else waiting."""

PAUSE_S = 10.0
"""The first pause. With it the three calls that clients' libraries make for one question reach Grok
four times in 15 s.
"""

CAP_S = 60.0
"""The longest pause, in seconds: longer ones are not sat out by the clients' libraries
(``SDK_PATIENCE_S``).
"""

_EVERYTHING = ""
"""Where a group of models stands: Grok as a whole."""

_CROWD = 2
"""Keys whose questions fail at the same time, from which on it can't be their questions: then all
others wait, too.
"""

_SHED = "Grok sheds load; after several refusals in a row it is asked again in {seconds} s."
_BROKEN = "Grok failed several times in a row; it is asked again in {seconds} s."


@define
class Overload:
    """See the module. All times are seconds of the caller's clock.

    An *asker* is the name of an API key, and empty without one.
    """

    _breakers: dict[str, dict[str, Breaker]] = field(factory=dict)
    """By asker, and by group of models."""
    _next_probe_at: float = -math.inf

    def shut_until(self, group: str, asker: str = "") -> float:
        """From when on a question of *asker* to this group may be asked."""
        mine = self._of(asker, group)
        others = [
            found
            for other in self._breakers
            if other != asker and (found := self._of(other, group))
        ]
        shut = max((breaker.paused_until for breaker in mine), default=-math.inf)
        if len(others) >= _CROWD:
            ends = sorted(max(breaker.paused_until for breaker in found) for found in others)
            shut = max(shut, ends[-_CROWD])
        elif not mine:
            return shut
        return max(shut, self._next_probe_at)

    def refusal(self, group: str, now: float, asker: str = "") -> GrokApiError | None:
        """What a question to this group is answered with at the moment; None if it may be asked."""
        wait = self.shut_until(group, asker) - now
        if wait <= 0:
            return None
        seconds = str(max(1, math.ceil(wait)))
        if any(self._of(one, _EVERYTHING) for one in self._breakers):
            return UpstreamUnavailable(_BROKEN.replace("{seconds}", seconds), retry_after=wait)
        return UpstreamOverloaded(_SHED.replace("{seconds}", seconds), retry_after=wait)

    def pass_one(self, group: str, now: float, asker: str = "") -> None:
        """Let an attempt begin."""
        if self.shut_until(group, asker) > -math.inf:
            self._next_probe_at = now + PROBES_APART_S

    def fail(
        self, group: str, error: GrokApiError, began: float, now: float, asker: str = ""
    ) -> None:
        """Count a failed attempt, if it is one of overload. The error is given the time of the next
        attempt.
        """
        key = _breaker_of(group, error)
        if key is None:
            return
        breakers = self._breakers.setdefault(asker, {})
        breakers.setdefault(key, Breaker(TOLERANCE, PAUSE_S, CAP_S)).fail(began, now)
        if (until := self.shut_until(group, asker)) > now:
            error.amend(retry_after=until - now)

    def succeed(self, group: str, began: float) -> None:
        """Grok has begun an answer to an attempt that began at *began*, whoever asked."""
        for breakers in self._breakers.values():
            if (breaker := breakers.get(group)) is not None:
                breaker.succeed(began)

    def reached(self, began: float) -> None:
        """Grok has answered an attempt that began at *began*, if only with a refusal of its own."""
        for breakers in self._breakers.values():
            if (breaker := breakers.get(_EVERYTHING)) is not None:
                breaker.succeed(began)

    def shift(self, seconds: float) -> None:
        """Move all times to earlier ones: the caller's clock has not counted so many seconds."""
        self._next_probe_at -= seconds
        for breakers in self._breakers.values():
            for breaker in breakers.values():
                breaker.shift(seconds)

    def paused(self, now: float) -> dict[str, float]:
        """Seconds that each group is left alone for, by the one asker at least who may ask it last.

        The name of Grok as a whole is empty.
        """
        found: dict[str, float] = {}
        for breakers in self._breakers.values():
            for key, breaker in breakers.items():
                if breaker.paused_until > now:
                    found[key] = max(found.get(key, 0.0), breaker.paused_until - now)
        return found

    def _of(self, asker: str, group: str) -> list[Breaker]:
        """The breakers that *asker* has opened for this group, and that no answer has closed
        since.
        """
        breakers = self._breakers.get(asker, {})
        return [
            found
            for key in (group, _EVERYTHING)
            if (found := breakers.get(key)) and found.half_open
        ]


def _breaker_of(group: str, error: GrokApiError) -> str | None:
    """The breaker that counts this failure; None if it is no failure of overload."""
    if isinstance(error, UpstreamOverloaded):
        return group
    return _EVERYTHING if isinstance(error, UpstreamUnavailable) else None
