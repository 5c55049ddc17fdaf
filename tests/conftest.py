"""What the suite does beside running tests: what takes long and needs no attention begins before
the first test.

There are three such things: mypy, a real environment of the bootstrap's tests, and the packages
that users install. When only some tests are run, they begin when they are asked for.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.bootstrap_world import Workshop, WorkshopInTheMaking
from tests.packaging_world import Made, PackagesInTheMaking

ROOT = Path(__file__).parents[1]

TYPE_CHECK = pytest.StashKey[subprocess.Popen[str]]()
WORKSHOP = pytest.StashKey[WorkshopInTheMaking]()
PACKAGES = pytest.StashKey[PackagesInTheMaking]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin early, if the whole suite is to be run. Measurements are to have the machine for
    themselves.
    """
    if config.option.markexpr == "on_demand":
        return
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.collectonly:
        config.stash[WORKSHOP] = _begin_workshop()
        if "not once" not in config.option.markexpr:
            config.stash[TYPE_CHECK] = _begin_type_check()
            config.stash[PACKAGES] = _begin_packages()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind, nor running after an interrupted suite."""
    process = config.stash.get(TYPE_CHECK, None)
    if process is not None and process.poll() is None:
        process.kill()
        process.communicate()
    for made in (config.stash.get(WORKSHOP, None), config.stash.get(PACKAGES, None)):
        if made is not None:
            made.remove()


def _begin_type_check() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mypy"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _begin_workshop() -> WorkshopInTheMaking:
    return WorkshopInTheMaking(Path(tempfile.mkdtemp(prefix="grok2api-tests-")))


def _begin_packages() -> PackagesInTheMaking:
    return PackagesInTheMaking(Path(tempfile.mkdtemp(prefix="grok2api-packages-")))


@pytest.fixture(scope="session")
def type_check(request: pytest.FixtureRequest) -> subprocess.Popen[str]:
    """mypy over the whole project, under way or done."""
    stash = request.config.stash
    if TYPE_CHECK not in stash:
        stash[TYPE_CHECK] = _begin_type_check()
    return stash[TYPE_CHECK]


@pytest.fixture(scope="session")
def workshop(request: pytest.FixtureRequest) -> Workshop:
    """One start that used Python's own venv module; it takes seconds, so the others copy what it
    made.
    """
    stash = request.config.stash
    if WORKSHOP not in stash:
        stash[WORKSHOP] = _begin_workshop()
    return stash[WORKSHOP].finished()


def _packages(request: pytest.FixtureRequest) -> PackagesInTheMaking:
    stash = request.config.stash
    if PACKAGES not in stash:
        stash[PACKAGES] = _begin_packages()
    return stash[PACKAGES]


@pytest.fixture(scope="session")
def pyz(request: pytest.FixtureRequest) -> Made:
    """``grok2api.pyz``, built by the command that users have."""
    return _packages(request).pyz()


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest) -> Made:
    """An environment of its own with the project in it, as the Dockerfile makes it."""
    return _packages(request).venv()
