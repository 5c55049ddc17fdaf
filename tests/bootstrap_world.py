"""A small project with the real ``grok2api.py``: a package list of one, and a local index to
install it from.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from attrs import frozen

ENTRY = Path(__file__).parents[1] / "grok2api.py"

PATIENCE_S = 60.0

CLI = """
import json, sys
def main(arguments):
    import grokcore_tiny
    print(json.dumps([grokcore_tiny.VERSION, sys.prefix, arguments]))
    return 5
"""

VENV = """
# In the place of the standard library's module: quick, and it tells that it was asked.
import os, shutil, sys
with open(os.environ["TEST_VENV_LOG"], "a") as log:
    log.write("made\\n")
if os.environ.get("TEST_VENV_FAILS"):
    sys.exit("no ensurepip")
template = os.environ["TEST_VENV_TEMPLATE"]
shutil.copytree(template, sys.argv[1], symlinks=True, copy_function=os.link, dirs_exist_ok=True)
"""


# A small world ----------------------------------------------------------------------------------


def write_wheel(index: Path, version: str) -> None:
    """A package of one module, in the folder that pip is given for an index."""
    info = f"grokcore_tiny-{version}.dist-info"
    files = {
        "grokcore_tiny.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: grokcore-tiny\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(index / f"grokcore_tiny-{version}-py3-none-any.whl", "w") as wheel:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(name, text)


@frozen
class Ran:
    """A start that has ended."""

    code: int
    out: str
    err: str

    @property
    def installed(self) -> bool:
        """Whether it said that it installs something."""
        return "installing" in self.err


@frozen
class Checkout:
    """A copy of the project that needs one small package.

    :ivar environ: what its starts run in; the small index is in it.
    """

    folder: Path
    environ: dict[str, str]

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    def needs(self, *requirements: str, build: tuple[str, ...] = ()) -> None:
        """Write the package lists."""
        lists = {"dependencies": requirements, "test": (), "bench": (), "build": build}
        plain, *extras = (f"{name} = {json.dumps(listed)}" for name, listed in lists.items())
        lines = ["[project]", plain, "[project.optional-dependencies]", *extras]
        (self.folder / "pyproject.toml").write_text("\n".join(lines))

    def begin(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(self.folder / "grok2api.py"), *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # In a group of its own, so that what it has started can be killed with it.
        return subprocess.Popen(
            command,
            env={**self.environ, **environ},
            cwd="/",
            text=True,
            start_new_session=True,
            **pipes,
        )

    def start(self, *arguments: str, **environ: str) -> Ran:
        return end_of(self.begin(*arguments, **environ))

    def ran_in_venv(self, ran: Ran, version: str = "1.0") -> bool:
        """Whether the program ran in ``.venv`` with that version of the package, and its exit code
        came through.
        """
        return (ran.code, ran.out) == (5, f'["{version}", "{self.venv}", []]\n')


def end_of(process: subprocess.Popen[str]) -> Ran:
    try:
        out, err = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return Ran(process.returncode, out, err)


def files_below(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.lstat().st_mtime_ns for path in folder.rglob("*")}


def make_checkout(folder: Path, workshop: Path, **environ: str) -> Checkout:
    (folder / "grokcore").mkdir(parents=True)
    shutil.copy(ENTRY, folder)
    (folder / "grokcore" / "__init__.py").touch()
    (folder / "grokcore" / "cli.py").write_text(CLI)
    keep = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "LANG", "TMPDIR")
    }
    pip = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(workshop / "index"),
        "PIP_CONFIG_FILE": os.devnull,
    }
    found = Checkout(
        folder, {**keep, **pip, "PIP_NO_COMPILE": "1", "PYTHONDONTWRITEBYTECODE": "1", **environ}
    )
    found.needs("grokcore-tiny>=1,<2")
    return found


@frozen
class Workshop:
    """What all tests share: the index, the quick venv module and what it copies; and the start that
    made the original.
    """

    folder: Path
    first: Ran
    made_by: Checkout


class WorkshopInTheMaking:
    """A start that uses Python's own venv module, under way: it takes seconds."""

    def __init__(self, folder: Path) -> None:
        for name in ("index", "empty", "quick"):
            (folder / name).mkdir()
        for version in ("1.0", "2.0"):
            write_wheel(folder / "index", version)
        (folder / "quick" / "venv.py").write_text(VENV)
        self._folder = folder
        self._checkout = make_checkout(folder / "first", folder)
        self._start = self._checkout.begin()

    def finished(self) -> Workshop:
        """Wait for it, and set aside what the others copy."""
        first = end_of(self._start)
        ours = shutil.ignore_patterns("grokcore_tiny*", ".grok2api-*")
        shutil.copytree(self._checkout.venv, self._folder / "template", symlinks=True, ignore=ours)
        return Workshop(self._folder, first, self._checkout)

    def remove(self) -> None:
        """End it, if need be, and leave no file."""
        if self._start.poll() is None:
            os.killpg(self._start.pid, signal.SIGKILL)
            self._start.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)
