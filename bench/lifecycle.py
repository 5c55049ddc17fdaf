"""The gateway's life around the tokens: starting, memory, connections, clients that leave,
clocks.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

from .figures import Figure
from .plan import Measured, Plan, PlannedRequest, Seen, load
from .processes import GATEWAY_TOKENS, ServerProcess, bare_app, gateway, upstream_stats
from .usage import rss_kb

__all__ = [
    "clocks",
    "departures",
    "first_tokens",
    "memory",
    "memory_each",
    "memory_with",
    "slowest_and_median",
    "start_up",
    "warm_connection",
]

AT_ONCE = 50
OPEN_STREAMS = 500
MANY_STREAMS = 1000
APART_S = 0.01
"""Seconds between the beginnings of open streams: some machines begin 150 in a second."""

POLLED_S = 2.0
"""Seconds after the first questions to tokens until their allowances are polled."""

LEAVERS = 100
EARLY_LEAVERS = 30
CLOCK_S = 1.0
SILENT_STREAMS = 10

READY_BUDGET_S = 1.0
IDLE_BUDGET_MB = 55.0
STREAM_BUDGET_KB = 60.0
MANY_BUDGET_MB = 160.0
FIRST_TOKEN_RATIO = 1.3
CLOSE_BUDGET_MS = 10.0
CLOCK_BUDGET_MS = 50.0


def start_up(upstream: ServerProcess, starts: int) -> list[Figure]:
    """Seconds from the start of the process to its line "ready on", and its memory then."""
    times, sizes = [], []
    for _ in range(starts):
        with gateway(upstream.port) as server:
            times.append(server.ready_s)
            time.sleep(0.5)
            sizes.append(rss_kb(server.pid) / 1024)
    ready, idle = statistics.median(times), statistics.median(sizes)
    return [
        Figure(
            "start to ready", f"<= {READY_BUDGET_S:g} s", f"{ready:.2f} s", ready <= READY_BUDGET_S
        ),
        Figure(
            "memory of an idle server",
            f"<= {IDLE_BUDGET_MB:g} MB",
            f"{idle:.1f} MB",
            idle <= IDLE_BUDGET_MB,
        ),
    ]


def memory(upstream: ServerProcess, *, with_bare_app: bool) -> list[Figure]:
    """Memory of 500 slow streams, against the same server after its first requests; and that of a
    server with 1 000.
    """
    with gateway(upstream.port) as server:
        each, trouble = memory_each(server)
    with gateway(upstream.port) as server:
        many, many_trouble = memory_with(server, MANY_STREAMS)
    rows = [
        Figure(
            f"memory per extra stream ({OPEN_STREAMS} open)",
            f"<= {STREAM_BUDGET_KB:g} kB",
            trouble or f"{each:.1f} kB",
            each <= STREAM_BUDGET_KB and not trouble,
        ),
        Figure(
            f"memory of a server with {MANY_STREAMS} open streams",
            f"<= {MANY_BUDGET_MB:g} MB",
            many_trouble or f"{many / 1024:.0f} MB",
            many / 1024 <= MANY_BUDGET_MB and not many_trouble,
        ),
    ]
    if with_bare_app:
        with bare_app() as server:
            bare, _ = memory_each(server)
        rows.append(Figure("  of the bare app", "", f"{bare:.1f} kB"))
    return rows


def memory_each(server: ServerProcess) -> tuple[float, str]:
    """The memory of one stream (kB), and the first thing that went wrong."""
    load(Plan(server.port, [PlannedRequest(n, 5, 50) for n in range(10)], 20))
    before = rss_kb(server.pid)
    after, trouble = memory_with(server, OPEN_STREAMS)
    return (after - before) / OPEN_STREAMS, trouble


def memory_with(server: ServerProcess, streams: int) -> tuple[int, str]:
    """The server's memory (kB) while it has so many open, and the first thing that went wrong."""
    open_at = streams * APART_S
    starts = [n * APART_S for n in range(streams)]
    asks = [
        PlannedRequest(n, 60, 1.0, start, delay=n % 100 / 100, leave_at=open_at + 3.6 - start)
        for n, start in enumerate(starts)
    ]
    window = open_at + 2.6, open_at + 3.4
    outcome = load(Plan(server.port, asks, open_at + 30, pid=server.pid, window=window))
    if outcome.broken:
        return outcome.rss_kb, _first_trouble(outcome)
    silent = len([one for one in outcome.seen if not one.tokens])
    return outcome.rss_kb, f"{silent} streams had not begun" if silent else ""


def warm_connection(upstream: ServerProcess, server: ServerProcess) -> Figure:
    """Questions one after the other: only the first may make a connection to the upstream.

    Each token's allowance is polled soon after its first question. A question that comes during a
    poll would need another connection, as these are HTTP/1.1; so all tokens are used before.
    """
    first = [PlannedRequest(n, 3, 50) for n in range(2 * GATEWAY_TOKENS)]
    load(Plan(server.port, first, 20, one_connection=True))
    time.sleep(POLLED_S)
    before = upstream_stats(upstream)["connections"]
    outcome = load(
        Plan(
            server.port, [PlannedRequest(n, 3, 50) for n in range(11, 21)], 20, one_connection=True
        )
    )
    more = upstream_stats(upstream)["connections"] - before
    whole = len([one for one in outcome.seen if one.whole])
    return Figure(
        "new connections for 10 sequential questions", "0", f"{more} ({whole} whole)", more == 0
    )


# First token ------------------------------------------------------------------------------------


def first_tokens(
    upstream: ServerProcess, server: ServerProcess, bare: ServerProcess, bursts: int
) -> list[Figure]:
    """The first token of 50 questions at once, above the upstream's own, which answers at once.

    The first burst finds no connection to the upstream; the others find warm ones.
    """
    cold, *warm = [slowest_and_median(server) for _ in range(bursts + 1)]
    of_bare = statistics.median(slowest_and_median(bare)[0] for _ in range(bursts))
    own, _ = slowest_and_median(upstream, direct=True)
    slowest = statistics.median(worst for worst, _ in warm) - own
    typical = statistics.median(median for _, median in warm)
    return [
        Figure(
            f"first token, {AT_ONCE} questions at once: the slowest, above the upstream's "
            f"{own:.0f} ms",
            f"<= {FIRST_TOKEN_RATIO} x bare app",
            f"{slowest:.0f} ms ({slowest / of_bare:.2f})",
            slowest <= FIRST_TOKEN_RATIO * of_bare,
        ),
        Figure(
            "  the median one; the slowest with all connections new",
            "",
            f"{typical:.0f} ms; {cold[0] - own:.0f} ms",
        ),
        Figure("  the slowest of the bare app, which asks nobody", "", f"{of_bare:.0f} ms"),
    ]


def slowest_and_median(server: ServerProcess, *, direct: bool = False) -> tuple[float, float]:
    """Milliseconds to the first token of 50 questions at once."""
    outcome = load(
        Plan(server.port, [PlannedRequest(n, 5, 50) for n in range(AT_ONCE)], 20, direct=direct)
    )
    waited = [(one.first_at - one.asked_at) * 1000 for one in outcome.seen if one.first_at]
    return max(waited), statistics.median(waited)


# Clients that leave -----------------------------------------------------------------------------


def departures(
    upstream: ServerProcess, server: ServerProcess, *, first: int = 10_000
) -> list[Figure]:
    """Seconds from the client's close() to the end of the upstream's own connection.

    Streams are numbered from *first* on, since the upstream remembers all that were given up.
    """
    mid = [
        PlannedRequest(first + n, 500, 50, start=n * 0.012, leave_after=20 + n % 7)
        for n in range(LEAVERS)
    ]
    early = [
        PlannedRequest(first + 10_000 + n, 5, 50, start=n * 0.02, delay=30, leave_at=0.3)
        for n in range(EARLY_LEAVERS)
    ]
    rows = []
    for name, asks in (
        (f"{LEAVERS} in mid-stream", mid),
        (f"{EARLY_LEAVERS} before the first token", early),
    ):
        outcome = load(Plan(server.port, asks, 20))
        time.sleep(0.3)
        rows.append(_departure(name, outcome.seen, upstream_stats(upstream)["aborts"]))
    return rows


def _departure(name: str, seen: Sequence[Seen], aborts: dict[str, float]) -> Figure:
    took = sorted(
        (aborts[str(one.number)] - one.left_at) * 1000 for one in seen if str(one.number) in aborts
    )
    missed = len(seen) - len(took)
    p50, p99 = (took[round(share * (len(took) - 1))] if took else 0.0 for share in (0.5, 0.99))
    return Figure(
        f"client gone -> upstream closed, {name}: p50 / p99",
        f"p99 <= {CLOSE_BUDGET_MS:g} ms",
        f"{p50:.1f} / {p99:.1f} ms" + (f", {missed} never" if missed else ""),
        p99 <= CLOSE_BUDGET_MS and not missed,
    )


# Clocks -----------------------------------------------------------------------------------------


def clocks(upstream: ServerProcess, *, web_lane: str = "rest") -> list[Figure]:
    """The lateness of a clock of 1 s, with an upstream that is silent from the start or after five
    tokens.
    """
    silent = [
        PlannedRequest(30_000 + n, 5, 50, start=n * 0.05, hang=0) for n in range(SILENT_STREAMS)
    ]
    stalls = [
        PlannedRequest(31_000 + n, 10, 50, start=n * 0.05, hang=5) for n in range(SILENT_STREAMS)
    ]
    limits: dict[str, Any] = {
        "stream_first_response_timeout": CLOCK_S,
        "stream_chunk_timeout": CLOCK_S,
    }
    with gateway(upstream.port, log_level="ERROR", web_lane=web_lane, **limits) as server:
        load(Plan(server.port, [PlannedRequest(0, 3, 50)], 10))
        seen = load(Plan(server.port, [*silent, *stalls], 20)).seen
    first, chunk = (
        [stream for stream in seen if bool(stream.tokens) is begun] for begun in (False, True)
    )
    return [
        _clock(
            "first-response clock: how late",
            first,
            [stream.ended_at - stream.asked_at for stream in first],
            "504",
        ),
        _clock(
            "chunk clock: how late",
            chunk,
            [stream.ended_at - stream.last_sent_at for stream in chunk],
            "chunk clock",
        ),
    ]


def _clock(name: str, seen: Sequence[Seen], waited: Sequence[float], word: str) -> Figure:
    late = max(waited, default=0.0) - CLOCK_S
    told = len(seen) == SILENT_STREAMS and all(word in one.trouble for one in seen)
    kept = told and min(waited) >= CLOCK_S and late * 1000 <= CLOCK_BUDGET_MS
    measured = f"{late * 1000:.1f} ms at most" if told else "not reported as it should be"
    return Figure(name, f"<= {CLOCK_BUDGET_MS:g} ms", measured, kept)


def _first_trouble(outcome: Measured) -> str:
    return next((one.trouble for one in outcome.broken), "no stream failed")[:80]
