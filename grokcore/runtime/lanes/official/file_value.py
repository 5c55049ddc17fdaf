"""A value that lies in a file of the owner's, as it is at the moment."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import trio

from .file_at_use import FileAtUse

__all__ = ["TORN_S", "FileValue"]

TORN_S = 0.05
"""Pause before a file that made no sense is read a second time, in seconds: its writer may not have
finished.
"""

PASSING = frozenset(
    {
        *(errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.EIO, errno.EMFILE, errno.ENFILE),
        *(errno.ENOMEM, errno.ESTALE, errno.ETIMEDOUT),
    }
)
"""Errors of a disk that say nothing of the file."""

_T = TypeVar("_T")


class FileValue(Generic[_T]):
    """The value in a file, or the reason why there is none.

    An error of the disk leaves the value as it was. A file that is missing, may not be read or
    makes no sense has none.

    :param parse: reads a value; raises ValueError with a sentence that quotes nothing.
    :param missing: the fault if there is no such file.
    :ivar fault: empty if there is a value.
    """

    def __init__(self, path: Path, parse: Callable[[bytes], _T], missing: str) -> None:
        self.path = path
        self.value: _T | None = None
        self.fault = f"{path} has not been read yet."
        self._parse = parse
        self._missing = missing
        self._file = FileAtUse(path)
        self._lock = trio.Lock()
        self._begun_at, self._was_anew = -math.inf, False

    async def refresh(self, refused: Callable[[_T], bool] = lambda _: False) -> None:
        """Read the file if it has changed, or if its value is *refused*.

        Of several tasks that call at once, one reads.
        """
        called_at = trio.current_time()
        async with self._lock:
            anew = self.value is not None and refused(self.value)
            if self._begun_at > called_at and (self._was_anew or not anew):
                return
            self._begun_at, self._was_anew = trio.current_time(), anew
            try:
                await self._read(anew=anew)
            except OSError as error:
                self._failed(error)

    async def _read(self, *, anew: bool) -> None:
        data = await self._file.read(anew=anew)
        if data is None:
            return
        try:
            self._set(self._parse(data))
        except ValueError:
            await trio.sleep(TORN_S)
            await self._read_again()

    async def _read_again(self) -> None:
        data = await self._file.read(anew=True)
        if data is None:
            return
        try:
            self._set(self._parse(data))
        except ValueError as error:
            self._file.forget()
            self._set(None, f"{self.path}: {error}")

    def _failed(self, error: OSError) -> None:
        self._file.forget()
        if self.value is not None and error.errno in PASSING:
            return
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            self._set(None, self._missing)
        else:
            self._set(None, f"{self.path} can't be read: {error.strerror or error}.")

    def _set(self, value: _T | None, fault: str = "") -> None:
        self.value, self.fault = value, fault
