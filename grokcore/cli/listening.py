"""The sockets that a server accepts connections on."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from ..errors import ConfigError
from ..runtime.disk.data_dir import DataDirectory
from ..web.server import PortInUse, listen
from .setup import Settings, data_folder, naming, refuse_open_door
from .systemd import passed_sockets

if TYPE_CHECKING:
    from .workers.place import Place

__all__ = ["listening_sockets", "url_of"]


@contextlib.contextmanager
def listening_sockets(
    settings: Settings, *, demo: bool, place: Place | None = None
) -> Iterator[Sequence[socket.socket]]:
    """The sockets that the parent or systemd has opened for this process, else those of ``[server]
    host`` and ``port``.

    On exit, sockets that were not handed to the server are closed: a second server on the same data
    directory ends before that.

    :raises ConfigError: if there are none, or if other machines could use one of them without a
        key.
    """
    if place is None:
        sockets: Sequence[socket.socket] = passed_sockets(os.environ) or _listen(
            settings, demo=demo
        )
    else:
        sockets = place.listening()
    try:
        for bound in filter(_is_of_a_network, sockets):
            _refuse_open_socket(settings, bound)
        yield sockets
    finally:
        for bound in sockets:
            bound.close()


def _listen(settings: Settings, *, demo: bool) -> list[socket.socket]:
    """Bind as :func:`listen`. If the port is in use, report a server on the same data directory
    first.
    """
    try:
        with naming(settings.source("server", "host")):
            return listen(settings.config.server.host, settings.config.server.port)
    except PortInUse:
        folder = data_folder(settings.config, os.environ)
        if not demo and folder.is_dir():
            DataDirectory.hold(folder).release()
        raise


def _refuse_open_socket(settings: Settings, bound: socket.socket) -> None:
    """Apply the rule for ``[server] host`` to the address that the socket is really bound to."""
    server = evolve(settings.config.server, host=bound.getsockname()[0])
    try:
        refuse_open_door(evolve(settings.config, server=server), "")
    except ConfigError:
        fault = f"{url_of(bound)} is reachable from other machines, so [grok] api_key must be set"
        raise ConfigError(f"{settings.file}: {fault}" if settings.file else fault) from None


def _is_of_a_network(bound: socket.socket) -> bool:
    """Whether other machines could reach a socket. A local one has a path or an abstract name."""
    return bound.family in (socket.AF_INET, socket.AF_INET6)


def url_of(bound: socket.socket) -> str:
    """The address of a socket, for people."""
    name = bound.getsockname()
    if not _is_of_a_network(bound):
        return f"unix:{os.fsdecode(name)}".replace("\0", "@")
    host, port = name[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
