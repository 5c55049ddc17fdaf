"""Listening sockets that systemd passes to the server."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from grokcore.cli import systemd
from grokcore.cli.listening import listening_sockets
from grokcore.cli.setup import Settings
from grokcore.cli.systemd import passed_sockets
from grokcore.config import load_config
from grokcore.errors import ConfigError
from tests.service_manager import datagrams, listening, local

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")


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


def has_ipv6() -> bool:
    try:
        listening("::1").close()
    except OSError:
        return False
    return True


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
    """``[server] host`` does not matter: the rule is about the socket's real address."""
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
                listening_sockets(Settings(config, file=Path("my.toml")), demo=False)
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
