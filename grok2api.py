#!/usr/bin/env python3
"""grok2api's entry: ``python3 grok2api.py --demo`` on a machine that has nothing but Python.

This file uses the standard library only and parses on any Python 3, so that it can name what a
machine lacks. It finds or makes an environment with the packages of pyproject.toml and starts the
server in it:

1. The interpreter that runs this file is used as it is, if it has the packages in fitting versions.
2. Otherwise ``.venv`` beside this file is used; it is made, or brought up to date, first.

An own ``.venv`` is trusted only by its marker: hashes of the installed package lists, written last.
During an installation, another file says so. An interrupted installation is thus begun anew, and a
changed list counts as missing. A start that runs beside another waits for its lock.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

HERE = os.path.dirname(os.path.abspath(__file__))
NEEDED_PYTHON = (3, 11)
EXTRAS = ((), ("test", "build"), ("bench",), ("build",))
PROBE = "_GROK2API_PROBE"  # set for a process that shall only say whether it has the packages
STARTED = (
    "_GROK2API_STARTED"  # set for a process that was started by this one: it must not do it again
)


class CannotStart(Exception):
    """The reason why there is no environment to run in, in words for a person."""


# Requirements -----------------------------------------------------------------------------------


def read_requirements(extra: "tuple[str, ...]" = ()) -> "list[str]":
    """The requirements of pyproject.toml and of the extras named: a sorted list of
    ``name>=a,<b``.
    """
    import tomllib

    with open(os.path.join(HERE, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]
    requirements = list(project["dependencies"])
    for name in extra:
        requirements += project["optional-dependencies"][name]
    return sorted(requirements)


def unmet(requirements: "list[str]") -> "list[str]":
    """The *requirements* that the running interpreter does not meet."""
    return [requirement for requirement in requirements if not _is_met(requirement)]


def _is_met(requirement: str) -> bool:
    from importlib import metadata

    name, bounds = re.findall(r"([A-Za-z0-9_.-]+)(.*)", requirement)[0]
    try:
        installed = _numbers(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
    for bound in bounds.split(","):
        # No other kinds are used in pyproject.toml.
        kind, version = re.findall(r"(>=|<)(.*)", bound)[0]
        if (installed >= _numbers(version)) != (kind == ">="):
            return False
    return True


def _numbers(version: str) -> "list[int]":
    leading = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    numbers = [int(part) for part in leading.group().split(".")] if leading else []
    while numbers and numbers[-1] == 0:
        numbers.pop()  # 1.0 and 1 are the same version
    return numbers


def _digest(requirements: "list[str]") -> str:
    """A list of packages on one Python."""
    stated = json.dumps([list(sys.version_info[:2]), requirements])
    return hashlib.sha256(stated.encode()).hexdigest()


# The environment --------------------------------------------------------------------------------


def environment_for(extra: "tuple[str, ...]" = ()) -> str:
    """The interpreter that has the packages: this one, or that of ``.venv``, which is made if need
    be. Raises CannotStart.
    """
    requirements = read_requirements(extra)
    missing = unmet(requirements)
    if not missing:
        return sys.executable
    venv = Venv(os.path.join(HERE, ".venv"))
    if os.environ.get(STARTED):
        if venv.distrust():
            raise CannotStart(
                "%s lacks %s; start again, and it is made anew" % (venv.path, ", ".join(missing))
            )
        raise CannotStart("%s does not have: %s" % (sys.prefix, ", ".join(missing)))
    if not venv.has(requirements):
        with Lock(os.path.join(HERE, ".venv.lock")):
            if not venv.has(requirements):
                venv.install(extra)
    return venv.python


class Venv:
    """The environment beside this file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.python = os.path.join(
            path, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python"))
        )
        self.marker = os.path.join(path, ".grok2api-installed")
        self.unfinished = os.path.join(path, ".grok2api-unfinished")

    def has(self, requirements: "list[str]") -> bool:
        """Whether the environment is whole and has these requirements."""
        if os.path.exists(self.unfinished) or not self._runs():
            return False
        if os.path.exists(self.marker):
            return _digest(requirements) in self._marked()
        # Another program made it: its interpreter is run to check.
        return self._call([os.path.abspath(__file__)], {PROBE: json.dumps(requirements)}) == 0

    def install(self, extra: "tuple[str, ...]") -> None:
        """Make the environment, or bring it up to date. Raises CannotStart."""
        requirements = read_requirements(extra)
        self._refuse_foreign(requirements)
        say(
            "installing %d packages and what they need into %s (once; it takes a minute)"
            % (len(requirements), self.path)
        )
        kept = self._marked() & {_digest(read_requirements(other)) for other in EXTRAS}
        try:
            self._make_way()
            self._make()
        except OSError as error:
            raise CannotStart("can't write to %s: %s" % (error.filename or HERE, error.strerror))
        self._pip_install(requirements)
        kept |= {_digest(read_requirements()), _digest(requirements)}
        with open(self.marker + ".new", "w") as file:
            file.write("\n".join(sorted(kept)))
        os.replace(self.marker + ".new", self.marker)
        os.unlink(self.unfinished)

    def distrust(self) -> bool:
        """Distrust an environment that contradicts its marker, because a package in it was changed.
        Returns whether it was ours to distrust.
        """
        if os.path.exists(self.marker):
            with open(self.unfinished, "w"):
                return True
        return False

    def _refuse_foreign(self, requirements: "list[str]") -> None:
        """Check an environment that this file did not make: it is used if it has everything, and
        never changed.
        """
        ours = os.path.exists(self.marker) or os.path.exists(self.unfinished)
        if not ours and os.path.isdir(self.path) and os.listdir(self.path):
            raise CannotStart(
                "%s was not made by grok2api and lacks packages. Remove it, or put them into it:\n "
                "   %s -m pip install %s"
                % (self.path, self.python, " ".join('"%s"' % one for one in requirements))
            )

    def _make_way(self) -> None:
        """Remove a broken environment; one that works is only brought up to date."""
        if os.path.exists(self.unfinished) or (os.path.isdir(self.path) and not self._runs()):
            aside = "%s-old-%d" % (self.path, os.getpid())
            os.rename(self.path, aside)
            shutil.rmtree(aside, ignore_errors=True)

    def _make(self) -> None:
        """Make an environment with pip, marked as incomplete."""
        fresh = not os.path.exists(self.python)
        os.makedirs(self.path, exist_ok=True)
        with open(self.unfinished, "w"):
            pass
        if os.path.exists(self.marker):
            os.unlink(self.marker)
        if (
            fresh
            and subprocess.call(
                [sys.executable, "-m", "venv", self.path], stdout=subprocess.DEVNULL
            )
            != 0
        ):
            raise CannotStart(
                "Python's venv module does not work here. On Debian and Ubuntu this helps:\n"
                "    sudo apt install python%d.%d-venv" % sys.version_info[:2]
            )

    def _pip_install(self, requirements: "list[str]") -> None:
        command = [
            self.python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ]
        if self._call(["-c", "import pip"]) != 0:
            raise CannotStart(
                "%s has no pip. This helps:\n    %s -m ensurepip --upgrade"
                % (self.path, self.python)
            )
        if subprocess.call(command + requirements) != 0:
            raise CannotStart(
                "the packages could not be installed (pip's message is above). With a network, "
                "start again; or install "
                "them with the package index of your choice:\n    %s -m pip install %s"
                % (self.python, " ".join('"%s"' % one for one in requirements))
            )

    def _marked(self) -> "set[str]":
        if not os.path.exists(self.marker):
            return set()
        with open(self.marker) as file:
            return set(file.read().split())

    def _runs(self) -> bool:
        return os.path.exists(self.python) and self._call(["-c", ""]) == 0

    def _call(self, arguments: "list[str]", environ: "dict[str, str] | None" = None) -> int:
        return subprocess.call(
            [self.python] + arguments,
            env=dict(os.environ, **(environ or {})),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


class Lock:
    """A lock under which one start at a time installs; the others wait here."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        try:
            self.file = open(self.path, "w")
        except OSError as error:
            raise CannotStart("can't write to %s: %s" % (self.path, error.strerror))
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(self.file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self.file.close()


# Starting ---------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Print a line for the person who started this, if stderr exists (not ``2>&-``) and can be
    written (no full disk).
    """
    try:
        if sys.stderr is not None:
            sys.stderr.write("grok2api: %s\n" % text)
            sys.stderr.flush()
    except OSError:
        pass


def main_in_environment(
    arguments: "list[str]", extra: "tuple[str, ...]", run_here: "Callable[[], int]"
) -> int:
    """Run ``run_here()`` if this interpreter has the packages, else *arguments* with one that has.
    Returns the exit code.
    """
    if sys.version_info < NEEDED_PYTHON:
        say(
            "Python %d.%d or newer is needed; this is %s (%s)"
            % (NEEDED_PYTHON + (sys.version.split()[0], sys.executable))
        )
        return 1
    if os.environ.get(PROBE):
        return 1 if unmet(json.loads(os.environ[PROBE])) else 0
    try:
        python = environment_for(extra)
    except CannotStart as error:
        say(str(error))
        return 1
    if python == sys.executable:
        os.environ.pop(STARTED, None)
        return run_here()
    os.environ[STARTED] = "1"
    command = [python] + arguments
    if os.name == "nt":
        return subprocess.call(command)
    os.execv(python, command)
    raise AssertionError("execv does not return")


def _serve() -> int:
    from grokcore.cli import main

    return main(sys.argv[1:])


def _extra() -> "tuple[str, ...]":
    """The extra packages that the command needs: those of ``build``, or none."""
    return ("build",) if sys.argv[1:2] == ["build"] else ()


if __name__ == "__main__":
    sys.exit(main_in_environment([os.path.abspath(__file__)] + sys.argv[1:], _extra(), _serve))
