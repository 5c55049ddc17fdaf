"""The life of the HTTP server: listen, serve, drain, stop.

Shutdown happens in steps. At the stop signal no more connections are accepted and new requests are
refused. Answers under way get the grace time; those that are left then end with an error event.
Last, connections that hang in a write are cut.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import socket
from collections.abc import Sequence
from typing import Any

import hypercorn.trio
import trio

from ..config import ServerConfig
from ..errors import ConfigError, ShuttingDown
from ..runtime.completion.gateway import Gateway
from .edge.asgi import App, Edge
from .edge.connections import most_connections, raise_descriptor_limit
from .edge.hypercorn_fixes import EdgeConfig, install
from .observing.request_log import COUNTED_S, RefusalCounts
from .state import ServerState

__all__ = ["PortInUse", "listen", "serve"]

KEEP_ALIVE_S = 30.0
"""Seconds that a connection may be idle, and that a request's head may take to arrive. Longer than
httpx keeps connections (5 s), so that the client closes first."""

BACKLOG = 1024

LAST_WORD_S = 0.5
"""Seconds after the grace time for error events to reach their clients, before connections are cut.
"""


class PortInUse(Exception):
    """The address to listen on is taken. ``str()`` is one line for the owner."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Bound sockets for *host*, one per address that it resolves to; an empty host means all
    addresses of this machine.

    :raises PortInUse: if another program listens there.
    :raises ConfigError: if this machine can't listen on the host.
    """
    host = host.strip("[]")
    try:
        addresses = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "not a host name"
        raise ConfigError(f"[server] host: {host!r} can't be listened on: {why}") from None
    with contextlib.ExitStack() as bound:
        sockets: list[socket.socket] = []
        for family, _, _, _, address in dict.fromkeys(addresses):
            same_port = port or (sockets[0].getsockname()[1] if sockets else 0)
            try:
                sockets.append(bound.enter_context(_bound(family, address, same_port)))
            except ConfigError:
                if host or not sockets:  # else: all addresses, on a machine without IPv6
                    raise
        bound.pop_all()
    return sockets


def _bound(family: int, address: tuple[Any, ...], port: int) -> socket.socket:
    where = f"{address[0]} port {port}"
    try:
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind((address[0], port, *address[2:]))
            bound.listen(BACKLOG)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(f"can't listen on {where}: is another server running there?") from None
        raise ConfigError(
            f"[server] host, port: can't listen on {where}: {error.strerror}"
        ) from None
    return bound


async def serve(
    app: App,
    gateway: Gateway,
    state: ServerState,
    sockets: Sequence[socket.socket],
    stop: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve *app* on bound *sockets* until *stop* is set, then drain and return."""
    install()
    config = state.config.server
    settings = _hypercorn_settings(config, sockets)
    edge = Edge(
        app,
        lambda: state.doors,
        state.request_ended,
        lambda: state.config.global_.language,
    )
    hypercorn_serve = functools.partial(
        hypercorn.trio.serve, edge, settings, shutdown_trigger=stop.wait, mode="asgi"
    )

    async def serve_until_drained(*, task_status: trio.TaskStatus[list[str]]) -> None:
        await hypercorn_serve(task_status=task_status)
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        await nursery.start(serve_until_drained)
        nursery.start_soon(_report_refusals, state.refusals)
        nursery.start_soon(settings.idle.run)
        task_status.started()
        await stop.wait()
        state.draining = True
        settings.idle.close_all()
        gateway.pool.changed()  # notify the status pages
        await trio.sleep(config.grace_seconds)
        state.bodies.interrupt()
        gateway.interrupt_all(
            ShuttingDown("The server is stopping; the answer could not be finished.")
        )
        await trio.sleep(LAST_WORD_S)
        settings.writes.cancel_all()
    state.refusals.report_all()


async def _report_refusals(refusals: RefusalCounts) -> None:
    """Log the counts of repeated refusals once a minute."""
    while True:
        await trio.sleep(COUNTED_S)
        refusals.report_due(trio.current_time())


def _hypercorn_settings(config: ServerConfig, sockets: Sequence[socket.socket]) -> EdgeConfig:
    settings = EdgeConfig(write_timeout_s=config.write_timeout_seconds)
    settings.connections.most = most_connections(raise_descriptor_limit())
    # Hypercorn gets the descriptors and closes them.
    settings.bind = [f"fd://{bound.detach()}" for bound in sockets]
    settings.backlog = BACKLOG
    settings.keep_alive_timeout = KEEP_ALIVE_S
    settings.graceful_timeout = config.grace_seconds + 2 * LAST_WORD_S
    settings.include_server_header = False
    settings.accesslog = None
    settings.errorlog = logging.getLogger("grokcore.http")
    settings.loglevel = "WARNING"
    return settings
