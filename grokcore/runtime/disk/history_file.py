"""The file of the history of use: one compressed JSON value, replaced as a whole once a minute.

The state file is not used for it. Its journal takes a line a second, and its keeper holds every
line in memory; a full history of 2 MB would be there twice, and make each snapshot of the state as
large. A file of its own also fails alone: damage here costs no learned state.
"""

from __future__ import annotations

import contextlib
import gzip
import logging
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import orjson
import trio

from .disk_thread import InThread, own_thread
from .files import read_regular, replace_file, sweep
from .finishing import work_then_finish
from .state_file import set_aside

__all__ = ["EVERY_S", "HistoryFile", "HistoryKeeper"]

EVERY_S = 60.0
"""Seconds between two writes; a killed server loses no more."""

FLUSH_S = 2.0
"""Seconds that the last write may take at the server's end."""

MOST_BYTES = 16 * 1024 * 1024
"""Largest file that is read, as it is and unpacked. A full history has 2 MB unpacked."""

_LEVEL = 3  # of gzip: a full history in 60 ms

_log = logging.getLogger(__name__)


class HistoryFile:
    """A history's file with one writer.

    :param hold: called before each write; raises OSError if the folder is not this server's.
    """

    def __init__(self, path: Path, hold: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self._hold = hold

    def load(self) -> object:
        """Read the value, and remove the temporary files of killed writers.

        Never raises. A missing file gives None. So does one that can't be read, which is set aside
        with a warning.
        """
        with contextlib.suppress(OSError):
            sweep(self.path)
        try:
            return _unpacked(read_regular(self.path, MOST_BYTES))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, EOFError, ValueError, zlib.error):
            self.refuse()
        return None

    def refuse(self) -> None:
        """Set the file aside, as its content can't be used."""
        aside = set_aside(Path(os.path.realpath(self.path)))
        _log.warning("%s: it is damaged, or of another version. %s", self.path, aside)

    def save(self, value: object) -> None:
        """Make *value* the file's content; on return it is on the disk.

        :raises OSError: if that fails; the old file is as it was.
        """
        data = gzip.compress(orjson.dumps(value), _LEVEL, mtime=0)
        self._hold()
        replace_file(self.path, data, mode=0o600)


class HistoryKeeper:
    """Writes the history while :meth:`run` runs, if it has changed.

    :param take: returns a function that makes the value, which is called in a thread; None if
        nothing has changed since its last call.
    :param in_thread: replaced in tests; else a thread of the keeper's own.
    """

    def __init__(
        self,
        file: HistoryFile,
        take: Callable[[], Callable[[], object] | None],
        *,
        in_thread: InThread[None] | None = None,
    ) -> None:
        self._file = file
        self._take = take
        self._in_thread = in_thread or own_thread()
        self._closing = trio.Event()
        self._value: Callable[[], object] | None = None
        self.fault = ""

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write every :data:`EVERY_S` until cancelled, and then once more within FLUSH_S.

        A failed write never raises.
        """
        await work_then_finish(
            self._write_until_closing, self._closing.set, FLUSH_S, task_status=task_status
        )

    async def _write_until_closing(self) -> None:
        while not self._closing.is_set():
            with trio.move_on_after(EVERY_S):
                await self._closing.wait()
            await self._save()

    async def _save(self) -> None:
        self._value = self._take() or self._value
        value = self._value
        if value is None:
            return
        try:
            await self._in_thread(lambda: self._file.save(value()))
        except OSError as error:
            self._failed(error.strerror or type(error).__name__)
        except Exception as error:  # noqa: BLE001  boundary: requests are answered without a history
            self._failed(type(error).__name__, error)
        else:
            self._value = None
            if self.fault:
                _log.info("%s can be written again.", self._file.path)
            self.fault = ""

    def _failed(self, reason: str, bug: Exception | None = None) -> None:
        if not self.fault:
            _log.warning(
                "%s can't be written (%s). Until it can, a restart loses the recent history.",
                self._file.path,
                reason,
                exc_info=bug,
            )
        self.fault = reason


def _unpacked(data: bytes) -> object:
    """The value in a file's content.

    :raises ValueError: if it is too large, or no JSON.
    """
    machine = zlib.decompressobj(16 + zlib.MAX_WBITS)
    text = machine.decompress(data, MOST_BYTES)
    if not machine.eof:
        raise ValueError
    return orjson.loads(text)
