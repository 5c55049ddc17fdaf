"""The two ways of systemd: messages to it, and sockets from it; and whole servers that use them."""

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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from grokcore.cli import EXIT_CONFIG, serve, systemd
from grokcore.cli.setup import Settings
from grokcore.cli.systemd import Notifier, passed_sockets
from grokcore.config import ServerConfig, load_config
from grokcore.errors import ConfigError
from tests.servers import free_port
from tests.service_manager import (
    PATIENCE_S,
    ROOT,
    Manager,
    environment,
    fill,
    manager,
    process,
    said_until,
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
    """Nothing is raised, one line is logged for each absence, and what is told in it is lost."""
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
    """Whatever stands in a status, a message has the lines that were meant, in UTF-8."""
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
    """Its variables are read once; a child process must not think that they are its own."""
    with Notifier.of_environment(environ) as notifier:
        assert notifier.watchdog_s == seconds
    assert environ == {}


# Sockets that are passed ------------------------------------------------------------------------


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., dict[str, str]]]:
    """Puts descriptors where systemd would, but out of the way of this process's own; the variables
    for them.
    """
    first = 300
    monkeypatch.setattr(systemd, "FIRST_DESCRIPTOR", first)
    used: list[int] = []

    def pass_on(*descriptors: int, **variables: str) -> dict[str, str]:
        for number, descriptor in enumerate(descriptors, first):
            used.append(os.dup2(descriptor, number))
        return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(descriptors)), **variables}

    yield pass_on
    for descriptor in used:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def listening(host: str = "127.0.0.1") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, 0), family=family)


def has_ipv6() -> bool:
    try:
        listening("::1").close()
    except OSError:
        return False
    return True


def local(path: Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(path))
    bound.listen()
    return bound


def test_passed_sockets_are_taken_over_in_their_order(
    passed: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    """With their addresses; children inherit neither them nor the variables."""
    with listening() as first, local(tmp_path / "socket") as second:
        environ = passed(
            first.fileno(), second.fileno(), LISTEN_FDNAMES="a:b", LISTEN_PIDFDID="1", HOME="/"
        )
        taken = passed_sockets(environ)
        assert [bound.getsockname() for bound in taken] == [
            first.getsockname(),
            second.getsockname(),
        ]
        assert [bound.get_inheritable() for bound in taken] == [False, False]
        assert environ == {"HOME": "/"}
        for bound in taken:
            bound.close()


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": "self", "LISTEN_FDS": "0"},
    ],
    ids=str,
)
def test_sockets_for_nobody_or_somebody_else_are_not_ours(variables: dict[str, str]) -> None:
    """A process that started this one may have been meant. The variables go all the same."""
    environ = {name: value.replace("self", str(os.getpid())) for name, value in variables.items()}
    assert passed_sockets(environ) == []
    assert environ == {}


def datagrams() -> socket.socket:
    bound = socket.socket(type=socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    return bound


def packets() -> socket.socket:
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    bound.bind(f"\0grok2api-test/{os.getpid()}")
    bound.listen()
    return bound


def connection() -> socket.socket:
    with listening() as other:
        return socket.create_connection(other.getsockname())


UNFIT: dict[str, tuple[Callable[[], Any], str]] = {
    "file": (Path(__file__).open, "is not a socket: Socket operation on non-socket"),
    "datagrams": (datagrams, "is not a stream socket; the socket unit needs ListenStream="),
    "packets": (packets, "is not a stream socket; the socket unit needs ListenStream="),
    "connection": (connection, "does not listen; the socket unit needs Accept=no"),
    "bound only": (socket.socket, "does not listen; the socket unit needs Accept=no"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_what_can_not_be_served_is_named_in_one_line(
    kind: str, passed: Callable[..., dict[str, str]]
) -> None:
    """With its number and name; those before it are not left open."""
    make, says = UNFIT[kind]
    with listening() as good, make() as unfit:
        environ = passed(good.fileno(), unfit.fileno(), LISTEN_FDNAMES="web:odd")
        with pytest.raises(ConfigError) as caught:
            passed_sockets(environ)
        assert str(caught.value) == f"LISTEN_FDS: descriptor 301 (odd): {says}"
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(300)


def test_another_kind_of_network_is_refused(
    passed: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual machine's host, for one: whether it is trusted nobody knows."""
    with listening() as odd:
        monkeypatch.setattr(socket, "AF_INET", socket.AF_VSOCK)
        with pytest.raises(
            ConfigError, match=r"descriptor 300: is of a kind that can't be served \(AF_INET\)"
        ):
            passed_sockets(passed(odd.fileno()))


@pytest.mark.parametrize("count", ["", "x", "-1", "1 ", "9" * 5000, "1"])
def test_sockets_that_are_announced_and_not_there_are_a_fault(
    count: str, passed: Callable[..., dict[str, str]]
) -> None:
    """Serving on another address than the one that was meant would be worse than not starting."""
    with pytest.raises(ConfigError, match=r"^LISTEN_FDS: "):
        passed_sockets(passed(LISTEN_FDS=count))


@frozen
class Door:
    """A passed socket, a configuration, and whether that is refused."""

    host: str
    config: str = ""
    refused: bool = False


DOORS = [
    Door("127.0.0.1"),
    Door("::1"),
    Door("local"),
    Door("0.0.0.0", refused=True),
    Door("::", refused=True),
    Door("0.0.0.0", '[server]\nhost = "127.0.0.1"', refused=True),
    Door("0.0.0.0", '[grok]\napi_key = "k"'),
    Door("::", '[[keys]]\nname = "a"\nkey = "k"'),
]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: f"{door.host} {door.config}")
def test_a_passed_socket_that_other_machines_reach_needs_a_key(
    door: Door,
    passed: Callable[..., dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever ``[server] host`` says: the rule is about where the socket really is."""
    config, _ = load_config(door.config)
    if ":" in door.host and not has_ipv6():
        pytest.skip("no IPv6 here")
    with local(tmp_path / "socket") if door.host == "local" else listening(door.host) as bound:
        for name, value in passed(bound.fileno()).items():
            monkeypatch.setenv(name, value)
        with contextlib.ExitStack() as opened:
            if door.refused:
                caught = opened.enter_context(pytest.raises(ConfigError))
            (taken,) = opened.enter_context(
                serve._sockets(Settings(config, file=Path("my.toml")), demo=False)
            )
            assert taken.getsockname() == bound.getsockname()
        if door.refused:
            host = f"[{door.host}]" if ":" in door.host else door.host
            where = f"http://{host}:{bound.getsockname()[1]}"
            assert str(caught.value) == (
                f"my.toml: {where} is reachable from other machines, so [grok] api_key must be set"
            )
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(300)


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
    """TCP and local ones, and no other port; who comes while it is started anew waits. A manager
    that is not there is told nothing, and that is all."""
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
            told = [line for line in (said + rest).splitlines() if "service manager" in line]
            assert [line.partition(": ")[2] for line in told] == [
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
    """As for every other fault in what was configured; nothing is made."""
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
