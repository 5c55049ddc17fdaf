"""``build``: the server and all its packages in one file, ``grok2api.pyz``, for several Pythons at
once.

pip gets the packages for each Python, from the index that it is configured with; pex puts them into
one file. :mod:`~grokcore.cli.build.pyz_start` runs first in that file.

The file is started by ``env python3``, not by pex's shell script (``--sh-boot``): that script goes
by names on ``PATH`` alone, and to an interpreter that may be gone since the last start.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from ...errors import ConfigError
from ..parsing import Commands
from .pythons import Missing, Python, ask, find_pythons, named, not_made_up_for, one_of_each_version

__all__ = ["add_build_command"]

NAME = "grok2api.pyz"
SHEBANG = b"#!/usr/bin/env python3\n"
SOURCES = ("pyproject.toml", "README.md", "LICENSE")
"""The files that go into a wheel beside the package itself."""
EXTRA = "share"
"""The optional packages that go into the file."""


class BuildFailed(Exception):
    """A failure of pip or pex; the message is the last line of its output."""


def add_build_command(commands: Commands) -> None:
    """Add ``build`` to a parser's commands.

    It sets ``run`` to a function that takes the parsed arguments, returns the exit code (0; 1 if
    pip or pex failed) and raises ConfigError if there is no checkout to build from, or no Python to
    build for.
    """
    about = "make one file of the server and its packages"
    parser = commands.add_parser(
        "build",
        help=f"{about} (in a checkout)",
        description=(
            f"{about.capitalize()}: {NAME}, for the Pythons found here: one of each "
            "version, on PATH or of pyenv."
        ),
    )
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help=f"where it goes (default: dist/{NAME})"
    )
    parser.add_argument(
        "--python",
        metavar="PYTHON",
        action="append",
        help="build for this Python only: a path or a name on PATH; may be repeated",
    )
    parser.set_defaults(run=build_command)


def build_command(arguments: argparse.Namespace) -> int:
    """Build the file and print for which Pythons it is."""
    root = _checkout()
    output: Path = arguments.output or root / "dist" / NAME
    usable, missing = (
        (_chosen(arguments.python), []) if arguments.python else find_pythons(os.environ)
    )
    pythons = one_of_each_version(usable)
    print(f"building for Python {_listed(pythons)}", file=sys.stderr)
    try:
        with tempfile.TemporaryDirectory(prefix="grok2api-build-") as folder:
            built, failed = _Build(root, Path(folder)).run(
                pythons, output, keep_going=not arguments.python
            )
    except (BuildFailed, OSError) as error:
        print(f"grok2api: {error}", file=sys.stderr)
        return 1
    print(
        f"{output}: {output.stat().st_size / 1e6:.1f} MB, for Python {_listed(built)} on "
        f"{sysconfig.get_platform()}"
    )
    for one in [*failed, *not_made_up_for(missing, built)]:
        print(f"left out: {one.path}: {one.why}")
    return 0


# What to build from, and for --------------------------------------------------------------------


def _checkout() -> Path:
    root = Path(__file__).resolve().parents[3]
    if not all((root / name).is_file() for name in (*SOURCES, "grok2api.py")):
        raise ConfigError("build needs a checkout of the project; this is an installed copy")
    for package in ("pex", "pip"):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(f"{package} is not installed; python3 grok2api.py build brings it")
    return root


def _chosen(names: Sequence[str]) -> list[Python]:
    """The interpreters that ``--python`` names, all of which must be usable."""
    chosen = []
    for name in names:
        path = named(name)
        if path is None:
            raise ConfigError(f"--python: there is no {name}")
        answer = ask(path)
        if isinstance(answer, Missing):
            raise ConfigError(f"--python: {name}: {answer.why}")
        chosen.append(answer)
    return chosen


def _listed(pythons: Sequence[Python]) -> str:
    return ", ".join(python.full_version for python in pythons)


# Building ---------------------------------------------------------------------------------------


class _Build:
    """A build in a folder of its own, so that the checkout stays as it is."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._wheels = folder / "wheels"

    def run(
        self, pythons: Sequence[Python], output: Path, *, keep_going: bool
    ) -> tuple[list[Python], list[Missing]]:
        """Write *output*. Returns the Pythons that it is for, and those that there are no packages
        for.

        :param keep_going: leave out Pythons without packages instead of failing.
        :raises BuildFailed: if a tool failed, or no Python is left.
        """
        wheel = self._wheel()
        failed = self._gather(wheel, pythons)
        built = [python for python in pythons if python not in failed]
        if not built or (failed and not keep_going):
            raise BuildFailed("; ".join(f"{python.path}: {why}" for python, why in failed.items()))
        self._write(self._pex(wheel, built), built, output)
        return built, [Missing(python.path, why) for python, why in failed.items()]

    def _wheel(self) -> Path:
        """The wheel of the project, built from a copy: setuptools leaves files behind, and takes up
        those of an earlier build.
        """
        source = self._folder / "source"
        shutil.copytree(
            self._root / "grokcore",
            source / "grokcore",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        for name in SOURCES:
            shutil.copy(self._root / name, source)
        _finish(self._begin(*_pip("wheel"), "--no-deps", "--wheel-dir", self._folder, source))
        (wheel,) = self._folder.glob("*.whl")
        return wheel

    def _gather(self, wheel: Path, pythons: Sequence[Python]) -> dict[Python, str]:
        """Get the packages for each Python. Returns the Pythons that there are none for, with the
        reason.
        """
        under_way = {
            python: self._begin(
                *_pip("--python", python.path, "wheel"),
                "--only-binary=:all:",
                "--wheel-dir",
                self._for(python),
                f"{wheel}[{EXTRA}]",
            )
            for python in pythons
        }
        failed = {}
        self._wheels.mkdir()
        for python, process in under_way.items():
            try:
                _finish(process)
            except BuildFailed as error:
                failed[python] = str(error)
            else:
                for path in self._for(python).iterdir():
                    path.replace(self._wheels / path.name)
        return failed

    def _for(self, python: Python) -> Path:
        return self._folder / python.full_version

    def _pex(self, wheel: Path, pythons: Sequence[Python]) -> Path:
        built = self._folder / NAME
        targets = [argument for python in pythons for argument in ("--python", str(python.path))]
        made_of = [
            "--no-pypi",
            "--pre-resolved-dists",
            str(self._wheels),
            f"grok2api[{EXTRA}]=={wheel.name.split('-')[1]}",
        ]
        run_as = [
            "--console-script",
            "grok2api",
            "--venv",
            "prepend",
            "--no-emit-warnings",
            "--no-compress",
        ]
        pex = [sys.executable, "-m", "pex", "--pip-version", "latest-compatible"]
        _finish(self._begin(*pex, *targets, *made_of, *run_as, "--output-file", built))
        return built

    def _write(self, pex: Path, pythons: Sequence[Python], output: Path) -> None:
        """Put our own start before pex's, and replace *output* as a whole."""
        beside = output.with_name(f".{output.name}.new")
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            _rewrite(pex, beside, _start([python.version for python in pythons]))
            beside.chmod(0o755)
            beside.replace(output)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise BuildFailed(f"can't write {output}: {error.strerror}") from None

    def _begin(self, *command: str | Path) -> subprocess.Popen[str]:
        environ = {**os.environ, "PEX_ROOT": str(self._folder / "pex"), "PEX_IGNORE_RCFILES": "1"}
        return subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _pip(*arguments: str | Path) -> list[str | Path]:
    return [
        sys.executable,
        "-m",
        "pip",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        *arguments,
    ]


def _finish(process: subprocess.Popen[str]) -> None:
    """Wait for a tool to end.

    :raises BuildFailed: with the last line of its output, if it failed.
    """
    said, _ = process.communicate()
    if process.returncode != 0:
        lines = said.strip().splitlines() or [f"exit code {process.returncode}"]
        raise BuildFailed(lines[-1])


def _start(versions: Sequence[tuple[int, int]]) -> bytes:
    text = Path(__file__).with_name("pyz_start.py").read_text("utf-8")
    return f"{text}\n\nprepare({list(versions)})\n\n".encode()


def _rewrite(pex: Path, target: Path, start: bytes) -> None:
    with zipfile.ZipFile(pex) as old, target.open("wb") as file:
        file.write(SHEBANG)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
            for entry in old.infolist():
                content = old.read(entry)
                whole = start + content if entry.filename == "__main__.py" else content
                new.writestr(entry, whole, compress_type=zipfile.ZIP_DEFLATED)
