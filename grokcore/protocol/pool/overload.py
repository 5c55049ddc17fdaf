"""Grok's own overload: groups of models that are left alone for a while, and the error meanwhile.

Each group of models that Grok counts together has a breaker, since heavy use of one does not shut
the others. Grok as a whole has one too (HTTP 5xx, HTML where JSON belongs). Single attempts after a
pause are spaced over all of them together.

A single question can make Grok fail, too. So each API key has breakers of its own: a client that
repeats such a question keeps no other client out. If the breakers of two keys are open, all wait.
"""

from __future__ import annotations

import math

from attrs import define, field

from ...errors import GrokApiError, UpstreamOverloaded, UpstreamUnavailable
from .breaker import PROBES_APART_S, Breaker

__all__ = ["Overload"]

TOLERANCE = 4
"""Failures in a row that begin a pause: one more than one request makes, so that no single question
begins one."""

PAUSE_S = 10.0
"""Seconds of the first pause. With it the three requests that clients' libraries make for one
question reach Grok four times in 15 s.
"""

CAP_S = 60.0
"""Seconds of the longest pause: clients' libraries don't wait for longer (``SDK_PATIENCE_S``)."""

_CROWD = 2
"""Keys with open breakers from which on their questions can't be the cause, so that all others wait
too."""

_SHED = "Grok sheds load; after several refusals in a row it is asked again in {seconds} s."
_BROKEN = "Grok failed several times in a row; it is asked again in {seconds} s."


@define
class Overload:
    """The breakers of all API keys. All times are seconds of the caller's clock.

    An *asker* is the name of an API key, and empty without one.
    """

    _breakers: dict[str, dict[str | None, Breaker]] = field(factory=dict)
    """By asker, then by group of models; None is Grok as a whole."""
    _next_probe_at: float = -math.inf

    def shut_until(self, group: str, asker: str = "") -> float:
        """Time from which a question of *asker* to this group may be asked."""
        mine = self._of(asker, group)
        others = [
            breakers
            for other in self._breakers
            if other != asker and (breakers := self._of(other, group))
        ]
        shut = max((breaker.paused_until for breaker in mine), default=-math.inf)
        if len(others) >= _CROWD:
            ends = sorted(max(breaker.paused_until for breaker in breakers) for breakers in others)
            shut = max(shut, ends[-_CROWD])
        elif not mine:
            return shut
        return max(shut, self._next_probe_at)

    def refusal(self, group: str, now: float, asker: str = "") -> GrokApiError | None:
        """The error of a question to this group at the moment; None if it may be asked."""
        wait = self.shut_until(group, asker) - now
        if wait <= 0:
            return None
        seconds = str(max(1, math.ceil(wait)))
        if self._grok_fails():
            return UpstreamUnavailable(_BROKEN.replace("{seconds}", seconds), retry_after=wait)
        return UpstreamOverloaded(_SHED.replace("{seconds}", seconds), retry_after=wait)

    def _grok_fails(self) -> bool:
        breakers = (of_asker.get(None) for of_asker in self._breakers.values())
        return any(breaker is not None and breaker.half_open for breaker in breakers)

    def pass_one(self, group: str, now: float, asker: str = "") -> None:
        """Count an attempt that begins: the next one through a half-open breaker has to wait."""
        if self.shut_until(group, asker) > -math.inf:
            self._next_probe_at = now + PROBES_APART_S

    def fail(
        self, group: str, error: GrokApiError, began: float, now: float, asker: str = ""
    ) -> None:
        """Count a failed attempt if Grok is overloaded, and set the error's ``retry_after``."""
        key: str | None
        if isinstance(error, UpstreamOverloaded):
            key = group
        elif isinstance(error, UpstreamUnavailable):
            key = None
        else:
            return
        breakers = self._breakers.setdefault(asker, {})
        breakers.setdefault(key, Breaker(TOLERANCE, PAUSE_S, CAP_S)).fail(began, now)
        if (until := self.shut_until(group, asker)) > now:
            error.amend(retry_after=until - now)

    def succeed(self, group: str, began: float) -> None:
        """Count an attempt, of any asker, that began at *began* and that Grok is answering."""
        for breakers in self._breakers.values():
            if (breaker := breakers.get(group)) is not None:
                breaker.succeed(began)

    def reached(self, began: float) -> None:
        """Count an attempt that began at *began* and that reached Grok, if only for a refusal."""
        for breakers in self._breakers.values():
            if (breaker := breakers.get(None)) is not None:
                breaker.succeed(began)

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed."""
        self._next_probe_at -= seconds
        for breakers in self._breakers.values():
            for breaker in breakers.values():
                breaker.shift(seconds)

    def paused(self, now: float) -> dict[str | None, float]:
        """Seconds for which each group of models is left alone; None is Grok as a whole.

        If its breakers of several askers are open, the longest pause counts.
        """
        pauses: dict[str | None, float] = {}
        for breakers in self._breakers.values():
            for key, breaker in breakers.items():
                if breaker.paused_until > now:
                    pauses[key] = max(pauses.get(key, 0.0), breaker.paused_until - now)
        return pauses

    def _of(self, asker: str, group: str) -> list[Breaker]:
        """The breakers of *asker* that concern this group and are not closed."""
        breakers = self._breakers.get(asker, {})
        return [
            breaker
            for key in (group, None)
            if (breaker := breakers.get(key)) is not None and breaker.half_open
        ]
