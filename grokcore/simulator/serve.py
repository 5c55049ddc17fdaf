"""Serving the simulated Grok on a free port of the loopback interface.

Hypercorn serves HTTP. Websockets are served here, by wsproto on the bare connection: a simulated
Grok has to send fragments, control frames between them and broken frames, which ASGI can't say.
"""

from __future__ import annotations

import functools
import logging
from typing import Any, Protocol, TypeAlias

import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

from .app import Simulator
from .asgi import Receive, SendFn
from .peer import MAX_HEAD_BYTES, Peer

__all__ = ["Service", "serve_simulator"]

BACKLOG = 1024

AnyStream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"


class Service(Protocol):
    """An ASGI app that also takes the connections of websockets.

    :ivar date: the ``Date`` of every response; empty for the true one.
    """

    date: str

    async def __call__(self, scope: Any, receive: Receive, send: SendFn) -> None: ...

    async def serve_socket(self, peer: Peer) -> None: ...


async def serve_simulator(
    simulator: Service | None = None,
    *,
    certificate: tuple[str, str] | None = None,
    keep_alive_s: float = 60.0,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until cancelled. Reports the base URL as started.

    :param certificate: files with a certificate and its key; with them it speaks TLS and HTTP/2.
    :param keep_alive_s: seconds that an idle connection stays open.
    """
    simulator = simulator or Simulator()
    config = _configured(simulator, certificate, keep_alive_s)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=BACKLOG)
    port = listener.socket.getsockname()[1]
    listeners: list[Any] = [listener]
    if certificate:
        context = config.create_ssl_context()
        assert context is not None
        listeners = [trio.SSLListener(listener, context, https_compatible=True)]
    handler = functools.partial(_serve_connection, simulator, config)
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, handler, listeners)
        task_status.started(f"{'https' if certificate else 'http'}://127.0.0.1:{port}")


def _configured(
    simulator: Service, certificate: tuple[str, str] | None, keep_alive_s: float
) -> Config:
    config = Config()
    config.keep_alive_timeout = keep_alive_s
    config.h2_max_concurrent_streams = 1000
    config.errorlog = logging.getLogger(__name__)
    # It breaks connections off on purpose; Hypercorn would log each as a crash.
    config.errorlog.setLevel(logging.CRITICAL)
    config.include_date_header = not simulator.date
    if certificate:
        config.certfile, config.keyfile = certificate
    return config


async def _serve_connection(simulator: Service, config: Config, stream: AnyStream) -> None:
    """Serve one connection, as a websocket if its first request asks for one."""
    try:
        http2 = await _speaks_http2(stream)
        head = b"" if http2 else await _first_head(stream)
        tunnelled = head.startswith(b"CONNECT ")
        if tunnelled:  # it is its own proxy, as a second egress
            await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
            head = await _first_head(stream)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return  # the client has left, or does not trust the certificate
    if b"upgrade: websocket" in head.lower():
        peer = Peer(stream, head, stream_socket(stream).getpeername()[1], tunnelled)
        try:
            await simulator.serve_socket(peer)
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client has left
        finally:
            await trio.aclose_forcefully(stream)
    else:
        app = wrap_app(simulator, config.wsgi_max_body_size, "asgi")
        replayed: Any = _Replayed(stream, head)
        await TCPServer(app, config, WorkerContext(None), ConnectionState({}), replayed)


async def _speaks_http2(stream: AnyStream) -> bool:
    if not isinstance(stream, trio.SSLStream):
        return False
    await stream.do_handshake()
    protocol: str | None = stream.selected_alpn_protocol()
    return protocol == "h2"


async def _first_head(stream: AnyStream) -> bytes:
    """The first bytes of a connection, to the end of the first request's head at least."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < MAX_HEAD_BYTES:
        data = await stream.receive_some()
        if not data:
            break
        head += data
    return head


def stream_socket(stream: AnyStream) -> trio.socket.SocketType:
    """The socket below TLS or not."""
    return stream.transport_stream.socket if isinstance(stream, trio.SSLStream) else stream.socket


class _Replayed:
    """A stream whose first bytes have been read already: they come once more."""

    def __init__(self, stream: AnyStream, first: bytes) -> None:
        self._stream = stream
        self._first = first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive the first bytes, then more of the stream."""
        first, self._first = self._first, b""
        return first or bytes(await self._stream.receive_some(max_bytes))
