"""What the suite does beside running tests: mypy takes its time, so it begins when the first test does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

TYPE_CHECK = pytest.StashKey[subprocess.Popen[str]]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the type check, if there is a test that will want its outcome."""
    if (
        any("type_check" in getattr(item, "fixturenames", ()) for item in session.items)
        and not session.config.option.collectonly
    ):
        session.config.stash[TYPE_CHECK] = subprocess.Popen(
            [sys.executable, "-m", "mypy"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


@pytest.fixture
def type_check(request: pytest.FixtureRequest) -> subprocess.Popen[str]:
    """mypy over the whole project, under way or done."""
    return request.config.stash[TYPE_CHECK]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing running behind an interrupted suite."""
    process = config.stash.get(TYPE_CHECK, None)
    if process is not None and process.poll() is None:
        process.kill()
        process.communicate()
