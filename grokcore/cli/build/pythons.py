"""The Pythons of this machine. A name on ``PATH`` proves nothing, so each interpreter is run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from attrs import frozen

__all__ = [
    "NEEDED",
    "Missing",
    "Python",
    "Version",
    "ask",
    "find_pythons",
    "named",
    "not_made_up_for",
    "one_of_each_version",
]

Version: TypeAlias = tuple[int, int]

NEEDED: Version = (3, 11)

PATIENCE_S = 20.0
"""Seconds for an interpreter to describe itself: usually 20 ms, longer on a busy machine."""

_NAME = re.compile(r"python3(?:\.(\d+))?")

_QUESTION = """
import json, os, sys, sysconfig
plain = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
print(json.dumps([os.path.realpath(sys.executable), list(sys.version_info[:3]), plain]))
"""


@frozen
class Python:
    """An interpreter that runs and is supported.

    :ivar path: its own, without links.
    :ivar full_version: such as ``3.12.1``.
    """

    path: Path
    version: Version
    full_version: str


@frozen
class Missing:
    """A Python that can't be used, with the reason in words."""

    path: Path
    why: str

    @property
    def version(self) -> Version | None:
        """The version in its name; None if there is none."""
        named = _NAME.fullmatch(self.path.name)
        return (3, int(named[1])) if named and named[1] else None


def ask(path: Path) -> Python | Missing:
    """The interpreter at *path*, as it describes itself. CPython (with its lock) from 3.11 on is
    supported.
    """
    try:
        done = subprocess.run(
            [path, "-I", "-c", _QUESTION],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Missing(path, f"does not run: {error}")
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["it does not say why"]
        return Missing(path, f"does not run: {lines[0]}")
    try:
        real, version, plain = json.loads(done.stdout)
    except ValueError:
        return Missing(path, "does not run: it answers as no Python does")
    full = ".".join(map(str, version))
    if not plain:
        return Missing(path, f"{full}: not the usual CPython")
    if tuple(version[:2]) < NEEDED:
        return Missing(path, f"{full}: too old")
    return Python(Path(real), (version[0], version[1]), full)


def find_pythons(environ: Mapping[str, str]) -> tuple[list[Python], list[Missing]]:
    """All supported interpreters: this one first, then those on ``PATH``, then pyenv's. Also those
    named ``python3.x`` that are not supported.
    """
    usable: dict[Path, Python] = {}
    missing: list[Missing] = []
    for path in dict.fromkeys(_candidates(environ)):
        answer = ask(path)
        if isinstance(answer, Python):
            usable.setdefault(answer.path, answer)
        elif answer.version is not None and answer.version >= NEEDED:
            missing.append(answer)
    return list(usable.values()), missing


def named(name: str) -> Path | None:
    """The interpreter that the owner names by a path, or by a name on ``PATH``."""
    found = shutil.which(name)
    return Path(found) if found else None


def one_of_each_version(pythons: list[Python]) -> list[Python]:
    """The first of each version, oldest version first."""
    firsts: dict[Version, Python] = {}
    for python in pythons:
        firsts.setdefault(python.version, python)
    return [firsts[version] for version in sorted(firsts)]


def not_made_up_for(missing: list[Missing], used: list[Python]) -> list[Missing]:
    """Unusable Pythons of versions for which no other interpreter is used."""
    there = {python.version for python in used}
    return [one for one in missing if one.version not in there]


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    yield Path(sys.executable)
    for folder in environ.get("PATH", "").split(os.pathsep):
        if Path(folder).is_absolute():
            yield from sorted(path for path in _files(Path(folder)) if _NAME.fullmatch(path.name))
    pyenv = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "/")) / ".pyenv")
    yield from (path / "bin" / "python3" for path in _files(pyenv / "versions"))


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
