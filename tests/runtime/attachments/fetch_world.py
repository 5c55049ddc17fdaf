"""A web server on loopback, which is the canary too, and a fetcher that is led to it."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import pytest
import trio
from attrs import define, field

from grokcore.errors import AttachmentRefused, RequestTooLarge
from grokcore.runtime.attachments.fetch import Fetcher
from grokcore.runtime.transport.curl import CurlExchange, CurlSettings, CurlTransport
from grokcore.runtime.transport.seam import UpstreamRequest
from tests.runtime.attachments.hosts import (
    PICTURE,
    page,
)
from tests.scenarios import decorator
from tests.servers import read_until

NAME = "pictures.example.com"
MOST = 100_000
SECRET = "canary"

Handler = Callable[[trio.abc.Stream], Awaitable[None]]
Page = bytes | Handler


SILENCE = b""
STALLING = page(PICTURE[:20], length=len(PICTURE))
"""The connection stays open in both cases."""


async def cut(stream: trio.abc.Stream) -> None:
    await stream.send_all(STALLING)
    await stream.aclose()


async def endless(stream: trio.abc.Stream) -> None:
    await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await stream.send_all(b"1000\r\n" + bytes(4096) + b"\r\n")


@define(eq=False)
class Recorder:
    """The real transport, and what went through it."""

    transport: CurlTransport
    exchanges: list[CurlExchange] = field(factory=list)

    def open(self, request: UpstreamRequest) -> CurlExchange:
        self.exchanges.append(self.transport.open(request))
        return self.exchanges[-1]


@define(eq=False)
class World:
    """A web server on loopback (it is the canary too), and names that lead to it."""

    transport: Recorder
    port: int = 0
    pages: dict[str, Page] = field(factory=dict)
    names: dict[str, list[Sequence[str]]] = field(factory=lambda: {NAME: [["127.0.0.1"]]})
    """Answers in turn; the last one for ever."""
    heads: list[str] = field(factory=list)
    lookups: list[str] = field(factory=list)
    connections: int = 0
    open_connections: int = 0

    def fetcher(self, *allow_hosts: str, proxy_url: str = "") -> Fetcher:
        return Fetcher(self.transport, frozenset(allow_hosts), proxy_url, self.resolve)

    async def fetch(self, path: str = "/a.png", *, most: int = MOST) -> bytes:
        """Fetch from a host that the configuration names."""
        return await self.fetcher(NAME).fetch(f"http://{NAME}:{self.port}{path}", most=most)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        self.lookups.append(host)
        answers = self.names[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def serve(self, stream: trio.abc.Stream) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            head = (await read_until(stream, b"\r\n\r\n")).decode()  # type: ignore[arg-type]
            self.heads.append(head)
            answer = self.pages.get(head.split()[1], page(b"no", status="404 Not Found"))
            await (stream.send_all(answer) if isinstance(answer, bytes) else answer(stream))
            await stream.receive_some(1)
        except (trio.BrokenResourceError, trio.ClosedResourceError, AssertionError):
            pass
        finally:
            self.open_connections -= 1
            await trio.aclose_forcefully(stream)

    async def all_closed(self) -> None:
        while self.open_connections:
            await trio.lowlevel.checkpoint()


def run_in_world(
    scenario: Callable[[World], Awaitable[None]],
    *,
    settings: CurlSettings | None = None,
    context: ssl.SSLContext | None = None,
) -> None:
    """Run *scenario*; afterwards nothing may be under way."""

    async def main() -> None:
        transport = CurlTransport(settings or CurlSettings())
        world = World(Recorder(transport))
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                serve = (
                    partial(trio.serve_ssl_over_tcp, ssl_context=context)
                    if context
                    else trio.serve_tcp
                )
                listeners = await nursery.start(partial(serve, world.serve, 0, host="127.0.0.1"))
                listener = listeners[0].transport_listener if context else listeners[0]
                world.port = listener.socket.getsockname()[1]
                await nursery.start(transport.run)
                await scenario(world)
                assert transport.under_way == 0
                nursery.cancel_scope.cancel()

    trio.run(main)


in_world = decorator(run_in_world, gives=1)


async def refusal(awaitable: Awaitable[bytes]) -> str:
    """Why something was refused."""
    with pytest.raises((AttachmentRefused, RequestTooLarge)) as caught:
        await awaitable
    assert isinstance(caught.value, RequestTooLarge) == ("larger than" in caught.value.message)
    message = caught.value.message
    assert SECRET not in message
    assert len(message) < 300
    return message
