"""The other side of websockets: a scripted server on real sockets, speaking RFC 6455 by wsproto."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator

import trio
from attrs import define, field, frozen
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from grokcore.runtime.transport.curl import CurlSettings, CurlTransport
from grokcore.runtime.transport.curl.websocket import CurlSocket
from grokcore.runtime.transport.seam import Heartbeat, UpstreamRequest

HEADERS = (
    ("Origin", "https://grok.com"),
    ("User-Agent", "Browser/1"),
    ("Accept-Language", "en"),
    ("Cache-Control", "no-cache"),
    ("Pragma", "no-cache"),
    ("Cookie", "sso=a; sso-rw=a; x-userid=u"),
)
PATH = "/ws/mgw/?uid=u"


@define(eq=False)
class Peer:
    """One connection as the server sees it.

    :ivar head: the upgrade's raw head, once it has come.
    """

    stream: trio.abc.Stream
    ws: WSConnection = field(factory=lambda: WSConnection(ConnectionType.SERVER))
    head: bytes = b""
    waiting: deque[Event] = field(factory=deque)
    text: str = ""

    async def request(self) -> Request:
        """Wait for the upgrade."""
        while b"\r\n\r\n" not in self.head:
            data = await self.stream.receive_some()
            if not data:
                raise trio.BrokenResourceError
            self.head += data
        self.ws.receive_data(self.head)
        (request,) = self.ws.events()
        assert isinstance(request, Request)
        return request

    async def accept(self) -> None:
        """Take the upgrade."""
        await self.request()
        await self.send(AcceptConnection())

    async def refuse(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Refuse it."""
        await self.request()
        await self.send(RejectConnection(status_code=status, headers=headers, has_body=True))
        await self.send(RejectData(data=body))

    async def close(self) -> None:
        """End in good order: the client's close frame is waited for, and its leaving."""
        await self.send(CloseConnection(1000))
        await self.until_left()

    async def until_left(self) -> None:
        """Wait until the client has left."""
        while await self.next() is not None:
            pass

    async def send(self, *events: Event) -> None:
        await self.stream.send_all(b"".join(self.ws.send(event) for event in events))

    async def next(self) -> Event | None:
        """Wait for the next event, messages whole; None once the client has left."""
        while not self.waiting:
            try:
                data = await self.stream.receive_some()
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            self.ws.receive_data(bytes(data))
            self.waiting.extend(self._whole(self.ws.events()))
        return self.waiting.popleft()

    def _whole(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, TextMessage):
                self.text += event.data
                if not event.message_finished:
                    continue
                yield TextMessage(data=self.text)
                self.text = ""
            else:
                yield event


@frozen
class Line:
    """A running transport, and a server whose connections are each given to a script."""

    transport: CurlTransport
    url: str

    def connect(
        self, heartbeat: Heartbeat | None = None, *, url: str = "", **fields: object
    ) -> CurlSocket:
        request = UpstreamRequest("GET", url or self.url + PATH, HEADERS, b"", **fields)  # type: ignore[arg-type]
        return self.transport.connect(request, heartbeat)


Script = Callable[[Peer], Awaitable[None]]


def run_on_line(
    scenario: Callable[[Line], Awaitable[None]],
    script: Script,
    *,
    settings: CurlSettings | None = None,
    certificate: tuple[str, str] | None = None,
) -> None:
    """Run *scenario* while *script* serves each connection; afterwards nothing may be under way."""

    async def serve(stream: trio.abc.Stream) -> None:
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*certificate)
            stream = trio.SSLStream(
                stream,
                context,
                server_side=True,
                https_compatible=True,
            )
        try:
            await script(Peer(stream))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client has left
        finally:
            await trio.aclose_forcefully(stream)

    async def main() -> None:
        transport = CurlTransport(settings or CurlSettings())
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                listeners = await nursery.start(trio.serve_tcp, serve, 0)
                port = listeners[0].socket.getsockname()[1]
                await nursery.start(transport.run)
                await scenario(
                    Line(transport, f"{'wss' if certificate else 'ws'}://127.0.0.1:{port}")
                )
                assert transport.under_way == 0
                nursery.cancel_scope.cancel()

    trio.run(main)
