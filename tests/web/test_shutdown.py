"""Shutdown in rings: no new connections, no new requests, time for answers under way, last words,
and the end.
"""

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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest
import trio
import trio.testing

from grokcore import __version__
from grokcore.errors import ShuttingDown
from grokcore.protocol.dialects.openai_errors import error_object
from grokcore.protocol.tokens import TokenEntry
from grokcore.simulator import lines
from grokcore.simulator.scripts import HANG, Script, Send, answer, paced, wrapped
from tests.lanes import each_lane
from tests.servers import Site, chat, free_port, http_request, on_site, read_all, read_until

ROOT = Path(__file__).parents[2]

FIRST_TOKEN = Script((Send(lines.line(wrapped(lines.token("a")))), HANG))
MESSAGE = "The server is stopping; the answer could not be finished."


def ask(*, stream: bool) -> bytes:
    """A chat request whose connection ends with its answer."""
    return http_request(json.dumps(chat("hello", stream=stream)).encode()).replace(
        b"\r\n", b"\r\nconnection: close\r\n", 1
    )


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a *condition* that nobody announces."""
    while not condition():
        await trio.testing.wait_all_tasks_blocked(0.002)


async def refused(site: Site) -> None:
    """Return when the server takes no more connections."""
    while True:
        try:
            stream = await site.connect()
        except OSError:
            return
        await stream.aclose()


# The server at its stop event -------------------------------------------------------------------


@each_lane
@pytest.mark.parametrize("stream_wanted", [False, True], ids=["whole", "streamed"])
@on_site(lane=lambda lane: lane)
async def test_an_answer_that_fits_into_the_grace_time_is_finished_while_nobody_new_is_let_in(
    site: Site, stream_wanted: bool
) -> None:
    """New connections are refused at once; answers under way go on undisturbed."""
    site.play(paced(answer("one two three"), 0.03))
    async with await site.connect() as stream:
        await stream.send_all(ask(stream=stream_wanted))
        await site.simulator.until(lambda: bool(site.asked))
        site.stop.set()
        await refused(site)
        received = await read_all(stream)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert b"error" not in received
    assert b'"finish_reason":"stop"' in received
    assert (b"data: [DONE]" in received) is stream_wanted


@each_lane
@on_site(config="[server]\ngrace_seconds = 0.1", lane=lambda lane: lane)
async def test_an_answer_that_is_longer_ends_with_the_error_event(site: Site) -> None:
    """The last event says why; no finish_reason, no [DONE], and the response itself ends
    properly.
    """
    site.play(FIRST_TOKEN)
    async with await site.connect() as stream:
        await stream.send_all(ask(stream=True))
        await read_until(stream, b"data: ")
        site.stop.set()
        received = await read_all(stream)
    last = received.split(b"data: ")[-1]
    assert last.endswith(b"\r\n0\r\n\r\n")
    assert json.loads(last.partition(b"\n\n")[0]) == error_object(ShuttingDown(MESSAGE))
    assert b"[DONE]" not in received
    assert b'"finish_reason":"stop"' not in received
    await site.simulator.until(lambda: not site.simulator.open_calls)


@each_lane
@pytest.mark.parametrize("stream_wanted", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("queued", [False, True], ids=["asked", "in the queue for a token"])
@on_site(
    config="[server]\ngrace_seconds = 0.1\n[pool]\nmax_in_flight_per_token = 1",
    tokens=(TokenEntry("sso-only"),),
    lane=lambda lane: lane,
)
async def test_an_answer_that_has_not_begun_becomes_a_503(
    site: Site, stream_wanted: bool, queued: bool
) -> None:
    """Nothing went out yet, so it can be a status, with leave to ask again."""
    site.play(Script((HANG,)))
    async with await site.connect() as other, await site.connect() as stream:
        if queued:
            await other.send_all(ask(stream=False))
            await site.simulator.until(lambda: bool(site.asked))
        await stream.send_all(ask(stream=stream_wanted))
        await until(lambda: bool(site.gateway.pool.waiting if queued else site.asked))
        site.stop.set()
        head, _, body = (await read_all(stream)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nx-should-retry: true" in head
    assert b"\r\nx-request-id: req_" in head
    assert json.loads(body) == error_object(ShuttingDown(MESSAGE))


@on_site
async def test_a_request_that_was_still_being_sent_is_refused(site: Site) -> None:
    """Its head came before the stop, its body after: 503 shutting_down, and Grok is not asked."""
    request = ask(stream=False)
    async with await site.connect() as stream:
        await stream.send_all(request[:-1])
        await trio.testing.wait_all_tasks_blocked(0.01)
        site.stop.set()
        await refused(site)
        await stream.send_all(request[-1:])
        head, _, body = (await read_all(stream)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert json.loads(body)["error"]["code"] == "shutting_down"
    assert site.simulator.calls == []


@on_site
async def test_idle_connections_are_closed_at_once_and_do_not_delay_the_end(site: Site) -> None:
    """One that was never used, and one that is kept alive."""
    async with await site.connect() as unused, await site.connect() as kept:
        await kept.send_all(http_request(b"", path="/health", method="GET"))
        await read_until(kept, b"}}")
        began = trio.current_time()
        site.stop.set()
        assert await read_all(unused) == b""
        assert await read_all(kept) == b""
        assert trio.current_time() - began < 1


# Processes and signals --------------------------------------------------------------------------


@contextlib.contextmanager
def demo(**environ: str) -> Iterator[tuple[subprocess.Popen[bytes], int, str]]:
    """A server of its own with a simulated Grok, its port, and the line that said it was ready."""
    port = free_port()
    command = [sys.executable, "-m", "grokcore", "--demo", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, env=dict(os.environ, **environ)
    )
    watchdog = threading.Timer(20, process.kill)
    watchdog.start()
    try:
        assert process.stderr is not None
        yield process, port, process.stderr.readline().decode()
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def open_stream(port: int, text: str) -> tuple[socket.socket, IO[bytes]]:
    """A streamed chat of which the first event has come."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    body = json.dumps(chat(text, stream=True)).encode()
    connection.sendall(http_request(body).replace(b"\r\n", b"\r\nconnection: close\r\n", 1))
    reader = connection.makefile("rb")
    while not reader.readline().startswith(b"data: "):
        pass
    return connection, reader


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=lambda sent: sent.name)
def test_a_signal_ends_the_process_with_0_after_its_answers(sent: signal.Signals) -> None:
    """The answer under way is whole. Ready was one line on stderr, with the URL; then came the stop
    with its reason, the request, and the end with what became of it.
    """
    with demo() as (process, port, ready):
        assert ready == (
            f"grok2api {__version__} ready on http://127.0.0.1:{port} (a simulated Grok, nothing leaves this machine)\n"
        )
        connection, reader = open_stream(port, "a b c")
        with connection, reader:
            process.send_signal(sent)
            assert b"data: [DONE]" in reader.read()
        assert process.stderr is not None
        stop, told, end = process.stderr.read().decode().splitlines()
        assert stop.endswith(f"{sent.name}: stopping; answers under way: 1, which have 10 s to end")
        assert "POST /v1/chat/completions 200 model=" in told
        assert re.search(f"stopped by {sent.name} after [0-9]+ s; last answers: 1 finished$", end)
        assert process.wait() == 0


def test_a_second_signal_ends_the_process_at_once() -> None:
    """The owner does not want to wait for an answer that hangs. The exit code names the signal."""
    with demo() as (process, port, _):
        connection, reader = open_stream(port, "word " * 5000)
        with connection, reader:
            process.send_signal(signal.SIGTERM)
            while True:  # until the first signal has taken effect
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=20).close()
                except ConnectionError:
                    break
            assert process.poll() is None
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait() == 128 + signal.SIGTERM
            assert process.stderr is not None
            assert (
                b"SIGTERM again: the process ends at once; answers cut: 1" in process.stderr.read()
            )
            assert time.monotonic() - began < 2


def test_the_entry_script_knows_its_version() -> None:
    """``python grok2api.py`` with this environment's interpreter is ``python -m grokcore``."""
    done = subprocess.run(
        [sys.executable, ROOT / "grok2api.py", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"grok2api {__version__}\n", "")
