"""The plots over the number of streams: lag and CPU per token, and for the growth, memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .growth import DIRECT, RATE, Curves, Point
from .plan import Measured

__all__ = ["draw", "draw_growth"]

GATEWAY = "gateway"
SHARES = ((0.5, "p50", "o-"), (0.9, "p90", "s--"), (0.99, "p99", "^:"))


def draw(curves: Mapping[str, Sequence[tuple[int, Measured]]], path: Path) -> None:
    """Write the picture."""
    # By name, so that the types can be checked where only the tests' packages are installed.
    importlib.import_module("matplotlib").use("Agg")
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.8), layout="constrained")
    _draw_lag(left, curves)
    _draw_cpu(right, curves)
    figure.suptitle("grok2api: 50 tokens a second in each stream")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def draw_growth(curves: Curves, path: Path) -> None:
    """Write the picture of the growth: three small plots beside each other."""
    importlib.import_module("matplotlib").use("Agg")
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    servers = {name: points for name, points in curves.items() if name != DIRECT}
    parts: Sequence[tuple[str, str, Curves, Callable[[Point], float]]] = (
        ("Lag, p99", "ms", curves, lambda point: point.outcome.lag_ms(0.99)),
        ("CPU per token", "µs", servers, lambda point: point.outcome.cpu_us),
        ("Resident memory", "MB", servers, lambda point: point.memory_mb),
    )
    for one, (title, unit, shown, value) in zip(axes, parts, strict=True):
        for name, points in shown.items():
            style = "o--" if name == DIRECT else "o-"
            values = [value(point) for point in points]
            one.plot([point.streams for point in points], values, style, label=name, markersize=4)
        one.set(title=title, xlabel="open streams", ylabel=unit)
        one.set_xscale("log")
        _ticks(one, [point.streams for points in shown.values() for point in points])
    axes[0].set_yscale("log")
    axes[1].set_ylim(bottom=0)
    axes[2].set_ylim(bottom=0)
    figure.suptitle(f"grok2api: {RATE:g} tokens a second in each stream")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _draw_lag(axes: Any, curves: Mapping[str, Sequence[tuple[int, Measured]]]) -> None:
    colours = {name: f"C{n}" for n, name in enumerate(curves)}
    for name, outcomes in curves.items():
        streams = [count for count, _ in outcomes]
        for share, label, style in SHARES:
            values = [outcome.lag_ms(share) for _, outcome in outcomes]
            axes.plot(
                streams, values, style, color=colours[name], label=f"{name}, {label}", markersize=5
            )
    axes.set(title="Lag: sent -> received by the client", xlabel="streams", ylabel="ms")
    axes.set_xscale("log")
    axes.set_yscale("log")
    _finish(axes, curves)


def _draw_cpu(axes: Any, curves: Mapping[str, Sequence[tuple[int, Measured]]]) -> None:
    for name, outcomes in curves.items():
        axes.plot(
            [count for count, _ in outcomes],
            [outcome.cpu_us for _, outcome in outcomes],
            "o-",
            label=name,
        )
    axes.set(title="CPU per token", xlabel="streams", ylabel="µs")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    _finish(axes, curves)


def _finish(axes: Any, curves: Mapping[str, Sequence[tuple[int, Measured]]]) -> None:
    _ticks(axes, [count for outcomes in curves.values() for count, _ in outcomes])


def _ticks(axes: Any, counts: Sequence[int]) -> None:
    ticks = sorted(set(counts))
    axes.set_xticks(ticks, [str(tick) for tick in ticks], fontsize=8)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
