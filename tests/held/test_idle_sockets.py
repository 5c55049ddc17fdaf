"""A server that a thousand idle and two hundred slow sockets hang on: its answers are as quick as
without them.
"""

from __future__ import annotations

import json
import statistics
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trio
from attrs import frozen

from grokcore.simulator.app import Simulator
from grokcore.simulator.scripts import answer
from tests.server_process import lay_out, run_with_grok, server
from tests.servers import chat, free_port, http_request, read_until

from .figures import Figure, Record

QUESTION = http_request(json.dumps(chat()).encode())
HEALTH = http_request(b"", path="/health", method="GET")
SLOW_S = 1.0
"""Between two bytes of a slow client."""

MORE_MS = 2.0
"""How much the p99 of an answer may grow."""

ROUNDS = 7
"""With and without in turn. The quietest one of each counts: other work of the machine only ever
adds to a time.
"""


@frozen
class Hangers:
    """Sockets that hang on a server."""

    idle: int
    slow: int

    async def hang(self, port: int, stack: AsyncExitStack, nursery: trio.Nursery) -> None:
        """Open them all: of the idle ones every second one has had an answer and is kept alive."""
        for number in range(self.idle):
            stream = await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port))
            if number % 2:
                await stream.send_all(HEALTH)
                await read_until(stream, b"}")
        for number in range(self.slow):
            stream = await stack.enter_async_context(await trio.open_tcp_stream("127.0.0.1", port))
            nursery.start_soon(_drip, stream, number / self.slow * SLOW_S)


async def _drip(stream: trio.SocketStream, after: float) -> None:
    """Send a request's head and body, a byte at a time, until the server has had enough."""
    await trio.sleep(after)
    try:
        for byte in QUESTION:
            await stream.send_all(bytes((byte,)))
            await trio.sleep(SLOW_S)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass


async def p99_ms(port: int, count: int) -> float:
    """That of so many questions, one after another over one connection, from asking to the whole
    answer.
    """
    times = []
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        for _ in range(count):
            began = trio.current_time()
            await stream.send_all(QUESTION)
            reply = await read_until(stream, b"total_tokens")
            times.append((trio.current_time() - began) * 1000)
            assert reply.startswith(b"HTTP/1.1 200"), reply
    return statistics.quantiles(times, n=100)[98] if count > 1 else times[0]


async def both_ms(port: int, hangers: Hangers, questions: int) -> tuple[float, float]:
    """The p99 without and with them."""
    without = await p99_ms(port, questions)
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        await hangers.hang(port, stack, nursery)
        with_them = await p99_ms(port, questions)
        nursery.cancel_scope.cancel()
    return without, with_them


def measured(place: Path, hangers: Hangers, questions: int, rounds: int) -> tuple[float, float]:
    """The p99 without them in the quietest round, and how much more it is with them."""
    found: list[tuple[float, float]] = []

    async def scenario(simulator: Simulator, url: str) -> None:
        simulator.always(answer("fine"))
        simulator.scripts.clear()
        simulator.limits.clear()
        lay_out(place, url)
        port = free_port()
        async with server(place, port):
            await p99_ms(port, 50 if questions > 1 else 1)
            found.extend([await both_ms(port, hangers, questions) for _ in range(rounds)])

    run_with_grok(scenario)
    without = min(one for one, _ in found)
    return without, min(one for _, one in found) - without


def test_idle_and_slow_sockets_keep_nobody_waiting(tmp_path: Path) -> None:
    """A small size: all questions beside them are answered."""
    measured(tmp_path, Hangers(40, 20), 1, 1)


@pytest.mark.on_demand
def test_a_thousand_idle_and_two_hundred_slow_sockets_cost_two_milliseconds(
    tmp_path: Path, record: Record
) -> None:
    """At most, of the p99 of an answer; the quietest rounds with and without them."""
    without, more = measured(tmp_path, Hangers(1_000, 200), 300, ROUNDS)
    record(
        Figure(
            "idle and slow sockets",
            "1 000 + 200",
            f"p99 of an answer {without:.1f} ms, {more:+.1f} ms",
            f"+{MORE_MS:g} ms",
        )
    )
    assert more <= MORE_MS, (without, more)
