"""Prometheus' own programs, and a Prometheus that runs for a test."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen

from tests.servers import free_port

__all__ = [
    "BOARD",
    "RULES",
    "Prometheus",
    "board_queries",
    "metrics_in",
    "promtool",
    "rules",
    "running",
]

DEPLOY = Path(__file__).parents[1] / "deploy"
RULES = DEPLOY / "prometheus-rules.yml"
BOARD = DEPLOY / "grafana-dashboard.json"
PATIENCE_S = 30.0
LOOK_AGAIN_S = 0.1


def program(name: str) -> str:
    """The path of a program of Debian's package. Without it, tests are skipped; on CI
    (``GROKCORE_CI``) they fail.
    """
    found = shutil.which(name)
    if found is None:
        missing = f"no {name} here; Debian's package is called prometheus"
        if os.environ.get("GROKCORE_CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def promtool(*arguments: str, text: str = "") -> tuple[int, str]:
    """The exit code of a check, and its words."""
    done = subprocess.run(
        [program("promtool"), *arguments],
        input=text,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def rules() -> list[dict[str, Any]]:
    """The alert rules."""
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def board_queries() -> list[tuple[str, str]]:
    """The titles and queries of the board's panels, as Grafana would send them for all servers."""
    board = json.loads(BOARD.read_text("utf-8"))
    return [
        (
            panel["title"],
            target["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*"),
        )
        for panel in board["panels"]
        for target in panel.get("targets", ())
    ]


@frozen
class Prometheus:
    """A running Prometheus at *url*."""

    url: str

    def get(self, path: str, **parameters: str) -> Any:
        """The data of an answer of its API.

        :raises AssertionError: if it refuses the request; the message has its words.
        """
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{query}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refused:
            with refused:
                raise AssertionError(f"{parameters}: {refused.read().decode()}") from None

    def values(self, query: str) -> list[float]:
        """The values that a query has now."""
        return [float(row["value"][1]) for row in self.get("/api/v1/query", query=query)["result"]]

    def until(self, query: str) -> None:
        """Wait until a query has a value.

        :raises AssertionError: if it has none within PATIENCE_S.
        """
        deadline = time.monotonic() + PATIENCE_S
        while not self.values(query):
            assert time.monotonic() < deadline, query
            time.sleep(LOOK_AGAIN_S)


@contextmanager
def running(place: Path, target: str) -> Iterator[Prometheus]:
    """A Prometheus with the rules of ``deploy/`` that scrapes *target* (host and port) each second.
    It is ended with the block, and after two PATIENCE_S at the latest.
    """
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "grok2api", "static_configs": [{"targets": [target]}]}],
    }
    (place / "prometheus.yml").write_text(yaml.safe_dump(config))
    command = [
        program("prometheus"),
        f"--config.file={place / 'prometheus.yml'}",
        f"--storage.tsdb.path={place / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    process = subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE)
    watchdog = threading.Timer(2 * PATIENCE_S, process.kill)
    watchdog.start()
    try:
        yield _ready(Prometheus(f"http://127.0.0.1:{port}"), process)
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def _ready(prometheus: Prometheus, process: subprocess.Popen[bytes]) -> Prometheus:
    """Return once it answers. The watchdog bounds the wait."""
    while True:
        assert process.poll() is None, "it ended before it was ready"
        try:
            urllib.request.urlopen(f"{prometheus.url}/-/ready", timeout=5).close()
        except OSError:
            time.sleep(LOOK_AGAIN_S)
        else:
            return prometheus


def metrics_in(query: str) -> set[str]:
    """The metrics that a query names."""
    return set(re.findall(r"\b(?:grok2api|process)_\w+", query))
