"""The one task that writes the state file, so that learned facts survive a restart.

Rules
-----
1. No failure here fails a request or the server: changes that can't be written stay in memory until
   they can.
2. There is one writer (:class:`StateKeeper`), in a folder that is held
   (:class:`~grokcore.runtime.disk.data_dir.DataDirectory`).
3. A change is on the disk within a second, however many records there are: it costs its own line in
   the file's journal (:mod:`~grokcore.runtime.disk.state_file`). Now and then a snapshot is written
   instead, so that the journal stays in proportion. An owner's action on a token is written without
   that delay: :meth:`StateKeeper.write_now`.
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
"""Changes are gathered for this long before they are written. A killed process loses no more than
that.
"""

JOURNAL_BYTES = 64 * 1024
"""Size that the journal may reach, or that of its snapshot if that is larger, before a new snapshot
is written. In the long run this at most doubles the bytes written, and the time to read the file.
"""

RETRY_FIRST_S = 1.0
"""The wait after a first failed write; each further failure doubles it."""

RETRY_MAX_S = 60.0
"""The longest such wait: the server notices within a minute that a disk has room again."""

FLUSH_S = 2.0
"""How long the end of the server, or an owner's action, waits for the disk. A write takes some
10 ms; service managers kill after some 10 s."""

KEEP_S = 30 * 86400.0
"""How long the records of a token that has left the pool are kept: it may come back with another
token file.
"""

_log = logging.getLogger(__name__)


class Writable(Protocol):
    """A :class:`~grokcore.runtime.disk.state_file.StateFile`, or a test's. ``str()`` names it in
    the log.

    Both methods are called in a thread and return the file's size.

    :raises OSError: if the file can't be written.
    """

    def save(self, lines: Mapping[str, bytes]) -> int:
        """Replace the file by a snapshot of these lines."""

    def append(self, lines: Sequence[bytes], size: int) -> int:
        """Append changes to a file of this size."""


@define(eq=False)
class _Saving:
    """A collection of changes and its write.

    :ivar fault: why it failed; empty if it did not.
    """

    ended: trio.Event = field(factory=trio.Event)
    fault: str = ""


class StateKeeper:
    """Writes changed records to the file while :meth:`run` runs.

    :param file: written by this keeper only.
    :param changes: returns the records changed since its last call, whole and by their keys; None
        for a record that is gone. Called in trio's thread.
    :param records: the file's records, as loaded. Records that never change stay as they are.
    :param in_thread: replaced in tests; else a thread of the keeper's own.
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
        self._unwritten: dict[str, bytes] = {}  # journal lines by key
        self._size: int | None = None  # of the file, in bytes; None if nothing may be appended
        self._room = 0  # bytes left for the journal
        self._marked = trio.Event()
        self._hurried = trio.Event()
        self._closing = False
        self._next = _Saving()
        self._pause_s = DEBOUNCE_S
        self._fault = ""

    @property
    def fault(self) -> str:
        """Why the last write failed; empty if it did not."""
        return self._fault

    @property
    def unsaved(self) -> bool:
        """Whether the end of the process would lose a change now."""
        return bool(self._unwritten) or self._marked.is_set()

    def doubt(self, reason: str) -> None:
        """Report the file as one that can't be written, until a write has succeeded. One is tried
        soon, changes or not.
        """
        self._failed(reason)

    def changed(self) -> None:
        """Request a call of *changes* soon. Cheap, and never waits."""
        self._marked.set()

    async def write_now(self) -> str:
        """Write all changes so far, without the usual pause.

        :returns: empty if they are on the disk; else why they are not (yet).
        """
        saving = self._next
        self._marked.set()
        self._hurried.set()
        with trio.move_on_after(FLUSH_S):
            await saving.ended.wait()
            return saving.fault
        return _too_slow()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write changes until cancelled, and then the remaining ones within FLUSH_S.

        A failed write never raises.
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
        """Write unwritten changes, if any. All errors end here, and the write is tried again."""
        self._marked, self._hurried = trio.Event(), trio.Event()
        try:
            self._collect()
            if self._unwritten or self._fault:
                await self._in_thread(self._write)
                self._unwritten.clear()
        except OSError as error:
            self._failed(error.strerror or type(error).__name__)
        except Exception as error:  # noqa: BLE001  boundary: without a thread, or with a bug, requests are answered
            self._failed(type(error).__name__, error)
        else:
            self._worked()

    def _collect(self) -> None:
        self._collected.update(self._changes())
        for key in list(self._collected):
            # Popped first, so that a record that can't be serialised is not tried again.
            record = self._collected.pop(key)
            line = None if record is None else line_of(key, record)
            if line == self._lines.get(key):
                continue
            if line is None:
                del self._lines[key]
                self._unwritten[key] = gone_line(key)
            else:
                self._lines[key] = self._unwritten[key] = line

    def _write(self) -> None:
        """Append the unwritten lines, or write a snapshot. Runs in a thread, for which the rest of
        the keeper waits.
        """
        added = sum(len(line) + 1 for line in self._unwritten.values())
        size, self._size = self._size, None
        if size is not None and added <= self._room:
            try:
                self._size = self._file.append([*self._unwritten.values()], size)
            except OSError:  # a snapshot works whatever state the old file is in
                _log.debug("%s could not be appended to", self._file, exc_info=True)
            else:
                self._room -= added
                return
        self._size = self._file.save(self._lines)
        self._room = max(JOURNAL_BYTES, self._size)

    def _failed(self, reason: str, bug: Exception | None = None) -> None:
        if not self._fault:
            _log.warning(
                "%s can't be written (%s). Until it can, a restart loses recent changes.",
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
    """Drop records that last changed more than KEEP_S before *now*, except those of *current_keys*.

    The newest record bounds *now*, so that one start with a wrong wall clock drops nothing.

    :param records: with the wall-clock second of their last change as ``at``; a record without it
        stays.
    :param now: wall-clock second.
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
