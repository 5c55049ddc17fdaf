"""A whole server whose stderr is a pipe that nobody reads, a stopped terminal, a full disk, or
nothing at all.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import define, frozen

from tests.servers import chat, free_port

fcntl = pytest.importorskip("fcntl")

ROOT = Path(__file__).parents[1]
REQUESTS = 300 if hasattr(fcntl, "F_SETPIPE_SZ") else 1000
"""Their lines, of some 150 bytes each, are ten times as much as the pipe or terminal takes; where a
pipe can't be made smaller, twice.
"""

PATIENCE_S = 30.0


@define
class Running:
    """A server in the demo, every request of which is logged, and the other end of its stderr."""

    process: subprocess.Popen[bytes]
    port: int
    log: int

    def get(self, connection: http.client.HTTPConnection, path: str = "/health") -> int:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        return response.status

    def ask(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(
                "POST",
                "/v1/chat/completions",
                json.dumps(chat()),
                {"content-type": "application/json"},
            )
            response = connection.getresponse()
            assert response.read()
            return response.status

    def healthy(self, times: int = 1) -> None:
        """Ask for ``/health`` so many times, each with a line of the log."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            assert {self.get(connection) for _ in range(times)} == {200}

    def until(self, mark: bytes) -> bytes:
        """The log up to *mark*; the watchdog bounds the wait."""
        found = b""
        while mark not in found:
            data = os.read(self.log, 65536)
            assert data, found
            found += data
        return found


@contextlib.contextmanager
def serving(place: Path, stderr: int, log: int = -1, *, closed: bool = False) -> Iterator[Running]:
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("GROK2API_")
    }
    environ |= {
        "PYTHONPATH": str(ROOT),
        "GROK2API_GLOBAL_LOG_LEVEL": "DEBUG",
        "GROK2API_SERVER_GRACE_SECONDS": "1",
    }
    port = free_port()
    command = [sys.executable, "-m", "grokcore", "--demo", "--port", str(port)]
    if closed:
        command = ["/bin/sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *command]
    process = subprocess.Popen(command, cwd=place, env=environ, stderr=stderr)
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        yield Running(process, port, log)
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()


def wait_until_it_answers(running: Running) -> None:
    while True:
        assert running.process.poll() is None
        with contextlib.suppress(ConnectionError):
            return running.healthy()
        time.sleep(0.02)


@frozen
class Stuck:
    """A pair of descriptors, for the server and for who reads, and how to have no more read."""

    name: str
    make: Callable[[], tuple[int, int]]
    stop: Callable[[int], object]
    go: Callable[[int], object]


def small_pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    return writing, reading


def terminal() -> tuple[int, int]:
    theirs, ours = pty.openpty()
    return ours, theirs


STUCK = [
    Stuck("pipe", small_pipe, lambda _: None, lambda _: None),
    Stuck("terminal", terminal, lambda end: termios.tcflow(end, termios.TCOOFF), lambda end: termios.tcflow(end, termios.TCOON)),
]  # fmt: skip


@pytest.mark.parametrize("case", STUCK, ids=lambda case: case.name)
def test_a_log_that_nobody_reads_stops_nothing(case: Stuck, tmp_path: Path) -> None:
    """Requests are answered, ``/health`` too, and SIGTERM ends it with 0 within its time."""
    stderr, log = case.make()
    try:
        with serving(tmp_path, stderr, log) as running:
            running.until(b" ready on ")
            case.stop(stderr)
            running.healthy(REQUESTS)
            assert running.ask() == 200
            began = time.monotonic()
            running.process.terminate()
            assert running.process.wait() == 0
            assert time.monotonic() - began < 5
    finally:
        os.close(stderr)
        os.close(log)


@pytest.mark.parametrize("case", STUCK, ids=lambda case: case.name)
def test_a_log_that_is_read_again_goes_on_where_it_was(case: Stuck, tmp_path: Path) -> None:
    """Of all requests no line is missing, and the last lines are there after the end."""
    stderr, log = case.make()
    try:
        with serving(tmp_path, stderr, log) as running:
            running.until(b" ready on ")
            case.stop(stderr)
            running.healthy(REQUESTS)
            case.go(stderr)
            assert running.ask() == 200
            found = running.until(b" /v1/chat/completions 200 ")
            assert found.count(b" /health 200 ") == REQUESTS
            assert b"dropped" not in found
            running.process.terminate()
            assert running.process.wait() == 0
    finally:
        os.close(stderr)
        os.close(log)


def test_a_second_signal_ends_it_at_once_whatever_the_log_does(tmp_path: Path) -> None:
    """With an answer under way and a pipe that nobody reads."""
    stderr, log = small_pipe()
    try:
        with serving(tmp_path, stderr, log) as running:
            running.until(b" ready on ")
            running.healthy(100)
            half = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE_S)
            with contextlib.closing(half):
                half.putrequest("POST", "/v1/chat/completions")
                half.putheader("content-length", "100")
                half.endheaders(b"{")
                running.process.send_signal(signal.SIGTERM)
                while True:
                    try:
                        running.healthy()
                    except OSError:
                        break
                running.process.send_signal(signal.SIGTERM)
                assert running.process.wait() in (128 + signal.SIGTERM, 0)
    finally:
        os.close(stderr)
        os.close(log)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_it_starts_and_stops_with_a_log_on_a_full_disk(tmp_path: Path) -> None:
    """Lines are lost, nothing else."""
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with serving(tmp_path, full) as running:
            wait_until_it_answers(running)
            running.healthy(100)
            assert running.ask() == 200
            running.process.terminate()
            assert running.process.wait() == 0
    finally:
        os.close(full)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here")
def test_it_starts_and_stops_without_standard_streams(tmp_path: Path) -> None:
    """Closed ones are replaced, so that no socket gets the number to which messages are written."""
    with serving(tmp_path, subprocess.DEVNULL, closed=True) as running:
        wait_until_it_answers(running)
        assert running.ask() == 200
        places = {
            str(Path(f"/proc/{running.process.pid}/fd/{number}").readlink()) for number in range(3)
        }
        assert places == {"/dev/null"}
        running.process.terminate()
        assert running.process.wait() == 0
