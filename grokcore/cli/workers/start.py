"""The start of the parent: its table, its parts, its event loop."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence

import trio

from ...config import ServerConfig
from ...errors import ConfigError
from ...protocol.sharing.table import Table
from ...runtime.workers.hub import Hub
from ..last_net import LastNet
from ..systemd import Notifier
from .life import Launch
from .parent import Parent
from .reporting import ParentReporter

__all__ = ["serve_by_workers"]

AGE_S = 86400.0

NAME_BYTES = 8


def serve_by_workers(
    config: ServerConfig,
    sockets: Sequence[socket.socket],
    folder: str,
    notifier: Notifier,
    net: LastNet,
    announce: Callable[[Mapping[str, str]], None],
) -> int:
    """Serve by several workers until a signal stops them. Returns the exit code.

    :param folder: the data directory; empty for a demo.
    :param announce: see :class:`~grokcore.cli.workers.parent.Parent`.
    :raises ConfigError: on a system that can't hand sockets to another process.
    """
    if os.name == "nt":
        raise ConfigError("[server] workers: Windows has one process only: set it to 1")
    launch = Launch(config.workers, tuple(bound.fileno() for bound in sockets), folder)

    def unlisten() -> None:
        for bound in sockets:
            bound.close()

    parent = Parent(
        launch,
        _hub(),
        ParentReporter(notifier),
        net,
        config.grace_seconds,
        unlisten,
        announce,
    )
    return trio.run(parent.run)


def _hub() -> Hub:
    """A hub with a new table. Its clock counts on when the machine's is set.

    The table is old enough for its servers to take tokens at once: no workers of an earlier parent
    are left, since they end with it, and the data directory has one owner.
    """
    zero = time.time() - time.monotonic()
    table = Table(secrets.token_hex(NAME_BYTES), time.time() - AGE_S)
    return Hub(table, lambda: zero + time.monotonic())
