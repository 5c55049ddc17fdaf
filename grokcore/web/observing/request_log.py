"""A log line for each request. It never holds a prompt, an answer, a secret, or other text of a
client.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from attrs import define, field

from ...protocol.conversation.usage import TICKS_PER_USD
from .trace import Trace

__all__ = ["COUNTED_S", "RefusalCounts", "RequestLog"]

COUNTED_S = 60.0
"""Seconds for which further refusals of one kind are counted instead of logged."""

_PARAM = re.compile(r"[A-Za-z0-9_.\[\]-]{1,100}")

_log = logging.getLogger("grokcore.requests")


@define
class _Count:
    """Refusals with one status and key.

    :ivar since: trio's time of the first.
    :ivar more: number of refusals after the first.
    """

    since: float
    more: int = 0


@define
class RefusalCounts:
    """Refused requests without an owner's key: the first of a minute is logged, the others are
    counted.

    Otherwise a client without a key could fill the disk with log lines.
    """

    _counts: dict[tuple[int, str], _Count] = field(factory=dict)

    def is_first(self, trace: Trace) -> bool:
        """Whether the refusal must be logged; if not, this call has counted it."""
        kind = (trace.status, trace.key)
        self.report_due(trace.ended)
        count = self._counts.get(kind)
        if count is None:
            self._counts[kind] = _Count(trace.ended)
            return True
        count.more += 1
        return False

    def report_due(self, now: float) -> None:
        """Log the counts that are a minute old."""
        for kind in [
            kind for kind, count in self._counts.items() if now >= count.since + COUNTED_S
        ]:
            self._report(kind, self._counts.pop(kind), now)

    def report_all(self) -> None:
        """Log all counts: the server stops."""
        while self._counts:
            kind, count = self._counts.popitem()
            self._report(kind, count, count.since + COUNTED_S)

    def _report(self, kind: tuple[int, str], count: _Count, now: float) -> None:
        status, key = kind
        if not count.more:
            return
        whose = f' with the key "{key}"' if key else ""
        seconds = max(1, round(now - count.since))
        fields = {"status": status, "key": key, "count": count.more, "seconds": seconds}
        words = "%d more requests%s were refused with %d within %d s"
        extra = {
            "fields": {"refused": {name: value for name, value in fields.items() if value != ""}}
        }
        _log.info(words, count.more, whose, status, seconds, extra=extra)


@define
class RequestLog:
    """Writer of a log line per request: at INFO if the request asked Grok or was refused, else
    (health, metrics) at DEBUG.

    :ivar refusals: counts of repeated refusals, which are not logged one by one.
    """

    refusals: RefusalCounts = field(factory=RefusalCounts)

    def request_ended(self, trace: Trace) -> None:
        """Write the request's line; in JSON logs its fields form an object ``request``."""
        if (
            trace.refused
            and not trace.owned
            and trace.completion is None
            and not self.refusals.is_first(trace)
        ):
            return
        level = logging.INFO if trace.asks or trace.refused else logging.DEBUG
        if _log.isEnabledFor(level):
            fields = _fields(trace)
            words = " ".join(
                f"{name}={_text(value)}" for name, value in fields.items() if name not in _IN_FRONT
            )
            front = " ".join(str(fields[name]) for name in _IN_FRONT)
            _log.log(level, "%s %s", front, words, extra={"fields": {"request": fields}})


_IN_FRONT = ("id", "method", "path", "status")


def _fields(trace: Trace) -> dict[str, Any]:
    """The line's fields, without those that don't apply. Times are seconds."""
    fields: dict[str, Any] = {
        "id": trace.request_id,
        "method": trace.method,
        "path": trace.path,
        "status": trace.status,
        "code": trace.code,
        "param": _param(trace),
        "model": trace.model,
        "stream": trace.stream or None,
        "key": trace.key,
        **_answered(trace),
        "total": round(trace.total_s, 3),
        "client_left": not trace.complete or None,
    }
    return {name: value for name, value in fields.items() if value not in ("", None)}


def _param(trace: Trace) -> str:
    """The request field at fault; empty if it may be a client's own text."""
    param = (trace.error.param if trace.error else None) or ""
    return param if _PARAM.fullmatch(param) else ""


def _answered(trace: Trace) -> dict[str, Any]:
    completion = trace.completion
    if completion is None:
        return {}
    tokens_in, tokens_out = trace.tokens()
    return {
        "lane": completion.manner.lane.value,
        "token": completion.token_id,
        "attempts": completion.attempts,
        "failed": ",".join(completion.failed),
        "corrected": completion.corrections or None,
        "queue": round(completion.times.queue_s, 3),
        "upload": round(completion.times.upload_s, 3) or None,
        "first": None if trace.first_s is None else round(trace.first_s, 3),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "cost_usd": _usd(completion.cost),
    }


def _usd(ticks: int | None) -> float | None:
    return None if ticks is None else round(ticks / TICKS_PER_USD, 6)


def _text(value: object) -> str:
    if isinstance(value, float) and 0 < value < 0.001:
        return f"{value:.6f}"  # str() would write an exponent
    return "yes" if value is True else str(value)
