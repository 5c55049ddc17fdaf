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

import pytest

from grokcore import __version__
from grokcore.runtime.disk.data_dir import DataDirectory
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
