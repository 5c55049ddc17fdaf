"""What is shipped: exact lists of the wheel, the single file and the Docker context, and the one
place of the version.
"""

from __future__ import annotations

import re
import subprocess
import zipfile
from fnmatch import fnmatch
from pathlib import PurePosixPath

import pytest

from grokcore import __version__
from tests.packaging_world import ROOT, Made, copied

pytestmark = pytest.mark.once


def checked_in() -> set[str]:
    """The files that git has, or would have."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no checkout")
    return {name for name in done.stdout.splitlines() if (ROOT / name).is_file()}


def of_package() -> set[str]:
    return {name for name in checked_in() if name.startswith("grokcore/")}


def archived(pyz: Made) -> dict[str, set[str]]:
    """By the name of a wheel in the single file, or "" for its own, the files."""
    assert pyz.code == 0, pyz.err
    found: dict[str, set[str]] = {}
    with zipfile.ZipFile(pyz.path) as archive:
        for name in archive.namelist():
            match = re.match(r"\.deps/([^/]+\.whl)/(.+)", name)
            wheel, inside = match.groups() if match else ("", name)
            if not inside.endswith("/"):
                found.setdefault(wheel, set()).add(inside)
    return found


_OF_INSTALLER = re.compile(
    r"[^/]+\.dist-info/(?:RECORD|INSTALLER|REQUESTED|direct_url\.json)"
    r"|[^/]+\.pex-info/.*|\.layout\.json|\.prefix/bin/grok2api"
)
"""Files that pip or pex adds when it takes a wheel in."""


def test_the_wheel_contains_the_package_and_its_metadata(pyz: Made) -> None:
    """No test, document, token or leftover of a build; nothing of the package is missing."""
    wheels = archived(pyz)
    ours = f"grok2api-{__version__}-py3-none-any.whl"
    assert [name for name in wheels if name.startswith("grok2api-")] == [ours]
    metadata = ("METADATA", "WHEEL", "entry_points.txt", "top_level.txt", "licenses/LICENSE")
    assert {name for name in wheels[ours] if not _OF_INSTALLER.fullmatch(name)} == of_package() | {
        f"grok2api-{__version__}.dist-info/{name}" for name in metadata
    }


def test_the_single_file_contains_what_the_project_needs(pyz: Made, installed: Made) -> None:
    """A wheel for each of its packages and of theirs, as pip installs them; none beside them."""
    wheels = archived(pyz)
    own = {name.partition("/")[0] for name in wheels.pop("")}
    assert own == {"PEX-INFO", "__main__.py", "__pex__", ".bootstrap"}
    (site,) = installed.path.glob("lib/python3*/site-packages")
    assert {name_of(wheel) for wheel in wheels} == {
        name_of(path.name) for path in site.glob("*.dist-info")
    }


def name_of(wheel: str) -> str:
    return wheel.partition("-")[0].lower().replace("_", "-")


def test_the_docker_context_is_sent_without_anything_private() -> None:
    """By the rules of .dockerignore: an owner's files, and those of a checkout at work, stay out."""
    private = {"tokens.json", "config.toml", "data/state.jsonl", "deploy/.env", ".git/config"}
    sent = {name for name in checked_in() | private if not ignored(name)}
    assert sent == of_package() | {"pyproject.toml", "README.md", "LICENSE"}
    assert {PurePosixPath(name).parts[0] for name in sent} == set(copied())
    assert ignored("grokcore/cli/__pycache__/x.pyc")


def ignored(name: str) -> bool:
    """Whether .dockerignore keeps a file out: the last rule that fits it, or a folder above it."""
    out = False
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        rule = line.removeprefix("!").removeprefix("**/")
        if line[:1] not in ("#", "") and _fits(name, rule, anywhere="**/" in line):
            out = not line.startswith("!")
    return out


def _fits(name: str, rule: str, *, anywhere: bool) -> bool:
    path = PurePosixPath(name)
    if anywhere:
        return any(fnmatch(part, rule) for part in path.parts)
    return any(fnmatch(str(above), rule) for above in (path, *path.parents) if str(above) != ".")


def test_the_version_stands_in_one_place() -> None:
    """Everything else takes it from there, so that a release changes one line."""
    version = re.escape(__version__)
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert 'version = { attr = "grokcore.__version__" }' in project
    assert not re.search(r'^version = "', project, re.MULTILINE)
    sources = [
        name
        for name in of_package() | {"grok2api.py", "deploy/Dockerfile"}
        if re.search(rf'["\']{version}["\']', (ROOT / name).read_text("utf-8", "ignore"))
    ]
    assert sources == ["grokcore/__init__.py"]
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first = re.search(r"^## (\S+) \((unreleased|\d{4}-\d\d-\d\d)\)$", changes, re.MULTILINE)
    assert first is not None
    assert first[1] == __version__ or first[2] == "unreleased"
    assert re.fullmatch(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?", __version__)
