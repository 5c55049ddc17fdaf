"""The tools that every change has to pass, as part of the suite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff_has_nothing_to_say(command: tuple[str, ...]) -> None:
    """With the settings of pyproject.toml, over everything."""
    ruff = [sys.executable, "-m", "ruff", *command]
    done = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_has_nothing_to_say(type_check: subprocess.Popen[str]) -> None:
    """Strict, over everything; it has been running since the first test."""
    output, _ = type_check.communicate()
    assert type_check.returncode == 0, output
