"""The last hour, minute by minute, and the last faults: what the status page draws. Bounded,
whatever happens.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections import deque
from collections.abc import Callable

from attrs import define, field, frozen

from ..runtime.completion.gateway import FailedAttempt
from .trace import Trace

__all__ = ["Fault", "History", "Minute"]

MINUTES = 60

SAMPLES_PER_MINUTE = 500
"""Of more first-event times in a minute, a fair sample is kept."""

FAULTS_KEPT = 20


@frozen
class Minute:
    """What happened in one minute.

    :ivar at: its beginning, in seconds since 1970.
    :ivar requests: those that asked Grok, by the minute in which they ended; *errors* of them
        failed by nobody's request.
    :ivar first_p50_s: the median time to the first event in seconds, *first_p95_s* the 95th
        percentile; None without any.
    """

    at: int
    requests: int
    errors: int
    first_p50_s: float | None
    first_p95_s: float | None


@define
class Fault:
    """A failure, and how often it has come in the same words (numbers aside).

    :ivar at: the last time, in seconds since 1970.
    :ivar token: the short hash of the token it last happened with.
    """

    at: float
    count: int
    code: str
    message: str
    model: str
    token: str


@define
class _Bucket:
    at: int
    requests: int = 0
    errors: int = 0
    timed: int = 0
    first: list[float] = field(factory=list)

    def note_first(self, seconds: float) -> None:
        """Keep each of all that come with the same chance (Vitter's algorithm R)."""
        self.timed += 1
        if len(self.first) < SAMPLES_PER_MINUTE:
            self.first.append(seconds)
            return
        place = random.randrange(self.timed)  # noqa: S311 (nothing secret)
        if place < SAMPLES_PER_MINUTE:
            self.first[place] = seconds


class History:
    """An observer that remembers.

    :param clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._buckets: deque[_Bucket] = deque(maxlen=MINUTES)
        self._faults: dict[tuple[str, str], Fault] = {}

    def request_ended(self, trace: Trace) -> None:
        """Count it, if it asked Grok."""
        if not trace.asks:
            return
        bucket = self._bucket()
        bucket.requests += 1
        bucket.errors += trace.broken
        if (
            trace.error is not None
            and trace.broken
            and not (trace.completion and trace.completion.failures)
        ):
            self.note_fault(
                trace.code, trace.error.short, trace.model, ""
            )  # nobody has told of it yet
        if trace.first_s is not None:
            bucket.note_first(trace.first_s)

    def attempt_failed(self, failure: FailedAttempt) -> None:
        """Remember it, together with those of the same words."""
        error = failure.error
        self.note_fault(error.label, error.short, failure.model, failure.token_id)

    def note_fault(self, code: str, message: str, model: str, token: str) -> None:
        """Something went wrong; the words are shown to the owner."""
        now = self._clock()  # first: it may find that it was set
        same = (
            code,
            re.sub(r"\d+", "#", message),
        )  # "back in 3547 s" is no other fault a second later
        known = self._faults.pop(same, None)
        self._faults[same] = Fault(
            now, known.count + 1 if known else 1, code, message, model, token
        )  # put last: they are kept in the order of their last time
        if len(self._faults) > FAULTS_KEPT:
            del self._faults[next(iter(self._faults))]

    def clock_set(self, seconds: float) -> None:
        """The wall clock was set by so much: what has happened was as long ago as before."""
        for bucket in self._buckets:
            bucket.at += round(seconds / 60) * 60
        for fault in self._faults.values():
            fault.at += seconds

    def faults(self) -> list[Fault]:
        """The last ones, newest first."""
        return list(reversed(self._faults.values()))

    def minutes(self) -> list[Minute]:
        """The last hour, oldest first, the minute that is running last; sixty of them, empty ones
        too.
        """
        now = self._this_minute()
        known = {bucket.at: bucket for bucket in self._buckets}
        starts = range(now - (MINUTES - 1) * 60, now + 60, 60)
        return [_minute(known.get(at) or _Bucket(at)) for at in starts]

    def _bucket(self) -> _Bucket:
        at = self._this_minute()
        for bucket in reversed(self._buckets):  # the last, unless the clock was set back
            if bucket.at == at:
                return bucket
        self._buckets.append(_Bucket(at))
        return self._buckets[-1]

    def _this_minute(self) -> int:
        return int(self._clock()) // 60 * 60


def _minute(bucket: _Bucket) -> Minute:
    ordered = sorted(bucket.first)
    return Minute(
        bucket.at, bucket.requests, bucket.errors, _quantile(ordered, 0.5), _quantile(ordered, 0.95)
    )


def _quantile(ordered: list[float], share: float) -> float | None:
    """The nearest-rank quantile."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
