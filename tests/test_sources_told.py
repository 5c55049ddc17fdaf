"""What a starting server says of the files that it read, in a process of its own."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.server_process import ROOT, said_until
from tests.servers import free_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")


def test_a_start_names_its_files_and_a_disk_that_takes_nothing(tmp_path: Path) -> None:
    """The wrong folder, and state that will be lost, are seen at once and not after a restart; the
    limit on the size of files stands for a full disk.
    """
    (tmp_path / "tokens.json").write_text('["token-1", "token-2"]')
    (tmp_path / "tokens.json").chmod(0o600)
    port = free_port()
    command = [sys.executable, "-B", "-m", "grokcore", "--port", str(port)]
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *command],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "GROK2API_POOL_QUEUE_SECONDS": "3"},
        stderr=subprocess.PIPE,
    )
    watchdog = threading.Timer(20, process.kill)
    watchdog.start()
    try:
        sources, fault, _ = said_until(process, " ready on ").splitlines()
        assert sources.partition(": ")[2] == (
            "configuration: none (config.toml, data/config.toml, data/setting.toml in "
            f"{tmp_path}); settings from flags and variables: --port, GROK2API_POOL_QUEUE_SECONDS; "
            f"tokens: {tmp_path}/tokens.json, with 2; data directory: {tmp_path}/data"
        )
        assert " WARNING grokcore.runtime.disk.state_keeper: data/state.jsonl can't be" in fault
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/health")
        assert "state" in json.load(connection.getresponse())["faults"]
        connection.close()
        process.terminate()
        assert process.stderr is not None
        stop, end = process.stderr.read().decode().splitlines()
        assert stop.endswith("SIGTERM: stopping; no answer is under way")
        assert "stopped by SIGTERM after " in end
        assert process.wait() == 0
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()
