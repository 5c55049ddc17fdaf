"""The result of one examination, and the reports: lines for people and grep, or a JSON object for
programs.
"""

from __future__ import annotations

import enum
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

from attrs import asdict, frozen

from ...languages.streams import plain_stream, said
from ...protocol.languages.wrapping import padded
from ..redaction import without_secrets
from ..tables import printable, write

__all__ = [
    "EXIT_FAILED",
    "EXIT_UNUSABLE",
    "UNUSABLE",
    "Finding",
    "JsonReport",
    "OnFinding",
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

UNUSABLE = frozenset({"configuration", "token file", "shared pool"})
"""The names of findings on things without which no server starts: files that can't be read, a Redis
that can't be used.
"""


class Status(enum.Enum):
    """The severity of a finding."""

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
"""Words of four letters at most, readable without colour, with their colours."""

STATUS_WIDTH, NAME_WIDTH = 4, 14
"""Widths in characters. The longest names are ``data directory`` and ``token`` with an id."""


@frozen
class Finding:
    """The result of one examination.

    :ivar name: the thing examined; several findings may share it.
    :ivar message: the result: one line without a full stop, and without a secret.
    :ivar advice: whole sentences on what to do; empty if there is nothing to do.
    """

    name: str
    status: Status
    message: str
    advice: str = ""


OnFinding: TypeAlias = Callable[[Finding], None]


def ok(name: str, message: str) -> Finding:
    """A green finding."""
    return Finding(name, Status.OK, message)


def warn(name: str, message: str, advice: str) -> Finding:
    """A yellow finding: the server works, or may work, and could do better."""
    return Finding(name, Status.WARN, message, advice)


def fail(name: str, message: str, advice: str) -> Finding:
    """A red finding."""
    return Finding(name, Status.FAIL, message, advice)


def skipped(name: str, message: str) -> Finding:
    """A grey finding, for something that could not be examined. *message* gives the reason; the
    failed finding behind it has the advice.
    """
    return Finding(name, Status.SKIPPED, message)


def exit_code(findings: Iterable[Finding]) -> int:
    """The exit code: 0 unless something has failed; 78 if that keeps the server from starting, else
    1.
    """
    failed = {finding.name for finding in findings if finding.status is Status.FAIL}
    if failed & UNUSABLE:
        return EXIT_UNUSABLE
    return EXIT_FAILED if failed else 0


class Report(Protocol):
    """Receiver of findings."""

    def add(self, finding: Finding) -> None:
        """Report a finding."""

    def finish(self) -> int:
        """End the report. Returns the exit code."""


class TextReport:
    """A line for each finding, at once; on a terminal the advice stands below it."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []

    def add(self, finding: Finding) -> None:
        self._findings.append(finding)
        message, advice = (
            without_secrets(said(text)) for text in (finding.message, finding.advice)
        )
        if sys.stdout.isatty():
            _show(finding, message, advice)
        else:
            word = _SHOWN[finding.status][0]
            columns = (
                padded(said(word), STATUS_WIDTH),
                padded(said(finding.name), NAME_WIDTH),
                _in_one_line(message, advice),
            )
            print(printable("  ".join(columns)), file=plain_stream(sys.stdout), flush=True)

    def finish(self) -> int:
        counts = Counter(finding.status for finding in self._findings)
        told = [
            f"{counts[status]} {said(_SHOWN[status][0])}" for status in Status if counts[status]
        ]
        print(", ".join(told))
        return exit_code(self._findings)


class JsonReport:
    """A JSON object at the end, and nothing else on stdout."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []

    def add(self, finding: Finding) -> None:
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
    if message.endswith(("。", "！", "？")):
        return message + advice
    if not message.isascii() and not advice.isascii():
        return f"{message}。{advice}"
    return f"{message} {advice}" if message.endswith((".", "…")) else f"{message}. {advice}"


def _show(finding: Finding, message: str, advice: str) -> None:
    """Print a finding on a terminal, in columns that are the same for every finding."""
    from rich.table import Table
    from rich.text import Text

    word, style = _SHOWN[finding.status]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for width in (STATUS_WIDTH, NAME_WIDTH):
        table.add_column(width=width, no_wrap=True)
    table.add_column(overflow="fold")
    quiet = style if finding.status is Status.SKIPPED else ""
    found = Text("\n").join(Text(printable(part), quiet) for part in (message, advice) if part)
    table.add_row(Text(said(word), style), Text(said(finding.name), quiet), found)
    write(table)
