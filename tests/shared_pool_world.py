"""Several real servers on one pool, their clients, and a Grok that notes who asks with which token.

The Grok is made by hand: each server reaches it by a port of its own, so it knows which one asks. It
keeps each token's allowance, and the time of each answer.
"""

from __future__ import annotations

import functools
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from attrs import define, field, frozen

from tests.servers import chat, http_request, read_all

ROOT = Path(__file__).parents[1]
TTL_S = 5.0
ANSWER_S = 0.15
WINDOW_S = 7200
AGREED_S = 12.0
"""Polls of a token are 5 s apart."""

KEY = "a-key-of-the-test"
HEADERS = f"authorization: Bearer {KEY}\r\nconnection: close\r\n".encode()
QUESTION = http_request(json.dumps(chat()).encode()).replace(b"host:", HEADERS + b"host:")
_SSO = re.compile(rb"sso=([^;\r\n]+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

_LEFT = re.compile(r"^grok2api_quota_left\{[^}]*\} (\S+)$", re.MULTILINE)

SKEWED = """\
import os, time
skew, real = float(os.environ["SKEW_S"]), time.time
time.time = lambda: real() + skew
"""
"""A machine whose wall clock is wrong, as a ``sitecustomize`` of the server's Python."""


@frozen
class Use:
    """An answer: the token, the run of a server that asked, and the time."""

    token: str
    run: str
    began: float
    ended: float


@define(eq=False)
class CountingGrok:
    """A Grok by hand.

    :ivar allowance: questions that each token may ask.
    :ivar dead: tokens whose session has ended.
    :ivar drained: tokens that have no question left from the start.
    :ivar refused: questions beyond the allowance, by token; those of drained ones apart.
    """

    allowance: int
    dead: frozenset[str]
    drained: frozenset[str]
    uses: list[Use] = field(factory=list)
    asked: Counter[str] = field(factory=Counter)
    refused: Counter[str] = field(factory=Counter)
    runs: dict[int, str] = field(factory=dict)

    async def serve(self, slot: int, host: str, *, task_status: trio.TaskStatus[int]) -> None:
        """Serve a slot's server on a port of its own."""
        listeners = await trio.open_tcp_listeners(0, host=host)
        handler = functools.partial(self._connection, slot)
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, handler, listeners)
            task_status.started(listeners[0].socket.getsockname()[1])

    async def _connection(self, slot: int, stream: trio.SocketStream) -> None:
        data = b""
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    more = await stream.receive_some()
                    if not more:
                        return
                    data += more
                head, _, data = data.partition(b"\r\n\r\n")
                found = _LENGTH.search(head)
                length = int(found[1]) if found else 0
                while len(data) < length:
                    data += await stream.receive_some()
                data = data[length:]
                await self._answer(slot, head, stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    async def _answer(self, slot: int, head: bytes, stream: trio.SocketStream) -> None:
        found = _SSO.search(head)
        token = found[1].decode() if found else ""
        if token in self.dead:
            refusal = {"code": 16, "message": "Failed to look up session ID.", "details": []}
            await stream.send_all(_response(401, {"error": refusal}))
            return
        if b"/rest/rate-limits" in head.split(b"\r\n")[0]:
            await stream.send_all(_response(200, self._rest(token)))
            return
        if token in self.drained or self.asked[token] >= self.allowance:
            if token not in self.drained:
                self.refused[token] += 1
            too_many = {"code": 8, "message": "Too many requests", "details": []}
            await stream.send_all(_response(429, {"error": too_many}))
            return
        self.asked[token] += 1
        run, began = self.runs[slot], time.monotonic()
        try:
            await trio.sleep(ANSWER_S)
            await stream.send_all(_stream())
        finally:
            self.uses.append(Use(token, run, began, time.monotonic()))

    def _rest(self, token: str) -> dict[str, object]:
        left = max(0, self.allowance - self.asked[token])
        left = 0 if token in self.drained else left
        wait = {} if left else {"waitTimeSeconds": 3000}
        return {
            "windowSizeSeconds": WINDOW_S,
            "remainingQueries": left,
            "totalQueries": self.allowance,
            **wait,
        }

    @property
    def left(self) -> int:
        """The sum of all allowances of tokens that were asked."""
        return sum(self.allowance - count for count in self.asked.values())

    def at_once(self) -> list[tuple[Use, Use]]:
        """Answers of one token that two servers had under way at the same time."""
        found = []
        for token in {use.token for use in self.uses}:
            mine = sorted((use for use in self.uses if use.token == token), key=_began)
            found += [
                (first, second)
                for number, first in enumerate(mine)
                for second in mine[number + 1 :]
                if second.run != first.run and second.began < first.ended
            ]
        return found


def _began(use: Use) -> float:
    return use.began


def _response(status: int, value: object) -> bytes:
    body = json.dumps(value).encode()
    return (
        f"HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
        "\r\n\r\n"
    ).encode() + body


def _stream() -> bytes:
    token = {"token": "fine", "isThinking": False, "isSoftStop": False, "messageTag": "final"}
    end = {"token": "", "isThinking": False, "isSoftStop": True}
    whole = {"modelResponse": {"message": "fine", "sender": "assistant"}}
    lines = [{"result": {"response": part}} for part in (token, end, whole)]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    return (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


# Servers ----------------------------------------------------------------------------------------


@frozen
class Site:
    """Where a server runs.

    :ivar host: its address for clients.
    :ivar grok: the address of Grok, for it.
    :ivar redis: the URL of Redis, for it.
    :ivar within: begins a command line that runs there.
    """

    redis: str
    host: str = "127.0.0.1"
    grok: str = "127.0.0.1"
    within: tuple[str, ...] = ()


@define(eq=False)
class Slot:
    """The place of a server: it may be killed, and another started in it."""

    number: int
    site: Site
    place: Path
    port: int
    skew_s: float
    process: subprocess.Popen[bytes] | None = None
    generation: int = 0
    up: bool = False


@frozen
class Failure:
    """An answer that was none."""

    at: float
    slot: int
    status: int
    body: str


@define(eq=False)
class Fleet:
    """The servers and their clients.

    :ivar answered: number of answers with status 200.
    :ivar failures: the other answers of servers that were up.
    """

    grok: CountingGrok
    slots: list[Slot]
    answered: int = 0
    failures: list[Failure] = field(factory=list)
    resting: bool = False

    async def start(self, number: int) -> None:
        """Start the server of a slot; wait until it is ready."""
        slot = self.slots[number]
        slot.generation += 1
        self.grok.runs[number] = f"{number}.{slot.generation}"
        environ: Mapping[str, str] = {
            **{name: value for name, value in os.environ.items() if "GROK2API" not in name},
            "PYTHONPATH": f"{slot.place}{os.pathsep}{ROOT}",
            "SKEW_S": str(slot.skew_s),
        }
        command = [*slot.site.within, sys.executable, "-m", "grokcore"]
        with (slot.place / "log").open("ab") as log:
            before = log.tell()
            slot.process = subprocess.Popen(  # noqa: ASYNC220
                command, cwd=slot.place, env=environ, stderr=log
            )
        while b" ready on " not in (slot.place / "log").read_bytes()[before:]:
            assert slot.process.poll() is None, (slot.place / "log").read_text()[-800:]
            await trio.sleep(0.05)
        slot.up = True

    async def kill(self, number: int) -> None:
        """Kill a server."""
        await self._end(number, subprocess.Popen.kill)

    async def stop(self, number: int) -> None:
        """Stop a server in order. Its clients go elsewhere a moment before."""
        self.slots[number].up = False
        await trio.sleep(1.5)
        await self._end(number, subprocess.Popen.terminate)

    async def _end(self, number: int, how: object) -> None:
        slot = self.slots[number]
        slot.up = False
        assert slot.process is not None
        how(slot.process)  # type: ignore[operator]
        await trio.to_thread.run_sync(slot.process.wait)

    async def client(self, number: int) -> None:
        """Ask one question after the other, until cancelled; the servers take turns."""
        while True:
            number += 1
            slot = self.slots[number % len(self.slots)]
            if not slot.up or self.resting:
                await trio.sleep(0.05)
                continue
            generation = slot.generation
            reply = await _asked(slot)
            if reply.startswith(b"HTTP/1.1 200") and b"fine" in reply:
                self.answered += 1
            elif slot.up and slot.generation == generation:
                status = int(reply.split(None, 2)[1]) if reply else 0
                body = reply.partition(b"\r\n\r\n")[2].decode()[:300]
                self.failures.append(Failure(time.monotonic(), slot.number, status, body))
                await trio.sleep(0.2)

    async def settle(self) -> None:
        """Wait until all servers answer: they don't trust a Redis that has just begun. Forget the
        failures so far, and those of questions that met three bad tokens before these were known.
        """
        while len({use.run for use in self.grok.uses}) < len(self.slots):  # noqa: ASYNC110
            await trio.sleep(0.1)
        await trio.sleep(1)
        self.failures.clear()

    async def believed(self, number: int) -> int:
        """The rest of all allowances, as a server knows it."""
        slot = self.slots[number]
        async with await trio.open_tcp_stream(slot.site.host, slot.port) as stream:
            await stream.send_all(
                b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n" + HEADERS + b"\r\n"
            )
            text = (await read_all(stream)).decode()
        return sum(int(float(left)) for left in _LEFT.findall(text))

    async def agreement(self) -> list[int]:
        """What all servers believe: once it is true, or after some seconds."""
        believed: list[int] = []
        with trio.move_on_after(AGREED_S):
            while believed != [self.grok.left] * len(self.slots):
                await trio.sleep(0.2)
                believed = [await self.believed(number) for number in range(len(self.slots))]
        return believed

    def unexpected(self, *codes: str) -> list[Failure]:
        """The failures with another code than these."""
        return [one for one in self.failures if not any(code in one.body for code in codes)]


def free_port() -> int:
    """A port of the loopback interface that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port: int = unused.getsockname()[1]
    return port


async def _asked(slot: Slot) -> bytes:
    try:
        async with await trio.open_tcp_stream(slot.site.host, slot.port) as stream:
            await stream.send_all(QUESTION)
            return await read_all(stream)
    except (OSError, trio.BrokenResourceError):
        return b""


@asynccontextmanager
async def fleet(
    folder: Path,
    sites: Sequence[Site],
    *,
    tokens: int,
    allowance: int,
) -> AsyncIterator[tuple[Fleet, trio.Nursery]]:
    """Servers that are ready, with wrong clocks; the tasks of the block's nursery end with it."""
    names = [f"token-{number:04}" for number in range(tokens)]
    grok = CountingGrok(allowance, dead=frozenset(names[::6]), drained=frozenset(names[3::6]))
    async with trio.open_nursery() as nursery:
        slots = []
        for number, site in enumerate(sites):
            port = await nursery.start(grok.serve, number, site.grok)
            slots.append(_laid_out(folder / f"server-{number}", number, port, site, names))
        world = Fleet(grok, slots)
        try:
            async with trio.open_nursery() as starting:
                for number in range(len(sites)):
                    starting.start_soon(world.start, number)
            yield world, nursery
        finally:
            for slot in slots:
                if slot.process is not None:
                    slot.process.kill()
                    slot.process.wait()
            nursery.cancel_scope.cancel()


def _laid_out(place: Path, number: int, grok_port: int, site: Site, names: list[str]) -> Slot:
    place.mkdir(parents=True)
    port = free_port()
    (place / "sitecustomize.py").write_text(SKEWED)
    (place / "tokens.json").write_text(json.dumps(names))
    (place / "config.toml").write_text(
        f'[grok]\nbase_url = "http://{site.grok}:{grok_port}"\nweb_lane = "rest"\n'
        f'api_key = "{KEY}"\n[server]\nhost = "{site.host}"\nport = {port}\n'
        f'data_dir = "{place / "data"}"\n[global]\nlog_level = "WARNING"\n'
        f'[pool]\nshare = "{site.redis}"\nshare_seconds = {TTL_S}\n'
    )
    return Slot(number, site, place, port, skew_s=(-2.0, 2.0, 0.0, 1.0)[number % 4])
