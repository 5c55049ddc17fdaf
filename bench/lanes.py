"""Other lanes beside the REST lane: figures that concern Grok's side, as ratios within one run."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from attrs import evolve

from .figures import Figure
from .lifecycle import STREAM_BUDGET_KB, clocks, departures, memory_each, slowest_and_median
from .processes import ServerProcess, gateway
from .relay import Scale, compare_lanes, run

__all__ = ["OFFICIAL_WITHIN", "WITHIN", "lanes", "official"]

WITHIN = 1.1
"""The budget: within 10 % of the REST lane."""

OFFICIAL_WITHIN = 1.15
"""The budget of the official lane, whose events are JSON objects of some 200 bytes."""


def lanes(upstream: ServerProcess, rest: ServerProcess, scale: Scale) -> list[Figure]:
    """All rows of the websocket lane; the quick version has those of CPU and time alone.

    :param rest: the gateway of the other lane.
    """
    with gateway(upstream.port, web_lane="socket") as socket:
        rows = compare_lanes(rest, socket, scale)
        rows += _flood(rest, socket, scale)
        rows += _first_tokens(rest, socket, scale.bursts)
        if scale.rounds == 1:
            return rows
        rows += _named(departures(upstream, socket, first=50_000))
    return rows + _named(clocks(upstream, web_lane="socket")) + _memory(upstream)


def official(upstream: ServerProcess, rest: ServerProcess, scale: Scale) -> list[Figure]:
    """The rows of the official lane with an API key.

    :param rest: the gateway of the other lane.
    """
    with gateway(upstream.port, api=True) as api:
        run(api, 1, 50, 0.1)  # a first answer is alone: others wait for its cost
        return compare_lanes(rest, api, scale, "official lane", OFFICIAL_WITHIN)


def _named(rows: Sequence[Figure]) -> list[Figure]:
    return [evolve(row, name=f"websocket: {row.name}") for row in rows]


def _flood(rest: ServerProcess, socket: ServerProcess, scale: Scale) -> list[Figure]:
    base, ours = (run(server, 200, 100, scale.flood_s / 2) for server in (rest, socket))
    broken = len(base.broken) + len(ours.broken)
    return [
        _ratio("200 x 100/s: CPU per token, websocket : REST", ours.cpu_us, base.cpu_us, "µs"),
        Figure(
            "  lag p50 / p99 over the websocket; over REST",
            "",
            f"{ours.lag_ms(0.5):.1f} / {ours.lag_ms(0.99):.1f}; "
            f"{base.lag_ms(0.5):.1f} / {base.lag_ms(0.99):.1f} ms",
        ),
        Figure("  streams that were not whole", "0", str(broken), broken == 0),
    ]


def _first_tokens(rest: ServerProcess, socket: ServerProcess, bursts: int) -> list[Figure]:
    """Bursts in turns. Each question over the websocket has an upgrade of its own."""
    slowest_and_median(socket)  # the accounts' ids are asked for once
    pairs = [(slowest_and_median(rest)[0], slowest_and_median(socket)[0]) for _ in range(bursts)]
    base, ours = (statistics.median(pair[n] for pair in pairs) for n in (0, 1))
    return [_ratio("first token, 50 at once: the slowest, websocket : REST", ours, base, "ms")]


def _memory(upstream: ServerProcess) -> list[Figure]:
    sizes = []
    for lane in ("socket", "rest"):
        with gateway(upstream.port, web_lane=lane) as server:
            size, trouble = memory_each(server)
        if trouble:
            return [Figure("memory per extra stream, websocket : REST", "", trouble, kept=False)]
        sizes.append(size)
    return [
        _ratio("memory per extra stream, websocket : REST", sizes[0], sizes[1], "kB"),
        Figure(
            "memory per extra stream, websocket",
            f"<= {STREAM_BUDGET_KB:g} kB",
            f"{sizes[0]:.1f} kB",
            sizes[0] <= STREAM_BUDGET_KB,
        ),
    ]


def _ratio(name: str, ours: float, base: float, unit: str) -> Figure:
    ratio = ours / base if base else 0.0
    measured = f"{ratio:.2f} ({ours:.0f} : {base:.0f} {unit})"
    return Figure(name, f"<= {WITHIN}", measured, 0 < ratio <= WITHIN)
