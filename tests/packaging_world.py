"""The single file and an installation, made while other tests run, and starts of them where there
is nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from attrs import field, frozen

from grokcore.cli.build.pythons import Python, find_pythons

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"

PATIENCE_S = 300.0
"""For a build: some 15 s, and the packages have to be brought the first time."""


# The Dockerfile ---------------------------------------------------------------------------------


@frozen
class Step:
    """One instruction of a Dockerfile, such as ``COPY`` and ``a b ./``."""

    word: str
    rest: str


@cache
def stages() -> list[list[Step]]:
    """The instructions of each stage, from its ``FROM`` on. Continued lines are not used."""
    found: list[list[Step]] = []
    for line in DOCKERFILE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            if word == "FROM":
                found.append([])
            found[-1].append(Step(word, rest))
    return found


def copied() -> list[str]:
    """What the first stage takes from the checkout."""
    return [name for step in stages()[0] if step.word == "COPY" for name in step.rest.split()[:-1]]


def build_script(folder: Path) -> str:
    """The ``RUN`` lines of the first stage as a shell script in *folder*, with this Python."""
    places = {"/src": folder / "src", "/venv": folder / "venv"}
    lines = [step.rest for step in stages()[0] if step.word == "RUN"]
    for ours, here in places.items():
        lines = [re.sub(rf"(?<!\S){ours}\b", shlex.quote(str(here)), line) for line in lines]
    lines = [re.sub(r"^python\b", shlex.quote(sys.executable), line) for line in lines]
    return "\n".join(["set -e", f"cd {shlex.quote(str(places['/src']))}", *lines])


# Made in the background -------------------------------------------------------------------------


@frozen
class Made:
    """A build that has ended.

    :ivar path: what was made.
    """

    path: Path
    code: int
    out: str
    err: str


class _Job:
    """A command under way that writes to files, since nobody reads from it for a while."""

    def __init__(self, command: list[str], makes: Path) -> None:
        self._makes = makes
        self._said = [makes.with_name(f"{makes.name}.{name}") for name in ("out", "err")]
        with self._said[0].open("w") as out, self._said[1].open("w") as err:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def finished(self) -> Made:
        code = self._process.wait(PATIENCE_S)
        return Made(self._makes, code, *(path.read_text() for path in self._said))

    def end(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class PackagesInTheMaking:
    """``grok2api.py build``, and what the Dockerfile does in its first stage, in a folder instead
    of an image.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pyz = folder / "made" / "grok2api.pyz"
        self._pyz.parent.mkdir()
        (folder / "src").mkdir()
        for name in copied():
            if (ROOT / name).is_dir():
                shutil.copytree(
                    ROOT / name, folder / "src" / name, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy(ROOT / name, folder / "src")
        self._jobs = [
            _Job([sys.executable, "grok2api.py", "build", "--output", str(self._pyz)], self._pyz),
            _Job(["sh", "-c", build_script(folder)], folder / "venv"),
        ]

    def pyz(self) -> Made:
        return self._jobs[0].finished()

    def venv(self) -> Made:
        return self._jobs[1].finished()

    def remove(self) -> None:
        """End what is under way, and leave no file."""
        for job in self._jobs:
            job.end()
        shutil.rmtree(self.folder, ignore_errors=True)


# Starts -----------------------------------------------------------------------------------------


@cache
def pythons() -> list[Python]:
    """Every Python here that the server can run on."""
    return find_pythons(os.environ)[0]


@cache
def alone() -> list[str]:
    """How to run a command without a network and with mounts of its own; nothing if this machine
    does not let us.
    """
    for way in (
        ["unshare", "--net", "--mount"],
        ["unshare", "--map-root-user", "--net", "--mount"],
    ):
        try:
            subprocess.run([*way, "true"], check=True, capture_output=True, timeout=PATIENCE_S)
        except (OSError, subprocess.SubprocessError):
            continue
        return way
    return []


@frozen
class Start:
    """A start in an empty world that has ended, and what it was.

    :ivar ready_s: seconds to the line that says it is ready; 0 if it never was.
    :ivar computed_s: the processor's part of it. On a busy machine the rest is spent waiting for
        other programs.
    :ivar python: the interpreter that the server ran in.
    """

    code: int
    out: str
    err: str
    writable: bool
    network: bool
    ready_s: float = 0.0
    computed_s: float = 0.0
    answer: str = ""
    python: str = ""


@frozen
class EmptyWorld:
    """A read-only folder with one file, an empty home, and hardly an environment.

    :ivar folder: what is started lies there, and it is started from there.
    """

    folder: Path
    home: Path
    environ: dict[str, str] = field(factory=dict)

    @classmethod
    def make(
        cls, place: Path, python: Python, *files: Path, home: Path | None = None
    ) -> EmptyWorld:
        """One in *place*, where ``python3`` is *python*."""
        folder, names, home = place / "folder", place / "bin", home or place / "home"
        for path in (folder, names, home):
            path.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, folder)
        (names / "python3").symlink_to(python.path)
        folder.chmod(0o555)
        # Where there is no namespace to be had, whoever asks for a package is refused.
        refused = {
            "PIP_NO_INDEX": "1",
            **dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9"),
        }
        return cls(folder, home, {"PATH": f"{names}:/usr/bin:/bin", "HOME": str(home), **refused})

    def start(self, *command: str, **environ: str) -> Start:
        asked: dict[str, Any] = {
            "command": command,
            "folder": str(self.folder),
            "alone": bool(alone()),
        }
        asked["environ"] = {**self.environ, **environ}
        driver = [
            *alone(),
            sys.executable,
            str(ROOT / "tests" / "empty_start.py"),
            json.dumps(asked),
        ]
        done = subprocess.run(
            driver, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert done.returncode == 0, done.stderr
        return Start(**json.loads(done.stdout))

    def left_at_home(self) -> set[str]:
        """What lies in the home now, two levels deep."""
        return {
            str(path.relative_to(self.home))
            for pattern in ("*", "*/*")
            for path in self.home.glob(pattern)
        }
