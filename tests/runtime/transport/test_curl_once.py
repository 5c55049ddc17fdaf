"""One ``open`` is one request on the wire, however the connection ends under it. Counted at the
other end.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import pytest
import trio
import trustme
from attrs import define, frozen

from grokcore.errors import GrokApiError, TransportFailure
from grokcore.protocol.grok_web.identity import Identity
from grokcore.protocol.grok_web.rate_limits import RATE_LIMITS_PATH
from grokcore.runtime.lanes.grok_web.assets import AssetAccess, AssetFetcher
from grokcore.runtime.lanes.grok_web.calls import post_json
from grokcore.runtime.transport.curl import CurlSettings, CurlTransport
from grokcore.runtime.transport.seam import ConnectionDied, UpstreamRequest
from grokcore.simulator.assets import jpeg
from grokcore.simulator.scripts import answer
from tests.runtime.transport.bench import read_all
from tests.scenarios import decorator
from tests.servers import Site, free_port, run_on_site

ANSWER = jpeg()
NAME = "127.0.0.1"


@define(eq=False)
class Upstream:
    """A server that answers, until a test has it end connections instead.

    :ivar ending: the way in which a connection ends that a request came on; empty while requests
        are answered.
    :ivar endings_left: number of requests that meet that.
    :ivar seen: requests since then.
    """

    context: ssl.SSLContext | None
    port: int = 0
    ending: str = ""
    endings_left: float = 0
    seen: int = 0
    connections: int = 0
    answer: bytes = ANSWER

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://{NAME}:{self.port}"

    def end_with(self, ending: str, times: float = float("inf")) -> None:
        self.ending, self.endings_left, self.seen = ending, times, 0

    def _ends(self, path: bytes = b"") -> bool:
        if RATE_LIMITS_PATH.encode() in path:  # asked whenever a server is started
            return False
        self.seen += 1
        self.endings_left -= 1
        return bool(self.ending) and self.endings_left >= 0

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        try:
            await (self._serve_h2(stream) if self.context else self._serve_http1(stream))
        except (trio.BrokenResourceError, trio.ClosedResourceError, h2.exceptions.ProtocolError):
            pass  # the last: input after the server's own goodbye
        finally:
            await trio.aclose_forcefully(stream)

    # HTTP/1.1

    async def _serve_http1(self, stream: trio.SocketStream) -> None:
        received = b""
        while data := await stream.receive_some(65536):
            received += data
            head, separator, body = received.partition(b"\r\n\r\n")
            if not separator or len(body) < _content_length(head):
                continue
            received = b""
            if self._ends(head):
                _close(stream, reset=self.ending == "reset")
                return
            await stream.send_all(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(self.answer) + self.answer
            )

    # HTTP/2

    async def _serve_h2(self, stream: trio.SocketStream) -> None:
        assert self.context is not None
        secure = trio.SSLStream(stream, self.context, server_side=True)
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        await secure.send_all(connection.data_to_send())
        paths: dict[int, bytes] = {}
        while data := await secure.receive_some(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived) and event.stream_id is not None:
                    paths[event.stream_id] = dict(event.headers or ())[b":path"]
                if isinstance(event, h2.events.DataReceived) and event.stream_id is not None:
                    connection.acknowledge_received_data(
                        event.flow_controlled_length or 0, event.stream_id
                    )
                if isinstance(event, h2.events.StreamEnded) and event.stream_id is not None:
                    if self._ends(paths.pop(event.stream_id)):
                        if self.ending in ("close", "reset"):
                            _close(stream, reset=self.ending == "reset")
                            return
                        self._refuse(connection, event.stream_id)
                    else:
                        connection.send_headers(event.stream_id, [(":status", "200")])
                        connection.send_data(event.stream_id, self.answer, end_stream=True)
            await secure.send_all(connection.data_to_send())
            if self.ending == "goaway behind it" and self.seen:
                return

    def _refuse(self, connection: h2.connection.H2Connection, stream_id: int) -> None:
        if self.ending == "refused":
            connection.reset_stream(stream_id, h2.errors.ErrorCodes.REFUSED_STREAM)
        elif self.ending == "goaway before it":
            connection.close_connection(last_stream_id=stream_id - 2 if stream_id > 1 else 0)
        else:
            connection.close_connection(
                h2.errors.ErrorCodes.INTERNAL_ERROR, last_stream_id=stream_id
            )


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _close(stream: trio.SocketStream, *, reset: bool) -> None:
    if reset:
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


@frozen
class World:
    upstream: Upstream
    transport: CurlTransport

    def request(self, *, body: bytes = b"{}", fresh: bool = False) -> UpstreamRequest:
        method = "POST" if body else "GET"
        return UpstreamRequest(
            method, self.upstream.url + "/", (("Cookie", "sso=a"),), body, fresh=fresh
        )

    async def keep(self, count: int) -> None:
        """Have so many connections kept."""
        for _ in range(count):
            assert await read_all(self.transport.open(self.request(fresh=True))) == ANSWER
        assert self.upstream.connections == count


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A context that speaks HTTP/2 only, and the file of the authority that vouches for it."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(NAME).configure_cert(context)
    context.set_alpn_protocols(["h2"])
    file: Path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return context, str(file)


def run_in_world(
    scenario: Callable[[World], Awaitable[None]], tls: tuple[ssl.SSLContext, str] | None
) -> None:
    async def main() -> None:
        upstream = Upstream(tls[0] if tls else None)
        transport = CurlTransport(CurlSettings(ca_file=tls[1] if tls else ""))
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                listeners = await nursery.start(
                    partial(trio.serve_tcp, upstream.serve, 0, host=NAME)
                )
                upstream.port = listeners[0].socket.getsockname()[1]
                await nursery.start(transport.run)
                await scenario(World(upstream, transport))
                assert transport.under_way == 0
                nursery.cancel_scope.cancel()

    trio.run(main)


in_world = decorator(run_in_world, gives=1)


@frozen
class Ending:
    """How connections end under a request."""

    how: str
    encrypted: bool

    @property
    def name(self) -> str:
        return f"{'HTTP/2' if self.encrypted else 'HTTP/1.1'}, {self.how}"


ENDINGS = [
    Ending("close", encrypted=False),
    Ending("reset", encrypted=False),
    Ending("close", encrypted=True),
    Ending("reset", encrypted=True),
    Ending("refused", encrypted=True),
    Ending("goaway before it", encrypted=True),
    Ending("goaway behind it", encrypted=True),
]


@pytest.mark.parametrize(
    "body", [b'{"message": "hi"}', b"x" * 300_000, b""], ids=["question", "upload", "no body"]
)
@pytest.mark.parametrize("kept", [0, 1, 5])
@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.name)
@in_world(lambda ending, tls: tls if ending.encrypted else None)
async def test_the_other_side_sees_a_request_once(
    world: World, ending: Ending, kept: int, body: bytes
) -> None:
    """libcurl would repeat it by itself, each time as a question of its own; the failure says that
    another try may do.
    """
    await world.keep(kept)
    world.upstream.end_with(ending.how)
    with pytest.raises(ConnectionDied):
        await read_all(world.transport.open(world.request(body=body)))
    assert world.upstream.seen == 1
    world.upstream.end_with("")
    assert await read_all(world.transport.open(world.request(body=body, fresh=True))) == ANSWER
    assert world.upstream.seen == 1


@in_world(None)
async def test_a_kept_connection_that_was_closed_in_between_costs_nothing(world: World) -> None:
    """libcurl looks before it sends: nobody has seen the request yet."""
    world.upstream.end_with("close", 1)
    with pytest.raises(TransportFailure):
        await read_all(world.transport.open(world.request()))
    assert await read_all(world.transport.open(world.request())) == ANSWER


# Calls beside a chat --------------------------------------------------------------------


async def a_small_call(world: World) -> bytes:
    return await post_json(
        world.transport,
        world.upstream.url + "/",
        b"{}",
        sso="a",
        proxy_url="",
        identity=Identity("s"),
        seconds=10,
    )


async def a_generated_picture(world: World) -> bytes:
    fetcher = AssetFetcher(world.transport, world.upstream.url, Identity("s"))
    return (await fetcher.fetch(AssetAccess("a"), "users/a.jpg")).data


@pytest.mark.parametrize("ask", [a_small_call, a_generated_picture])
@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.name)
@in_world(lambda ending, tls: tls if ending.encrypted else None)
async def test_what_is_asked_beside_a_chat_survives_a_dead_connection(
    world: World, ending: Ending, ask: Callable[[World], Awaitable[bytes]]
) -> None:
    """It is tried twice at most, the second time over a fresh connection: with five dead ones kept,
    too.
    """
    await world.keep(5)
    world.upstream.end_with(ending.how, 1)
    assert await ask(world) == ANSWER
    assert world.upstream.seen == 2
    world.upstream.end_with(ending.how)
    with pytest.raises(GrokApiError):
        await ask(world)
    assert world.upstream.seen == 2


# A chat -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.name)
def test_grok_is_asked_as_often_as_the_attempts_say(
    ending: Ending, tls: tuple[ssl.SSLContext, str]
) -> None:
    """Once more over a fresh connection if one has died, three times in all; the header and the
    other side agree.
    """
    upstream = Upstream(tls[0] if ending.encrypted else None, answer=answer("hello").body)

    async def scenario(site: Site) -> None:
        assert (await site.ask()).status_code == 200
        upstream.end_with(ending.how, 1)
        reply = await site.ask()
        assert "hello" in reply.json()["choices"][0]["message"]["content"]
        assert upstream.seen == int(reply.headers["x-grok2api-attempts"]) == 2
        upstream.end_with(ending.how)
        reply = await site.ask()
        assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_error")
        assert upstream.seen == int(reply.headers["x-grok2api-attempts"]) == 3

    # The port has to be known before the server is made.
    upstream.port = free_port()

    async def with_upstream(site: Site) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(trio.serve_tcp, upstream.serve, upstream.port, host=NAME))
            await scenario(site)
            nursery.cancel_scope.cancel()

    config = f'[grok]\nca_file = "{tls[1]}"'
    run_on_site(with_upstream, config=config, base_url=upstream.url)
