"""What a look comes to, and how it is told: a line for people and for grep, or one JSON object for
programs.
"""

from __future__ import annotations

import enum
import json
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Protocol

from attrs import asdict, frozen

from ..redaction import without_secrets
from ..tables import printable, write

__all__ = [
    "EXIT_FAILED",
    "EXIT_UNUSABLE",
    "UNUSABLE",
    "Finding",
    "JsonReport",
    "Report",
    "Status",
    "TextReport",
    "exit_code",
    "fail",
    "ok",
    "skipped",
    "warn",
]

EXIT_FAILED = 1

EXIT_UNUSABLE = 78
"""The code with which ``serve`` would end."""

UNUSABLE = frozenset({"configuration", "token file"})
"""What no server starts without; they have failed if it can't be read."""


class Status(enum.Enum):
    """How good or bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


_SHOWN = {
    Status.OK: ("ok", "green"),
    Status.WARN: ("warn", "yellow"),
    Status.FAIL: ("FAIL", "bold red"),
    Status.SKIPPED: ("skip", "bright_black"),
}
"""Words of four letters at most that read without colour, and the colour."""

STATUS_WIDTH, NAME_WIDTH = 4, 14
"""Columns on the screen. The longest names are ``data directory`` and ``token`` with an id."""


@frozen
class Finding:
    """What one look came to.

    :ivar name: of what was looked at; several findings may share it.
    :ivar message: what was found: one line without a full stop, and without a secret.
    :ivar advice: what to do: whole sentences; empty where there is nothing to do.
    """

    name: str
    status: Status
    message: str
    advice: str = ""


def ok(name: str, message: str) -> Finding:
    """Green."""
    return Finding(name, Status.OK, message)


def warn(name: str, message: str, advice: str) -> Finding:
    """Yellow: it works, or may work, and could be better."""
    return Finding(name, Status.WARN, message, advice)


def fail(name: str, message: str, advice: str) -> Finding:
    """Red."""
    return Finding(name, Status.FAIL, message, advice)


def skipped(name: str, message: str) -> Finding:
    """Grey: it could not be looked at; *message* says why, and the red one which that is about says
    what to do.
    """
    return Finding(name, Status.SKIPPED, message)


def exit_code(findings: Iterable[Finding]) -> int:
    """For scripts: 0 unless something has failed; 78 if that keeps the server from starting, else
    1.
    """
    failed = {finding.name for finding in findings if finding.status is Status.FAIL}
    if failed & UNUSABLE:
        return EXIT_UNUSABLE
    return EXIT_FAILED if failed else 0


class Report(Protocol):
    """Where findings are told."""

    def tell(self, finding: Finding) -> None:
        """Take one."""

    def finish(self) -> int:
        """There are no more. Returns the exit code."""


class TextReport:
    """A line each, at once; on a terminal what to do stands below it."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []

    def tell(self, finding: Finding) -> None:
        self._findings.append(finding)
        message, advice = without_secrets(finding.message), without_secrets(finding.advice)
        if sys.stdout.isatty():
            _show(finding, message, advice)
        else:
            word = _SHOWN[finding.status][0]
            line = (
                f"{word:<{STATUS_WIDTH}}  {finding.name:<{NAME_WIDTH}}  "
                f"{_in_one_line(message, advice)}"
            )
            print(printable(line), flush=True)

    def finish(self) -> int:
        counts = Counter(finding.status for finding in self._findings)
        told = [f"{counts[status]} {_SHOWN[status][0]}" for status in Status if counts[status]]
        print(", ".join(told))
        return exit_code(self._findings)


class JsonReport:
    """One object at the end, and nothing else on stdout."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []

    def tell(self, finding: Finding) -> None:
        self._findings.append(finding)

    def finish(self) -> int:
        code = exit_code(self._findings)
        counts = Counter(finding.status for finding in self._findings)
        summary = {**{status.value: counts[status] for status in Status}, "exit_code": code}
        print(
            json.dumps(
                {"checks": [_as_json(finding) for finding in self._findings], "summary": summary},
                indent=2,
            )
        )
        return code


def _as_json(finding: Finding) -> dict[str, str]:
    fields = asdict(finding, value_serializer=lambda _, __, value: getattr(value, "value", value))
    return {name: without_secrets(value) for name, value in fields.items()}


def _in_one_line(message: str, advice: str) -> str:
    if not advice:
        return message
    return f"{message} {advice}" if message.endswith((".", "…")) else f"{message}. {advice}"


def _show(finding: Finding, message: str, advice: str) -> None:
    """On a terminal, in columns that are the same for every finding."""
    from rich.table import Table
    from rich.text import Text

    word, style = _SHOWN[finding.status]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for width in (STATUS_WIDTH, NAME_WIDTH):
        table.add_column(width=width, no_wrap=True)
    table.add_column(overflow="fold")
    quiet = style if finding.status is Status.SKIPPED else ""
    found = Text("\n").join(Text(printable(part), quiet) for part in (message, advice) if part)
    table.add_row(Text(word, style), Text(finding.name, quiet), found)
    write(table)
