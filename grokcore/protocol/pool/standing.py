"""The standing of an official credential: consequences of failures for later questions.

Pure bookkeeping, as in :mod:`grokcore.protocol.pool.book`: ``now`` is an argument.

Rules
-----
1. A refused credential stays refused until there is another one: the owner has to act.
2. Used-up credits, and a version of the CLI that is too old, rest the lane for a while.
3. A 429, and a model that the plan does not include, rest that model alone: xAI's rate limits are
   per model (docs.x.ai, rate limits, 2026-11). The rest is the time that xAI gives, else one that
   grows.
4. Failures of xAI or of the way to it, several in a row, shut the lane for a short while.
5. A success forgets everything but the refusals of other models.
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

MODELS_AT_MOST = 200

_RESTS = {CreditsExhausted: CREDITS_REST_S, CliOutdated: OUTDATED_REST_S}


@define
class _Rest:
    """A pause with its reason. *until* is infinite if only the owner can end it."""

    error: GrokApiError
    until: float

    def over(self, now: float) -> bool:
        return now >= self.until

    def told(self, now: float) -> GrokApiError:
        """A copy of the reason for one request, with the time that is left."""
        left = None if self.until == math.inf else max(0.0, self.until - now)
        return type(self.error)(self.error.short, retry_after=left)


def _breaker() -> Breaker:
    return Breaker(tolerance=3, pause_s=10, cap_s=300)


@define
class Standing:
    """The standing of one lane's credential with xAI.

    :ivar refused_key: the key of a credential that xAI refused; empty if it refused none.
    """

    refused_key: str = ""
    _rest: _Rest | None = None
    _models: dict[str, _Rest] = field(factory=dict)
    _quota_rests: int = 0
    _breaker: Breaker = field(factory=_breaker)
    _failure: GrokApiError | None = None

    def begin(self, now: float) -> None:
        """Count an attempt that begins."""
        self._breaker.pass_one(now)

    def succeed(self, model: str, began: float) -> None:
        """Count an answer of *model*."""
        self.forget()
        self._models.pop(model, None)
        self._breaker.succeed(began)

    def forget(self) -> None:
        """Forget rests and refusals of the credential: it has answered, or there is another one."""
        self.refused_key, self._rest, self._quota_rests = "", None, 0

    def fail(self, error: GrokApiError, key: str, model: str, began: float, now: float) -> None:
        """Count the failure of an attempt with the credential of this *key*."""
        match error:
            case OfficialCredentialRejected():
                self.refused_key, self._rest = key, _Rest(error, math.inf)
            case QuotaExhausted():
                self._rest_model(model, _Rest(error, now + self._quota_rest(error)))
            case CreditsExhausted() | CliOutdated():
                rest = error.retry_after or _RESTS[type(error)]
                self._rest = _Rest(error, now + rest)
            case AccessDenied():
                self._rest_model(model, _Rest(error, now + MODEL_REST_S))
            case UpstreamFailure() | UpstreamOverloaded() | Challenge() | AntiBotRefusal():
                self._failure = error
                self._breaker.fail(began, now)
            case _:
                pass

    def _rest_model(self, model: str, rest: _Rest) -> None:
        if model in self._models or len(self._models) < MODELS_AT_MOST:
            self._models[model] = rest

    def _quota_rest(self, error: GrokApiError) -> float:
        self._quota_rests += 1
        if error.retry_after is not None:
            return error.retry_after
        return min(QUOTA_REST_S * 2.0 ** (self._quota_rests - 1), LONGEST_QUOTA_REST_S)

    def why_not(self, key: str, model: str, now: float) -> GrokApiError | None:
        """The reason why *model* can't be asked with the credential of this *key* now."""
        if self.refused_key and self.refused_key != key:
            self.forget()
        for rest in (self._rest, self._models.get(model)):
            if rest is not None and not rest.over(now):
                return rest.told(now)
        if self._failure is not None and self._breaker.shut_until > now:
            left = self._breaker.shut_until - now
            return type(self._failure)(self._failure.short, retry_after=left)
        return None

    def opens_at(self, model: str, now: float) -> float:
        """The time at which *model* may be asked again; *now* if it may be asked already."""
        rests = (self._rest, self._models.get(model))
        ends = [rest.until for rest in rests if rest is not None]
        return max(now, self._breaker.shut_until, *ends)

    def resting(self, now: float) -> dict[str, GrokApiError]:
        """The reasons why single models can't be asked now, by their names."""
        return {model: rest.told(now) for model, rest in self._models.items() if not rest.over(now)}

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that the caller's clock has missed."""
        for rest in filter(None, (self._rest, *self._models.values())):
            rest.until -= seconds
        self._breaker.shift(seconds)
