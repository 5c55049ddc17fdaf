"""Client connections: their number, and which one is closed to make room for another.

Each connection takes a file descriptor, and so do files and requests to Grok. Without a bound, idle
sockets of one client could use up ``ulimit -n``, and no other client could connect until they time
out.
"""

from __future__ import annotations

import contextlib
import math
import socket
import sys
from typing import Protocol

from attrs import define, field

__all__ = ["Connection", "Connections", "keep_watch", "most_connections", "raise_descriptor_limit"]

MOST_DESCRIPTORS = 65_536
"""Highest value to which the soft limit is raised."""

MOST_RESERVED = 1024
"""Descriptors kept free for files and requests to Grok; under a low limit, a third of it."""

KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_PROBES = 30, 10, 3

USER_TIMEOUT_MS = 60_000
"""The time that all probes take. Not less: Linux also counts the time for which a client does not
read.
"""


class Connection(Protocol):
    """A client's connection.

    :ivar idle_since: trio's time at which the last request ended; None during a request.
    """

    idle_since: float | None

    def cut(self) -> None:
        """Close the connection now."""


@define
class Connections:
    """The open connections.

    :ivar most: the highest number of connections.
    """

    most: int = sys.maxsize
    _open: dict[int, Connection] = field(factory=dict)

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, newcomer: Connection) -> bool:
        """Admit a connection. If there are too many, close the one that has been idle for longest.

        :returns: False if all connections are busy with requests.
        """
        if len(self._open) >= self.most:
            idlest = min(self._open.values(), key=_idle_since)
            if idlest.idle_since is None:
                return False
            self.remove(idlest)
            idlest.cut()
        self._open[id(newcomer)] = newcomer
        return True

    def remove(self, connection: Connection) -> None:
        """Remove a connection; one that was cut has been removed already."""
        self._open.pop(id(connection), None)


def _idle_since(connection: Connection) -> float:
    return math.inf if connection.idle_since is None else connection.idle_since


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard limit, and return it. Windows has no such
    limit.
    """
    if sys.platform == "win32":
        return MOST_DESCRIPTORS
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has a lower bound of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def most_connections(descriptors: int) -> int:
    """The number of connections that leaves a reserve of *descriptors*."""
    return max(1, descriptors - min(MOST_RESERVED, descriptors // 3))


def keep_watch(connection: socket.socket) -> None:
    """Turn on TCP keep-alive: a client that vanished without a FIN would keep its connection."""
    options = [
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", KEEPALIVE_PROBES),
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", USER_TIMEOUT_MS),
    ]
    for level, name, value in options:
        with contextlib.suppress(AttributeError, OSError):  # not every system has all of them
            connection.setsockopt(level, getattr(socket, name), value)
