"""The last 24 hours and 30 days: requests at their end are passed on to the history of use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...protocol.history.record import recall, record_of
from ...protocol.history.report import span_report
from ...protocol.history.steps import SPANS
from ...protocol.history.usage import SpanCopy, UsageHistory, Use
from .trace import Trace

__all__ = ["SPAN_NAMES", "LongHistory"]

SPAN_NAMES = tuple(span.name for span in SPANS)


class LongHistory:
    """A listener that keeps the figures of the last day and month.

    :param clock: returns seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._usage = UsageHistory()
        self._changed = False

    def request_ended(self, trace: Trace) -> None:
        """Count the request if it asked Grok. One that a further attempt has mended is no error."""
        if not trace.asks:
            return
        tokens_in, tokens_out = trace.tokens()
        token = trace.completion.token_id if trace.completion is not None else ""
        use = Use(trace.model, trace.key, token, trace.broken, tokens_in, tokens_out, trace.first_s)
        now = self._clock()  # before the rest: reading it may shift the history (clock_set)
        self._usage.note(use, now)
        self._changed = True

    def clock_set(self, seconds: float) -> None:
        """Shift all times: the wall clock was set by *seconds*."""
        self._usage.clock_set(seconds)
        self._changed = True

    def recall(self, record: object, set_by: float) -> bool:
        """Take over an earlier run's record; see
        :func:`~grokcore.protocol.history.record.recall`.
        """
        return recall(self._usage, record, set_by)

    def take_unsaved(self, stamp: Mapping[str, object]) -> Callable[[], object] | None:
        """A function that makes the record, for another thread; None if nothing has changed since
        the last call.

        :param stamp: further values of the record.
        """
        if not self._changed:
            return None
        self._changed = False
        record = self.record()
        return lambda: {**record(), **stamp}

    def record(self) -> Callable[[], dict[str, object]]:
        """A function that makes the record, for another thread."""
        now = self._clock()
        copies, latest = self._usage.copy(now), self._usage.latest
        return lambda: record_of(copies, latest)

    def report(
        self, name: str, others: Sequence[Callable[[], object]] = ()
    ) -> Callable[[], dict[str, object]]:
        """A function that makes the report of the span *name*, for another thread.

        :param others: functions that return the records of other workers, which are added.
        """
        copies = self._usage.copy(self._clock())
        now = self._usage.latest
        place = next(place for place, copy in enumerate(copies) if copy.span.name == name)

        def report() -> dict[str, object]:
            return span_report(_with_others(copies[place], place, others, now))

        return report


def _with_others(
    whole: SpanCopy, place: int, others: Sequence[Callable[[], object]], now: float
) -> SpanCopy:
    if others:
        # Late, since a server that is one process does without it.
        from ...protocol.history.merging import copies_of, merged

        for record in others:
            whole = merged(whole, copies_of(record(), now)[place])
    return whole
