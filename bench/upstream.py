"""The paced upstream: a simulated Grok so cheap that it does not distort the figures.

One thread, non-blocking sockets and a heap of timers; no framework. ``python3 -m bench.upstream``
prints its port and runs until its standard input ends. With ``--tls FILE`` (a certificate with its
key) it speaks TLS; with ``--close`` a connection carries one answer. No TLS session can be resumed,
so that each connection has a whole handshake.

A question's text is a JSON object: ``stream`` (a number), ``tokens``, ``rate`` (tokens a second),
``delay`` (seconds before the first one) and ``hang`` (stay silent after so many tokens).

Over the page's websocket it asks and answers in the recorded order, one frame for each token.

Below ``/official/v1`` it is xAI's official API, with one event for each token.

``GET /stats`` returns the numbers of connections that carried questions, and of websockets. It has
the times at which questions or upgrades came, and those at which readers gave up their streams.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import itertools
import json
import math
import selectors
import socket
import ssl
import sys
from typing import Any

from attrs import Factory, define, field

from grokcore.simulator import frames, lines
from grokcore.simulator.scripts import answer_lines, wrapped

from . import official_stream, page_socket
from .tokens import PARAMETERS, now, token_text

__all__ = ["main"]

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"
CLOSE_LINE = b"connection: close\r\n"
LAST_CHUNK = b"0\r\n\r\n"
RECV_BYTES = 65536
TEXT, CLOSE = 1, 8
"""Opcodes of RFC 6455."""

NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""Raised by a socket without blocking that has nothing to give, or takes nothing."""

UNLIMITED = {"windowSizeSeconds": 7200, "remainingQueries": 1_000_000, "totalQueries": 1_000_000}

TOLD = {
    b"POST /rest/rate-limits ": json.dumps(UNLIMITED).encode(),
    b"GET /api/auth/session ": page_socket.SESSION,
    b"POST /rest/modes ": page_socket.MODES,
    f"GET {official_stream.API_PATH}/".encode(): official_stream.MODEL_LIST,
}
"""Answers in one piece, by the beginning of a request."""


def _told(head: bytes) -> bytes | None:
    """The JSON that a request gets at once; None for one that is answered otherwise."""
    return next((body for start, body in TOLD.items() if head.startswith(start)), None)


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _rendered() -> tuple[bytes, bytes, bytes, bytes]:
    """The constant parts of answers: the lines before the tokens, both sides of a token, the lines
    at the end.
    """
    mark = token_text(0, 0)
    objects = [lines.line(value) for value in answer_lines([mark], question="paced", message=" ")]
    at = objects.index(lines.line(wrapped(lines.token(mark))))
    before, after = _chunk(objects[at]).split(mark.encode())
    return (
        b"".join(map(_chunk, objects[:at])),
        before,
        after,
        b"".join(map(_chunk, objects[at + 1 :])) + LAST_CHUNK,
    )


OPENING, BEFORE_TOKEN, AFTER_TOKEN, CLOSING = _rendered()


@define(eq=False)
class Stream:
    """An answer under way.

    :ivar texts: its tokens so far, for a closing that repeats them; None for one that does not.
    """

    number: int
    tokens: int
    interval: float
    hang_after: float
    due: float
    before: bytes
    after: bytes
    closing: bytes
    sent: int = 0
    texts: list[str] | None = None


@define(eq=False)
class ClientConnection:
    """A client's connection. *out* are bytes that the socket would not take yet."""

    sock: socket.socket
    received: bytes = b""
    out: bytearray = field(factory=bytearray)
    stream: Stream | None = None
    counted: bool = False
    upgraded: bool = False
    question: str = ""


@define
class Upstream:
    """The server.

    :ivar tls: None for plain connections.
    :ivar head: of an answer over REST.
    """

    tls: ssl.SSLContext | None = None
    head: bytes = HEAD + b"\r\n"
    selector: selectors.BaseSelector = Factory(selectors.DefaultSelector)
    timers: list[tuple[float, int, ClientConnection, Stream]] = Factory(list)
    order: itertools.count[int] = Factory(itertools.count)
    connections: int = 0
    requests: int = 0
    upgrades: int = 0
    arrivals: list[float] = Factory(list)
    aborts: dict[int, float] = Factory(dict)

    def run(self, listener: socket.socket) -> None:
        """Serve until standard input ends."""
        self.selector.register(listener, selectors.EVENT_READ, None)
        self.selector.register(sys.stdin, selectors.EVENT_READ, None)
        while True:
            wait = max(0.0, self.timers[0][0] - now()) if self.timers else None
            for key, _ in self.selector.select(wait):
                if isinstance(key.data, ClientConnection):
                    self._serve(key.data)
                elif key.fileobj is listener:
                    self._accept(listener)
                else:
                    return
            self._fire()

    # Connections ---------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        sock, _ = listener.accept()
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is not None:  # the handshake is made by the first reads
            sock = self.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.selector.register(sock, selectors.EVENT_READ, ClientConnection(sock))

    def _serve(self, connection: ClientConnection) -> None:
        if connection.out:
            self._write(connection, b"")
        try:
            data = connection.sock.recv(RECV_BYTES)
        except NOT_YET:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return
        connection.received += data
        if connection.upgraded:
            self._read_frames(connection)
        else:
            self._read_request(connection)

    def _drop(self, connection: ClientConnection) -> None:
        if connection.stream is not None:
            self.aborts[connection.stream.number] = now()
            connection.stream = None
        if connection.sock.fileno() >= 0:
            self.selector.unregister(connection.sock)
            connection.sock.close()

    def _write(self, connection: ClientConnection, data: bytes) -> None:
        if connection.out:
            connection.out += data
            data = bytes(connection.out)
            connection.out.clear()
        try:
            sent = connection.sock.send(data)
        except NOT_YET:
            sent = 0
        except OSError:
            self._drop(connection)
            return
        connection.out += data[sent:]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.out else 0)
        if self.selector.get_key(connection.sock).events != wanted:
            self.selector.modify(connection.sock, wanted, connection)

    # Requests ------------------------------------------------------------------------------------

    def _read_request(self, connection: ClientConnection) -> None:
        head, end, rest = connection.received.partition(b"\r\n\r\n")
        if not end:
            return
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(rest) < length:
            return
        connection.received = rest[length:]
        if head.startswith(b"GET /stats "):
            self._tell_stats(connection)
        elif (told := _told(head)) is not None:
            self._write_json(connection, told)
        elif head.startswith(b"POST " + official_stream.API_PATH.encode()):
            self.arrivals.append(now())
            self._begin_official(connection, json.loads(rest[:length]))
        elif b"\r\nsec-websocket-key:" in head.lower():
            connection.upgraded = True
            self.upgrades += 1
            self.arrivals.append(now())
            self._write(connection, page_socket.upgraded(head))
            self._read_frames(connection)
        else:
            self.arrivals.append(now())
            self._begin(connection, json.loads(rest[:length])["message"])

    def _write_json(self, connection: ClientConnection, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._write(connection, head % len(body) + body)

    def _read_frames(self, connection: ClientConnection) -> None:
        while (frame := page_socket.client_frame(connection.received)) is not None:
            opcode, payload, connection.received = frame
            if opcode == CLOSE:
                self._drop(connection)
                return
            if opcode == TEXT:
                self._hear(connection, json.loads(payload)["event"])

    def _hear(self, connection: ClientConnection, event: dict[str, Any]) -> None:
        """Answer an event of the page's protocol."""
        match event["type"]:
            case "ping":
                pong = frames.wire(frames.pong(event["event_id"]), page_socket.SESSION_ID)
                self._write(connection, page_socket.text_frame(pong))
            case "session.create":
                self._write(connection, page_socket.acknowledgements(event["event_id"]))
            case "conversation.item.create":
                connection.question = page_socket.question_of(event)
            case "response.create":
                self._begin(connection, connection.question)

    def _tell_stats(self, connection: ClientConnection) -> None:
        stats = {
            "connections": self.connections,
            "requests": self.requests,
            "upgrades": self.upgrades,
            "arrivals": self.arrivals,
            "aborts": self.aborts,
        }
        body = json.dumps(stats).encode()
        self._write(
            connection, b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )

    def _begin_official(self, connection: ClientConnection, body: dict[str, Any]) -> None:
        stream = self._stream(connection, official_stream.question_of(body))
        stream.before = official_stream.BEFORE_TOKEN
        stream.after = official_stream.AFTER_TOKEN
        stream.closing, stream.texts = b"", []
        self._write(connection, official_stream.HEAD + official_stream.OPENING)

    def _begin(self, connection: ClientConnection, message: str) -> None:
        self._stream(connection, message)
        self._write(connection, page_socket.OPENING if connection.upgraded else self.head + OPENING)

    def _stream(self, connection: ClientConnection, message: str) -> Stream:
        found = PARAMETERS.search(message)
        asked: dict[str, Any] = json.loads(found.group()) if found else {}
        self.requests += 1
        self.connections += not connection.counted
        connection.counted = True
        stream = connection.stream = Stream(
            number=asked.get("stream", 0),
            tokens=asked.get("tokens", 1),
            interval=1 / asked.get("rate", 50),
            hang_after=asked.get("hang", math.inf),
            due=now() + asked.get("delay", 0),
            before=page_socket.BEFORE_TOKEN if connection.upgraded else BEFORE_TOKEN,
            after=page_socket.AFTER_TOKEN if connection.upgraded else AFTER_TOKEN,
            closing=page_socket.CLOSING if connection.upgraded else CLOSING,
        )
        heapq.heappush(self.timers, (stream.due, next(self.order), connection, stream))
        return stream

    # Pace ----------------------------------------------------------------------------------------

    def _fire(self) -> None:
        """Send all tokens that are due. Such a token is stamped as sent, even if the socket does
        not take it yet.
        """
        timers = self.timers
        while timers and timers[0][0] <= now():
            _, _, connection, stream = timers[0]
            if connection.stream is not stream or stream.sent >= stream.hang_after:
                heapq.heappop(timers)
                continue
            text = token_text(stream.number, now())
            data = stream.before + text.encode() + stream.after
            stream.sent += 1
            if stream.texts is not None:
                stream.texts.append(text)
            if stream.sent == stream.tokens:
                heapq.heappop(timers)
                connection.stream = None
                data += stream.closing
                if stream.texts is not None:
                    data += official_stream.closing("".join(stream.texts))
            else:
                stream.due += stream.interval
                heapq.heapreplace(timers, (stream.due, next(self.order), connection, stream))
            self._write(connection, data)


def _tls(file: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m bench.upstream")
    parser.add_argument("--tls", metavar="FILE")
    parser.add_argument("--close", action="store_true")
    arguments = parser.parse_args()
    head = HEAD + (CLOSE_LINE if arguments.close else b"") + b"\r\n"
    tls = _tls(arguments.tls) if arguments.tls else None
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    gc.freeze()
    Upstream(tls, head).run(listener)


if __name__ == "__main__":
    main()
