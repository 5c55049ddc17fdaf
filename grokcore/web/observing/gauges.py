"""Metrics that are read when Prometheus asks: tokens, allowances, lanes, egresses, the condition.

Labels have few values. Names of egresses are hosts and ports, never a user or password.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

import trio
from attrs import frozen
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ... import __version__
from ...protocol.condition import Condition, Health, Matter, SharedPool
from ...protocol.conversation.usage import TICKS_PER_USD
from ...protocol.models import LaneName, LaneUse
from ...protocol.pool.account import Egress
from ...protocol.pool.desk_view import DeskState
from ...protocol.pool.view import egress_label, left_by_group
from ...protocol.urls.proxy_url import proxy_address
from ...runtime.completion.gateway import Gateway
from ...runtime.disk.cache_use import CacheUse
from .census import Census

__all__ = ["Gauges", "Sources", "egress_names", "gauges_of_shared_pool"]

MOST_EGRESSES = 100
"""Egresses with series of their own."""


@frozen
class Sources:
    """The parts of a server that metrics are read from.

    :ivar condition: returns the server's condition of the moment.
    :ivar faults: returns the faults of files in words, by subject.
    :ivar cache: returns the use of the media cache.
    :ivar shared: returns the server's part of a shared pool; None if it shares none.
    """

    gateway: Gateway
    census: Census
    condition: Callable[[], Condition]
    faults: Callable[[], Mapping[str, str]]
    cache: Callable[[], CacheUse]
    shared: Callable[[], SharedPool | None] = lambda: None


class Gauges(Collector):
    """The metrics of the moment."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._gateway = sources.gateway

    def collect(self) -> Iterator[Metric]:
        """All of them, for one request of Prometheus'."""
        yield InfoMetricFamily("grok2api", "This server", value={"version": __version__})
        yield from self._condition()
        yield from self._load()
        yield self._tokens()
        yield self._left()
        yield from self._lanes()
        yield from self._egresses()
        yield from _cache(self._sources.cache())
        yield from gauges_of_shared_pool(self._sources.shared())

    def _load(self) -> Iterator[Metric]:
        under_way, waiting = self._gateway.open_count, self._gateway.pool.waiting
        tasks = trio.lowlevel.current_statistics().tasks_living
        yield _gauge("grok2api_streams_open", "Answers under way", under_way)
        yield _gauge("grok2api_requests_waiting", "Requests waiting for a token", waiting)
        yield _gauge("grok2api_tasks", "Tasks in the event loop", tasks)

    def _condition(self) -> Iterator[Metric]:
        condition = self._sources.condition()
        faults = len(self._sources.faults())
        yield _by(
            "grok2api_condition",
            "1 for the server's condition, 0 for the others",
            "state",
            {health.value: health is condition.health for health in Health},
        )
        matters = Counter(reason.matter for reason in condition.reasons)
        yield _by(
            "grok2api_reasons",
            "Reasons for the condition, and notices, by their kind",
            "matter",
            {matter.value: matters[matter] for matter in Matter},
        )
        yield _by(
            "grok2api_model_answerable",
            "Whether a model that clients asked for in the last hour can be answered",
            "model",
            {model.name: model.why is None for model, _ in condition.models if model.asked},
        )
        yield _gauge("grok2api_file_faults", "Files and folders that are at fault", faults)

    def _tokens(self) -> Metric:
        counts, _, _ = self._sources.census.take(trio.current_time())
        states = {**counts, "disabled": self._gateway.pool.book.disabled}
        return _by("grok2api_tokens", "Tokens by state", "state", states)

    def _left(self) -> Metric:
        """Remaining allowances by group of models. Groups without any known allowance are left out:
        a 0 would be wrong.
        """
        accounts = self._gateway.pool.book.accounts
        return _by(
            "grok2api_quota_left",
            "Known remaining allowance of all tokens, in Grok's own unit, by group of models",
            "group",
            left_by_group(accounts, trio.current_time()),
        )

    def _lanes(self) -> Iterator[Metric]:
        """The lanes in use, and the money of those that cost some."""
        up, cost, spent, cap = dict[str, float](), dict[str, float](), dict[str, float](), {}
        now = trio.current_time()
        if all(desk.use is not LaneUse.ONLY for desk in self._gateway.lending.desks):
            counts, _, _ = self._sources.census.take(now)
            up[LaneName.WEB.value] = bool(counts["ok"] or counts["unknown"])
        for desk in self._gateway.lending.desks:
            view, lane = desk.view(now), desk.name.value
            if view.state is DeskState.OFF:
                continue
            up[lane] = view.may_answer
            if view.budget is not None:
                cost[lane] = desk.charged / TICKS_PER_USD
                spent[lane], cap[lane] = view.budget.spent_usd, view.budget.daily_usd
        yield _by("grok2api_lane_up", "Whether a lane in use may answer", "lane", up)
        total = CounterMetricFamily(
            "grok2api_cost_usd", "US dollars spent since the start, by lane", labels=("lane",)
        )
        for lane, dollars in cost.items():
            total.add_metric((lane,), dollars)
        yield total
        yield _by("grok2api_spent_usd_today", "US dollars spent today, by lane", "lane", spent)
        most = "The most that a day may cost in US dollars"
        yield _by("grok2api_daily_cap_usd", most, "lane", cap)

    def _egresses(self) -> Iterator[Metric]:
        now = trio.current_time()
        _, _, egresses = self._sources.census.take(now)
        named = egress_names(egresses[:MOST_EGRESSES])
        yield _by(
            "grok2api_egress_open",
            "1 if questions go through a way to Grok, 0 while it is paused",
            "egress",
            {name: egress.paused_until <= now for name, egress in named.items()},
        )
        yield _by(
            "grok2api_egress_attempts",
            "The last attempts by a way to Grok, of which some may have failed",
            "egress",
            {name: len(egress.outcomes) for name, egress in named.items()},
        )
        yield _by(
            "grok2api_egress_failing",
            "Those of the last attempts by a way to Grok that failed by its fault",
            "egress",
            {name: sum(egress.outcomes) for name, egress in named.items()},
        )


def egress_names(egresses: Iterable[Egress]) -> dict[str, Egress]:
    """*egresses* by host and port (``direct`` without a proxy). Of several with the same ones, all
    have their hash behind.
    """
    addressed = [(proxy_address(egress.proxy_url) or "direct", egress) for egress in egresses]
    times = Counter(address for address, _ in addressed)
    return {
        f"{address} {egress_label(egress.proxy_url)}" if times[address] > 1 else address: egress
        for address, egress in addressed
    }


def _cache(use: CacheUse) -> Iterator[Metric]:
    yield _gauge("grok2api_media_cache_bytes", "Size of the pictures and videos kept", use.size)
    yield _gauge("grok2api_media_cache_entries", "Pictures and videos kept", use.entries)
    yield CounterMetricFamily(
        "grok2api_media_cache_hits", "Requests for a kept picture or video", value=use.hits
    )
    yield CounterMetricFamily(
        "grok2api_media_cache_misses",
        "Requests for a picture or video that is not kept (any more)",
        value=use.misses,
    )


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _by(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    """A gauge with a sample for each value of a label."""
    family = GaugeMetricFamily(name, words, labels=(label,))
    for value, number in values.items():
        family.add_metric((str(value),), number)
    return family


def gauges_of_shared_pool(shared: SharedPool | None) -> Iterator[Metric]:
    """This server's part of a shared pool; nothing if it shares none."""
    if shared is not None:
        yield _gauge(
            "grok2api_owned_tokens", "Tokens that this server has of the pool", shared.owned
        )
        yield _gauge("grok2api_pool_servers", "Servers that share the pool", shared.servers)
        reached = not shared.gone
        yield _gauge("grok2api_pool_table_up", "Whether the pool's table can be reached", reached)
