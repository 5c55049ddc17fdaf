"""The load generator: many streaming clients in one thread. ``python3 -m bench.load`` reads a plan
and prints its outcome.

Raw sockets and ``selectors``: its cost per token must stay small beside the measured server's, and
its own delay counts as lag. So while it runs it only notes the times of bytes, and examines them
afterwards.
"""

from __future__ import annotations

import contextlib
import gc
import heapq
import itertools
import json
import re
import selectors
import socket
import sys
from collections.abc import Callable

import cattrs
from attrs import Factory, asdict, define, frozen

from .plan import Measured, Plan, PlannedRequest, Seen
from .tokens import TOKEN, now
from .usage import cpu_s, idle_s, rss_kb, tree_of

__all__ = ["main"]

RECV_BYTES = 262144
CHAT_END = b"data: [DONE]\n\n"
GROK_END = b'"newTitle"'
QUANTILES = 1000

_EVENT = re.compile(rb'data: [^\n]*"content":" s[^\n]*\n\n')


@frozen
class _Usage:
    """The use of the watched process, with its children, and of the machine, at a moment."""

    at: float = 0.0
    cpu_s: float = 0.0
    rss_kb: int = 0
    idle_s: float = 0.0


@define(eq=False)
class Client:
    """A stream as its reader sees it.

    :ivar notes: the times at which bytes came, with the bytes.
    """

    ask: PlannedRequest
    sock: socket.socket
    asked_at: float
    buffer: bytes = b""
    status: bytes = b""
    notes: list[tuple[float, list[tuple[bytes, bytes]]]] = Factory(list)
    sample: bytes = b""
    tokens: int = 0
    ended_at: float = 0.0
    left_at: float = 0.0
    trouble: str = "it did not end"

    def seen(self) -> Seen:
        found = [match for _, matches in self.notes for match in matches]
        sent = [float(at) for _, at in found]
        own = all(int(number) == self.ask.number for number, _ in found)
        complete = self.tokens == self.ask.tokens and own and sent == sorted(sent)
        return Seen(
            number=self.ask.number,
            asked_at=self.asked_at,
            first_at=self.notes[0][0] if self.notes else 0.0,
            ended_at=self.ended_at,
            left_at=self.left_at,
            last_sent_at=sent[-1] if sent else 0.0,
            tokens=self.tokens,
            whole=complete and not self.trouble,
            trouble=self.trouble
            or ("" if complete else "tokens are missing, out of order or another's"),
        )


class Load:
    """A run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._end_mark = GROK_END if plan.direct else CHAT_END
        self._selector = selectors.DefaultSelector()
        self._order = itertools.count()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._clients: list[Client] = []
        self._open = 0
        self._kept: socket.socket | None = None
        self._usage: list[_Usage] = []

    def run(self) -> Measured:
        began = now()
        for ask in self._plan.asks:
            if not self._plan.one_connection:
                self._at(began + ask.start, lambda ask=ask: self._begin(ask))  # type: ignore[misc]
        if self._plan.one_connection:
            self._begin(self._plan.asks[0])
        for edge in self._plan.window if self._plan.pid else ():
            self._at(began + edge, self._note_usage)
        while (self._open or self._timers) and now() < began + self._plan.limit_s:
            self._turn()
        return self._outcome()

    def _at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (when, next(self._order), action))

    def _turn(self) -> None:
        wait = max(0.0, self._timers[0][0] - now()) if self._timers else 1.0
        for key, _ in self._selector.select(min(wait, 1.0)):
            self._read(key.data)
        while self._timers and self._timers[0][0] <= now():
            heapq.heappop(self._timers)[2]()

    def _note_usage(self) -> None:
        tree = tree_of(self._plan.pid)
        used = _Usage(now(), sum(map(cpu_s, tree)), sum(map(rss_kb, tree)), idle_s())
        self._usage.append(used)

    # Clients -------------------------------------------------------------------------------------

    def _begin(self, ask: PlannedRequest) -> None:
        asked_at = now()
        sock = self._kept or socket.create_connection(("127.0.0.1", self._plan.port), timeout=10)
        self._kept = None
        sock.sendall(_request(ask, direct=self._plan.direct))
        sock.settimeout(0)
        client = Client(ask, sock, asked_at)
        self._clients.append(client)
        self._open += 1
        self._selector.register(sock, selectors.EVENT_READ, client)
        if ask.leave_at is not None:
            self._at(asked_at + ask.leave_at, lambda: self._leave(client))

    def _read(self, client: Client) -> None:
        try:
            data = client.sock.recv(RECV_BYTES)
        except OSError:
            data = b""
        came_at = now()
        block = client.buffer + data
        cut = block.rfind(b"\n") + 1  # an event, or a line of Grok's, has no line break inside
        client.buffer, block = block[cut:], block[:cut]
        found = TOKEN.findall(block)
        if found:
            client.notes.append((came_at, found))
            client.tokens += len(found)
            client.sample = client.sample or block
        client.status = client.status or block[9:12]
        if client.ask.leave_after is not None and client.tokens >= client.ask.leave_after:
            self._leave(client)
        elif self._end_mark in block:
            self._finish(client, came_at, "")
        elif not data or client.status not in (b"", b"200") or b'data: {"error"' in block:
            self._finish(
                client, came_at, f"status {client.status.decode() or '-'}: {block[-200:]!r}"
            )

    def _leave(self, client: Client) -> None:
        if not client.ended_at and not client.left_at:
            self._selector.unregister(client.sock)
            client.left_at = now()
            client.sock.close()
            self._open -= 1

    def _finish(self, client: Client, at: float, trouble: str) -> None:
        client.ended_at, client.trouble = at, trouble
        self._open -= 1
        self._selector.unregister(client.sock)
        done = len(self._clients)
        if self._plan.one_connection and not trouble and done < len(self._plan.asks):
            self._kept = client.sock
            # The last chunk may come behind the mark: it is taken out of the way first.
            self._at(now() + 0.05, lambda: self._again(self._plan.asks[done]))
        else:
            client.sock.close()

    def _again(self, ask: PlannedRequest) -> None:
        assert self._kept is not None
        with contextlib.suppress(BlockingIOError):
            self._kept.recv(RECV_BYTES)
        self._kept.settimeout(10)
        self._begin(ask)

    # Afterwards ----------------------------------------------------------------------------------

    def _outcome(self) -> Measured:
        first, last = (
            (self._usage[0], self._usage[-1]) if self._usage else (_Usage(), _Usage(now()))
        )
        notes = [
            note
            for client in self._clients
            for note in client.notes
            if first.at <= note[0] < last.at
        ]
        lags = sorted((at, at - float(sent)) for at, found in notes for _, sent in found)
        third = (last.at - first.at) / 3
        thirds = [
            [lag for at, lag in lags if n * third <= at - first.at < (n + 1) * third]
            for n in range(3)
        ]
        samples = [
            event.group() for client in self._clients if (event := _EVENT.search(client.sample))
        ]
        return Measured(
            seen=[client.seen() for client in self._clients],
            tokens=len(lags),
            seconds=last.at - first.at,
            lags=_quantiles([lag for _, lag in lags]),
            thirds=[_quantiles(part)[QUANTILES // 2] if part else 0.0 for part in thirds],
            cpu_s=last.cpu_s - first.cpu_s,
            rss_kb=last.rss_kb,
            idle_s=last.idle_s - first.idle_s,
            event_bytes=len(samples[0]) if samples else 0,
        )


def _request(ask: PlannedRequest, *, direct: bool) -> bytes:
    if direct:
        path, body = "/rest/app-chat/conversations/new", {"message": ask.question()}
        return _http(path, json.dumps(body).encode())
    messages = [{"role": "user", "content": ask.question()}]
    body = {"model": "grok-3-fast", "messages": messages, "stream": True}  # type: ignore[dict-item]
    return _http("/v1/chat/completions", json.dumps(body).encode())


def _http(path: str, body: bytes) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"content-length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _quantiles(values: list[float]) -> list[float]:
    values = sorted(values)
    return (
        [values[round(n / QUANTILES * (len(values) - 1))] for n in range(QUANTILES + 1)]
        if values
        else []
    )


def main() -> None:
    plan = cattrs.structure(json.load(sys.stdin), Plan)
    # the notes grow, and looking through them again and again would be lag; the run is short
    gc.disable()
    print(json.dumps(asdict(Load(plan).run())))


if __name__ == "__main__":
    main()
