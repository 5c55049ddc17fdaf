"""The models that clients have asked for in the last hour, and how their requests ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from attrs import define, field, frozen

from ...errors import GrokApiError
from ...protocol.condition import ModelFacts, is_evidence
from .trace import Trace

__all__ = ["AskedModels"]

MINUTE_S = 60.0
MINUTES = 60
MODELS_AT_MOST = 100


@frozen
class _Failure:
    at: float
    error: GrokApiError


@define
class _Minute:
    number: int
    asked: int = 0
    failed: int = 0


@define(eq=False)
class _Record:
    """The requests to one model.

    :ivar in_row: failures since the last success, or since the last hour without any.
    """

    minutes: deque[_Minute] = field(factory=lambda: deque(maxlen=MINUTES))
    in_row: int = 0
    failure: _Failure | None = None

    def minute(self, number: int) -> _Minute:
        if not self.minutes or self.minutes[-1].number < number:
            self.minutes.append(_Minute(number))
        return self.minutes[-1]

    def drop_older(self, number: int) -> None:
        while self.minutes and self.minutes[0].number <= number - MINUTES:
            self.minutes.popleft()


class AskedModels:
    """A listener that counts requests by model. Times are seconds of trio's clock."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._missed_s = 0.0

    def request_ended(self, trace: Trace) -> None:
        """Count the request, if it asked Grok and its client has stayed."""
        if not trace.asks or not trace.model or not (trace.complete or trace.error is not None):
            return
        record = self._records.pop(trace.model, None) or _Record()
        self._records[trace.model] = record  # the model that was asked for last stands last
        minute = record.minute(self._minute(trace.ended))
        minute.asked += 1
        minute.failed += trace.broken
        if trace.error is None:
            record.in_row, record.failure = 0, None
        elif is_evidence(trace.error):
            record.in_row += 1
            record.failure = _Failure(trace.ended, trace.error)
        if len(self._records) > MODELS_AT_MOST:
            del self._records[next(iter(self._records))]

    def facts(self, now: float) -> Iterator[ModelFacts]:
        """Models that were asked for in the last hour, the last one first."""
        for name, record in reversed(list(self._records.items())):
            record.drop_older(self._minute(now))
            if record.minutes:
                yield _facts(name, record, now)
            else:
                del self._records[name]

    def shift(self, seconds: float) -> None:
        """Count *seconds* that trio's clock has missed."""
        self._missed_s += seconds
        for record in self._records.values():
            if record.failure is not None:
                record.failure = _Failure(record.failure.at - seconds, record.failure.error)

    def _minute(self, now: float) -> int:
        return int((now + self._missed_s) // MINUTE_S)


def _facts(name: str, record: _Record, now: float) -> ModelFacts:
    failure = record.failure
    return ModelFacts(
        name,
        asked=sum(minute.asked for minute in record.minutes),
        failed=sum(minute.failed for minute in record.minutes),
        failed_in_row=record.in_row,
        failed_ago=None if failure is None else max(0.0, now - failure.at),
        last_error=None if failure is None else failure.error,
    )
