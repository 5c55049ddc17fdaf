"""What the suite does beside running tests: what takes long and needs no attention begins before
the first test.

There are three such things: mypy, a real environment of the bootstrap's tests, and the packages
that users install. When only some tests are run, they begin when they are asked for.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.bootstrap_world import Workshop, WorkshopInTheMaking
from tests.packaging_world import Made, PackagesInTheMaking
from tests.redis_server import RedisServer, running_redis

ROOT = Path(__file__).parents[1]

FEW = 4
"""Examples of each property in a quick run."""

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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option behind ``python3 -m tests --quick``."""
    parser.addoption(
        "--few-examples",
        action="store_true",
        help=f"{FEW} examples of each property, always the same, and no large test",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Make a quick run of it, if that is wanted."""
    if not config.option.few_examples:
        return
    large = [item for item in items if item.get_closest_marker("large")]
    config.hook.pytest_deselected(items=large)
    items[:] = [item for item in items if item not in large]
    for item in items:
        if isinstance(item, pytest.Function):
            _take_few_examples(item)


def _take_few_examples(item: pytest.Function) -> None:
    """Bound the examples of a property, which its own settings state."""
    place: object = getattr(item.obj, "__func__", item.obj)
    name = "_hypothesis_internal_use_settings"
    if item.cls is not None and hasattr(item.cls, "settings"):
        place, name = item.cls, "settings"
    own = getattr(place, name, None)
    if own is not None:
        few = min(own.max_examples, FEW)
        fewer = hypothesis.settings(own, max_examples=few, derandomize=True, database=None)
        setattr(place, name, fewer)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let mypy run beside the tests also if only some are run."""
    wanted = any("type_check" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and TYPE_CHECK not in session.config.stash and not session.config.option.collectonly:
        session.config.stash[TYPE_CHECK] = _begin_type_check()


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


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """An empty Redis of the test."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with running_redis(folder) as server:
        yield server
