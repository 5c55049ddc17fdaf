"""A whole server, killed in the middle of its work and started again, on one data directory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import trio

from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.disk.state_file import StateFile, line_of, peek
from grokcore.simulator import lines
from grokcore.simulator.app import Simulator
from grokcore.simulator.limits import Limit
from grokcore.simulator.scripts import answer, error
from grokcore.simulator.serve import serve_simulator
from tests.scenarios import decorator
from tests.servers import chat, free_port, http_request, read_all

ROOT = Path(__file__).parents[1]
TOKENS = [f"token-{number}" for number in range(20)]
QUESTION = http_request(json.dumps(chat()).encode()).replace(b"host:", b"connection: close\r\nhost:")


@asynccontextmanager
async def server(place: Path, port: int, *arguments: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A server process in *place*, ready; it is killed if it is still there at the end."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GROK2API_")}
    command = [sys.executable, "-m", "grokcore", "--port", str(port), *arguments]
    environ["PYTHONPATH"] = str(ROOT)
    with subprocess.Popen(command, cwd=place, env=environ, stderr=subprocess.PIPE) as process:  # noqa: ASYNC220
        try:
            said = b""
            while b" ready on " not in said:
                assert process.stderr is not None
                said = await trio.to_thread.run_sync(process.stderr.readline)
                assert said, "it ended before it was ready"
            yield process
        finally:
            process.kill()


def lay_out(place: Path, grok: str) -> None:
    (place / "config.toml").write_text(f'[grok]\nbase_url = "{grok}"\n[global]\nlog_level = "ERROR"\n')
    (place / "tokens.json").write_text(json.dumps(TOKENS))


async def ask(port: int) -> int:
    """The status of an answer; 0 if the server went away."""
    try:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(QUESTION)
            reply = await read_all(stream)
    except (OSError, trio.BrokenResourceError):
        return 0
    return int(reply.split(None, 2)[1]) if reply else 0


async def health(port: int) -> str:
    """What ``/health`` says, as text."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        return (await read_all(stream)).decode()


async def until_said(port: int, words: str) -> None:
    """Wait until ``/health`` has *words*; the suite's watchdog bounds it."""
    while words not in await health(port):  # noqa: ASYNC110  another process's
        await trio.sleep(0.05)


def simulated() -> Simulator:
    """Some tokens are dead, some used up, some have a few questions left."""
    simulator = Simulator()
    simulator.always(answer("fine"))
    for number, sso in enumerate(TOKENS):
        if number % 5 == 1:
            simulator.script(sso, error(401, lines.ERROR_401))
        elif number % 5 == 2:
            simulator.limits[sso, "grok-3"] = Limit(25, 0, wait_s=5000)
        elif number % 5 == 3:
            simulator.limits[sso, "grok-3"] = Limit(25, 20)
    return simulator


def leave_two_that_refuse(simulator: Simulator) -> None:
    """Fewer than a question has attempts, so that each can be answered, also by a server that does not know them yet."""
    simulator.scripts = {TOKENS[1]: simulator.scripts[TOKENS[1]]}
    for (sso, _), limit in simulator.limits.items():
        limit.left = 0 if sso == TOKENS[2] else 1_000_000


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def run_with_grok(scenario: object) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            simulator = simulated()
            url = await nursery.start(serve_simulator, simulator)
            await scenario(simulator, url)  # type: ignore[operator]
            nursery.cancel_scope.cancel()

    trio.run(main)


with_grok = decorator(run_with_grok, gives=2)


@with_grok
async def test_what_a_server_has_learned_is_known_after_a_restart(
    simulator: Simulator, url: str, tmp_path: Path
) -> None:
    """Tokens that cool are not asked again by the next server; a stop writes what is not yet written."""
    lay_out(tmp_path, url)
    port = free_port()
    async with server(tmp_path, port) as process:
        for _ in TOKENS:
            assert await ask(port) == 200
        process.terminate()
        assert await trio.to_thread.run_sync(process.wait) == 0
    shut = {sso for number, sso in enumerate(TOKENS) if number % 5 in (1, 2)}
    assert {call.sso for call in simulator.calls} == set(TOKENS)
    simulator.calls.clear()
    async with server(tmp_path, port):
        for _ in TOKENS:
            assert await ask(port) == 200
    assert len(simulator.calls) == len(TOKENS)
    assert shut.isdisjoint(call.sso for call in simulator.calls)


@with_grok
async def test_a_second_server_on_the_same_data_directory_does_not_start(
    simulator: Simulator, url: str, tmp_path: Path
) -> None:
    """It says why in one line, and the first goes on."""
    lay_out(tmp_path, url)
    port = free_port()
    async with server(tmp_path, port):
        command = [sys.executable, "-m", "grokcore", "--port", str(free_port())]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        second = await trio.run_process(command, cwd=tmp_path, env=environ, capture_stderr=True, check=False)
        assert second.returncode == 78
        assert second.stderr.decode().splitlines() == [
            "grok2api: data: another grok2api uses this data directory; give each one its own"
        ]
        assert await ask(port) == 200


MANY = 10_000


@pytest.mark.parametrize("act", ["disable", "clear", "check"])
@with_grok
async def test_an_action_that_was_answered_survives_a_kill(
    simulator: Simulator, url: str, act: str, tmp_path: Path
) -> None:
    """With ten thousand tokens too: it is on the disk before the owner has the answer."""
    lay_out(tmp_path, url)
    tokens = [f"token-{number}" for number in range(MANY)]
    (tmp_path / "tokens.json").write_text(json.dumps(tokens))
    (tmp_path / "data").mkdir()
    cooling = TokenEntry(tokens[7])
    state = StateFile(tmp_path / "data" / "state.jsonl")
    known = {TokenEntry(sso).key: {"at": time.time(), "cooling_until": time.time() + 3600} for sso in tokens}
    state.save({key: line_of(key, record) for key, record in known.items()})
    port = free_port()
    async with server(tmp_path, port) as process:
        for number in (7, 8, 9):
            path = f"/status/tokens/{TokenEntry(tokens[number]).key}/{act}"
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(http_request(b"", path=path).replace(b"host:", b"connection: close\r\nhost:"))
                assert (await read_all(stream)).startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGKILL)
    record = peek(state.path)[cooling.key]
    assert record["switched_off"] is (act == "disable")
    assert (record["cooling_until"] is None) is (act == "clear")
    allowances = cast("dict[str, dict[str, object]]", record["allowances"])
    asked = any(one["to_ask"] or one["quota"] for one in allowances.values())
    assert asked is (act == "check")
    assert len(peek(state.path)) == MANY


@with_grok
async def test_a_data_directory_that_is_deleted_lets_no_second_server_in(
    simulator: Simulator, url: str, tmp_path: Path
) -> None:
    """The first makes it again and holds it, and keeps what it learns in it."""
    lay_out(tmp_path, url)
    leave_two_that_refuse(simulator)
    port = free_port()
    async with server(tmp_path, port) as process:
        before = (tmp_path / "data").stat().st_ino
        (tmp_path / "data").rename(tmp_path / "old")
        while not (tmp_path / "data").exists():  # noqa: ASYNC110  by another process
            await trio.sleep(0.05)
        assert (tmp_path / "data").stat().st_ino != before
        command = [sys.executable, "-m", "grokcore", "--port", str(free_port())]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        second = await trio.run_process(command, cwd=tmp_path, env=environ, capture_stderr=True, check=False)
        assert second.returncode == 78
        for _sso in TOKENS:
            assert await ask(port) == 200
        process.terminate()
        assert await trio.to_thread.run_sync(process.wait) == 0
    assert peek(tmp_path / "data" / "state.jsonl")


@with_grok
async def test_two_servers_on_one_directory_that_was_replaced_both_say_so(
    simulator: Simulator, url: str, tmp_path: Path
) -> None:
    """In ``/health``; the first one no longer writes there, so that the second one's state stays whole."""
    lay_out(tmp_path, url)
    first, second = free_port(), free_port()
    (tmp_path / "one").mkdir()
    (tmp_path / "data").symlink_to("one")
    async with server(tmp_path, first), server(tmp_path, second, "--data-dir", "two"):
        (tmp_path / "link").symlink_to("two")
        (tmp_path / "link").replace(tmp_path / "data")
        await until_said(first, "another grok2api has it now")
        assert await ask(first) == 200
        await until_said(second, "another grok2api had it before")
        await until_said(first, "another grok2api has its folder")
        assert peek(tmp_path / "two" / "state.jsonl") == {}
