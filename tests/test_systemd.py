"""Messages to systemd, and whole servers that exchange messages and sockets with it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore.cli import EXIT_CONFIG, systemd
from grokcore.cli.systemd import Notifier
from grokcore.config import ServerConfig
from tests.server_process import said_until
from tests.servers import free_port
from tests.service_manager import (
    PATIENCE_S,
    ROOT,
    Manager,
    datagrams,
    environment,
    fill,
    listening,
    local,
    manager,
    process,
)

__all__ = ["manager"]  # a fixture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a manager could be."""
    return str(tmp_path / "notify") if request.param == "path" else f"@grok2api-test/{os.getpid()}"


# Messages ---------------------------------------------------------------------------------------


def test_a_message_arrives_whole_at_either_kind_of_address(address: str) -> None:
    """The variable is taken out of the environment, and nothing arrives after the end."""
    manager, environ = Manager(address), {"NOTIFY_SOCKET": address, "HOME": "/"}
    with Notifier.of_environment(environ) as notifier:
        assert notifier.is_open
        notifier.send("READY=1", "STATUS=3 tokens ok")
        assert notifier.send("WATCHDOG=1")
    notifier.send("READY=1")
    assert manager.heard() == [{"READY": "1", "STATUS": "3 tokens ok"}, {"WATCHDOG": "1"}]
    assert environ == {"HOME": "/"}
    manager.vanish()


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "notify", "\x00x"])
def test_without_an_address_that_can_be_used_nothing_is_done(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a socket is made."""
    monkeypatch.setattr(socket, "socket", None)
    with Notifier.of_environment({"NOTIFY_SOCKET": address} if address else {}) as notifier:
        assert not notifier.is_open
        notifier.send("READY=1")
        assert notifier.send("WATCHDOG=1")


def test_a_manager_that_is_gone_is_missed_once_and_heard_of_again(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is raised, one line is logged for each absence, and its messages are lost."""
    with Notifier(address) as notifier:
        for absence in (1, 2):
            for _ in range(3):
                notifier.send("STATUS=lost")
                assert notifier.send("WATCHDOG=1")
            assert len(caplog.records) == absence
            manager = Manager(address)
            notifier.send("READY=1")
            assert manager.heard() == [{"READY": "1"}]
            manager.vanish()


@pytest.mark.parametrize("wait_s", [0, 0.05])
def test_a_manager_that_is_busy_is_waited_for_no_longer_than_asked(
    wait_s: float, manager: Manager
) -> None:
    """The caller learns that the message was not taken, and may send it again."""
    with Notifier(manager.address) as notifier:
        taken = fill(notifier)
        began = time.monotonic()
        assert not notifier.send("READY=1", wait_s=wait_s)
        assert wait_s <= time.monotonic() - began < PATIENCE_S
        assert manager.heard() == [{"WATCHDOG": "1"}] * taken
        assert notifier.send("READY=1", wait_s=wait_s)
        assert manager.heard() == [{"READY": "1"}]


def test_a_manager_that_listens_again_in_time_gets_the_message(manager: Manager) -> None:
    """A short pause of systemd loses nothing."""
    with Notifier(manager.address) as notifier:
        taken = fill(notifier)
        reader = threading.Timer(0.01, manager.wait)
        reader.start()
        assert notifier.send("READY=1", wait_s=PATIENCE_S)
        reader.join()
        assert manager.heard() == [*[{"WATCHDOG": "1"}] * (taken - 1), {"READY": "1"}]


def test_where_no_socket_can_be_made_the_server_starts_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A unit may lack AF_UNIX in RestrictAddressFamilies."""

    def refuse(*_: object) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", refuse)
    assert not Notifier("/run/systemd/notify").is_open
    assert [record.getMessage() for record in caplog.records] == [
        "the service manager can't be notified: Address family not supported by protocol"
    ]


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_no_text_makes_a_line_of_its_own(texts: list[str]) -> None:
    """For any status, a message has the intended lines, in UTF-8."""
    message = systemd._message(tuple(f"STATUS={text}" for text in texts)).decode()
    assert message.count("\n") == len(texts) - 1
    assert all(line.startswith("STATUS=") for line in message.split("\n"))


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getppid())}, None),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": ""}, 1.5),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({"WATCHDOG_PID": str(os.getpid())}, None),
    ],
)
def test_the_watchdog_is_for_the_process_that_it_names(
    environ: dict[str, str], seconds: float | None
) -> None:
    """The variables are read once; a child process must not take them for its own."""
    with Notifier.of_environment(environ) as notifier:
        assert notifier.watchdog_s == seconds
    assert environ == {}


# Whole processes --------------------------------------------------------------------------------

AS_SYSTEMD_DOES = """
import fcntl, os, sys
count = int(sys.argv[1])
kept = [fcntl.fcntl(int(descriptor), fcntl.F_DUPFD_CLOEXEC, 100) for descriptor in sys.argv[2 : 2 + count]]
for number, descriptor in enumerate(kept, 3):
    os.dup2(descriptor, number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(count))
os.execv(sys.executable, [sys.executable, *sys.argv[2 + count :]])
"""
"""Puts descriptors in their places and becomes the server."""


def activated(descriptors: Sequence[int], *arguments: str) -> list[str]:
    """The command line of a server that gets *descriptors*."""
    numbers = [str(len(descriptors)), *map(str, descriptors)]
    return [sys.executable, "-c", AS_SYSTEMD_DOES, *numbers, "-m", "grokcore", *arguments]


def health(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=PATIENCE_S) as answer:
        return dict(json.loads(answer.read()))


def test_a_server_tells_systemd_of_its_whole_life(manager: Manager, tmp_path: Path) -> None:
    """READY once the port answers; RELOADING, READY around a reload; STOPPING; and the watchdog all
    the time.
    """
    port = free_port()
    (tmp_path / "tokens.json").write_text('["a", "b"]')
    environ = environment(NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="300000")
    command = [sys.executable, "-m", "grokcore", "--port", str(port)]
    with process(command, tmp_path, environ) as server:
        assert manager.wait() == {"READY": "1", "STATUS": "2 tokens not used yet"}
        assert health(port)["status"] == "ok"
        assert [manager.wait() for _ in range(3)] == [{"WATCHDOG": "1"}] * 3

        (tmp_path / "tokens.json").write_text('["a", "b", "c"]')
        server.send_signal(signal.SIGHUP)
        reloading = manager.wait_for("RELOADING")
        assert (
            int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        )
        ready = manager.wait_for("READY")
        assert (ready["READY"], ready["STATUS"]) == ("1", "3 tokens not used yet")
        assert health(port)["tokens"]["unknown"] == 3
        manager.wait_for("WATCHDOG")

        server.send_signal(signal.SIGTERM)
        stopping = manager.wait_for("STOPPING")
        assert stopping["STATUS"] == "stopping; 3 tokens not used yet"
        assert int(stopping["EXTEND_TIMEOUT_USEC"]) > ServerConfig().grace_seconds * 1e6
        assert server.wait() == 0
        assert all(message == {"WATCHDOG": "1"} for message in manager.heard())


def request_over(path: Path, method: str, url: str, body: bytes | None = None) -> tuple[int, Any]:
    """An answer over a local socket."""
    client = http.client.HTTPConnection("localhost", timeout=PATIENCE_S)
    client.sock = socket.socket(socket.AF_UNIX)
    client.sock.settimeout(PATIENCE_S)
    client.sock.connect(str(path))
    with contextlib.closing(client):
        client.request(method, url, body)
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())


def test_a_server_answers_on_the_sockets_that_it_gets_and_leaves_them_whole(tmp_path: Path) -> None:
    """TCP and local ones, and no other port. Clients that connect during a restart wait. A missing
    manager costs one line of the log."""
    with listening() as first, local(tmp_path / "socket") as second:
        port, descriptors = first.getsockname()[1], (first.fileno(), second.fileno())
        environ = environment(
            NOTIFY_SOCKET=str(tmp_path / "nobody"), GROK2API_SERVER_PORT=str(free_port())
        )
        command = activated(descriptors, "--demo")
        with process(command, tmp_path, environ, descriptors) as server:
            said = said_until(server, " ready on ")
            assert (
                f" ready on http://127.0.0.1:{port} and unix:{tmp_path}/socket (a simulated" in said
            )
            assert health(port)["status"] == "ok"
            question = json.dumps(
                {"model": "grok-3-fast", "messages": [{"role": "user", "content": "herring"}]}
            )
            status, answer = request_over(
                tmp_path / "socket", "POST", "/v1/chat/completions", question.encode()
            )
            assert status == 200
            assert "herring" in answer["choices"][0]["message"]["content"]
            server.send_signal(signal.SIGHUP)
            server.terminate()
            rest = server.communicate()[1].decode()
            assert server.returncode == 0
            lines = [line for line in (said + rest).splitlines() if "service manager" in line]
            assert [line.partition(": ")[2] for line in lines] == [
                "the service manager can't be notified: No such file or directory"
            ]
        waiting = socket.create_connection(("127.0.0.1", port))
        with waiting, first.accept()[0] as accepted:
            accepted.sendall(b"still there")
            assert waiting.recv(99) == b"still there"
        assert (tmp_path / "socket").is_socket()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (datagrams, "LISTEN_FDS: descriptor 3: is not a stream"),
        (lambda: listening("0.0.0.0"), "must be set"),
    ],
    ids=["datagrams", "open door"],
)
def test_a_server_that_gets_a_wrong_socket_says_so_in_one_line_and_exits_with_78(
    make: Callable[[], socket.socket], says: str, tmp_path: Path
) -> None:
    """As for every other fault in the configuration; no file is made."""
    with make() as wrong:
        descriptors = (wrong.fileno(),)
        with process(activated(descriptors), tmp_path, environment(), descriptors) as server:
            said = server.communicate()[1].decode()
    assert server.returncode == EXIT_CONFIG
    assert said.startswith("grok2api: ")
    assert says in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="systemd-socket-activate is not here"
)
def test_systemd_s_own_tool_starts_the_server_with_the_first_connection(tmp_path: Path) -> None:
    """Which is answered."""
    port = free_port()
    tool = ["systemd-socket-activate", f"--listen=127.0.0.1:{port}", f"--setenv=PYTHONPATH={ROOT}"]
    command = [*tool, sys.executable, "-m", "grokcore", "--demo"]
    with process(command, tmp_path, environment()) as server:
        said_until(server, "Listening on ")
        assert health(port)["status"] == "ok"
        assert f" ready on http://127.0.0.1:{port} (" in said_until(server, " ready on ")
        server.terminate()
        assert server.wait() == 0
