"""What the server has learned, kept over restarts: the one task that writes the state file.

Rules
-----
1. Nothing that goes wrong here fails a request or the server: what can't be written stays in memory
   until it can.
2. There is one writer (:class:`StateKeeper`), in a folder that is held
   (:class:`~grokcore.runtime.disk.data_dir.DataDirectory`).
3. A change is on the disk within a second, however many records there are: it costs its own line in
   the file's journal (:mod:`~grokcore.runtime.disk.state_file`). Now and then the file is written
   as a whole instead, so that it stays in proportion. An owner who acts on a token does not wait
   for that second: :meth:`StateKeeper.write_now`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

import trio
from attrs import define, field

from .disk_thread import InThread, own_thread
from .finishing import work_then_finish
from .state_file import Record, gone_line, line_of

__all__ = ["StateKeeper", "Writable", "pruned"]

DEBOUNCE_S = 1.0
"""How long changes are gathered before they are written. So much is lost at most when the process
is killed.
"""

JOURNAL_BYTES = 64 * 1024
"""The journal may grow to this size, or to that of the whole before it if that is more, before a
whole is written. So at most twice what changes is written in the long run, and the file is read in
twice the time at most."""

RETRY_FIRST_S = 1.0
"""The wait after a failed write; it doubles from one to the next."""

RETRY_MAX_S = 60.0
"""The longest such wait: a disk with room again is noticed within a minute."""

FLUSH_S = 2.0
"""How long the end of the server, or an owner's action, waits for the disk. A write takes some 10
ms; a service manager kills after 10 s or so."""

KEEP_S = 30 * 86400.0
"""How long a token that is no longer in the pool is remembered: it may be back after a change of
files.
"""

_log = logging.getLogger(__name__)


class Writable(Protocol):
    """A :class:`~grokcore.runtime.disk.state_file.StateFile`, or a test's. ``str()`` names it in
    the log.

    Both methods are called in a thread, return the file's size and raise OSError.
    """

    def save(self, lines: Mapping[str, bytes]) -> int:
        """Make these its records."""

    def append(self, lines: Sequence[bytes], size: int) -> int:
        """Write changes behind a file of this size."""


@define(eq=False)
class _Saving:
    """One look at what has changed, and the write that follows; *fault* says why it failed."""

    ended: trio.Event = field(factory=trio.Event)
    fault: str = ""


class StateKeeper:
    """Writes down what changes; :meth:`run` has to be running.

    :param file: where to. Nobody else writes it.
    :param changes: hands over, and forgets, what has changed since it was last asked: whole records
        by their keys, None for a record that is no more. Called in trio's thread.
    :param records: what the file holds, as loaded. Records that never change stay as they are.
    :param in_thread: how to write without holding up the server; in a thread, unless a test brings
        something else.
    """

    def __init__(
        self,
        file: Writable,
        changes: Callable[[], Mapping[str, Record | None]],
        records: Mapping[str, Record],
        *,
        in_thread: InThread[None] | None = None,
    ) -> None:
        self._file = file
        self._changes = changes
        self._in_thread = in_thread or own_thread()
        self._lines = {key: line_of(key, record) for key, record in records.items()}
        self._collected: dict[str, Record | None] = {}
        self._unwritten: dict[str, bytes] = {}  # lines for the journal, by key
        self._size: int | None = None  # of the file; None if nothing may be appended to it
        self._room = 0  # bytes that the journal may still grow by
        self._marked = trio.Event()
        self._hurried = trio.Event()
        self._closing = False
        self._next = _Saving()
        self._pause_s = DEBOUNCE_S
        self._fault = ""

    @property
    def fault(self) -> str:
        """Why the last write failed, in words; empty if it did not."""
        return self._fault

    @property
    def unsaved(self) -> bool:
        """Whether something may be lost if the process is killed now."""
        return bool(self._unwritten) or self._marked.is_set()

    def changed(self) -> None:
        """Say that there is something to ask *changes* for. Costs next to nothing, waits for
        nothing.
        """
        self._marked.set()

    async def write_now(self) -> str:
        """Write what has changed by now, without the usual pause.

        :returns: empty if it is on the disk; else why it is not (yet), in words.
        """
        saving = self._next
        self._marked.set()
        self._hurried.set()
        with trio.move_on_after(FLUSH_S):
            await saving.ended.wait()
            return saving.fault
        return _too_slow()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write what changes until cancelled; then, within FLUSH_S, what is left. A failed write
        never raises.
        """
        await work_then_finish(
            self._write_until_closing,
            self._close,
            FLUSH_S,
            task_status=task_status,
            too_late=self._was_too_slow,
        )

    def _close(self) -> None:
        self._closing = True
        self._marked.set()
        self._hurried.set()

    def _was_too_slow(self) -> None:
        self._failed(_too_slow())

    async def _write_until_closing(self) -> None:
        last = False
        while not last:
            await self._marked.wait()
            with trio.move_on_after(self._pause_s):
                await self._hurried.wait()
            last = self._closing
            saving, self._next = self._next, _Saving()
            await self._save()
            saving.fault = self._fault
            saving.ended.set()

    async def _save(self) -> None:
        """Write what is not yet written, if anything. Everything that goes wrong stops here and is
        tried again.
        """
        self._marked, self._hurried = trio.Event(), trio.Event()
        try:
            self._collect()
            if self._unwritten:
                await self._in_thread(self._write)
                self._unwritten.clear()
        except OSError as error:
            self._failed(error.strerror or type(error).__name__)
        except Exception as error:  # noqa: BLE001  no thread to be had, or a bug: either way requests are still answered
            self._failed(type(error).__name__, error)
        else:
            self._worked()

    def _collect(self) -> None:
        self._collected.update(self._changes())
        for key in list(self._collected):
            record = self._collected.pop(
                key
            )  # first, so that one which can't be serialised does not come again
            line = None if record is None else line_of(key, record)
            if line == self._lines.get(key):
                continue
            if line is None:
                del self._lines[key]
                self._unwritten[key] = gone_line(key)
            else:
                self._lines[key] = self._unwritten[key] = line

    def _write(self) -> None:
        """Append what is unwritten, or write the whole. Runs in a thread; the rest of the keeper
        waits for it.
        """
        added = sum(len(line) + 1 for line in self._unwritten.values())
        size, self._size = self._size, None
        if size is not None and added <= self._room:
            try:
                self._size = self._file.append([*self._unwritten.values()], size)
            except OSError:  # whatever it was: a whole does not depend on the file that is there
                _log.debug("%s could not be appended to", self._file, exc_info=True)
            else:
                self._room -= added
                return
        self._size = self._file.save(self._lines)
        self._room = max(JOURNAL_BYTES, self._size)

    def _failed(self, reason: str, bug: Exception | None = None) -> None:
        if not self._fault:
            _log.warning(
                "%s can't be written (%s). What was learned is only in memory.",
                self._file,
                reason,
                exc_info=bug,
            )
            self._pause_s = RETRY_FIRST_S
        else:
            self._pause_s = min(RETRY_MAX_S, 2 * self._pause_s)
        self._fault = reason
        self._marked.set()

    def _worked(self) -> None:
        if self._fault:
            _log.info("%s can be written again.", self._file)
        self._fault = ""
        self._pause_s = DEBOUNCE_S


def pruned(
    records: Mapping[str, Record], current_keys: AbstractSet[str], now: float
) -> dict[str, Record]:
    """The records without those of nobody in *current_keys* that last changed more than KEEP_S
    before *now*.

    The newest record bounds *now*: a wall clock that is wrong for one start makes nobody forgotten.

    :param records: each with the wall-clock second of its last change as ``at``; one without stays.
    """
    times = {
        key: at
        for key, record in records.items()
        if isinstance(at := record.get("at"), int | float)
    }
    oldest = min(now, max(times.values(), default=now)) - KEEP_S
    return {
        key: record
        for key, record in records.items()
        if key in current_keys or times.get(key, oldest) >= oldest
    }


def _too_slow() -> str:
    return f"it took more than {FLUSH_S:g} s"
