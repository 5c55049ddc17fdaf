"""The metrics of several workers on one page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from ...protocol.workers.metric_sums import Family, Sample, summed
from .metrics import Metrics

__all__ = ["families_in", "whole_page"]


def families_in(metrics: Metrics) -> list[Family]:
    """All metrics of this worker, for another one."""
    return [_family(metric) for metric in metrics.collect()]


def whole_page(
    metrics: Metrics, others: Iterable[Sequence[Family]], answering: Sequence[bool]
) -> bytes:
    """The metrics of all workers in Prometheus' text format.

    :param others: the metrics of other workers.
    :param answering: for each worker, whether its metrics are among them.
    """
    up = GaugeMetricFamily("grok2api_worker_up", "Whether a worker answers", labels=("worker",))
    for number, there in enumerate(answering):
        up.add_metric((str(number),), there)
    count = GaugeMetricFamily("grok2api_workers", "Workers of this server", len(answering))
    whole = summed([families_in(metrics), *others])
    return generate_latest(_Page([*map(_metric, whole), count, up]))


def _family(metric: Metric) -> Family:
    samples = tuple(
        Sample(one.name, tuple(one.labels.items()), one.value) for one in metric.samples
    )
    return Family(metric.name, metric.documentation, metric.type, samples)


def _metric(family: Family) -> Metric:
    metric = Metric(family.name, family.words, family.kind)
    for one in family.samples:
        metric.add_sample(one.name, dict(one.labels), one.value)
    return metric


class _Page(CollectorRegistry):
    """Metrics that are collected already, in the place of a registry."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics
