"""Metrics of several workers as those of one server.

Counters and histograms are added up. So are gauges of what each worker has of its own; all others
are about the pool, which every worker knows, and are taken from the first page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

__all__ = ["Family", "Sample", "families_of", "summed", "written"]

ADDED_GAUGES = frozenset(
    {
        "grok2api_streams_open",
        "grok2api_requests_waiting",
        "grok2api_tasks",
        "grok2api_media_cache_bytes",
        "grok2api_media_cache_entries",
        "grok2api_egress_attempts",
        "grok2api_egress_failing",
        "grok2api_owned_tokens",
        "process_virtual_memory_bytes",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
    }
)
"""Gauges of which each worker has a part."""

ADDED_KINDS = frozenset({"counter", "histogram"})


@frozen
class Sample:
    """A line of the page.

    :ivar labels: names and values, in their order.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


@frozen
class Family:
    """A metric with its samples.

    :ivar kind: ``counter``, ``gauge``, ``histogram`` or ``info``.
    """

    name: str
    words: str
    kind: str
    samples: tuple[Sample, ...]

    @property
    def is_added(self) -> bool:
        """Whether the values of several workers are added up."""
        return self.kind in ADDED_KINDS or self.name in ADDED_GAUGES


def summed(pages: Iterable[Sequence[Family]]) -> list[Family]:
    """The page of the whole server, in the order of the first one."""
    whole: dict[str, Family] = {}
    for page in pages:
        for family in page:
            known = whole.get(family.name)
            if known is None:
                whole[family.name] = family
            elif known.is_added:
                whole[family.name] = evolve(known, samples=_added(known, family))
    return list(whole.values())


def _added(one: Family, other: Family) -> tuple[Sample, ...]:
    """All samples of both, in the first one's order."""
    values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for sample in (*one.samples, *other.samples):
        place = sample.name, sample.labels
        values[place] = values.get(place, 0.0) + sample.value
    return tuple(Sample(name, labels, value) for (name, labels), value in values.items())


# Over the channel -------------------------------------------------------------------------------


def written(page: Iterable[Family]) -> list[dict[str, Any]]:
    """*page* as JSON's types."""
    return [
        {
            "name": family.name,
            "words": family.words,
            "kind": family.kind,
            "samples": [[one.name, dict(one.labels), one.value] for one in family.samples],
        }
        for family in page
    ]


def families_of(value: Sequence[Mapping[str, Any]]) -> list[Family]:
    """The page that another worker has sent."""
    return [
        Family(
            row["name"],
            row["words"],
            row["kind"],
            tuple(
                Sample(name, tuple(labels.items()), number)
                for name, labels, number in row["samples"]
            ),
        )
        for row in value
    ]
