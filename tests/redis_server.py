"""A real ``redis-server`` of a test: started in a folder of its own, and ended by its id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from grokcore.protocol.sharing.redis_address import ShareAddress

__all__ = ["RedisServer", "running_redis"]

PATIENCE_S = 10.0
LOOK_AGAIN_S = 0.005


def program() -> str:
    """The path of Debian's program. Without it, tests are skipped; on CI (``GROKCORE_CI``) they
    fail.
    """
    found = shutil.which("redis-server")
    if found is None:
        missing = "no redis-server here; Debian's package has the same name"
        if os.environ.get("GROKCORE_CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


class RedisServer:
    """A Redis on a Unix socket.

    :ivar address: for :class:`~grokcore.runtime.sharing.redis_table.RedisTable`.
    :param hosts: further addresses to listen on.
    :ivar port: of the loopback interface, if the server was asked to listen there; else 0.
    """

    def __init__(
        self, folder: Path, *options: str, port: int = 0, hosts: Sequence[str] = ()
    ) -> None:
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port
        self._hosts = ("127.0.0.1", *hosts)
        self.address = ShareAddress(path=str(folder / "redis.sock"))

    @property
    def url(self) -> str:
        """As in the settings."""
        return f"unix://{self.address.path}"

    def start(self, *options: str) -> None:
        """Start it, and wait until it answers.

        :param options: more than those of the fixture, such as ``--requirepass x``.
        """
        assert self._process is None
        place = ["--port", str(self.port), "--bind", *self._hosts, "--dir", str(self._folder)]
        place += ["--unixsocket", self.address.path]
        quiet = ["--daemonize", "no", "--loglevel", "warning", "--save", ""]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program(), *place, *quiet, *self._options, *options],
                stdout=log,
                stderr=log,
            )
        self._wait_for_answer()

    def stop(self) -> None:
        """End it in order; with ``--appendonly yes`` it has its data when it is started again."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def restart(self, *options: str) -> None:
        """Kill it and start it again: without its data, unless it has a file of them."""
        self.kill()
        self.start(*options)

    def pause(self) -> None:
        """Let it answer nothing, with its connections open."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._signal(signal.SIGCONT)

    def send(self, *words: str) -> bytes:
        """What it answers to a command (the first of its bytes, in Redis's protocol)."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE_S)
            connection.connect(self.address.path)
            pieces = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            connection.sendall(f"*{len(words)}\r\n{''.join(pieces)}".encode())
            return connection.recv(65536)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)  # a paused one ends as well
            process.wait(PATIENCE_S)

    def _wait_for_answer(self) -> None:
        assert self._process is not None
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self._process.poll() is None:
            with suppress(OSError):
                if not self.send("PING").startswith(b"-LOADING"):
                    return
            time.sleep(LOOK_AGAIN_S)
        log = (self._folder / "log").read_text(errors="replace")
        pytest.fail(f"redis-server has not started: {log[-500:]}")


@contextmanager
def running_redis(
    folder: Path, *options: str, port: int = 0, hosts: Sequence[str] = ()
) -> Iterator[RedisServer]:
    """A Redis that runs within the block, with *folder* for its files."""
    server = RedisServer(folder, *options, port=port, hosts=hosts)
    try:
        server.start()
        yield server
    finally:
        server.kill()
