"""A whole server on a disk that hangs, and with odd things in the place of its files: it starts or
says why, and it ends.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

from grokcore.cli import main
from grokcore.cli.last_net import LastNet
from tests.servers import chat, free_port

ROOT = Path(__file__).parents[1]
PATIENCE_S = 30.0
GRACE_S = 0.2

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")


@contextlib.contextmanager
def serving(
    place: Path, *arguments: str, hangs: str = ""
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server in *place*, ready, and its port.

    :param hangs: names of functions of ``os`` that hang as long as there is a file ``hang``.
    """
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("GROK2API_")
    }
    environ |= {"PYTHONPATH": str(ROOT), "GROK2API_SERVER_GRACE_SECONDS": str(GRACE_S)}
    environ |= {"GROK2API_GROK_IMAGE_MODE": "cache"}
    port = free_port()
    module = ["tests.hung_disk", hangs, str(place / "hang")] if hangs else ["grokcore"]
    command = [sys.executable, "-m", *module, "--port", str(port), *arguments]
    process = subprocess.Popen(command, cwd=place, env=environ, stderr=subprocess.PIPE)
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    assert process.stderr is not None
    try:
        said = b""
        while b" ready on " not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process, port
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def stops(process: subprocess.Popen[bytes], within_s: float = GRACE_S + 5) -> None:
    """SIGTERM ends it with 0, soon."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0
    assert time.monotonic() - began < within_s


def to_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def to_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def to_socket(path: Path) -> None:
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)  # in the folder itself: a long path is none of a socket


def to_device(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def to_terminal(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/tty")


def to_endless(path: Path) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(2**40)


@frozen
class Odd:
    """Something else in the place of a file, and what is said of it."""

    name: str
    make: Callable[[Path], object]
    says: str


ODD = [
    Odd(
        "a pipe",
        to_pipe,
        "can't be read: it is a pipe; it must be a file, as it is read again and again",
    ),
    Odd("a folder", to_folder, "can't be read: Is a directory"),
    Odd("a socket", to_socket, "can't be read: it is a socket, not a file"),
    Odd("a device", to_device, "can't be read: it is a device, not a file"),
    Odd("a terminal", to_terminal, "can't be read: it is a device, not a file"),
    Odd("a file without end", to_endless, "can't be read: it is larger than 64 MB"),
]
FILES = ["config.toml", "tokens.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.name)
def test_no_command_waits_for_what_is_no_file(
    odd: Odd,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each says what is in its place, and ends with the code of a wrong configuration."""
    monkeypatch.chdir(tmp_path)
    odd.make(tmp_path / name)
    commands = [["serve"], ["check"]]
    if name == "tokens.json":
        commands += [
            ["tokens", "list"],
            ["tokens", "add", "eyJ-a-token"],
            ["tokens", "remove", "12345678"],
        ]
        commands += [["tokens", "import", name, "--tokens", "other.json"], ["tokens", "check"]]
    for command in commands:
        assert main(command) == 78
        told = capsys.readouterr()
        assert f"{name}: {odd.says}" in told.err + told.out, command


def test_the_null_device_is_an_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--config /dev/null`` is how people say: none."""
    monkeypatch.chdir(tmp_path)
    assert main(["--config", os.devnull, "--tokens", os.devnull]) == 78
    assert "is empty" in capsys.readouterr().err


def test_a_running_server_refuses_what_is_no_file_and_ends(tmp_path: Path) -> None:
    """It goes on with what it had; ``/health`` says what is in the file's place."""
    (tmp_path / "config.toml").write_text('[grok]\napi_key = "owner"\n')
    (tmp_path / "tokens.json").write_text('["eyJ-a-token"]')
    with serving(tmp_path) as (process, port):
        for name in FILES:
            to_pipe(tmp_path / "odd")
            (tmp_path / "odd").rename(tmp_path / name)
        while set(faults := health(port)["faults"]) < {"config", "tokens"}:
            time.sleep(0.05)
        assert all("it is a pipe" in words for words in faults.values())
        stops(process)


def health(port: int) -> dict[str, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        connection.request("GET", "/health", headers={"authorization": "Bearer owner"})
        return dict(json.loads(connection.getresponse().read()))


@pytest.mark.parametrize("calls", ["stat", "open,read"])
def test_files_on_a_disk_that_hangs_hold_up_neither_answers_nor_the_stop(
    calls: str, tmp_path: Path
) -> None:
    """While they are looked at twice a second, and while they are read after SIGHUP."""
    (tmp_path / "config.toml").write_text("[pool]\nqueue_seconds = 3\n")
    (tmp_path / "tokens.json").write_text('["eyJ-a-token"]')
    with serving(tmp_path, hangs=calls) as (process, port):
        (tmp_path / "hang").touch()
        (tmp_path / "config.toml").write_text("[pool]\nqueue_seconds = 4\n")
        process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert health(port)["status"]
        stops(process)


def picture_request(port: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    body = json.dumps({"prompt": "a moon", "response_format": "url"})
    connection.request("POST", "/v1/images/generations", body, {"content-type": "application/json"})
    return connection


def test_pictures_on_a_disk_that_hangs_do_not_hold_up_the_stop(tmp_path: Path) -> None:
    """More of them than there are threads, all in the middle of being kept."""
    with serving(tmp_path, "--demo", hangs="fsync") as (process, port):
        with contextlib.closing(picture_request(port)) as whole:
            assert b"/media/" in whole.getresponse().read()
        (tmp_path / "hang").touch()
        pending = [picture_request(port) for _ in range(8)]
        answered, _, _ = select.select([one.sock for one in pending], [], [], 2)
        assert answered == []
        assert health(port)["status"]
        stops(process)
        for connection in pending:
            connection.close()


def test_the_last_net_ends_what_does_not_end(caplog: pytest.LogCaptureFixture) -> None:
    """With 1 and a line of the log; a server that ends in time never meets it."""
    ended = threading.Event()
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    with LastNet(end) as net:
        net.spread(0.01)
        assert ended.wait(PATIENCE_S)
    assert codes == [1]
    assert "has not stopped within 0.01 s" in caplog.text
    with LastNet(end) as net:
        net.spread(0.2)
    assert not ended.wait(0) or codes == [1]


def test_chat_is_answered_on_a_disk_that_hangs(tmp_path: Path) -> None:
    """What is learned is not kept then; nobody waits for it."""
    with serving(tmp_path, "--demo", hangs="fsync,replace") as (process, port):
        (tmp_path / "hang").touch()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            for _ in range(3):
                connection.request(
                    "POST",
                    "/v1/chat/completions",
                    json.dumps(chat()),
                    {"content-type": "application/json"},
                )
                response = connection.getresponse()
                response.read()
                assert response.status == 200
        stops(process)
