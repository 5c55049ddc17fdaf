"""The suite on every Python of this machine, one after the other: first the others, in copies of
the checkout, then this one.

The others take few examples of each property, always the same: versions differ in what code does,
and many examples search for faults in the code itself. The newest leaves out the tests marked
``once``, which are the same everywhere: the linters, the packages, the browser. It leaves out those
marked ``large`` too: one Python shows what they cost in memory and time. And it leaves out the
tests of commands, documents and long runs, which make up half of the suite's time. A Python between
the oldest and the newest runs the pure half only, where differences between versions have shown:
parsing, and recursion. This one runs everything, and requires the coverage of the pure half. They
don't run side by side, since some tests look at clocks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grok2api import main_in_environment  # noqa: E402 - it lies in the folder above

COMMAND = ("-m", "tests")
EVERYWHERE = ("--few-examples", "-m", "not on_demand and not once and not large")
PURE_HALF = ("tests/protocol",)
NEWEST = (*PURE_HALF, "tests/runtime", "tests/simulator", "tests/web", "tests/test_cli.py")


def run_suites() -> int:
    """The exit code of the last suite that failed, else 0."""
    from grokcore.cli.build.pythons import find_pythons, not_made_up_for, one_of_each_version

    pythons, missing = find_pythons(os.environ)
    for unusable in not_made_up_for(missing, pythons):
        print(f"no suite with {unusable.path}: {unusable.why}")
    failed = 0
    others = [one for one in one_of_each_version(pythons) if one.version != sys.version_info[:2]]
    newest = max((one.version for one in others), default=None)
    for python in others:
        tests = NEWEST if python.version == newest else PURE_HALF
        failed = _suite_in_a_copy(python.path, python.full_version, tests) or failed
    print(f"\nPython {sys.version.split()[0]}, everything", flush=True)
    return subprocess.call(["python3", *COMMAND], cwd=ROOT) or failed


def _suite_in_a_copy(python: Path, version: str, tests: tuple[str, ...]) -> int:
    print(f"\nPython {version}{': ' if tests else ''}{' '.join(tests)}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="grok2api-suite-") as folder:
        _copy_checkout(Path(folder))
        code = subprocess.call([python, *COMMAND, *tests, *EVERYWHERE], cwd=folder)
    print(
        f"{'passed' if code == 0 else 'FAILED'} on Python {version} in "
        f"{time.monotonic() - began:.0f} s",
        flush=True,
    )
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
