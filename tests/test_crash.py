"""A whole server, killed in the middle of its work and started again, on one data directory."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import cast

import trio

from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.disk.state_file import StateFile, line_of, peek
from grokcore.simulator.app import Simulator
from tests.server_process import (
    QUESTION,
    ROOT,
    TOKENS,
    ask,
    lay_out,
    leave_two_that_refuse,
    server,
    until_said,
    with_grok,
)
from tests.servers import free_port, http_request, read_all


@with_grok
async def test_what_a_server_has_learned_is_known_after_a_restart(
    simulator: Simulator, url: str, tmp_path: Path
) -> None:
    """Tokens that cool are not asked again by the next server; a stop writes what is not yet
    written.
    """
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
async def test_what_a_key_has_used_of_its_day_survives_a_kill(
    simulator: Simulator, url: str, tmp_path: Path
) -> None:
    """A second later at the latest it is on the disk: a crash gives no guest a fresh day."""
    lay_out(tmp_path, url)
    with (tmp_path / "config.toml").open("a") as config:
        config.write('[[keys]]\nname = "bob"\nper_day = 1\nkey = "bob"\n')
    question = QUESTION.replace(b"host:", b"x-api-key: bob\r\nhost:", 1)
    state, port = tmp_path / "data" / "state.jsonl", free_port()
    async with server(tmp_path, port) as process:
        assert await ask(port, question) == 200
        while not any(name.startswith("key use ") for name in peek(state)):  # noqa: ASYNC110
            await trio.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    async with server(tmp_path, port):
        assert await ask(port, question) == 429
    assert {call.sso for call in simulator.calls} <= set(TOKENS)


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
        second = await trio.run_process(
            command, cwd=tmp_path, env=environ, capture_stderr=True, check=False
        )
        assert second.returncode == 78
        assert second.stderr.decode().splitlines() == [
            "grok2api: data: another grok2api uses this data directory; give each one its own"
        ]
        assert await ask(port) == 200


MANY = 10_000


ACTS = ("disable", "clear", "check")


@with_grok
async def test_actions_that_were_answered_survive_a_kill(
    simulator: Simulator, url: str, tmp_path: Path
) -> None:
    """With ten thousand tokens too: each is on the disk before the owner has the answer."""
    lay_out(tmp_path, url)
    tokens = [f"token-{number}" for number in range(MANY)]
    (tmp_path / "tokens.json").write_text(json.dumps(tokens))
    (tmp_path / "data").mkdir()
    state = StateFile(tmp_path / "data" / "state.jsonl")
    known = {
        TokenEntry(sso).key: {"at": time.time(), "cooling_until": time.time() + 3600}
        for sso in tokens
    }
    state.save({key: line_of(key, record) for key, record in known.items()})
    port = free_port()
    keys = {
        (act, n): TokenEntry(tokens[3 * n + i]).key for i, act in enumerate(ACTS) for n in (2, 3)
    }
    async with server(tmp_path, port) as process:
        for (act, _), key in keys.items():
            path = f"/status/tokens/{key}/{act}"
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(
                    http_request(b"", path=path).replace(b"host:", b"connection: close\r\nhost:")
                )
                assert (await read_all(stream)).startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGKILL)
    records = peek(state.path)
    assert len(records) == MANY
    for (act, _), key in keys.items():
        record = records[key]
        assert record["switched_off"] is (act == "disable")
        assert (record["cooling_until"] is None) is (act == "clear")
        allowances = cast("dict[str, dict[str, object]]", record["allowances"])
        asked = any(one["to_ask"] or one["quota"] for one in allowances.values())
        assert asked is (act == "check")


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
        second = await trio.run_process(
            command, cwd=tmp_path, env=environ, capture_stderr=True, check=False
        )
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
    """In ``/health``; the first one no longer writes there, so that the second one's state stays
    whole.
    """
    lay_out(tmp_path, url)
    first, second = free_port(), free_port()
    (tmp_path / "one").mkdir()
    (tmp_path / "data").symlink_to("one")
    async with server(tmp_path, first), server(tmp_path, second, "--data-dir", "two"):
        (tmp_path / "link").symlink_to("two")
        (tmp_path / "link").replace(tmp_path / "data")
        await until_said(first, "another grok2api uses it now")
        assert await ask(first) == 200
        await until_said(second, "another grok2api used it before")
        await until_said(first, "another grok2api has its folder")
        assert peek(tmp_path / "two" / "state.jsonl") == {}
