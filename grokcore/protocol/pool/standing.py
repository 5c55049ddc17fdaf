"""The consequences of an official credential's failures for the questions after them.

Pure bookkeeping, as in :mod:`grokcore.protocol.pool.book`: ``now`` is an argument.

Rules
-----
1. A refused credential stays refused until there is another one: the owner has to act. No other
   failure shortens that.
2. Used-up credits, and a version of the CLI that is too old, rest the credential for a while.
3. A 429, and a model that the plan does not include, rest that model alone: xAI's rate limits are
   per model (docs.x.ai, rate limits, 2026-11). The rest is the time that xAI gives, else one that
   grows. Attempts that were under way together make it grow once.
4. Failures of xAI or of the way to it, several in a row, shut the lane for a short while.
5. A success ends the rests of its credential and of its model, unless they are newer than the
   attempt.
6. A rest is of one credential (by its key): another one is not bound by it.
"""

from __future__ import annotations

import math

from attrs import define, field

from ...errors import (
    AccessDenied,
    AntiBotRefusal,
    Challenge,
    CliOutdated,
    CreditsExhausted,
    GrokApiError,
    ModelGone,
    OfficialCredentialRejected,
    QuotaExhausted,
    UpstreamFailure,
    UpstreamOverloaded,
)
from .breaker import Breaker

__all__ = ["Standing"]

QUOTA_REST_S = 30.0
"""First rest after a 429 without a time; each further one in a row doubles it."""

LONGEST_QUOTA_REST_S = 3600.0

CREDITS_REST_S = 900.0
"""Rest after used-up credits: the owner may have bought new ones."""

OUTDATED_REST_S = 600.0
"""Rest after a refused version of the CLI: the owner may have updated it."""

MODEL_REST_S = 3600.0
"""Rest of a model that the plan does not include."""

GONE_REST_S = 600.0
"""Rest of a model that xAI does not have any more, unless its list says so before."""

SHORTEST_REST_S = 1.0
"""Rest if xAI gives less."""

MEMORY_S = 600.0
"""Seconds after its end in which a model's rest still makes the next one longer."""

MODELS_AT_MOST = 200
"""Models whose rests are remembered, and credentials too."""

_DOUBLINGS_AT_MOST = 16


@define
class _Rest:
    """A pause with its reason.

    :ivar until: its end; infinite if only the owner can end it.
    :ivar since: its begin.
    :ivar in_a_row: rests since the last success, this one included.
    """

    error: GrokApiError
    until: float
    since: float
    in_a_row: int = 1

    def over(self, now: float) -> bool:
        return now >= self.until

    def told(self, now: float) -> GrokApiError:
        """A copy of the reason for one request, with the time that is left."""
        left = None if self.until == math.inf else max(0.0, self.until - now)
        return _copy(self.error, left)


_Rests = dict[tuple[str, str], _Rest]


def _copy(error: GrokApiError, retry_after: float | None) -> GrokApiError:
    """*error* without Grok's words, which are for the client who got them."""
    copy = type(error)(error.short, param=error.param, retry_after=retry_after)
    copy.amend(repeatable=error.may_repeat)
    return copy


def _breaker() -> Breaker:
    return Breaker(tolerance=3, pause_s=10, cap_s=300)


@define
class Standing:
    """The standing of one lane's credentials with xAI. A credential is known by its key."""

    _rests: _Rests = field(factory=dict)
    """By key and model; the model is empty in a rest of the whole credential."""
    _breaker: Breaker = field(factory=_breaker)
    _failure: GrokApiError | None = None

    def begin(self, now: float) -> None:
        """Count an attempt that begins."""
        self._breaker.pass_one(now)

    def give_back(self, began: float) -> None:
        """Count an attempt that ended without an outcome: it was cancelled, or never sent."""
        self._breaker.give_back(began)

    def succeed(self, key: str, model: str, began: float) -> None:
        """Count an answer of *model*."""
        for place in ((key, ""), (key, model)):
            rest = self._rests.get(place)
            if rest is not None and rest.since <= began:
                del self._rests[place]
        self._breaker.succeed(began)

    def forget(self) -> None:
        """Forget all rests and refusals, of each credential: the owner has acted."""
        self._rests.clear()

    def fail(self, error: GrokApiError, key: str, model: str, began: float, now: float) -> None:
        """Count the failure of an attempt with the credential of this *key*."""
        match error:
            case OfficialCredentialRejected():
                self._rest((key, ""), _Rest(error, math.inf, now))
            case QuotaExhausted():
                self._rest_for_quota((key, model), error, began, now)
            case CreditsExhausted():
                self._rest((key, ""), _Rest(error, now + _given(error, CREDITS_REST_S), now))
            case CliOutdated():
                self._rest((key, ""), _Rest(error, now + _given(error, OUTDATED_REST_S), now))
            case AccessDenied():
                self._rest((key, model), _Rest(error, now + _given(error, MODEL_REST_S), now))
            case ModelGone():
                self._rest((key, model), _Rest(error, now + GONE_REST_S, now))
            case UpstreamFailure() | UpstreamOverloaded() | Challenge() | AntiBotRefusal():
                self._failure = error
                self._breaker.fail(began, now)
            case _:
                pass

    def _rest_for_quota(
        self, place: tuple[str, str], error: GrokApiError, began: float, now: float
    ) -> None:
        last = self._rests.get(place)
        in_a_row, since = 1, now
        if last is not None and began < last.since:
            in_a_row, since = last.in_a_row, last.since
        elif last is not None and now - last.until <= MEMORY_S:
            in_a_row = last.in_a_row + 1
        grown = QUOTA_REST_S * 2.0 ** min(in_a_row - 1, _DOUBLINGS_AT_MOST)
        until = since + min(grown, LONGEST_QUOTA_REST_S)
        if error.retry_after is not None:
            until = now + _given(error, 0.0)
        self._rest(place, _Rest(error, until, since, in_a_row))

    def _rest(self, place: tuple[str, str], rest: _Rest) -> None:
        """Begin *rest*, unless a longer one is under way."""
        last = self._rests.pop(place, None)
        if last is not None and last.until > rest.until:
            rest = last
        elif len(self._rests) >= MODELS_AT_MOST:
            self._make_room(rest.since)
        self._rests[place] = rest

    def _make_room(self, now: float) -> None:
        """Drop the rests that are over; else the one that was begun first."""
        kept = {place: rest for place, rest in self._rests.items() if not rest.over(now)}
        if len(kept) == len(self._rests):
            del kept[next(iter(kept))]
        self._rests = kept

    def why_not(self, key: str, model: str, now: float) -> GrokApiError | None:
        """The reason why *model* can't be asked with the credential of this *key* now."""
        for rest in self._of(key, model):
            if not rest.over(now):
                return rest.told(now)
        if self._failure is not None and self._breaker.shut_until > now:
            return _copy(self._failure, self._breaker.shut_until - now)
        return None

    def opens_at(self, key: str, model: str, now: float) -> float:
        """The time at which *model* may be asked again with the credential of this *key*; *now* if
        it may be asked already; infinity if the owner has to act.
        """
        ends = [rest.until for rest in self._of(key, model)]
        return max(now, self._breaker.shut_until, *ends)

    def _of(self, key: str, model: str) -> list[_Rest]:
        rests = (self._rests.get((key, "")), self._rests.get((key, model)))
        return [rest for rest in rests if rest is not None]

    def resting(self, key: str, now: float) -> dict[str, GrokApiError]:
        """The reasons why single models can't be asked with the credential of this *key*, by their
        names.
        """
        return {
            model: rest.told(now)
            for (owner, model), rest in self._rests.items()
            if owner == key and model and not rest.over(now)
        }

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed."""
        for rest in self._rests.values():
            rest.until -= seconds
            rest.since -= seconds
        self._breaker.shift(seconds)


def _given(error: GrokApiError, otherwise: float) -> float:
    """The time that xAI gives, in seconds, else *otherwise*."""
    given = otherwise if error.retry_after is None else error.retry_after
    return max(SHORTEST_REST_S, given)
