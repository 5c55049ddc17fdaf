"""``serve --workers``: a parent and its workers, as real processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from grokcore import __version__
from grokcore.runtime.disk.data_dir import DataDirectory
from tests.servers import chat
from tests.service_manager import Manager, manager
from tests.worker_processes import ROOT, ask, exists, open_stream, until, workers

__all__ = ["manager"]  # a fixture

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

WORKER_OF_A_LINE = re.compile(r"\[worker ([0-9])\] grokcore.requests")


def test_requests_go_to_all_workers_and_on_when_one_is_killed(tmp_path: Path) -> None:
    """One line says that the server is ready. A worker that dies is started again, and meanwhile
    the other one answers.
    """
    with workers(tmp_path, "--demo") as server:
        port = server.port
        what = "a simulated Grok, nothing leaves this machine, 2 workers"
        ready = f"grok2api {__version__} ready on http://127.0.0.1:{port} ({what})\n"
        assert server.said == [ready]
        ask_until_both_have_answered(server.said, port)
        killed = server.worker_ids()[1]
        os.kill(killed, signal.SIGKILL)
        server.until_said(r"worker 1 was ended by SIGKILL; it is started again in 0.1 s")
        while server.worker_ids().get(1, killed) == killed:
            assert ask(port, "/v1/models")[0] == 200
        del server.said[:]
        ask_until_both_have_answered(server.said, port)
        server.process.send_signal(signal.SIGTERM)
        assert server.ended() == 0
        assert [line for line in server.said if "ready on" in line] == []


def ask_until_both_have_answered(said: list[str], port: int) -> None:
    """By the lines that workers log of requests that fail."""

    def both() -> bool:
        assert ask(port, "/v1/chat/completions", b"{}", "POST")[0] == 400
        return {found[1] for line in said if (found := WORKER_OF_A_LINE.search(line))} == {"0", "1"}

    until(both)


def test_a_worker_that_dies_too_often_ends_the_server(tmp_path: Path) -> None:
    """The service manager then sees a failure, and its log has the reason."""
    with workers(tmp_path, "--demo") as server:
        assert server.port
        last = 0
        for _ in range(5):
            last = server.another(1, than=last)
            os.kill(last, signal.SIGKILL)
        server.until_said("worker 1 was ended by SIGKILL, and has died too often within 60 s")
        assert server.ended() == 1


def test_a_signal_lets_the_answers_of_all_workers_finish(tmp_path: Path) -> None:
    """Also where a service manager signals all processes at once: that counts as one."""
    with workers(tmp_path, "--demo") as server, contextlib.ExitStack() as streams:
        opened = []
        for _ in range(8):
            connection, reader = open_stream(server.port, "a b c d e f g h")
            streams.enter_context(connection)
            opened.append(streams.enter_context(reader))
        for one in server.worker_ids().values():
            os.kill(one, signal.SIGTERM)
        server.process.send_signal(signal.SIGTERM)
        for reader in opened:
            assert b"data: [DONE]" in reader.read()
        assert server.ended() == 0
        assert [line for line in server.said if "again" in line] == []
        assert len([line for line in server.said if "stopped by SIGTERM" in line]) == 2


def test_a_second_signal_ends_all_at_once(tmp_path: Path) -> None:
    """No process is left, and the exit code names the signal."""
    with workers(tmp_path, "--demo") as server:
        connection, reader = open_stream(server.port, "word " * 5000)
        with connection, reader:
            server.process.send_signal(signal.SIGINT)
            server.until_said("SIGINT: stopping 2 workers")
            server.until_said(r"\[worker .\] .*SIGINT: stopping", times=2)
            began = time.monotonic()
            server.process.send_signal(signal.SIGINT)
            assert server.ended() == 128 + signal.SIGINT
            assert time.monotonic() - began < 5
            server.until_said("the process ends at once; answers cut: 1")


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """No orphan keeps the port, and answers under way finish all the same."""
    with workers(tmp_path, "--demo") as server:
        connection, reader = open_stream(server.port, "a b c")
        ids = server.worker_ids().values()
        with connection, reader:
            server.process.kill()
            assert b"data: [DONE]" in reader.read()
        assert server.ended() == -signal.SIGKILL
        assert not any(map(exists, ids))
        server.until_said("the parent process has ended, so this worker does too", times=2)


def lay_out(place: Path, tokens: int) -> None:
    place.joinpath("config.toml").write_text('[grok]\nbase_url = "http://127.0.0.1:9"\n')
    place.joinpath("tokens.json").write_text(json.dumps([f"sso-{one}" for one in range(tokens)]))


def test_systemd_is_told_of_all_workers_together(tmp_path: Path, manager: Manager) -> None:
    """Ready when all are; a reload is over when it is at all; while one hangs, the watchdog is not
    fed.
    """
    lay_out(tmp_path, 1)
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1500000"}
    with workers(tmp_path, environ=environ) as server:
        assert manager.wait_for("READY") == {"READY": "1"}
        assert " (1 token, 2 workers)\n" in server.until_said(" ready on ")
        assert "2 of 2 workers serve; 1 token not used yet" in manager.wait_for("STATUS")["STATUS"]
        lay_out(tmp_path, 2)
        server.process.send_signal(signal.SIGHUP)
        assert "MONOTONIC_USEC" in manager.wait_for("RELOADING")
        server.until_said(r"\[worker [01]\].*tokens.json taken over", times=2)
        assert manager.wait_for("READY") == {"READY": "1"}
        assert manager.wait_for("WATCHDOG")
        stopped = server.worker_ids()[1]
        os.kill(stopped, signal.SIGSTOP)
        server.until_said("worker 1 does not answer")
        manager.heard()
        time.sleep(1)
        assert not [one for one in manager.heard() if "WATCHDOG" in one]
        os.kill(stopped, signal.SIGCONT)
        server.until_said("worker 1 answers again")
        assert manager.wait_for("WATCHDOG")
        server.process.send_signal(signal.SIGTERM)
        assert manager.wait_for("STOPPING")["EXTEND_TIMEOUT_USEC"] == "22000000"
        assert server.ended() == 0
    assert (tmp_path / "data" / "worker-1").is_dir()


def test_a_worker_that_can_not_start_ends_the_server_with_its_reason(tmp_path: Path) -> None:
    """As with one process: one line, and exit 78, after which systemd does not try again."""
    lay_out(tmp_path, 1)
    with DataDirectory.hold(tmp_path / "data"), workers(tmp_path) as server:
        assert server.ended() == 78
        assert "another grok2api uses this data directory" in server.until_said("^grok2api: ")
        assert not [line for line in server.said if " ready on " in line]


def test_a_server_of_one_process_loads_nothing_of_workers() -> None:
    """Whoever has one process pays nothing for them."""
    program = (
        "import grokcore.cli, sys; print(*(name for name in sys.modules if 'grokcore' in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {
        name
        for name in done.stdout.split()
        if re.search(r"workers|sharing", name) and not name.endswith(("workers", "workers.peers"))
    }
    assert loaded == set()


def test_all_workers_are_seen_as_one_server(tmp_path: Path) -> None:
    """Whichever worker a client meets: figures are those of all, and nothing that one keeps is
    missing at another.
    """
    with workers(tmp_path, "--demo") as server:
        port = server.port
        figures_are_those_of_all(port)
        responses_are_found_at_every_worker(port)
        pictures_are_found_at_every_worker(port)
        stopped = server.worker_ids()[1]
        os.kill(stopped, signal.SIGSTOP)
        assert answer(port, "/health")["workers"] == {"count": 2, "missing": [1], "restarts": 0}
        assert b'grok2api_worker_up{worker="1"} 0.0' in ask(port, "/metrics")[1]
        os.kill(stopped, signal.SIGKILL)
        server.another(1, than=stopped)
        until(lambda: answer(port, "/health")["workers"]["missing"] == [])
        whole = {"count": 2, "missing": [], "restarts": 1}
        until(
            lambda: answer(port, "/status")["workers"] == whole
        )  # each worker looks once a second


TIMES = 12
"""Requests of which both workers answer some."""


def answer(port: int, path: str, **fields: object) -> dict[str, Any]:
    """What an answer says in JSON."""
    method = "POST" if fields else "GET"
    status, body = ask(port, path, json.dumps(fields).encode() if fields else b"", method)
    assert status == 200, body
    value: dict[str, Any] = json.loads(body)
    return value


def figures_are_those_of_all(port: int) -> None:
    for _ in range(TIMES):
        answer(port, "/v1/chat/completions", **chat("a"))
    name = 'grok2api_requests_total{code="ok",model="grok-3-fast"}'
    # A request counts when its connection is closed, a moment after the client has the answer.
    until(lambda: f"{name} {TIMES}.0\n" in ask(port, "/metrics")[1].decode())
    for _ in range(TIMES // 2):
        page = ask(port, "/metrics")[1].decode()
        assert f"{name} {TIMES}.0\n" in page
        assert "grok2api_workers 2.0\n" in page
        assert page.count("# TYPE grok2api_tokens gauge") == 1
    time.sleep(1)  # figures of other workers may be a second old
    for _ in range(TIMES // 2):
        assert answer(port, "/v1/usage")["requests"]["day"]["used"] == TIMES
        status = answer(port, "/status")
        assert sum(minute["requests"] for minute in status["minutes"]) == TIMES
        assert status["workers"] == {"count": 2, "missing": [], "restarts": 0}
        history = answer(port, "/status/history?span=24h")
        assert sum(step["requests"] for step in history["all"]) == TIMES
        assert sum(step["requests"] for step in history["models"]["grok-3-fast"]) == TIMES


def responses_are_found_at_every_worker(port: int) -> None:
    fields: dict[str, Any] = {"model": "grok-3-fast", "input": "a"}
    first = answer(port, "/v1/responses", **fields)["id"]
    for _ in range(TIMES // 2):
        assert answer(port, f"/v1/responses/{first}")["id"] == first
        assert answer(port, f"/v1/responses/{first}/input_items")["data"]
        answer(port, "/v1/responses", **fields, previous_response_id=first)
    assert ask(port, f"/v1/responses/{first}", method="DELETE")[0] == 200
    for _ in range(TIMES // 2):
        assert ask(port, f"/v1/responses/{first}")[0] == 404


def pictures_are_found_at_every_worker(port: int) -> None:
    made = answer(port, "/v1/images/generations", prompt="a", model="grok-imagine-1.0")
    path = made["data"][0]["url"].removeprefix("http://localhost")
    pictures = {ask(port, path) for _ in range(TIMES // 2)}
    assert len(pictures) == 1
    assert pictures.pop()[0] == 200
    assert ask(port, f"/media/{'0' * 32}.jpg")[0] == 404
