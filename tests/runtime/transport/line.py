"""Websockets of the transport, and a server whose connections are each given to a script."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

import trio
from attrs import frozen

from grokcore.runtime.transport.curl import CurlSettings, CurlTransport
from grokcore.runtime.transport.curl.websocket import CurlSocket
from grokcore.runtime.transport.seam import Heartbeat, UpstreamRequest
from grokcore.simulator.peer import Peer

HEADERS = (
    *(
        (name, "")
        for name in (
            "Accept",
            "Accept-Encoding",
            "Upgrade-Insecure-Requests",
            "Priority",
            "sec-ch-ua",
        )
    ),
    *((f"Sec-Fetch-{name}", "") for name in ("Dest", "Mode", "Site", "User")),
    *((f"sec-ch-ua-{name}", "") for name in ("mobile", "platform")),
    ("Origin", "https://grok.com"),
    ("User-Agent", "Browser/1"),
    ("Accept-Language", "en"),
    ("Cache-Control", "no-cache"),
    ("Pragma", "no-cache"),
    ("Cookie", "sso=a; sso-rw=a; x-userid=u"),
)
PATH = "/ws/mgw/?uid=u"


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
