"""The machine around the doctor, and the way in which this program was installed on it."""

from __future__ import annotations

import enum
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from ... import __file__ as package_file
from ... import __version__
from .findings import Finding, ok

__all__ = [
    "Installation",
    "Kind",
    "Surroundings",
    "current_folder",
    "judge_installation",
    "look_at_installation",
    "output_of",
]

PATIENCE_S = 5.0
"""The longest that a program of the system may take for its answer, in seconds."""


def output_of(command: Sequence[str]) -> str:
    """The standard output of *command*; empty if it is missing, fails or takes too long."""
    try:
        done = subprocess.run(  # noqa: S603 - names of programs are constants of ours
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


@frozen
class Surroundings:
    """The rest of the machine.

    :ivar root: the folder that stands for ``/``.
    :ivar run: the standard output of a command, as :func:`output_of`.
    """

    environ: Mapping[str, str]
    root: Path = Path("/")
    run: Callable[[Sequence[str]], str] = output_of
    arguments: Sequence[str] = field(factory=lambda: tuple(sys.argv))
    package: Path = field(factory=lambda: Path(package_file).parent)


class Kind(enum.Enum):
    """The form of an installation."""

    CHECKOUT = enum.auto()
    PACKAGE = enum.auto()
    SINGLE_FILE = enum.auto()


@frozen
class Installation:
    """This program's installation.

    :ivar place: the folder of a checkout or package; the single file itself.
    :ivar container: whether it is inside a container.
    """

    kind: Kind
    place: Path
    container: bool = False


def look_at_installation(surroundings: Surroundings) -> Installation:
    """Find out how this program was installed."""
    container = any(
        (surroundings.root / name).exists() for name in (".dockerenv", "run/.containerenv")
    )
    program = surroundings.environ.get("PEX") or next(iter(surroundings.arguments), "")
    if program.endswith(".pyz"):
        return Installation(Kind.SINGLE_FILE, Path(program).absolute(), container)
    folder = surroundings.package.parent
    if (folder / "grok2api.py").is_file() and (folder / "pyproject.toml").is_file():
        return Installation(Kind.CHECKOUT, folder, container)
    return Installation(Kind.PACKAGE, surroundings.package, container)


def judge_installation(installation: Installation, folder: Path) -> Finding:
    """The finding on this program, and on the folder in which it looks for files.

    :param folder: the current one.
    """
    inside = " (inside a container)" if installation.container else ""
    what = f"{_form(installation)}{inside}"
    python = platform.python_version()
    message = f"grok2api {__version__}, {what}, with Python {python}"
    return ok("installation", f"{message}; files are looked for in {folder}")


def _form(installation: Installation) -> str:
    place = installation.place
    match installation.kind:
        case Kind.CHECKOUT:
            return f"a checkout in {place}"
        case Kind.PACKAGE:
            return f"a package in {place}"
        case Kind.SINGLE_FILE:
            return f"the single file {place}"


def current_folder() -> Path:
    """The current folder; a dot if it was removed meanwhile."""
    try:
        return Path.cwd()
    except OSError:
        return Path()
