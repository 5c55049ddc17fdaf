"""The table of figures at the end of a run, and what its tests share."""

from __future__ import annotations

import faulthandler
import os
from pathlib import Path

import pytest

from tests.certificates import issue

from .agents.installed import install
from .figures import Figure, Record, table

FIGURES = pytest.StashKey[list[Figure]]()


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Keep a figure for the table. A small size measures nothing that is worth a row, and keeps
    none.
    """
    figures = request.config.stash.setdefault(FIGURES, [])
    if request.node.get_closest_marker("on_demand") is None:
        return lambda figure: None
    faulthandler.cancel_dump_traceback_later()  # it takes longer than a test that hangs
    return figures.append


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Files: certificate chain, its key, and the authority that vouches for it."""
    return issue(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def agents_prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """npm's folder with the agents."""
    faulthandler.cancel_dump_traceback_later()  # npm takes minutes
    folder = tmp_path_factory.mktemp("npm")
    fault = install(folder)
    if fault:
        pytest.skip(f"the agents can't be installed: {fault}")
    return folder


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print all figures, if there are any."""
    figures = config.stash.get(FIGURES, [])
    if figures:
        terminalreporter.section(f"What holds under hostility ({os.cpu_count()} cores)")
        for line in table(figures):
            terminalreporter.write_line(line)
