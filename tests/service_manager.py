"""systemd's part, played for a server: receiving its messages, and starting the process."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from grokcore.cli.systemd import Notifier

ROOT = Path(__file__).parents[1]
PATIENCE_S = 20.0
"""Real seconds that a process, or a message, may take at most."""

Message: TypeAlias = Mapping[str, str]


class Manager:
    """The side of systemd that receives messages."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))

    def wait(self) -> Message:
        """The next message."""
        self._socket.settimeout(PATIENCE_S)
        return self._parsed(self._socket.recv(4096))

    def wait_for(self, name: str) -> Message:
        """The next message with *name*; those before it are dropped."""
        while name not in (message := self.wait()):
            pass
        return message

    def heard(self) -> list[Message]:
        """Messages received since the last call."""
        found = []
        self._socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(self._parsed(self._socket.recv(4096)))
        return found

    @staticmethod
    def _parsed(message: bytes) -> Message:
        return {
            name: value
            for name, _, value in (line.partition("=") for line in message.decode().split("\n"))
        }

    def vanish(self) -> None:
        """Be gone, address and all."""
        self._socket.close()
        if not self.address.startswith("@"):
            Path(self.address).unlink()


def fill(notifier: Notifier) -> int:
    """Send messages until the manager's socket is full. Returns their number."""
    return next(count for count in range(10_000) if not notifier.send("WATCHDOG=1"))


def listening(host: str = "127.0.0.1") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, 0), family=family)


def local(path: Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(path))
    bound.listen()
    return bound


def datagrams() -> socket.socket:
    bound = socket.socket(type=socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    return bound


def environment(**more: str) -> dict[str, str]:
    theirs = ("GROK2API_", "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    return {**environ, "PYTHONPATH": str(ROOT), **more}


@contextlib.contextmanager
def process(
    command: Sequence[str], place: Path, environ: Mapping[str, str], descriptors: Sequence[int] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is killed in the end, and after 20 s at the latest."""
    with subprocess.Popen(
        command, cwd=place, env=environ, stderr=subprocess.PIPE, pass_fds=tuple(descriptors)
    ) as started:
        watchdog = threading.Timer(PATIENCE_S, started.kill)
        watchdog.start()
        try:
            yield started
        finally:
            watchdog.cancel()
            started.kill()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """A manager that listens on a path, and vanishes at the end."""
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    with contextlib.suppress(FileNotFoundError):
        manager.vanish()
