"""Minutes of clients that come, stall, vanish and send nonsense, with reloads in between: nothing
is left behind.
"""

from __future__ import annotations

import json
import random
import re
import signal
import socket
import struct
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import pytest
import trio
from attrs import define, field, frozen

from grokcore.simulator.app import Simulator
from grokcore.simulator.scripts import answer, error, paced
from grokcore.simulator.serve import serve_simulator
from tests.scenarios import on_real_clock
from tests.server_process import server
from tests.servers import chat, free_port, http_request, read_all, read_until

from .figures import Figure, Record, thousands

WARM_UP_S = 40.0
"""After which, and a rest, is measured what there is."""

SOAK_S = 50.0
"""Of the same again."""

REST_S = 32.0
"""Longer than idle connections, and what is kept of them, are kept (30 s)."""

KEPT_BY_GROK_S = 10.0
"""Connections that libcurl may use again are no leak, so Grok closes them before the descriptors
are counted.
"""

LOOKS = 4

CLIENTS = 40

RSS_MAY_GROW_MB = 3.0
"""After a short warm-up; a leak of a kilobyte for each connection would show."""

TOKENS = [f"token-{number}" for number in range(30)]


@frozen
class Footprint:
    """What a server holds while nothing is going on."""

    rss_mb: float
    descriptors: int
    threads: int
    tasks: int

    def exceeds(self, other: Footprint) -> bool:
        """In what is counted; memory is judged apart."""
        return (
            self.descriptors > other.descriptors
            or self.threads > other.threads
            or self.tasks > other.tasks
        )


async def footprint(port: int, pid: int) -> Footprint:
    """As it is now; the connection that asks for it is counted in it each time.

    A question comes first: libcurl drops connections that the other side has closed when it looks
    for one.
    """
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(
            http_request(json.dumps(chat()).encode()).replace(
                b"host:", b"connection: close\r\nhost:"
            )
        )
        await read_all(stream)
    await trio.sleep(1)
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(
            b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        )
        page = (await read_all(stream)).decode()
    tasks = re.search(r"^grok2api_tasks (\S+)", page, re.MULTILINE)
    assert tasks is not None
    return seen_from_outside(Path("/proc") / str(pid), int(float(tasks[1])))


async def at_rest(port: int, pid: int, earlier: Sequence[Footprint]) -> Footprint:
    """The footprint; one that is larger than earlier is looked at again, since a token may just be
    asked about.
    """
    found = await footprint(port, pid)
    for _ in range(LOOKS):
        if not any(found.exceeds(one) for one in earlier):
            break
        await trio.sleep(KEPT_BY_GROK_S / 2)
        found = await footprint(port, pid)
    return found


def seen_from_outside(process: Path, tasks: int) -> Footprint:
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    descriptors = len(list((process / "fd").iterdir()))
    return Footprint(
        int(status["VmRSS"].split()[0]) / 1024, descriptors, int(status["Threads"]), tasks
    )


@define
class Crowd:
    """The clients."""

    port: int
    chance: random.Random
    done: Counter[str] = field(factory=Counter)

    async def one(self, until: float) -> None:
        """A client that behaves in one way after another."""
        ways: list[Callable[[trio.SocketStream], Awaitable[None]]] = [
            *(self.stays, self.stays, self.asks_whole, self.vanishes, self.stalls),
            *(self.sends_half, self.talks_nonsense, self.watches),
        ]
        while trio.current_time() < until:
            way = self.chance.choice(ways)
            try:
                async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                    with trio.fail_after(60):
                        await way(stream)
            except (OSError, trio.BrokenResourceError):
                self.done["broken"] += 1
            self.done[way.__name__] += 1

    async def stays(self, stream: trio.SocketStream) -> None:
        """Reads a stream to its end."""
        await self._ask(stream, stream_=True)
        received = await read_all(stream)
        assert received.startswith(b"HTTP/1.1 ")
        self.done["whole" if b"[DONE]" in received else "not whole"] += 1

    async def asks_whole(self, stream: trio.SocketStream) -> None:
        """Without streaming."""
        await self._ask(stream, stream_=False)
        assert (await read_all(stream)).startswith(b"HTTP/1.1 ")

    async def vanishes(self, stream: trio.SocketStream) -> None:
        """In the middle of an answer, half of the time with a reset."""
        await self._ask(stream, stream_=True)
        await stream.receive_some(400)
        await trio.sleep(self.chance.random() * 0.2)
        if self.chance.random() < 0.5:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def stalls(self, stream: trio.SocketStream) -> None:
        """Does not read for a while, then leaves, or reads on."""
        await self._ask(stream, stream_=True)
        await trio.sleep(1 + self.chance.random() * 3)
        if self.chance.random() < 0.5:
            await read_all(stream)

    async def sends_half(self, stream: trio.SocketStream) -> None:
        """Of a request, and leaves."""
        await stream.send_all(http_request(json.dumps(chat()).encode())[:-20])
        await trio.sleep(self.chance.random() * 0.3)

    async def talks_nonsense(self, stream: trio.SocketStream) -> None:
        """No HTTP at all."""
        await stream.send_all(self.chance.randbytes(200) + b"\r\n\r\n")
        await read_all(stream)

    async def watches(self, stream: trio.SocketStream) -> None:
        """The status, as the page does, for a moment."""
        await stream.send_all(b"GET /status/events HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await read_until(stream, b"\n\n")

    async def _ask(self, stream: trio.SocketStream, *, stream_: bool) -> None:
        words = "word " * self.chance.choice((3, 30, 300))
        body = json.dumps(chat(words, stream=stream_)).encode()
        await stream.send_all(http_request(body).replace(b"host:", b"connection: close\r\nhost:"))


async def reload_now_and_then(
    place: Path, process: subprocess.Popen[bytes], grok: str, until: float
) -> None:
    """Other settings and tokens every few seconds."""
    count = 0
    while trio.current_time() < until:
        count += 1
        lay_out(place, grok, queue_s=1 + count % 5, tokens=TOKENS[count % 7 :])
        process.send_signal(signal.SIGHUP)
        await trio.sleep(4)


def lay_out(place: Path, grok: str, *, queue_s: int = 5, tokens: list[str] = TOKENS) -> None:
    config = f'[grok]\nbase_url = "{grok}"\nweb_lane = "rest"\n[global]\nlog_level = "CRITICAL"\n[pool]\nqueue_seconds = {queue_s}\n'
    for name, text in (("config.toml", config), ("tokens.json", json.dumps(tokens))):
        new = place / f"{name}.new"
        new.write_text(text)
        new.replace(place / name)


def nasty() -> Simulator:
    """Most tokens answer, at their pace; some fail now and then."""
    simulator = Simulator()
    simulator.always(paced(answer("one two three four five six seven eight nine ten " * 5), 0.005))
    for number, sso in enumerate(TOKENS):
        if number % 3 == 0:
            simulator.script(sso, *(error(500, {}) for _ in range(500)))
    return simulator


@pytest.mark.on_demand
@on_real_clock
async def test_nothing_is_left_behind(tmp_path: Path, record: Record) -> None:
    """Memory, descriptors, threads and tasks return to where they were after the warm-up."""
    simulator, port, chance = nasty(), free_port(), random.Random(1)
    async with trio.open_nursery() as nursery:
        grok = await nursery.start(partial(serve_simulator, simulator, keep_alive_s=KEPT_BY_GROK_S))
        lay_out(tmp_path, grok)
        async with server(tmp_path, port) as process:
            crowd = Crowd(port, chance)
            prints: list[Footprint] = []
            for seconds in (WARM_UP_S, SOAK_S):
                until = trio.current_time() + seconds
                async with trio.open_nursery() as clients:
                    clients.start_soon(reload_now_and_then, tmp_path, process, grok, until)
                    for _ in range(CLIENTS):
                        clients.start_soon(crowd.one, until)
                await trio.sleep(REST_S)
                prints.append(await at_rest(port, process.pid, prints))
            judge(prints[0], prints[1], crowd.done, record)
        nursery.cancel_scope.cancel()


def judge(before: Footprint, after: Footprint, done: Counter[str], record: Record) -> None:
    grown = after.rss_mb - before.rss_mb
    clients = sum(number for way, number in done.items() if hasattr(Crowd, way))
    result = f"RSS {before.rss_mb:.1f} {grown:+.1f} MB; {after.descriptors} descriptors ({before.descriptors}), {after.tasks} tasks ({before.tasks})"
    record(
        Figure(
            "soak, 40 clients at once, reloads",
            f"{thousands(clients)} connections",
            result,
            "RSS +3 MB",
        )
    )
    assert done["whole"] > 100
    assert not after.exceeds(before), (before, after)
    assert grown <= RSS_MAY_GROW_MB
