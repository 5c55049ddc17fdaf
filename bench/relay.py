"""The cost of relaying: CPU per token and lag, through the gateway and from the bare
app, in turns.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from .figures import Figure
from .plan import Measured, Plan, even, load
from .processes import ServerProcess

__all__ = ["Scale", "compare", "compare_lanes", "flood", "sweep"]

SETTLE_S = 0.3
"""Seconds between the first token of the last stream and the window that counts."""

RATIO = 1.1
LANE_RATIO = 1.1
"""Of the websocket lane's CPU per token to that of the REST lane."""

LAG_P50_MS = 2.0
LAG_P99_MS = 15.0
FALLING_BEHIND_S = 0.05
"""The allowed growth of the median lag from the first third of a flood to its last."""


@frozen
class Scale:
    """The length and number of measurements.

    :ivar flood_s: seconds for the 200 streams of 100 tokens a second.
    """

    rounds: int
    window_s: float
    flood_s: float
    sweep_s: float
    sweep_streams: Sequence[int]
    starts: int
    bursts: int


def run(
    server: ServerProcess, streams: int, rate: float, window_s: float, *, direct: bool = False
) -> Measured:
    """Steady streams; the window that counts is one in which all of them are under way."""
    over_s = min(2.0, streams / 100)
    from_s = over_s + SETTLE_S + 1 / rate
    tokens = round((from_s + window_s + SETTLE_S) * rate)
    asks = even(streams, tokens=tokens, rate=rate, over_s=over_s)
    limit_s = 2 * (over_s + tokens / rate) + 10
    return load(
        Plan(
            server.port,
            asks,
            limit_s,
            direct=direct,
            pid=server.pid,
            window=(from_s, from_s + window_s),
        )
    )


def compare(
    upstream: ServerProcess, gateway: ServerProcess, bare: ServerProcess, scale: Scale
) -> list[Figure]:
    """50 streams of 50 tokens a second: A B A B, and the medians."""
    pairs = [
        (run(bare, 50, 50, scale.window_s), run(gateway, 50, 50, scale.window_s))
        for _ in range(scale.rounds)
    ]
    ratio = statistics.median(ours.cpu_us / theirs.cpu_us for theirs, ours in pairs)
    cpu_bare, cpu_ours = (statistics.median(pair[n].cpu_us for pair in pairs) for n in (0, 1))
    floor = run(upstream, 50, 50, scale.window_s, direct=True)
    p50, p99 = (_median_lag(pairs, 1, share) for share in (0.5, 0.99))
    broken = sum(len(outcome.broken) for pair in pairs for outcome in pair)
    sizes = {outcome.event_bytes for pair in pairs for outcome in pair}
    ours = f"{p50:.2f} / {p99:.2f} ms"
    return [
        Figure(
            "CPU per relayed token, 50 x 50/s, gateway : bare app",
            f"<= {RATIO}",
            f"{ratio:.2f}",
            ratio <= RATIO,
        ),
        Figure("  gateway, bare app (µs of CPU per token)", "", f"{cpu_ours:.0f}, {cpu_bare:.0f}"),
        Figure("  bytes of one token's event, in both", "", ", ".join(map(str, sorted(sizes)))),
        Figure(
            "lag at 50 x 50/s through the gateway, p50 / p99",
            f"<= {LAG_P50_MS:g} / {LAG_P99_MS:g} ms",
            ours,
            p50 <= LAG_P50_MS and p99 <= LAG_P99_MS,
        ),
        Figure(
            "  lag of the bare app",
            "",
            f"{_median_lag(pairs, 0, 0.5):.2f} / {_median_lag(pairs, 0, 0.99):.2f} ms",
        ),
        Figure(
            "  lag of the upstream, asked directly",
            "",
            f"{floor.lag_ms(0.5):.2f} / {floor.lag_ms(0.99):.2f} ms",
        ),
        Figure("  streams that were not whole", "0", str(broken), broken == 0),
    ]


def _median_lag(pairs: Sequence[tuple[Measured, Measured]], which: int, share: float) -> float:
    return statistics.median(pair[which].lag_ms(share) for pair in pairs)


def compare_lanes(
    rest: ServerProcess,
    other: ServerProcess,
    scale: Scale,
    name: str = "websocket",
    within: float = LANE_RATIO,
) -> list[Figure]:
    """50 streams of 50 tokens a second over two lanes: A B A B, and the medians.

    :param name: of the other lane.
    :param within: the budget for the other lane's CPU per token, over that of REST.
    """
    pairs = [
        (run(rest, 50, 50, scale.window_s), run(other, 50, 50, scale.window_s))
        for _ in range(max(1, scale.rounds // 2))
    ]
    ratio = statistics.median(
        theirs.cpu_us / base.cpu_us if base.cpu_us else 0.0 for base, theirs in pairs
    )
    cpu_rest, cpu_other = (statistics.median(pair[n].cpu_us for pair in pairs) for n in (0, 1))
    lags = [f"{_median_lag(pairs, n, 0.5):.2f} / {_median_lag(pairs, n, 0.99):.2f}" for n in (1, 0)]
    broken = sum(len(outcome.broken) for pair in pairs for outcome in pair)
    return [
        Figure(
            f"CPU per relayed token, 50 x 50/s, {name} : REST",
            f"<= {within}",
            f"{ratio:.2f}",
            0 < ratio <= within,
        ),
        Figure(f"  {name}, REST (µs of CPU per token)", "", f"{cpu_other:.0f}, {cpu_rest:.0f}"),
        Figure(f"  lag p50 / p99 over the {name}; over REST", "", f"{lags[0]}; {lags[1]} ms"),
        Figure("  streams that were not whole", "0", str(broken), broken == 0),
    ]


def flood(gateway: ServerProcess, scale: Scale) -> list[Figure]:
    """200 streams of 100 tokens a second: more than one core can write one by one."""
    streams, rate = 200, 100
    outcome = run(gateway, streams, rate, scale.flood_s)
    reached = outcome.tokens / outcome.seconds if outcome.seconds else 0.0
    growth = outcome.thirds[2] - outcome.thirds[0]
    late = [one.ended_at - one.last_sent_at for one in outcome.seen if one.ended_at]
    kept = growth <= FALLING_BEHIND_S and reached >= 0.95 * streams * rate
    thirds = " / ".join(f"{lag * 1000:.1f}" for lag in outcome.thirds)
    return [
        Figure(
            "200 x 100/s: median lag in the first / second / last third",
            f"last <= first + {FALLING_BEHIND_S * 1000:g} ms",
            f"{thirds} ms",
            kept,
        ),
        Figure(
            "  tokens/s that arrived, of 20 000",
            ">= 19 000",
            f"{reached:.0f}",
            reached >= 0.95 * streams * rate,
        ),
        Figure(
            "  lag p99; last token sent -> stream ended, at most",
            "",
            _both(outcome.lag_ms(0.99), late),
        ),
        Figure("  gateway's CPU", "", f"{outcome.cpu_us:.0f} µs per token"),
        Figure("  streams that were not whole", "0", str(len(outcome.broken)), not outcome.broken),
    ]


def _both(p99_ms: float, late: Sequence[float]) -> str:
    return f"{p99_ms:.1f} ms; {max(late, default=0.0) * 1000:.1f} ms"


def sweep(
    servers: Mapping[str, ServerProcess], scale: Scale, say: Callable[[str], None]
) -> dict[str, list[tuple[int, Measured]]]:
    """50 tokens a second each, over the number of streams: for the plot."""
    curves: dict[str, list[tuple[int, Measured]]] = {name: [] for name in servers}
    for streams in scale.sweep_streams:
        say(f"sweep: {streams} streams")
        for name, server in servers.items():
            curves[name].append((streams, run(server, streams, 50, scale.sweep_s)))
    return curves
