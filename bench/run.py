"""The whole benchmark, in its order: every figure of the budgets, then the sweep and its plot."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from .emulation import emulation
from .figures import Figure
from .growth import Curves, ThisLong, grow
from .handshakes import handshakes
from .lanes import lanes, official
from .lifecycle import clocks, departures, first_tokens, memory, start_up, warm_connection
from .plot import GATEWAY, draw, draw_growth
from .pool import leases
from .processes import bare_app, gateway, paced_upstream, raise_descriptor_limit
from .relay import Scale, compare, flood, sweep
from .short_answers import short_answers

__all__ = ["FULL", "FULL_GROWTH", "QUICK", "QUICK_GROWTH", "measure", "measure_growth"]

QUESTIONS = 400
"""Short questions of one round, to each server."""

FULL = Scale(
    rounds=5,
    window_s=6.0,
    flood_s=9.0,
    sweep_s=5.0,
    sweep_streams=(1, 10, 50, 100, 200),
    starts=5,
    bursts=7,
)
QUICK = Scale(
    rounds=1, window_s=1.2, flood_s=1.2, sweep_s=0.4, sweep_streams=(1, 50), starts=1, bursts=2
)
FULL_GROWTH = ThisLong()
QUICK_GROWTH = ThisLong((1, 50, 200), window_s=1.5)


def measure(scale: Scale, plot: Path) -> list[Figure]:
    """Take all measurements and draw the plot. All processes started here have ended at
    its return.
    """
    raise_descriptor_limit()
    figures: list[Figure] = []
    with paced_upstream() as upstream:
        _say("start-up")
        figures += start_up(upstream, scale.starts)
        with gateway(upstream.port) as server, bare_app() as bare:
            _say("connections and first tokens")
            figures.append(warm_connection(upstream, server))
            figures += first_tokens(upstream, server, bare, scale.bursts)
            _say("short answers")
            figures += short_answers(server, bare, rounds=scale.bursts, questions=QUESTIONS)
            _say("CPU per token and lag")
            figures = compare(upstream, server, bare, scale) + figures
            _say("200 streams of 100 tokens a second")
            figures += flood(server, scale)
            _say("clients that leave")
            figures += departures(upstream, server)
            _say("the page's websocket beside REST")
            figures += lanes(upstream, server, scale)
            _say("the official lane beside REST")
            figures += official(upstream, server, scale)
            if scale.rounds > 1:
                _say("TLS handshakes")
                figures += handshakes(scale.bursts)
            curves = sweep({GATEWAY: server, "bare app": bare}, scale, _say)
        _say("clocks")
        figures += clocks(upstream)
        _say("leases of a pool of tokens")
        figures += leases()
        _say("tools, stops and forms")
        figures += emulation()
        _say("memory")
        figures += memory(upstream, with_bare_app=scale.rounds > 1)
    draw(curves, plot)
    return figures


def measure_growth(extent: ThisLong, plot: Path) -> tuple[Curves, list[Figure]]:
    """Take the curves over the number of open streams and draw them, as :func:`measure` does."""
    raise_descriptor_limit()
    with paced_upstream() as upstream:
        curves, figures = grow(upstream, extent, _say)
    draw_growth(curves, plot)
    return curves, figures


def _say(what: str) -> None:
    """Print the step under way."""
    print(f"{time.strftime('%X')} bench: {what}", file=sys.stderr, flush=True)
