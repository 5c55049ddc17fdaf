"""How the gateway grows: lag, CPU and memory over 1 to 1 000 open streams, for one process and for
two workers, beside the bare app. ``python3 -m bench --growth``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import frozen

from .figures import Figure
from .plan import Measured, Plan, PlannedRequest, even, load
from .processes import ServerProcess, bare_app, can_have_workers, gateway
from .relay import FALLING_BEHIND_S, SETTLE_S
from .usage import rss_kb, tree_of

__all__ = [
    "BARE",
    "DIRECT",
    "NO_WORKERS",
    "ONE",
    "RATE",
    "TWO",
    "Point",
    "ThisLong",
    "curves_of",
    "figures_of",
    "grow",
    "keeps_up",
    "memory_figure",
    "table",
]

RATE = 10.0
"""Tokens a second in each stream. 1 000 of them are 10 000 tokens a second: about what one process
can relay, for less than half a core of upstream and load generator together.
"""

BEGUN_PER_S = 100.0
"""Streams that are begun in a second, so that their beginning is no burst."""

ONE, TWO, BARE, DIRECT = "one process", "2 workers", "bare app", "upstream itself"

NO_WORKERS = "this checkout has no --workers"

FULL_SHARE = 0.95
"""Of the tokens that were due: fewer have not arrived in time."""

OPEN_STREAMS = 1_000
OPEN_BUDGET_MB = 160.0
QUESTIONS, QUESTIONS_PER_S = 300, 75.0


@frozen
class ThisLong:
    """The extent of a run.

    :ivar window_s: seconds that count, for each number of streams and each server.
    """

    streams: Sequence[int] = (1, 10, 50, 100, 200, 500, 1_000)
    window_s: float = 5.0


@frozen
class Point:
    """A number of streams, and its outcome."""

    streams: int
    outcome: Measured

    @property
    def memory_mb(self) -> float:
        return self.outcome.rss_kb / 1024

    @property
    def cores(self) -> float:
        """Cores that the server used."""
        return self.outcome.cpu_s / self.outcome.seconds if self.outcome.seconds else 0.0


Curves = Mapping[str, Sequence[Point]]


def grow(
    upstream: ServerProcess, extent: ThisLong, say: Callable[[str], None]
) -> tuple[Curves, list[Figure]]:
    """All curves, with the figures that follow from them and from the two short runs."""
    workers = can_have_workers()
    with _servers(upstream, workers=workers) as servers:
        curves = curves_of(servers, extent, say)
    say("short questions")
    questions = [_cost_of_questions(upstream, count) for count in ((1, 2) if workers else (1,))]
    say(f"{OPEN_STREAMS} open streams")
    return curves, [_memory_of_open(upstream), *figures_of(curves), *_of_questions(questions)]


@contextlib.contextmanager
def _servers(upstream: ServerProcess, *, workers: bool) -> Iterator[dict[str, ServerProcess]]:
    with gateway(upstream.port) as one, bare_app() as bare, contextlib.ExitStack() as stack:
        servers = {ONE: one}
        if workers:
            servers[TWO] = stack.enter_context(gateway(upstream.port, workers=2))
            _require_workers(servers[TWO])
        yield {**servers, BARE: bare, DIRECT: upstream}


def _require_workers(server: ServerProcess) -> None:
    """:raises RuntimeError: if its workers can't be seen: their use would not be counted."""
    if len(tree_of(server.pid)) < 3:
        raise RuntimeError("the workers are not among the children of the gateway's process")


def curves_of(
    servers: Mapping[str, ServerProcess], extent: ThisLong, say: Callable[[str], None]
) -> dict[str, list[Point]]:
    """Each number of streams through all servers in turn, the fewest first."""
    curves: dict[str, list[Point]] = {name: [] for name in servers}
    for streams in extent.streams:
        say(f"growth: {streams} streams")
        for name, server in servers.items():
            plan = _plan(server, streams, extent.window_s, direct=name == DIRECT)
            curves[name].append(Point(streams, load(plan)))
    return curves


def _plan(server: ServerProcess, streams: int, window_s: float, *, direct: bool) -> Plan:
    """Steady streams; the window that counts is one in which all of them are under way."""
    over_s = streams / BEGUN_PER_S
    from_s = over_s + SETTLE_S + 1 / RATE
    tokens = round((from_s + window_s + SETTLE_S) * RATE)
    asks = even(streams, tokens=tokens, rate=RATE, over_s=over_s)
    limit_s = 2 * (over_s + tokens / RATE) + 10
    window = (from_s, from_s + window_s)
    return Plan(server.port, asks, limit_s, direct=direct, pid=server.pid, window=window)


# Short runs -------------------------------------------------------------------------------------


def _cost_of_questions(upstream: ServerProcess, workers: int) -> tuple[int, float]:
    """Workers, and milliseconds of CPU for a question of one token over a new connection."""
    with gateway(upstream.port, workers=workers) as server:
        asks = [PlannedRequest(n, 1, 50, start=n / QUESTIONS_PER_S) for n in range(QUESTIONS)]
        window = (1.0, QUESTIONS / QUESTIONS_PER_S)
        outcome = load(Plan(server.port, asks, 30, pid=server.pid, window=window))
    return workers, outcome.cpu_us / 1000


def _of_questions(costs: Sequence[tuple[int, float]]) -> list[Figure]:
    return [
        Figure(
            f"a question of one token over a new connection, {ONE if workers == 1 else TWO}",
            "",
            f"{cost:.2f} ms of CPU: at most {1000 / cost:.0f}/s on a core" if cost else "-",
        )
        for workers, cost in costs
    ]


def _memory_of_open(upstream: ServerProcess) -> Figure:
    """1 000 streams of one token a second through a fresh process."""
    from_s = OPEN_STREAMS / BEGUN_PER_S + 2
    starts = [n / BEGUN_PER_S for n in range(OPEN_STREAMS)]
    asks = [
        PlannedRequest(n, 60, 1.0, start, delay=n % 100 / 100, leave_at=from_s + 1 - start)
        for n, start in enumerate(starts)
    ]
    with gateway(upstream.port) as server:
        idle_kb = rss_kb(server.pid)
        window = (from_s, from_s + 0.8)
        outcome = load(Plan(server.port, asks, 60, pid=server.pid, window=window))
    return memory_figure(outcome, idle_kb, from_s)


def memory_figure(outcome: Measured, idle_kb: int, from_s: float) -> Figure:
    """The memory of all streams; it counts only if each had its first token by *from_s*."""
    began = min((one.asked_at for one in outcome.seen), default=0.0)
    opened = [one for one in outcome.seen if 0 < one.first_at <= began + from_s]
    size = outcome.rss_kb / 1024
    less = "" if len(opened) == OPEN_STREAMS else f", of {len(opened)} only"
    return Figure(
        f"memory with {OPEN_STREAMS} open streams, one process",
        f"< {OPEN_BUDGET_MB:g} MB",
        f"{size:.1f} MB ({idle_kb / 1024:.1f} MB before){less}",
        size < OPEN_BUDGET_MB and not less,
    )


# What follows from them -------------------------------------------------------------------------


def keeps_up(point: Point) -> bool:
    """Whether all streams were whole, the tokens that were due arrived, and the lag stayed where it
    was.
    """
    outcome = point.outcome
    due = point.streams * RATE * outcome.seconds
    growth = outcome.thirds[-1] - outcome.thirds[0] if outcome.thirds else 0.0
    return not outcome.broken and outcome.tokens >= FULL_SHARE * due and growth <= FALLING_BEHIND_S


def figures_of(curves: Curves) -> list[Figure]:
    """How far each server keeps up, and what limits it there."""
    missing = [] if TWO in curves else [Figure(f"  {TWO}", "", NO_WORKERS)]
    return [_reach(name, points) for name, points in curves.items()] + missing


def _reach(name: str, points: Sequence[Point]) -> Figure:
    kept = [point for point in points if keeps_up(point)]
    title = f"  keeps up with streams of {RATE:g} tokens/s, {name}"
    if not kept:
        return Figure(title, "", "none")
    last = kept[-1]
    more = "" if last is points[-1] else f"; falls behind with {_after(last, points)}"
    idle = last.outcome.idle_s / last.outcome.seconds
    used = f"{last.cores:.2f} cores, {idle:.2f} of the machine's {os.cpu_count()} idle"
    return Figure(title, "", f"{last.streams} ({used}){more}")


def _after(last: Point, points: Sequence[Point]) -> int:
    return min(point.streams for point in points if point.streams > last.streams)


def table(curves: Curves) -> str:
    """All points as a Markdown table: for each server the p99 of the lag, CPU and memory."""
    names = [name for name in (ONE, TWO, BARE) if name in curves]
    head = ["streams", *(f"{name}: {part}" for part in _PARTS for name in names)]
    rows = [
        [str(here[0].streams), *(show(point) for show in _PARTS.values() for point in here)]
        for here in zip(*(curves[name] for name in names), strict=True)
    ]
    note = [] if TWO in curves else ["", f"{TWO}: {NO_WORKERS}"]
    lines = [head, ["---:"] * len(head), *rows]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), *note])


def _lag(point: Point) -> str:
    return f"{point.outcome.lag_ms(0.99):.1f}" + ("" if keeps_up(point) else " (behind)")


_PARTS: Mapping[str, Callable[[Point], str]] = {
    "lag p99, ms": _lag,
    "CPU per token, µs": lambda point: f"{point.outcome.cpu_us:.0f}",
    "memory, MB": lambda point: f"{point.memory_mb:.0f}",
}
