"""``/metrics`` for Prometheus, with a registry of its own.

Listeners fill the counters and histograms. Gauges (tokens, remaining allowances, streams) are read
when Prometheus asks. Labels have few values: models of the table, error codes, states. Clients
can't add any.
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
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ... import __version__
from ...protocol.conversation.usage import TICKS_PER_USD
from ...protocol.models import LaneName, LaneUse
from ...protocol.pool.desk_view import DeskState
from ...protocol.pool.view import left_by_group
from ...runtime.completion.facts import FailedAttempt
from ...runtime.completion.gateway import Gateway
from .census import Census
from .trace import Trace

__all__ = ["CONTENT_TYPE_LATEST", "Metrics", "watch_lag"]

FIRST_S = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 60, 120)
"""Buckets for the time to the first event, in seconds; thinking models need the upper ones."""

TOTAL_S = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900)

TICK_S = 1.0
"""Seconds between two measurements of the event loop's lag."""

LAG_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)


class Metrics:
    """A listener that counts, and the page that Prometheus reads."""

    def __init__(self, gateway: Gateway, census: Census) -> None:
        self._registry = registry = CollectorRegistry()
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
        registry.register(_Gauges(gateway, census))
        ProcessCollector(registry=registry)

    def request_ended(self, trace: Trace) -> None:
        """Count the request. Its ``code`` is ``ok``, the error's code, or ``client_left``."""
        if not trace.asks:
            return
        outcome = trace.code or ("ok" if trace.complete else "client_left")
        self._requests.labels(trace.model, outcome).inc()
        self._durations.labels(trace.model).observe(trace.total_s)
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


class _Gauges(Collector):
    """Metrics that are read when Prometheus asks for them."""

    def __init__(self, gateway: Gateway, census: Census) -> None:
        self._gateway = gateway
        self._census = census

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("grok2api", "This server", value={"version": __version__})
        yield GaugeMetricFamily(
            "grok2api_streams_open", "Answers under way", value=self._gateway.open_count
        )
        yield GaugeMetricFamily(
            "grok2api_requests_waiting",
            "Requests waiting for a token",
            value=self._gateway.pool.waiting,
        )
        tasks = trio.lowlevel.current_statistics().tasks_living
        yield GaugeMetricFamily("grok2api_tasks", "Tasks in the event loop", value=tasks)
        yield self._tokens()
        yield self._left()
        yield from self._lanes()

    def _tokens(self) -> Metric:
        counts, _, _ = self._census.take(trio.current_time())
        family = GaugeMetricFamily("grok2api_tokens", "Tokens by state", labels=("state",))
        for state, count in {
            **counts,
            "disabled": self._gateway.pool.book.disabled,
        }.items():
            family.add_metric((str(state),), count)
        return family

    def _left(self) -> Metric:
        """Remaining allowances by group of models. Groups without any known allowance are left out:
        a 0 would be wrong.
        """
        family = GaugeMetricFamily(
            "grok2api_quota_left",
            "Known remaining allowance of all tokens, in Grok's own unit, by group of models",
            labels=("group",),
        )
        accounts = self._gateway.pool.book.accounts
        for group, left in left_by_group(accounts, trio.current_time()).items():
            family.add_metric((group,), left)
        return family

    def _lanes(self) -> Iterator[Metric]:
        """The lanes in use, and the money of those that cost some."""
        up = GaugeMetricFamily(
            "grok2api_lane_up", "Whether a lane in use may answer", labels=("lane",)
        )
        cost = CounterMetricFamily(
            "grok2api_cost_usd", "US dollars spent since the start, by lane", labels=("lane",)
        )
        spent = GaugeMetricFamily(
            "grok2api_spent_usd_today", "US dollars spent today, by lane", labels=("lane",)
        )
        cap = GaugeMetricFamily(
            "grok2api_daily_cap_usd", "The most that a day may cost in US dollars", labels=("lane",)
        )
        now = trio.current_time()
        if all(desk.use is not LaneUse.ONLY for desk in self._gateway.lending.desks):
            counts, _, _ = self._census.take(now)
            up.add_metric((LaneName.WEB.value,), bool(counts["ok"] or counts["unknown"]))
        for desk in self._gateway.lending.desks:
            view, labels = desk.view(now), (desk.name.value,)
            if view.state is DeskState.OFF:
                continue
            up.add_metric(labels, view.may_answer)
            if view.budget is not None:
                cost.add_metric(labels, desk.charged / TICKS_PER_USD)
                spent.add_metric(labels, view.budget.spent_usd)
                cap.add_metric(labels, view.budget.daily_usd)
        yield from (up, cost, spent, cap)


async def watch_lag(report: Callable[[float], None]) -> None:
    """Measure how late the event loop wakes a sleeping task, until cancelled.

    :param report: called with each lag in seconds.
    """
    while True:
        due = trio.current_time() + TICK_S
        await trio.sleep_until(due)
        report(trio.current_time() - due)
