"""A server of several workers in processes of its own, and what its log says."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from attrs import define, field

from tests.servers import chat, http_request

ROOT = Path(__file__).parents[1]
PATIENCE_S = 30.0
"""Real seconds that anything may take at most."""

PLACE = re.compile(rb"_GROK2API_WORKER=([^\0]*)")


@define
class Workers:
    """A running server.

    :ivar process: the parent.
    :ivar said: lines of its log so far.
    """

    process: subprocess.Popen[bytes]
    said: list[str] = field(factory=list)
    _more: threading.Condition = field(factory=threading.Condition)

    def read(self) -> None:
        """Read the log to its end; in a thread."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._more:
                self.said.append(line.decode())
                self._more.notify_all()
        with self._more:
            self.said.append("")  # the end, of all processes
            self._more.notify_all()

    def until_said(self, pattern: str, *, times: int = 1) -> str:
        """Wait for a line; returns the last one that fits."""

        def found() -> list[str]:
            return [line for line in self.said if re.search(pattern, line)]

        with self._more:
            came = self._more.wait_for(lambda: len(found()) >= times, PATIENCE_S)
            assert came, "".join(self.said)
            return found()[-1]

    @property
    def port(self) -> int:
        return int(re.findall(r"ready on \S+:([0-9]+) ", self.until_said(" ready on "))[0])

    def worker_ids(self) -> dict[int, int]:
        """The process ids of the workers that there are, by their numbers."""
        found = {}
        for children in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                for child in children.read_text().split():
                    with contextlib.suppress(OSError, IndexError):
                        place = PLACE.findall(Path(f"/proc/{child}/environ").read_bytes())[0]
                        found[json.loads(place)["index"]] = int(child)
        return found

    def another(self, index: int, than: int = 0) -> int:
        """Wait for a process of this number that is not *than*."""
        return until(lambda: (found := self.worker_ids().get(index, 0)) != than and found)

    def ended(self) -> int:
        """Wait for the end of all processes; returns the parent's exit code."""
        with self._more:
            assert self._more.wait_for(lambda: "" in self.said, PATIENCE_S), "".join(self.said)
        return self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def workers(
    place: Path, *arguments: str, environ: dict[str, str] | None = None
) -> Iterator[Workers]:
    """A server of two workers in *place*; none of its processes is left in the end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GROK2API_")}
    command = [sys.executable, "-m", "grokcore", "serve", "--workers", "2", "--port", "0"]
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=place,
        stderr=subprocess.PIPE,
        env={**clean, "PYTHONPATH": str(ROOT), **(environ or {})},
    )
    running = Workers(process)
    reader = threading.Thread(target=running.read, daemon=True)
    reader.start()
    try:
        yield running
    finally:
        assert process.stderr is not None
        left = [process.pid, *running.worker_ids().values()]
        for one in left if process.poll() is None else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.wait()
        reader.join(PATIENCE_S)
        process.stderr.close()


def until(condition: object) -> int:
    """Wait until *condition* returns something true, which another process makes so."""
    assert callable(condition)
    latest = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < latest
        time.sleep(0.01)
    return int(value)


def exists(process_id: int) -> bool:
    """Whether a process runs."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def ask(port: int, path: str, body: bytes = b"", method: str = "GET") -> tuple[int, bytes]:
    """The status and the body of an answer over a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        asked = http_request(body, path=path, method=method)
        connection.sendall(asked.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
        reply = connection.makefile("rb").read()
    head, _, content = reply.partition(b"\r\n\r\n")
    return int(head.split()[1]), content


def open_stream(port: int, text: str) -> tuple[socket.socket, IO[bytes]]:
    """A streamed chat of which the first event has come."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    body = json.dumps(chat(text, stream=True)).encode()
    connection.sendall(http_request(body).replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
    reader = connection.makefile("rb")
    while not (line := reader.readline()).startswith(b"data: "):
        assert line
    return connection, reader
