"""The cost of a connection to Grok: 50 questions at once, each over a connection of its own, with
and without TLS, over both lanes.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from attrs import frozen

from .figures import Figure
from .plan import Plan, PlannedRequest, load
from .processes import ServerProcess, closing_upstream, gateway, upstream_stats
from .usage import cpu_s

__all__ = ["handshakes"]

AT_ONCE = 50
WITHIN = 1.1
"""The budget: within 10 % of the REST lane."""

SETTLE_S = 0.3
"""Seconds after the last answer's end until its connection is closed on both sides."""


@frozen
class Burst:
    """50 questions in one moment.

    :ivar reached_ms: until the last of them was with the upstream: an upgrade, which is accepted at
        once, or a question over REST.
    :ivar first_ms: until the slowest had its first token.
    :ivar cpu_ms: of the gateway's CPU, for each question.
    :ivar broken: streams that were not whole.
    """

    reached_ms: float
    first_ms: float
    cpu_ms: float
    broken: int


@frozen
class Place:
    """A gateway and its upstream."""

    upstream: ServerProcess
    server: ServerProcess

    def burst(self) -> Burst:
        """Ask 50 questions."""
        before = cpu_s(self.server.pid)
        asks = [PlannedRequest(number, 3, 50) for number in range(AT_ONCE)]
        outcome = load(Plan(self.server.port, asks, 30))
        time.sleep(SETTLE_S)
        cpu = cpu_s(self.server.pid) - before
        began = min(one.asked_at for one in outcome.seen)
        reached = max(upstream_stats(self.upstream)["arrivals"])
        slowest = max(one.first_at - one.asked_at for one in outcome.seen)
        return Burst(
            reached_ms=(reached - began) * 1000,
            first_ms=slowest * 1000,
            cpu_ms=cpu / AT_ONCE * 1000,
            broken=len(outcome.broken),
        )


@frozen
class Round:
    """A burst at each of the four places."""

    rest: Burst
    socket: Burst
    rest_plain: Burst
    socket_plain: Burst

    @property
    def broken(self) -> int:
        """Streams that were not whole."""
        places = (self.rest, self.socket, self.rest_plain, self.socket_plain)
        return sum(burst.broken for burst in places)


_Value: TypeAlias = Callable[[Burst], float]


def handshakes(bursts: int) -> list[Figure]:
    """Bursts in turns. The first one of each gateway, which asks for the accounts' ids, does not
    count.
    """
    with contextlib.ExitStack() as stack:
        places = [
            *_places(stack, closing_upstream(tls=True)),
            *_places(stack, closing_upstream(tls=False)),
        ]
        _, *rounds = [Round(*(place.burst() for place in places)) for _ in range(bursts + 1)]
    return _rows(rounds)


def _places(
    stack: contextlib.ExitStack, starting: contextlib.AbstractContextManager[ServerProcess]
) -> list[Place]:
    """A gateway of each lane, and the upstream of both."""
    upstream = stack.enter_context(starting)
    url = f"{'https' if upstream.ca_file else 'http'}://127.0.0.1:{upstream.port}"
    servers = [
        stack.enter_context(
            gateway(upstream.port, base_url=url, ca_file=upstream.ca_file, web_lane=lane)
        )
        for lane in ("rest", "socket")
    ]
    return [Place(upstream, server) for server in servers]


def _rows(rounds: Sequence[Round]) -> list[Figure]:
    own = statistics.median(one.socket.cpu_ms - one.socket_plain.cpu_ms for one in rounds)
    rest = statistics.median(one.rest.cpu_ms - one.rest_plain.cpu_ms for one in rounds)
    broken = sum(one.broken for one in rounds)
    return [
        _beside(
            f"{AT_ONCE} at once, new TLS connections: the last 101 : the last REST question",
            rounds,
            lambda burst: burst.reached_ms,
        ),
        _beside("  slowest first token, websocket : REST", rounds, lambda burst: burst.first_ms),
        _beside(
            "  gateway's CPU for each question, websocket : REST",
            rounds,
            lambda burst: burst.cpu_ms,
        ),
        Figure("  the handshake's part, websocket; REST", "", f"{own:.1f}; {rest:.1f} ms"),
        Figure("  streams that were not whole", "0", str(broken), broken == 0),
    ]


def _beside(name: str, rounds: Sequence[Round], value: _Value) -> Figure:
    """The median ratio of both lanes over TLS."""
    ratio = statistics.median(value(one.socket) / value(one.rest) for one in rounds)
    socket = statistics.median(value(one.socket) for one in rounds)
    rest = statistics.median(value(one.rest) for one in rounds)
    digits = 0 if rest >= 10 else 1
    measured = f"{ratio:.2f} ({socket:.{digits}f} : {rest:.{digits}f} ms)"
    return Figure(name, f"<= {WITHIN}", measured, ratio <= WITHIN)
