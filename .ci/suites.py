"""The suite on every Python of this machine: first the others, in copies of the checkout, then this
one.

The others take few examples of each property, always the same: versions differ in what code does,
and many examples search for faults in the code itself. The newest leaves out the tests marked
``once``, which are the same everywhere: the linters, the packages, the browser. It leaves out those
marked ``large`` too: one Python shows what they cost in memory and time. And it leaves out the
tests of commands, documents and long runs, which make up half of the suite's time. A Python between
the oldest and the newest runs the pure half only, where differences between versions have shown:
parsing, and recursion. This one runs everything, and requires the coverage of the pure half.

The pure halves of the others run side by side, with the making of their environments. All else runs
alone, since some tests look at clocks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grok2api import main_in_environment  # noqa: E402 - it lies in the folder above

if TYPE_CHECKING:
    from grokcore.cli.build.pythons import Python

COMMAND = ("-m", "tests")
EVERYWHERE = ("--few-examples", "-m", "not on_demand and not once and not large")
PURE_HALF = ("tests/protocol",)
NEWEST = ("tests/runtime", "tests/simulator", "tests/web", "tests/test_cli.py")


def run_suites() -> int:
    """The exit code of the last suite that failed, else 0."""
    from grokcore.cli.build.pythons import find_pythons, not_made_up_for, one_of_each_version

    pythons, missing = find_pythons(os.environ)
    for unusable in not_made_up_for(missing, pythons):
        print(f"no suite with {unusable.path}: {unusable.why}")
    others = [one for one in one_of_each_version(pythons) if one.version != sys.version_info[:2]]
    with tempfile.TemporaryDirectory(prefix="grok2api-suites-") as folder:
        failed = _suites_of_others(others, Path(folder))
    print(f"\nPython {sys.version.split()[0]}, everything", flush=True)
    return subprocess.call(["python3", *COMMAND], cwd=ROOT) or failed


def _suites_of_others(others: Sequence[Python], folder: Path) -> int:
    """The exit code of the last suite that failed, else 0."""
    began = time.monotonic()
    copies = {python: folder / python.full_version for python in others}
    for copy in copies.values():
        _copy_checkout(copy)
    with contextlib.ExitStack() as stack:
        halves = []
        for python, copy in copies.items():
            output = stack.enter_context((folder / f"{copy.name}.out").open("w+b"))
            command = [str(python.path), *COMMAND, *PURE_HALF, *EVERYWHERE]
            process = subprocess.Popen(command, cwd=copy, stdout=output, stderr=subprocess.STDOUT)
            halves.append((python, process, output))
        codes = [_end_of_half(*half, began) for half in halves]
    if others:
        newest = max(others, key=lambda python: python.version)
        codes.append(_suite_alone(newest, copies[newest]))
    return next((code for code in reversed(codes) if code), 0)


def _end_of_half(
    python: Python, process: subprocess.Popen[bytes], output: IO[bytes], began: float
) -> int:
    code = process.wait()
    output.seek(0)
    print(f"\nPython {python.full_version}: {' '.join(PURE_HALF)}", flush=True)
    sys.stdout.buffer.write(output.read())
    return _reported(python, code, began)


def _suite_alone(python: Python, copy: Path) -> int:
    print(f"\nPython {python.full_version}: {' '.join(NEWEST)}", flush=True)
    began = time.monotonic()
    code = subprocess.call([python.path, *COMMAND, *NEWEST, *EVERYWHERE], cwd=copy)
    return _reported(python, code, began)


def _reported(python: Python, code: int, began: float) -> int:
    outcome = "passed" if code == 0 else "FAILED"
    seconds = time.monotonic() - began
    print(f"{outcome} on Python {python.full_version} in {seconds:.0f} s", flush=True)
    return code


def _copy_checkout(folder: Path) -> None:
    """Files that git tracks or would add; so no environment of another Python."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listing, cwd=ROOT, text=True).split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


if __name__ == "__main__":
    sys.exit(main_in_environment([os.path.abspath(__file__)], ("test", "build"), run_suites))
