"""The last hour by minute, and the last faults, for the status page. Its size is bounded."""

from __future__ import annotations

import math
import random
import re
import time
from collections import deque
from collections.abc import Callable

from attrs import define, field, frozen

from ...errors import GrokApiError
from ...protocol.advice import advice_on
from ...runtime.completion.facts import FailedAttempt
from .trace import Trace

__all__ = ["Fault", "History", "Minute"]

MINUTES = 60

SAMPLES_PER_MINUTE = 500
"""Times to the first event that are kept per minute; of more, a random sample is kept."""

FAULTS_KEPT = 20


@frozen
class Minute:
    """Figures of one minute.

    :ivar at: its beginning, in seconds since 1970.
    :ivar requests: number of requests that asked Grok and ended in this minute.
    :ivar errors: number of them that failed for another reason than the request itself.
    :ivar first_p50_s: median time to the first event, in seconds; None without any.
    :ivar first_p95_s: its 95th percentile.
    """

    at: int
    requests: int
    errors: int
    first_p50_s: float | None
    first_p95_s: float | None


@define
class Fault:
    """A failure, and the number of times that it occurred with the same message (numbers aside).

    :ivar at: the last time, in seconds since 1970.
    :ivar token: the short hash of the token that it last occurred with.
    :ivar advice: on what the owner can do; empty for that by the code.
    :ivar reached: whether a client got it at least once; an attempt that a further one mended
        reaches no client.
    """

    at: float
    count: int
    code: str
    message: str
    model: str
    token: str
    advice: str = ""
    reached: bool = False


@define
class _Bucket:
    at: int
    requests: int = 0
    errors: int = 0
    timed: int = 0
    first: list[float] = field(factory=list)

    def note_first(self, seconds: float) -> None:
        """Keep a uniform sample of all times of the minute (Vitter's algorithm R)."""
        self.timed += 1
        if len(self.first) < SAMPLES_PER_MINUTE:
            self.first.append(seconds)
            return
        place = random.randrange(self.timed)  # noqa: S311 (nothing secret)
        if place < SAMPLES_PER_MINUTE:
            self.first[place] = seconds


class History:
    """A listener that keeps the figures of the last hour.

    :param clock: returns seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._buckets: deque[_Bucket] = deque(maxlen=MINUTES)
        self._faults: dict[tuple[str, str], Fault] = {}

    def request_ended(self, trace: Trace) -> None:
        """Count the request if it asked Grok."""
        if not trace.asks:
            return
        bucket = self._bucket()
        bucket.requests += 1
        bucket.errors += trace.broken
        if trace.error is not None and trace.broken:
            self._note_reached(trace, trace.error)
        if trace.first_s is not None:
            bucket.note_first(trace.first_s)

    def attempt_failed(self, failure: FailedAttempt) -> None:
        """Add the failure to the faults."""
        error, wanted = failure.error, advice_on(failure.error, failure.asked)
        self.note_fault(error.label, error.short, failure.model, failure.token_id, wanted)

    def note_fault(self, code: str, message: str, model: str, token: str, advice: str = "") -> None:
        """Add a fault; the message is shown to the owner. Faults stay in the order of their last
        occurrence.
        """
        now = self._clock()  # before the rest: reading it may shift the faults (clock_set)
        kind = _kind(code, message)
        earlier = self._faults.pop(kind, None)
        count = earlier.count + 1 if earlier else 1
        reached = earlier is not None and earlier.reached
        self._faults[kind] = Fault(now, count, code, message, model, token, advice, reached)
        if len(self._faults) > FAULTS_KEPT:
            del self._faults[next(iter(self._faults))]

    def _note_reached(self, trace: Trace, error: GrokApiError) -> None:
        """Mark the failure that a client got; add it if no attempt has reported it."""
        completion = trace.completion
        if completion is None or not completion.failed:
            self.note_fault(trace.code, error.short, trace.model, "", advice_on(error))
        fault = self._faults.get(_kind(trace.code, error.short))
        if fault is None and completion is not None:
            # The client got the state of the pool ("no valid token"): its cause is that of the last
            # attempt.
            last = (trace.model, completion.token_id)
            newest_first = reversed(self._faults.values())
            fault = next((each for each in newest_first if (each.model, each.token) == last), None)
        if fault is not None:
            fault.reached = True

    def clock_set(self, seconds: float) -> None:
        """Shift all times: the wall clock was set by *seconds*, and ages must stay the same."""
        for bucket in self._buckets:
            bucket.at += round(seconds / 60) * 60
        for fault in self._faults.values():
            fault.at += seconds

    def faults(self) -> list[Fault]:
        """The last faults, newest first."""
        return list(reversed(self._faults.values()))

    def minutes(self) -> list[Minute]:
        """The sixty minutes of the last hour, oldest first, empty ones and the current one
        included.
        """
        now = self._this_minute()
        buckets = {bucket.at: bucket for bucket in self._buckets}
        starts = range(now - (MINUTES - 1) * 60, now + 60, 60)
        return [_minute(buckets.get(at) or _Bucket(at)) for at in starts]

    def _bucket(self) -> _Bucket:
        at = self._this_minute()
        for bucket in reversed(self._buckets):  # the last, unless the clock was set back
            if bucket.at == at:
                return bucket
        self._buckets.append(_Bucket(at))
        return self._buckets[-1]

    def _this_minute(self) -> int:
        return int(self._clock()) // 60 * 60


def _kind(code: str, message: str) -> tuple[str, str]:
    """The same for messages that differ in numbers only: "back in 3547 s" changes every second."""
    return code, re.sub(r"\d+", "#", message)


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
