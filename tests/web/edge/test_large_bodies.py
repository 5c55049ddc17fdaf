"""Bodies made to cost as much as they can: bounded memory, given back, and a loop that goes on, in
a server of its own.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import define, frozen

from tests.servers import free_port

pytestmark = pytest.mark.large

ROOT = Path(__file__).parents[3]

MESSAGE = b'{"role":"user","content":"x"}'
MULTIPART = "multipart/form-data; boundary=x"
PART = b'--x\r\ncontent-disposition: form-data; name="%b"\r\n\r\n'


def filled(size: int, head: bytes, unit: bytes, tail: bytes = b"") -> bytes:
    """As many of *unit* as there is room for."""
    return head + unit * ((size - len(head) - len(tail)) // len(unit)) + tail


def in_message(unit: bytes) -> Callable[[int], bytes]:
    return lambda size: filled(
        size, b'{"model":"none","messages":[{"role":"user","content":"', unit, b'"}]}'
    )


@frozen
class Worst:
    """A kind of body.

    :ivar make: the body of a size.
    """

    name: str
    make: Callable[[int], bytes]
    path: str = "/v1/chat/completions"
    content_type: str = "application/json"
    encoding: str = ""


WORST = (
    Worst("empty arrays", lambda size: filled(size, b'{"messages":[', b"[],", b"1]}")),
    Worst("a nest of objects", lambda size: filled(size, b"", b'{"a":')),
    Worst("a nest of arrays", lambda size: b"[" * size),
    Worst("a model's name", lambda size: filled(size, b'{"messages":[' + MESSAGE + b'],"model":"', b"x", b'"}')),
    Worst("a field's name", lambda size: filled(size, b'{"', b"x", b'":1}')),
    Worst("messages", lambda size: filled(size, b'{"messages":[', MESSAGE + b",", MESSAGE + b"]}")),
    Worst("parts", lambda size: filled(size, b'{"messages":[{"role":"user","content":[', b'{"type":"text","text":"x"},', b'"x"]}]}')),
    Worst("escapes", in_message(b"\\u0041")),
    Worst("escaped slashes", in_message(b"\\/")),
    Worst("digits", lambda size: filled(size, b'{"seed":', b"1", b"}")),
    Worst("white space", lambda size: filled(size, b'{"seed":', b" ", b"1}")),
    Worst("fields", lambda size: filled(size, b"{", b'"k":1,', b'"k":1}')),
    Worst("a tool's arguments", lambda size: filled(size, b'{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":', b'{"a":')),
    Worst("one emoji", in_message("😀".encode() + b"x" * 1_000_000)),
    Worst("a picture", in_message(b"x")),
    Worst("an open string", lambda size: filled(size, b'{"model":"', b"x")),
    Worst("no UTF-8", lambda size: filled(size, b'{"model":"\xff', b"x", b'"}')),
    Worst("a form with a file", lambda size: filled(size, PART % b'image"; filename="a', b"\r", b"\r\n--x--\r\n"), "/v1/images/edits", MULTIPART),
    Worst("a form with a long name", lambda size: filled(size, b'--x\r\ncontent-disposition: form-data; name="', b"n", b'"\r\n\r\n\r\n--x--\r\n'), "/v1/images/edits", MULTIPART),
    Worst("a form of many parts", lambda size: filled(size, b"", PART % b"a" + b"\r\n", b"--x--\r\n"), "/v1/images/edits", MULTIPART),
    Worst("a bomb", lambda size: gzip(b"\0" * (size * 4)), encoding="gzip"),
    Worst("a picture in gzip", lambda size: gzip(in_message(b"x")(size)), encoding="gzip"),
)  # fmt: skip


def gzip(data: bytes) -> bytes:
    machine = zlib.compressobj(1, zlib.DEFLATED, 31)
    return machine.compress(data) + machine.flush()


# A server of its own ----------------------------------------------------------------------------


@define
class Process:
    port: int
    pid: int

    def memory_mb(self, what: str) -> float:
        (line,) = (
            line
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines()
            if line.startswith(what)
        )
        return int(line.split()[1]) / 1024

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def send(self, worst: Worst, body: bytes) -> int:
        headers = {
            "content-type": worst.content_type,
            **({"content-encoding": worst.encoding} if worst.encoding else {}),
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", worst.path, body, headers)
            reply = connection.getresponse()
            reply.read()
            return reply.status


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    port = free_port()
    command = [sys.executable, "-m", "grokcore", "--demo", "--port", str(port)]
    running = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            running.poll()
            assert running.returncode is None
            time.sleep(0.05)
        found = Process(port, running.pid)
        found.send(WORST[0], WORST[0].make(2_000_000))  # late imports
        yield found
    finally:
        running.terminate()
        running.wait(30)


class Pulse(threading.Thread):
    """Asks for /health again and again; *worst_s* is the longest that it took."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._over = threading.Event()
        self.worst_s = 0.0

    def run(self) -> None:
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        ) as connection:
            while not self._over.wait(0.01):
                began = time.perf_counter()
                connection.request("GET", "/health")
                connection.getresponse().read()
                self.worst_s = max(self.worst_s, time.perf_counter() - began)

    def stop(self) -> float:
        self._over.set()
        self.join()
        return self.worst_s


def cost(process: Process, worst: Worst, size: int) -> tuple[int, float, float, float]:
    """The status, the peak in bodies, the memory that stays in MB, and the longest lag in seconds."""
    body = worst.make(size)
    before = process.memory_mb("VmRSS")
    process.forget_peak()
    pulse = Pulse(process.port)
    pulse.start()
    status = process.send(worst, body)
    lag = pulse.stop()
    peak = process.memory_mb("VmHWM") - before
    until = time.monotonic() + 3  # the answer goes out before its request is over
    while (kept := process.memory_mb("VmRSS") - before) > 16 and time.monotonic() < until:
        time.sleep(0.02)
    return status, peak / (size / 1024 / 1024), kept, lag


LINUX = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="memory is measured with /proc"
)


@LINUX
@pytest.mark.parametrize("worst", WORST, ids=lambda worst: worst.name)
def test_no_body_costs_much_more_than_itself(process: Process, worst: Worst) -> None:
    """Peak, remaining memory, and lag, with an allowance for costs that don't depend on the size."""
    status, peak, kept, lag = cost(process, worst, 8_000_000)
    assert status in (400, 404, 413), status
    assert peak < 6, peak
    assert kept < 32, kept
    assert lag < 0.5, lag


def told_before(unit: bytes) -> Callable[[int], bytes]:
    """A long message in front of the question."""
    head = b'{"model":"grok-3-fast","messages":[{"role":"user","content":"'
    return lambda size: filled(size, head, unit, b'"},' + MESSAGE + b"]}")


def many(unit: bytes, most: int) -> Callable[[int], bytes]:
    """As many messages as pass."""
    return lambda _: b'{"model":"grok-3-fast","messages":[' + unit * most + MESSAGE + b"]}"


def text_file(charset: bytes) -> Callable[[int], bytes]:
    head = b'{"model":"grok-3-fast","messages":[{"role":"user","content":[{"type":"file","file":{"file_data":"data:text/plain;charset='
    return lambda size: filled(size, head + charset + b";base64,", b"aGVs", b'"}}]}]}')


ASKED = (
    Worst("tags", told_before(b"<system ")),
    Worst("a tag of spaces", lambda size: told_before(b" ")(size).replace(b'"content":"', b'"content":"<system', 1)),
    Worst("tags of spaces", told_before(b"<user" + b" " * 195)),
    Worst("messages", many(MESSAGE + b",", 30_000)),
    Worst("pictures", many(b'{"role":"user","content":[' + b'{"type":"image","image":"https://a/"},' * 9 + b"null]},", 1_500)),
    Worst("a text file", text_file(b"hz")),
    Worst("another text file", text_file(b"utf-8")),
)  # fmt: skip


@LINUX
@pytest.mark.parametrize("worst", ASKED, ids=lambda worst: worst.name)
def test_no_conversation_keeps_others_waiting(process: Process, worst: Worst) -> None:
    """Also in what follows the parsing: the prompt, what goes up, and its names."""
    status, _, _, lag = cost(process, worst, 8_000_000)
    assert status == 200
    assert lag < 0.5, lag


@LINUX
@pytest.mark.on_demand
@pytest.mark.parametrize("worst", WORST, ids=lambda worst: worst.name)
def test_the_largest_bodies(process: Process, worst: Worst) -> None:
    """94 MB: a peak of four bodies, 250 ms of lag, and all of it given back."""
    status, peak, kept, lag = cost(process, worst, 94_000_000)
    print(f"{worst.name}: {status}, {peak:.1f} bodies, {kept:.0f} MB kept, {lag * 1000:.0f} ms")
    assert status in (400, 404, 413), status
    assert peak <= 4, peak
    assert kept < 40, kept
    assert lag <= 0.25, lag
