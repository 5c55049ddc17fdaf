"""Websockets in libcurl's transport, against a peer on real sockets."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest
import trio
from attrs import frozen
from wsproto.events import BytesMessage, Ping, TextMessage

from grokcore.errors import TransportFailure
from grokcore.runtime.transport.curl import CurlSettings
from grokcore.runtime.transport.curl.exchange import BUFFER_BYTES, CurlExchange, News
from grokcore.runtime.transport.curl.sockets import Sockets
from grokcore.runtime.transport.curl.websocket import MAX_FRAME_BYTES, CurlSocket
from grokcore.runtime.transport.seam import ConnectionDied, Heartbeat, ResponseHead, UpstreamRequest
from grokcore.simulator.peer import Peer
from tests.runtime.transport.bench import read_all
from tests.runtime.transport.line import HEADERS, Line, run_on_line

ABORT_S = 0.05

SOON_S = 10.0
"""Real seconds within which what must happen has happened, on any machine."""


# The upgrade ------------------------------------------------------------------------------------


def test_the_upgrade_has_the_headers_that_are_given_and_those_of_rfc_6455() -> None:
    """And the impersonated browser's own, as far as the request does not take them out."""
    heads: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.accept()
        heads.append(peer.head)
        await peer.close()

    async def scenario(line: Line) -> None:
        socket = line.connect()
        head = await socket.head()
        assert (head.status, head.peer) == (101, "127.0.0.1")
        assert await read_all(socket) == b""

    run_on_line(scenario, script)
    first, *lines = heads[0].decode().rstrip().split("\r\n")
    assert first == "GET /ws/mgw/?uid=u HTTP/1.1"
    fields = dict(line.split(": ", 1) for line in lines)
    given = {name: value for name, value in HEADERS if value}
    assert {name: fields[name] for name in given} == given
    others = {name.lower() for name in fields} - {name.lower() for name in given}
    handshake = {"host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"}
    assert others == handshake


@pytest.mark.parametrize("status", [200, 302, 401, 403, 429, 503])
def test_a_refused_upgrade_is_a_head_without_a_body(status: int) -> None:
    """Its status and headers say why; libcurl does not read the body."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.refuse(status, [("cf-mitigated", "challenge")], b"<html>")

    async def scenario(line: Line) -> None:
        socket = line.connect()
        head = await socket.head()
        assert (head.status, head.headers["cf-mitigated"]) == (status, "challenge")
        assert await socket.read() == b""
        await socket.aclose()

    run_on_line(scenario, script)


class HeadsOnly:
    """The loop's side of an exchange; keeps the status of each head."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def tell(self, _: CurlExchange, news: News) -> None:
        assert isinstance(news, ResponseHead)
        self.statuses.append(news.status)

    def much_was_freed(self) -> None: ...
    def ask_to_resume(self, exchange: CurlExchange) -> None: ...
    def ask_to_abort(self, exchange: CurlExchange) -> None: ...
    def ask_to_flush(self, exchange: CurlExchange) -> None: ...


@pytest.mark.parametrize(("status", "told"), [(101, []), (403, [403])])
def test_an_informational_head_does_not_answer_an_upgrade(status: int, told: list[int]) -> None:
    """The head behind it does: a refusal at once, an acceptance when frames can be read."""
    desk = HeadsOnly()
    request = UpstreamRequest("GET", "ws://127.0.0.1:9/", HEADERS, b"")
    socket = CurlSocket(request, desk, None, Sockets())
    for line in (b"HTTP/1.1 103 Early Hints", b"Link: </a>", b"", b"HTTP/1.1 %d A" % status, b""):
        assert socket.on_header(line + b"\r\n") == len(line) + 2
    assert desk.statuses == told


def test_nothing_but_a_websocket_is_connected_to() -> None:
    """A URL of another protocol is refused by libcurl."""

    async def scenario(line: Line) -> None:
        for url in ("http://127.0.0.1:9/", "file:///etc/hostname", "ftp://127.0.0.1/"):
            with pytest.raises(TransportFailure):
                await read_all(line.connect(url=url))

    run_on_line(scenario, Peer.until_left)


# Messages ---------------------------------------------------------------------------------------


def record(text: str) -> bytes:
    return text.encode() + b"\n"


LARGE = json.dumps({"text": "ä" * 100_000})


@pytest.mark.parametrize("cut", [1, 2, 7, 1000, 10**9])
def test_messages_come_whole_and_in_order_however_they_are_cut(cut: int) -> None:
    """Fragments, control frames between them, empty and binary messages, over any TCP segments."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.accept()
        events = [
            TextMessage(data="hel", message_finished=False),
            Ping(payload=b"x"),
            TextMessage(data="lö", message_finished=True),
            BytesMessage(data=b'{"a":\n', message_finished=False),
            BytesMessage(data=b'"\xc3\xa4"}', message_finished=True),
            TextMessage(data=""),
            TextMessage(data='{\n"c":1}'),
            TextMessage(data='{"a":1}{"b":2}'),
            *([TextMessage(data=LARGE)] if cut > 10 else []),
        ]
        data = peer.frames(*events)
        for start in range(0, len(data), cut):
            await peer.stream.send_all(data[start : start + cut])
            await trio.lowlevel.checkpoint()
        await peer.close()

    async def scenario(line: Line) -> None:
        texts = [
            "hellö",
            '{"a": "ä"}',
            "",
            '{ "c":1}',
            '{"a":1}{"b":2}',
            *([LARGE] if cut > 10 else []),
        ]
        assert await read_all(line.connect()) == b"".join(map(record, texts))

    run_on_line(scenario, script)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1_000_000, 6_000_000])
def test_a_message_of_any_size_is_sent_whole_to_a_peer_that_reads_late(size: int) -> None:
    """What the socket does not take is kept, without a word from the other side."""
    got: list[object] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.accept()
        await trio.sleep(0.05)
        got.extend([await peer.next(), await peer.next(), await peer.next()])
        await peer.close()

    async def scenario(line: Line) -> None:
        socket = line.connect()
        socket.send(b"a")
        socket.send(b"b" * size, b"c")
        assert await read_all(socket) == b""

    run_on_line(scenario, script)
    texts = [event.data for event in got[:3] if isinstance(event, TextMessage)]
    assert [(text[:1], len(text)) for text in texts] == [
        ("a", 1),
        ("b" * bool(size), size),
        ("c", 1),
    ]


def test_a_heartbeat_is_sent_while_the_other_side_is_silent() -> None:
    """By the worker thread: nobody on our side has to read."""
    beats = iter(range(100))

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.accept()
        for number in range(3):
            event = await peer.next()
            assert isinstance(event, TextMessage)
            assert event.data == str(number)
        await peer.close()

    async def scenario(line: Line) -> None:
        heartbeat = Heartbeat(0.02, lambda: str(next(beats)).encode())
        assert await read_all(line.connect(heartbeat)) == b""

    run_on_line(scenario, script)


def test_heartbeats_of_a_new_websocket_do_not_wait_for_those_of_an_older_one() -> None:
    """Each has its own times, though the worker thread looks for the next one seldom."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.accept()
        for _ in range(3):
            event = await peer.next()
            if not isinstance(event, TextMessage):
                return  # the slow one has left
        await peer.close()

    async def scenario(line: Line) -> None:
        slow = line.connect(Heartbeat(60.0, lambda: b"slow"))
        await slow.head()
        for _ in range(2):
            with trio.fail_after(5):
                assert await read_all(line.connect(Heartbeat(0.02, lambda: b"fast"))) == b""
        await slow.aclose()

    run_on_line(scenario, script)


# Ends -------------------------------------------------------------------------------------------


@frozen
class End:
    """How the peer ends, and what the reader finds."""

    name: str
    raw: bytes
    words: str


ENDS = [
    End("reason of a normal one", b"\x88\x04\x03\xe8ok", "closed the connection (1000: ok)."),
    End("policy", b"\x88\x08\x03\xf0policy", "Grok closed the connection (1008: policy)."),
    End("no code", b"\x88\x00", "Grok closed the connection."),
    End("no reason", b"\x88\x02\x03\xe9", "Grok closed the connection (1001)."),
    End("odd reason", b"\x88\x05\x03\xf3\x1b\xffz", "Grok closed the connection (1011:  \ufffdz)."),
    End("cut", b"", "Grok's answer was lost"),
    End("within a frame", b"\x81\x05ab", "Grok's answer was lost"),
    End("reserved opcode", b"\x83\x00", "Grok's answer was lost"),
    End("masked", b"\x81\x81abcda", "Grok's answer was lost"),
    End("too large", b"\x81\x7f" + (MAX_FRAME_BYTES + 1).to_bytes(8) + b"a", "larger than 16 MiB"),
]


@pytest.mark.parametrize("case", ENDS, ids=lambda case: case.name)
def test_an_end_that_is_not_normal_is_a_failure_that_says_how(case: End) -> None:
    """After everything that had come before it."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.accept()
        await peer.send(TextMessage(data="{}"))
        await peer.stream.send_all(case.raw)
        if case.name == "too large":
            await peer.until_left()

    async def scenario(line: Line) -> None:
        socket, found = line.connect(), b""
        await socket.head()
        with pytest.raises(TransportFailure) as caught:
            while True:
                found += await socket.read()
        assert found.startswith(record("{}"))
        assert case.words in str(caught.value)
        await socket.aclose()

    run_on_line(scenario, script)


def test_a_connection_that_ends_before_the_upgrade_says_so() -> None:
    """It may be tried again."""

    async def script(peer: Peer) -> None:
        await peer.request()

    async def scenario(line: Line) -> None:
        socket = line.connect()
        with pytest.raises(ConnectionDied, match="closed without a response"):
            await socket.head()
        await socket.aclose()

    run_on_line(scenario, script)


# Back-pressure ----------------------------------------------------------------------------------


def test_an_answer_that_is_not_read_is_not_taken_from_the_wire() -> None:
    """60 MB wait at the sender; here, it is a buffer's worth."""
    text = "x" * 30_000
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.accept()
        for _ in range(2000):
            await peer.send(TextMessage(data=text))
            sent += 1
        await peer.close()

    async def scenario(line: Line) -> None:
        socket = line.connect()
        await socket.head()
        await trio.sleep(0.2)
        before, grown = sent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await trio.sleep(0.1)
        assert sent == before < 1000
        waiting = sum(map(len, socket._body))  # type: ignore[arg-type]
        assert waiting <= BUFFER_BYTES + len(text) + 1
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown < 2048
        found = 0
        while data := await socket.read():
            found += len(data)
        assert found == 2000 * len(record(text))
        await socket.aclose()

    run_on_line(scenario, script)


FLOODS = {
    "pongs": b"\x8a\x00",
    "empty messages": b"\x81\x00",
    "messages": b"\x81\x7e\x10\0" + bytes(4096),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_websocket_that_is_never_silent_holds_up_no_other(flood: bytes) -> None:
    """Others get their turns while its frames come faster than they are taken, and it can be
    closed.
    """

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.accept()
        if b"flood" not in peer.head:
            await peer.send(TextMessage(data="{}"))
            await peer.close()
        while True:
            await peer.stream.send_all(flood * (200_000 // len(flood)))

    async def scenario(line: Line) -> None:
        flooded = line.connect(url=line.url + "/flood")
        await flooded.head()
        async with trio.open_nursery() as nursery:

            async def take() -> None:
                while await flooded.read():
                    pass

            nursery.start_soon(take)
            await trio.sleep(0.1)
            with trio.fail_after(SOON_S):
                for _ in range(5):
                    assert await read_all(line.connect()) == record("{}")
            nursery.cancel_scope.cancel()
        with trio.fail_after(SOON_S):
            await flooded.aclose()

    run_on_line(scenario, script)


# Aborts and numbers -----------------------------------------------------------------------------


async def in_handshake(peer: Peer) -> None:
    await peer.request()
    await peer.until_left()


async def silent(peer: Peer) -> None:
    await peer.request()
    await peer.accept()
    await peer.until_left()


async def chattering(peer: Peer) -> None:
    await peer.request()
    await peer.accept()
    while True:
        await peer.send(TextMessage(data="x" * 1000))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


PHASES = [in_handshake, silent, chattering]


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("script", PHASES)
def test_an_abort_is_at_once_and_leaves_nothing(
    script: object, secure: bool, tls: tuple[str, str, str]
) -> None:
    """A hundred in each phase: no descriptor, no transfer is left, and the peer knows."""

    async def scenario(line: Line) -> None:
        async def begin_and_leave(after_s: float) -> None:
            socket = line.connect()
            await trio.sleep(after_s)
            with trio.fail_after(5):
                await socket.aclose()

        for _ in range(2):
            await begin_and_leave(0.02)
        before = descriptors()
        for round_ in range(10):
            async with trio.open_nursery() as nursery:
                for number in range(10):
                    nursery.start_soon(begin_and_leave, 0.002 * number * (round_ % 3))
        with trio.fail_after(5):
            while descriptors() > before + 2:  # noqa: ASYNC110 - the kernel has no event for it
                await trio.sleep(0.01)
        socket = line.connect()
        await trio.sleep(0.05)
        began = trio.current_time()
        await socket.aclose()
        assert trio.current_time() - began < ABORT_S

    run_on_line(
        scenario,
        script,  # type: ignore[arg-type]
        settings=CurlSettings(ca_file=tls[2]) if secure else None,
        certificate=tls[:2] if secure else None,
    )


def test_two_hundred_at_once_over_tls(tls: tuple[str, str, str]) -> None:
    """Each gets its own answer."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.accept()
        event = await peer.next()
        assert isinstance(event, TextMessage)
        for number in range(20):
            await peer.send(TextMessage(data=f"{event.data} {number}"))
        await peer.close()

    async def scenario(line: Line) -> None:
        async def ask(name: str) -> None:
            socket = line.connect()
            socket.send(name.encode())
            expected = b"".join(record(f"{name} {number}") for number in range(20))
            assert await read_all(socket) == expected

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(ask, str(number))

    run_on_line(scenario, script, settings=CurlSettings(ca_file=tls[2]), certificate=tls[:2])
