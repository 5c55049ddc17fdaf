"""``/metrics`` for Prometheus, on a registry of this server's own.

Counters and histograms are filled as an observer; what is a state (tokens, what is left, streams)
is read when somebody asks.
Labels have few values: models of the table, error codes, states. No client can add one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import trio
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from .. import __version__
from ..protocol.pool.view import left_by_group
from ..runtime.completion.gateway import FailedAttempt
from .admission import Services
from .trace import Trace

__all__ = ["CONTENT_TYPE_LATEST", "Metrics", "watch_lag"]

FIRST_S = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 60, 120)
"""Buckets for the time to the first event; the upper ones are those of thinking models."""

TOTAL_S = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900)

TICK_S = 1.0
"""How often the loop's lag is measured."""

LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)


class Metrics:
    """An observer, and the page that Prometheus reads."""

    def __init__(self, services: Services) -> None:
        self._registry = registry = CollectorRegistry()
        labels = ("model", "code")
        self._requests = Counter(
            "grok2api_requests",
            "Requests that asked Grok, by model and outcome",
            labels,
            registry=registry,
        )
        self._first = Histogram(
            *(
                "grok2api_time_to_first_event_seconds",
                "From accepting a request to Grok's first word",
                ("model",),
            ),
            buckets=FIRST_S,
            registry=registry,
        )
        self._durations = Histogram(
            *(
                "grok2api_request_duration_seconds",
                "From accepting a request to its end",
                ("model",),
            ),
            buckets=TOTAL_S,
            registry=registry,
        )
        self._failures = Counter(
            "grok2api_upstream_failures",
            "Attempts that Grok or the way to it failed",
            ("code",),
            registry=registry,
        )
        self._lag = Histogram(
            "grok2api_loop_lag_seconds",
            "How late the event loop was",
            buckets=LAG_S,
            registry=registry,
        )
        registry.register(_Now(services))
        ProcessCollector(registry=registry)

    def request_ended(self, trace: Trace) -> None:
        """Count it. ``code`` is ``ok``, that of the failure, or ``client_left``."""
        if not trace.asks:
            return
        outcome = trace.code or ("ok" if trace.complete else "client_left")
        self._requests.labels(trace.model, outcome).inc()
        self._durations.labels(trace.model).observe(trace.total_s)
        if trace.first_s is not None:
            self._first.labels(trace.model).observe(trace.first_s)

    def attempt_failed(self, failure: FailedAttempt) -> None:
        """Count it by its class."""
        self._failures.labels(failure.error.label).inc()

    def lagged(self, seconds: float) -> None:
        """The loop was so late."""
        self._lag.observe(seconds)

    def page(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)


class _Now(Collector):
    """What is read at the moment it is asked for."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("grok2api", "The server", value={"version": __version__})
        yield GaugeMetricFamily(
            "grok2api_streams_open", "Answers under way", value=self._services.gateway.open_count
        )
        yield GaugeMetricFamily(
            "grok2api_requests_waiting",
            "Requests that wait for a token",
            value=self._services.gateway.pool.waiting,
        )
        tasks = trio.lowlevel.current_statistics().tasks_living
        yield GaugeMetricFamily("grok2api_tasks", "Tasks of the event loop", value=tasks)
        yield self._tokens()
        yield self._left()

    def _tokens(self) -> Metric:
        counts, _, _ = self._services.census.take(trio.current_time())
        family = GaugeMetricFamily("grok2api_tokens", "Tokens by state", labels=("state",))
        for state, count in {
            **counts,
            "disabled": self._services.gateway.pool.book.disabled,
        }.items():
            family.add_metric((str(state),), count)
        return family

    def _left(self) -> Metric:
        """By group of models; groups of which nothing is known are left out, since nothing would be
        a lie.
        """
        family = GaugeMetricFamily(
            "grok2api_quota_left",
            "What is known to be left, over all tokens, in Grok's own unit",
            labels=("group",),
        )
        accounts = self._services.gateway.pool.book.accounts
        for group, left in left_by_group(accounts, trio.current_time()).items():
            family.add_metric((group,), left)
        return family


async def watch_lag(told: Callable[[float], None]) -> None:
    """Measure again and again how late a sleeping task is woken, until cancelled.

    :param told: is given the seconds.
    """
    while True:
        due = trio.current_time() + TICK_S
        await trio.sleep_until(due)
        told(trio.current_time() - due)
