"""The unit files and their manual, held against the program and against systemd's own tools."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from grokcore.cli import EXIT_CONFIG
from grokcore.cli.reporting import STOP_MARGIN_S
from grokcore.config import ServerConfig
from tests.server_process import said_until
from tests.service_manager import PATIENCE_S, ROOT, environment, process

UNITS = (ROOT / "deploy" / "grok2api.service", ROOT / "deploy" / "grok2api.socket")


def settings_of(unit: Path) -> dict[str, list[str]]:
    """All values of each setting."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").splitlines():
        if re.match(r"[A-Z]\w*=", line):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def installed(tmp_path: Path) -> list[str]:
    """Copies of the units, with a program that is there."""
    program = settings_of(UNITS[0])["ExecStart"][0].split()[0]
    for unit in UNITS:
        text = unit.read_text("utf-8")
        (tmp_path / unit.name).write_text(text.replace(f"={program} ", f"={sys.executable} "))
    return [str(tmp_path / unit.name) for unit in UNITS]


def analyzed(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=PATIENCE_S, env=environment()
    )


has_systemd_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here"
)


@has_systemd_analyze
def test_systemd_finds_nothing_wrong_with_the_units(installed: list[str]) -> None:
    """No warning either; a setting that it does not know would be one."""
    done = analyzed("verify", "--man=no", "--recursive-errors=no", *installed)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@has_systemd_analyze
def test_the_service_is_well_locked_up(installed: list[str]) -> None:
    """By systemd's own measure, at most 1.5 of 10."""
    done = analyzed("security", "--offline=true", "--threshold=15", installed[0])
    assert done.returncode == 0, done.stdout + done.stderr
    level = re.search(r"Overall exposure level for grok2api.service: (\d+\.\d+) OK", done.stdout)
    assert level is not None
    assert float(level[1]) <= 1.5


def test_the_service_fits_the_server() -> None:
    """Exit codes, signals, times and the command line are the program's own."""
    service = settings_of(UNITS[0])
    assert service["Type"] == ["notify"]
    assert service["NotifyAccess"] == ["main"]
    assert service["ExecReload"] == ["kill -HUP $MAINPID"]
    assert service["RestartPreventExitStatus"] == [str(EXIT_CONFIG)]
    assert set(service["SuccessExitStatus"][0].split()) == {
        str(128 + signal.SIGTERM),
        str(128 + signal.SIGINT),
    }
    assert "KillSignal" not in service  # SIGTERM
    assert float(service["TimeoutStopSec"][0]) >= ServerConfig().grace_seconds + STOP_MARGIN_S
    assert float(service["WatchdogSec"][0]) > 0
    families = service["RestrictAddressFamilies"][0].split()
    assert sorted(families) == ["AF_INET", "AF_INET6", "AF_UNIX"]


def test_the_service_s_command_line_and_stand_in_files_are_understood(tmp_path: Path) -> None:
    """Without a configuration and tokens in their places the server starts, and says that it has no
    tokens.
    """
    service = settings_of(UNITS[0])
    for credential in service["SetCredential"]:
        name, _, content = credential.partition(":")
        (tmp_path / name).write_text(content)
        assert f"{name}:/etc/grok2api/{name}" in service["LoadCredential"]
    command = service["ExecStart"][0].replace("%d", str(tmp_path)).split()[1:]
    with process(
        [sys.executable, "-m", "grokcore", *command, "--port", "0"], tmp_path, environment()
    ) as server:
        assert "(no tokens yet: `tokens add` asks for one)" in said_until(server, " ready on ")
        server.terminate()
        assert server.wait() == 0


def test_the_socket_is_where_the_server_listens_by_itself() -> None:
    """The socket unit does not change the server's address, which only this machine reaches."""
    ours = ServerConfig()
    assert settings_of(UNITS[1])["ListenStream"] == [f"{ours.host}:{ours.port}"]
    assert "Accept" not in settings_of(UNITS[1])  # no: one server for all connections


def test_the_manual_names_what_there_is() -> None:
    """Files of the repository, settings of the units, paths that the units use."""
    text = (ROOT / "docs" / "systemd.md").read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (ROOT / "docs" / target).exists(), target
    service = settings_of(UNITS[0])
    assert service["ExecStart"][0].split()[0] in text
    for _, path in (value.split(":") for value in service["LoadCredential"]):
        assert path in text
    known = {
        *service,
        *settings_of(UNITS[1]),
        "SupplementaryGroups",
        "WorkingDirectory",
        "NoExecPaths",
    }
    assert set(re.findall(r"^([A-Z]\w+)=", text, re.MULTILINE)) <= known
