"""Short answers in one piece, over kept connections: what a request costs beside its tokens."""

from __future__ import annotations

import json
import selectors
import socket
import statistics

from attrs import define

from .figures import Figure
from .processes import ServerProcess
from .usage import cpu_s

__all__ = ["answer_many", "short_answers"]

CLIENTS = 8
TOKENS = 5
RATIO = 1.5

ASKED = {"stream": 1, "tokens": TOKENS, "rate": 100_000}
"""The upstream sends such tokens at once."""

LENGTH = b"content-length: "


def short_answers(
    gateway: ServerProcess, bare: ServerProcess, *, rounds: int, questions: int
) -> list[Figure]:
    """Gateway and bare app in turns, with the same question and as many bytes in its answer."""
    answer_many(gateway.port, questions // 4)
    answer_many(bare.port, questions // 4)
    pairs = [(_cost_us(bare, questions), _cost_us(gateway, questions)) for _ in range(rounds)]
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    theirs, ours = (statistics.median(pair[n] for pair in pairs) for n in (0, 1))
    sizes = [answer_many(server.port, 1) for server in (gateway, bare)]
    return [
        Figure(
            "CPU for a short answer in one piece, gateway : bare app",
            f"<= {RATIO}",
            f"{ratio:.2f}",
            ratio <= RATIO,
        ),
        Figure("  gateway, bare app (µs of CPU)", "", f"{ours:.0f}, {theirs:.0f}"),
        Figure("  bytes of its body", "", f"{sizes[0]}, {sizes[1]}"),
    ]


def _cost_us(server: ServerProcess, questions: int) -> float:
    before = cpu_s(server.pid)
    answer_many(server.port, questions)
    return (cpu_s(server.pid) - before) / questions * 1e6


@define(eq=False)
class _Client:
    """A kept connection. *received* is the answer so far."""

    sock: socket.socket
    received: bytes = b""


def answer_many(port: int, questions: int, clients: int = CLIENTS) -> int:
    """Ask so often, with as many connections; return the bytes of the last body.

    :raises RuntimeError: if an answer is none.
    """
    request, size = _request(), 0
    with selectors.DefaultSelector() as selector:
        waiting = [_connect(port, selector) for _ in range(min(clients, questions))]
        asked = len(waiting)
        for client in waiting:
            client.sock.sendall(request)
        for _ in range(questions):
            client, size = _next_answer(selector)
            if asked < questions:
                asked += 1
                client.sock.sendall(request)
        for client in waiting:
            client.sock.close()
    return size


def _connect(port: int, selector: selectors.BaseSelector) -> _Client:
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    client = _Client(sock)
    selector.register(sock, selectors.EVENT_READ, client)
    return client


def _next_answer(selector: selectors.BaseSelector) -> tuple[_Client, int]:
    """The client whose answer is whole next, and its body's length."""
    while True:
        ready = selector.select(10)
        if not ready:
            raise RuntimeError("no answer came")
        for key, _ in ready:
            client: _Client = key.data
            size = _read(client)
            if size is not None:
                return client, size


def _read(client: _Client) -> int | None:
    """Receive more; the body's length if the answer is whole."""
    data = client.sock.recv(65536)
    client.received += data
    head, _, body = client.received.partition(b"\r\n\r\n")
    if not data or not head.startswith(b"HTTP/1.1 200"[: len(head)]):
        raise RuntimeError(f"no answer: {client.received[:300]!r}")
    length = head.lower().partition(LENGTH)[2].partition(b"\r\n")[0]
    if not length or len(body) < int(length):
        return None
    client.received = b""
    return len(body)


def _request() -> bytes:
    messages = [{"role": "user", "content": json.dumps(ASKED)}]
    body = json.dumps({"model": "grok-3-fast", "messages": messages}).encode()
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"content-length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
