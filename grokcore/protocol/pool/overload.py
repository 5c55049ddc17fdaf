"""Grok's own overload: which models are left alone for a while, and what is answered in their place.

One breaker for each group of models that Grok counts together, since heavy use of one does not shut the others, and one for
Grok as a whole (HTTP 5xx, HTML where JSON belongs). Single attempts after a pause are spaced over all of them together.
"""

from __future__ import annotations

import math

from attrs import define, field

from ...errors import GrokApiError, UpstreamOverloaded, UpstreamUnavailable
from .breaker import PROBES_APART_S, Breaker

__all__ = ["Overload"]

TOLERANCE = 4
"""Failures in a row that begin a pause: one more than one request makes, so that a single question that Grok stumbles over
keeps nobody else waiting."""

PAUSE_S = 10.0
"""The first pause. With it the three calls that clients' libraries make for one question reach Grok four times in 15 s."""

CAP_S = 60.0
"""The longest pause, in seconds: longer ones are not sat out by the clients' libraries (``SDK_PATIENCE_S``)."""

_EVERYTHING = ""
"""Where a group of models stands: Grok as a whole."""

_SHED = "Grok sheds load; after several refusals in a row it is asked again in {seconds} s."
_BROKEN = "Grok failed several times in a row; it is asked again in {seconds} s."


@define
class Overload:
    """See the module. All times are seconds of the caller's clock."""

    _breakers: dict[str, Breaker] = field(factory=dict)
    _next_probe_at: float = -math.inf

    def shut_until(self, group: str) -> float:
        """From when on a question to this group may be asked."""
        mine = [breaker for key in (group, _EVERYTHING) if (breaker := self._breakers.get(key))]
        shut = max((breaker.paused_until for breaker in mine), default=-math.inf)
        return max(shut, self._next_probe_at) if any(breaker.half_open for breaker in mine) else shut

    def refusal(self, group: str, now: float) -> GrokApiError | None:
        """What a question to this group is answered with at the moment; None if it may be asked."""
        wait = self.shut_until(group) - now
        if wait <= 0:
            return None
        seconds = str(max(1, math.ceil(wait)))
        whole = self._breakers.get(_EVERYTHING)
        if whole is not None and whole.half_open:
            return UpstreamUnavailable(_BROKEN.replace("{seconds}", seconds), retry_after=wait)
        return UpstreamOverloaded(_SHED.replace("{seconds}", seconds), retry_after=wait)

    def pass_one(self, group: str, now: float) -> None:
        """Let an attempt begin."""
        if any(breaker.half_open for key in (group, _EVERYTHING) if (breaker := self._breakers.get(key))):
            self._next_probe_at = now + PROBES_APART_S

    def fail(self, group: str, error: GrokApiError, began: float, now: float) -> None:
        """Count a failed attempt, if it is one of overload. The error is given the time of the next attempt."""
        key = _breaker_of(group, error)
        if key is None:
            return
        self._breakers.setdefault(key, Breaker(TOLERANCE, PAUSE_S, CAP_S)).fail(began, now)
        if (until := self.shut_until(group)) > now:
            error.retry_after = until - now

    def succeed(self, group: str, began: float) -> None:
        """Grok has begun an answer to an attempt that began at *began*."""
        for key in (group, _EVERYTHING):
            breaker = self._breakers.get(key)
            if breaker is not None:
                breaker.succeed(began)

    def shift(self, seconds: float) -> None:
        """Move all times to earlier ones: the caller's clock has not counted so many seconds."""
        self._next_probe_at -= seconds
        for breaker in self._breakers.values():
            breaker.shift(seconds)

    def paused(self, now: float) -> dict[str, float]:
        """Seconds that each paused group is left alone for; the name of Grok as a whole is empty."""
        return {key: one.paused_until - now for key, one in self._breakers.items() if one.paused_until > now}


def _breaker_of(group: str, error: GrokApiError) -> str | None:
    """The breaker that counts this failure; None if it is no failure of overload."""
    if isinstance(error, UpstreamOverloaded):
        return group
    return _EVERYTHING if isinstance(error, UpstreamUnavailable) else None
