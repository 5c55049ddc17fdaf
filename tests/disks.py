"""A disk that fails at any step."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

STEPS = ("open", "write", "fstat", "fchmod", "fchown", "fsync", "close", "replace")
"""What a file is replaced with, each of which can fail."""


@define
class Disk:
    """The real one, of which the n-th call fails; 0 for none."""

    fails_at: int = 0
    error: type[BaseException] = OSError
    calls: list[str] = field(factory=list)

    def step(self, name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*arguments: Any) -> Any:
            self.calls.append(name)
            if len(self.calls) != self.fails_at:
                return real(*arguments)
            if name == "close":  # which closes even if it fails
                real(*arguments)
            raise self.error(errno.EIO, "Input/output error")

        return call

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in STEPS:
                patch.setattr(os, name, self.step(name))
            yield

    @property
    def failed(self) -> bool:
        return 0 < self.fails_at <= len(self.calls)


def disks(error: type[BaseException] = OSError) -> Iterator[Disk]:
    """One that fails at the first call, one that fails at the second, and so on, up to one that
    does not fail.
    """
    for number in count(1):
        disk = Disk(number, error)
        yield disk
        if not disk.failed:
            return


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
