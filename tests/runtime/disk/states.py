"""A state file with records, and disks that fail under it."""

from __future__ import annotations

import errno
import functools
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import define, field

from grokcore.runtime.disk import state_file
from grokcore.runtime.disk import state_keeper as store

ROOT = Path(__file__).parents[3]
LOGGERS = (store.__name__, state_file.__name__)
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL")


def log_lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return and forget the log lines of the store."""
    found = [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name in LOGGERS
    ]
    caplog.clear()
    return found


def failing(number: int) -> Callable[..., None]:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


CALLS = ["open", "write", "fchmod", "fsync", "close", "replace", "unlink"]
"""Calls of the operating system that a save makes."""


@define
class FaultyDisk:
    """Counts the operating system's calls and what they have open, and lets some of them fail."""

    number: int = errno.ENOSPC
    first: float = math.inf
    last: float = math.inf
    most_bytes: int | None = None
    """Limit of one write."""
    calls: list[str] = field(factory=list)
    open: set[object] = field(factory=set)

    @contextmanager
    def installed(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                if hasattr(os, name):
                    patch.setattr(os, name, functools.partial(self._call, name, getattr(os, name)))
            yield

    def _call(
        self, name: str, real: Callable[..., object], *args: object, **kwargs: object
    ) -> object:
        self.calls.append(name)
        fault = OSError(self.number, os.strerror(self.number))
        fails = self.first <= len(self.calls) - 1 <= self.last
        if fails and name != "close":
            raise fault
        if name == "write" and self.most_bytes is not None:
            args = (args[0], memoryview(args[1])[: self.most_bytes])  # type: ignore[arg-type]
        result = real(*args, **kwargs)
        if name == "open":
            self.open.add(result)
        if name == "close":
            self.open.remove(args[0])
        if fails:  # only now, as a close that fails closes
            raise fault
        return result


@contextmanager
def another_process(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.runtime.disk.crash_writer", *map(str, arguments)]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()
