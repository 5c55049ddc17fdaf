"""Branch coverage, as a plugin of pytest: two figures, each held to a bound.

``grokcore/protocol`` is measured by a process of its own, which runs the tests that mirror it with
few examples (``--few-examples``). It runs on another core beside the first tests, which keep no
time; the many examples of the full run would take minutes more. So no line of the pure half counts
as tested by a test of the server.

The rest is measured in the suite's own process while tests outside of ``tests/protocol`` run. From
Python 3.14 on that costs little (``sys.monitoring``). Before, the tracer doubles the time of what
runs, and tests that look at clocks fail; there it is done only by ``python3 -m tests --coverage``.
Processes that tests start are not measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import coverage
import pytest
from attrs import frozen

ROOT = Path(__file__).parents[1]

PURE = "grokcore/protocol"
PURE_TESTS = ROOT / "tests" / "protocol"

REST = "the rest"

SETTINGS = str(ROOT / "pyproject.toml")

REQUIRED = {PURE: 100, REST: 97}
"""Percent of lines and branches, rounded down."""


@frozen
class Figure:
    """How much of a part was run.

    :ivar wanted: lines and branches that can be run.
    :ivar missed: lines and branches that were not run.
    """

    part: str
    wanted: int
    missed: int

    @property
    def percent(self) -> float:
        """Rounded down, so that 100 means all."""
        return 100 if not self.wanted else (self.wanted - self.missed) * 1000 // self.wanted / 10


def figures_of(files: Mapping[str, Any]) -> list[Figure]:
    """The figures per part of grokcore, from the ``files`` of coverage's report in JSON."""
    wanted: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for name, entry in files.items():
        part, totals = part_of(name), entry["summary"]
        wanted[part] += totals["num_statements"] + totals["num_branches"]
        missed[part] += totals["missing_lines"] + totals["missing_branches"]
    return [Figure(part, wanted[part], missed[part]) for part in sorted(wanted)]


def part_of(name: str) -> str:
    """A folder of grokcore; ``grokcore`` for the modules that lie in none."""
    parts = name.replace("\\", "/").split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def total(part: str, figures: Iterable[Figure]) -> Figure:
    """The figure of several parts together."""
    figures = list(figures)
    return Figure(part, sum(one.wanted for one in figures), sum(one.missed for one in figures))


def gaps_of(files: Mapping[str, Any]) -> list[str]:
    """The files that were not run completely, with lines and branches."""
    return [
        f"{name}: lines {entry['missing_lines']}, branches {entry['missing_branches']}"
        for name, entry in files.items()
        if entry["missing_lines"] or entry["missing_branches"]
    ]


class Measurement:
    """The plugin: measures from its making to the end of the suite, then shows and judges.

    :param rest: whether to measure more than the pure half.
    """

    def __init__(self, *, rest: bool) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="grok2api-coverage-")
        self._pure_data = Path(self._folder.name) / "pure"
        self._output = (Path(self._folder.name) / "output").open("w+", encoding="utf-8")
        command = [sys.executable, "-m", "coverage", "run", f"--data-file={self._pure_data}"]
        self._pure = subprocess.Popen(
            [*command, "-m", "pytest", str(PURE_TESTS), "--few-examples", "-p", "no:cacheprovider"],
            cwd=ROOT,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        self._coverage = coverage.Coverage(data_file=None, config_file=SETTINGS)
        self._rest = rest
        self._measures = False
        self._measure(wanted=True)
        self._lines: list[str] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Measure the tests outside of the pure half."""
        self._measure(wanted=not item.path.is_relative_to(PURE_TESTS))
        return (yield)

    def _measure(self, *, wanted: bool) -> None:
        if not self._rest:
            return
        if wanted and not self._measures:
            self._coverage.start()
        elif self._measures and not wanted:
            self._coverage.stop()
        self._measures = wanted

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail a suite that covers too little. The figures are shown if tests failed as well."""
        self._measure(wanted=False)
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._lines = ["not judged: the suite was interrupted"]
        elif not self._judge():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _judge(self) -> bool:
        if self._pure.wait():
            self._output.seek(0)
            self._lines = ["the tests of the pure half failed by themselves:", self._output.read()]
            return False
        pure = coverage.Coverage(data_file=self._pure_data, config_file=SETTINGS)
        pure.load()
        passed = self._held(PURE, pure)
        if self._rest:
            return self._held(REST, self._coverage) and passed
        self._lines.append(f"{REST}: not measured on this Python; python3 -m tests --coverage")
        return passed

    def _held(self, name: str, measured: coverage.Coverage) -> bool:
        """Show the figures of the pure half or the rest, and whether they reach their bound."""
        path = Path(self._folder.name) / "report.json"
        measured.json_report(outfile=str(path))
        report = json.loads(path.read_text(encoding="utf-8"))
        files = {
            file: entry
            for file, entry in report["files"].items()
            if (part_of(file) == PURE) == (name == PURE)
        }
        figures = figures_of(files)
        whole = total(name, figures)
        for one in (whole, *(figures if len(figures) > 1 else ())):
            self._lines.append(f"{one.part:20} {one.percent:5.1f} %")
        if whole.percent >= REQUIRED[name]:
            return True
        self._lines += [f"FAILED: {name} has to reach {REQUIRED[name]} %", *gaps_of(files)]
        return False

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the figures above pytest's closing line."""
        terminalreporter.section("branch coverage")
        for line in self._lines:
            terminalreporter.line(line)

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind, nor running after an interrupted suite."""
        self._measure(wanted=False)
        if self._pure.poll() is None:
            self._pure.kill()
            self._pure.wait()
        self._output.close()
        self._folder.cleanup()
