"""``/metrics`` for Prometheus, with a registry of its own.

Listeners fill the counters and histograms. Gauges are read when Prometheus asks
(:mod:`~grokcore.web.observing.gauges`). Labels have few values: models of the table, error codes,
names of keys. Clients can't add any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import trio
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import Metric

from ...runtime.completion.facts import FailedAttempt
from .gauges import Gauges, Sources
from .trace import Trace

__all__ = ["CONTENT_TYPE_LATEST", "Metrics", "watch_lag"]

FIRST_S = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 60, 120)
"""Buckets for the time to the first event, in seconds; thinking models need the upper ones."""

TOTAL_S = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900)

MOST_KEYS = 200
"""Keys with series of their own."""

OWNERS, OTHERS = "(owner)", "(others)"
"""Labels of ``[grok] api_key`` or no key, and of keys beyond MOST_KEYS."""

TICK_S = 1.0
"""Seconds between two measurements of the event loop's lag."""

LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)


class Metrics:
    """A listener that counts, and the page that Prometheus reads."""

    def __init__(self, sources: Sources) -> None:
        self._registry = registry = _Registry()
        labels = ("model", "code")
        self._requests = Counter(
            "grok2api_requests",
            "Requests for an answer of Grok, by model and outcome",
            labels,
            registry=registry,
        )
        by_model = partial(Histogram, labelnames=("model",), registry=registry)
        self._first = by_model(
            "grok2api_time_to_first_event_seconds",
            "Seconds from accepting a request to the first event of Grok's answer",
            buckets=FIRST_S,
        )
        self._durations = by_model(
            "grok2api_request_duration_seconds",
            "Seconds from accepting a request to its end",
            buckets=TOTAL_S,
        )
        self._failures = Counter(
            "grok2api_upstream_failures",
            "Failed attempts at an answer, by error code",
            ("code",),
            registry=registry,
        )
        self._corrections = Counter(
            "grok2api_corrections",
            "Answers that Grok was asked to correct, since a call or a form could not be used",
            ("model",),
            registry=registry,
        )
        self._lane_answers = Counter(
            "grok2api_lane_answers",
            "Requests that were answered completely, by the lane that answered",
            ("lane",),
            registry=registry,
        )
        self._lag = Histogram(
            "grok2api_loop_lag_seconds",
            "Seconds by which the event loop woke a sleeping task too late",
            buckets=LAG_S,
            registry=registry,
        )
        self._keys = _KeyCounters(registry)
        registry.register(Gauges(sources))
        ProcessCollector(registry=registry)

    def request_ended(self, trace: Trace) -> None:
        """Count the request. Its ``code`` is ``ok``, the error's code, or ``client_left``."""
        if not trace.asks:
            return
        outcome = trace.code or ("ok" if trace.complete else "client_left")
        self._requests.labels(trace.model, outcome).inc()
        self._durations.labels(trace.model).observe(trace.total_s)
        self._keys.count(trace)
        if trace.completion is not None and trace.completion.corrections:
            self._corrections.labels(trace.model).inc(trace.completion.corrections)
        if trace.completion is not None and outcome == "ok":
            self._lane_answers.labels(trace.completion.manner.lane.value).inc()
        if trace.first_s is not None:
            self._first.labels(trace.model).observe(trace.first_s)

    def attempt_failed(self, failure: FailedAttempt) -> None:
        """Count the failure by its error code, or its cause."""
        self._failures.labels(failure.error.attempt_label).inc()

    def lagged(self, seconds: float) -> None:
        """Record a lag of the event loop."""
        self._lag.observe(seconds)

    def page(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """All metrics as objects."""
        return self._registry.collect()


class _KeyCounters:
    """Requests and tokens by the name of the API key."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_key = partial(Counter, labelnames=("key",), registry=registry)
        self._requests = by_key(
            "grok2api_key_requests", "Requests for an answer of Grok, by the name of the key"
        )
        self._tokens_in = by_key(
            "grok2api_key_tokens_in", "Tokens of questions, by the name of the key"
        )
        self._tokens_out = by_key(
            "grok2api_key_tokens_out", "Tokens of answers, by the name of the key"
        )
        self._names: set[str] = set()

    def count(self, trace: Trace) -> None:
        """Count a request that asked Grok, with its tokens."""
        name, (tokens_in, tokens_out) = self._name(trace.key), trace.tokens()
        self._requests.labels(name).inc()
        self._tokens_in.labels(name).inc(tokens_in)
        self._tokens_out.labels(name).inc(tokens_out)

    def _name(self, key: str) -> str:
        """The key's label. A configuration may name ever new keys, and series are not forgotten."""
        if not key:
            return OWNERS
        if key not in self._names and len(self._names) >= MOST_KEYS:
            return OTHERS
        self._names.add(key)
        return key


class _Registry(CollectorRegistry):
    """A registry without the times at which series were made: nobody asks for them, and they would
    double the page.
    """

    def collect(self) -> Iterator[Metric]:
        for family in super().collect():
            family.samples = [one for one in family.samples if not one.name.endswith("_created")]
            yield family


async def watch_lag(report: Callable[[float], None]) -> None:
    """Measure how late the event loop wakes a sleeping task, until cancelled.

    :param report: called with each lag in seconds.
    """
    while True:
        due = trio.current_time() + TICK_S
        await trio.sleep_until(due)
        report(trio.current_time() - due)
