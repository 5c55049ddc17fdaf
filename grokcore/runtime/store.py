"""What the server has learned, kept over restarts: a file of lines and the one task that writes it.

Theory
------
The state is a text file that is replaced as a whole, and no database (sqlite3 would be at hand):

* a person can read it, and delete it while the server is down: nothing is lost that can't be learned again;
* there are no side files to copy along or to forget;
* every step that can fail can be made to fail in a test, one by one;
* it is written only when something changed, some 2 MB for 10 000 tokens, of which only what changed is serialised anew;
* sqlite3 would cost resident memory that a server without much state never earns back.

Rules
-----
1. A file that is not whole is not read: all of it counts or none. It is set aside, never deleted, and learning starts anew.
2. Nothing that goes wrong here fails a request or the server: what can't be written stays in memory until it can.
3. There is one writer (:class:`StateKeeper`), in a folder that is held (:class:`~grokcore.runtime.data_dir.DataDirectory`).
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import stat
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeAlias

import orjson
import trio
from attrs import frozen

from .files import replace_file, sweep
from .finishing import work_until_told

__all__ = ["InThread", "Record", "StateFile", "StateKeeper", "Writable", "peek", "pruned"]

VERSION = 1
"""Of the file's format. A server reads its own version only."""

DEBOUNCE_S = 1.0
"""How long changes are gathered before they are written. So much is lost at most when the process is killed."""

BYTES_PER_S = 200_000
DEBOUNCE_MAX_S = 30.0
"""The file is written as a whole, so a large one is written less often: no faster than that on average, but twice a minute.
(A thousand tokens are some 200 kB.)"""

RETRY_FIRST_S = 1.0
"""The wait after a failed write; it doubles from one to the next."""

RETRY_MAX_S = 60.0
"""The longest such wait: a disk that somebody has made room on is noticed within a minute."""

FLUSH_S = 2.0
"""How long the end of the server waits for the disk. A write takes some 10 ms; a service manager kills after 10 s or so."""

KEEP_S = 30 * 86400.0
"""How long a token that is no longer in the pool is remembered: it may be back after a change of files."""

Record: TypeAlias = Mapping[str, object]
"""What is known of one key: JSON values by name."""

InThread: TypeAlias = Callable[[Callable[[], None]], Awaitable[None]]
"""Does some work where it may block; raises what the work raises; when cancelled it gives up waiting for it."""

_log = logging.getLogger(__name__)


class _Unusable(Exception):
    """Why a state file's content can't be taken, in words and without a piece of it."""


@frozen
class StateFile:
    """A file with one line per record, between a header with the version and a last line with their number.

    The last line shows that the file is whole, whoever copied it.
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def load(self) -> dict[str, dict[str, object]]:
        """Read all records by their keys, and remove what killed writers have left.

        Never raises: a file that can't be taken is renamed to ``<name>.damaged-<time>`` and told of in one line of the
        log. Without a file, or after that, there are no records.
        """
        target = Path(os.path.realpath(self.path))
        with contextlib.suppress(OSError):
            sweep(target)
        try:
            return _records(_content(target))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except _Unusable as error:
            reason = str(error)
        except OSError as error:
            reason = f"it can't be read: {error.strerror}"
        _log.warning("%s: %s. %s Learning starts anew.", self.path, reason, _set_aside(target))
        return {}

    def save(self, lines: Mapping[str, bytes]) -> None:
        """Make these the file's records; when this returns, they are on the disk.

        :param lines: each a whole record (with its key, which is also its key here) as one line of JSON without a newline.
        :raises OSError: it could not be done; the old file is as it was (see
            :func:`~grokcore.runtime.files.replace_file`).
        """
        header, end = orjson.dumps({"grok2api_state": VERSION}), orjson.dumps({"end": len(lines)})
        content = b"\n".join([header, *lines.values(), end, b""])
        assert content.count(b"\n") == len(lines) + 2
        replace_file(self.path, content, mode=0o600)


def peek(path: Path) -> dict[str, dict[str, object]]:
    """The records in a state file that another process may be writing. Nothing is changed, and nothing raised.

    Empty if there is no such file, or none that can be read.
    """
    try:
        return _records(_content(path))
    except (_Unusable, OSError):
        return {}


class Writable(Protocol):
    """Where a keeper writes to: a :class:`StateFile`. ``str()`` names it in the log."""

    def save(self, lines: Mapping[str, bytes]) -> None:
        """Make these its records, or raise OSError and leave it as it was. Called in a thread."""


class StateKeeper:
    """Writes down what changes; :meth:`run` has to be running.

    :param file: where to. Nobody else writes it.
    :param changes: hands over, and forgets, what has changed since it was last asked: whole records by their keys, None for
        a record that is no more. Called in trio's thread.
    :param records: what the file holds, as loaded. Records that never change stay as they are.
    :param in_thread: how to write without holding up the server; in a thread, unless a test brings something else.
    """

    def __init__(
        self,
        file: Writable,
        changes: Callable[[], Mapping[str, Record | None]],
        records: Mapping[str, Record],
        *,
        in_thread: InThread | None = None,
    ) -> None:
        self._file = file
        self._changes = changes
        self._in_thread = in_thread or _thread()
        self._lines = {key: _line(key, record) for key, record in records.items()}
        self._collected: dict[str, Record | None] = {}
        self._behind = False  # the file, behind the lines
        self._marked = trio.Event()
        self._closing = trio.Event()
        self._pause_s = DEBOUNCE_S
        self._fault = ""

    @property
    def fault(self) -> str:
        """Why the last write failed, in words; empty if it did not."""
        return self._fault

    @property
    def unsaved(self) -> bool:
        """Whether something may be lost if the process is killed now."""
        return self._behind or self._marked.is_set()

    def changed(self) -> None:
        """Say that there is something to ask *changes* for. Costs next to nothing, waits for nothing."""
        self._marked.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write what changes until cancelled; then, within FLUSH_S, what is left. A failed write never raises."""
        await work_until_told(
            self._write_until_closing, self._close, FLUSH_S, task_status=task_status, too_late=self._was_too_slow
        )

    def _close(self) -> None:
        self._closing.set()
        self._marked.set()

    def _was_too_slow(self) -> None:
        self._failed(f"it took more than {FLUSH_S:g} s")

    async def _write_until_closing(self) -> None:
        last = False
        while not last:
            await self._marked.wait()
            with trio.move_on_after(self._pause_s):
                await self._closing.wait()
            last = self._closing.is_set()
            await self._save()

    async def _save(self) -> None:
        """Write what is not yet written, if anything. Everything that goes wrong stops here and is tried again."""
        self._marked = trio.Event()
        try:
            self._collect()
            if self._behind:
                await self._in_thread(functools.partial(self._file.save, self._lines))
                self._behind = False
        except OSError as error:
            self._failed(error.strerror or type(error).__name__)
        except Exception as error:  # noqa: BLE001  no thread to be had, or a bug: either way requests are still answered
            self._failed(type(error).__name__, error)
        else:
            self._worked()

    def _collect(self) -> None:
        self._collected.update(self._changes())
        for key in list(self._collected):
            record = self._collected.pop(key)  # first, so that one which can't be serialised does not come again
            line = None if record is None else _line(key, record)
            if line == self._lines.get(key):
                continue
            self._behind = True
            if line is None:
                del self._lines[key]
            else:
                self._lines[key] = line

    def _failed(self, reason: str, bug: Exception | None = None) -> None:
        if not self._fault:
            _log.warning(
                "%s can't be written (%s). What was learned is only in memory.", self._file, reason, exc_info=bug
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
        size = sum(map(len, self._lines.values()))
        self._pause_s = min(DEBOUNCE_MAX_S, max(DEBOUNCE_S, size / BYTES_PER_S))


def pruned(records: Mapping[str, Record], current_keys: AbstractSet[str], now: float) -> dict[str, Record]:
    """The records without those of nobody in *current_keys* that last changed more than KEEP_S before *now*.

    :param records: each with the wall-clock second of its last change as ``at``; one without stays.
    """
    return {key: record for key, record in records.items() if key in current_keys or not _is_old(record, now)}


def _is_old(record: Record, now: float) -> bool:
    at = record.get("at")
    return isinstance(at, (int, float)) and at < now - KEEP_S


def _thread() -> InThread:
    """A way into a thread that nobody else waits for: one at a time, and a hanging disk takes no thread of others."""
    limiter = trio.CapacityLimiter(1)

    async def in_thread(work: Callable[[], None]) -> None:
        # Only the end of the server cancels this. A write that is then given up replaces the file or does not.
        await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)

    return in_thread


def _line(key: str, record: Record) -> bytes:
    return orjson.dumps({"key": key, **record})


def _content(path: Path) -> bytes:
    """Read the file.

    :raises _Unusable: it is something else, such as a folder or a pipe, which would never end.
    :raises OSError: it is not there or can't be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise _Unusable("it is not a file")
    return path.read_bytes()


def _records(content: bytes) -> dict[str, dict[str, object]]:
    """The records of a file's content.

    :raises _Unusable: it is not whole, or of another version.
    """
    header, *lines = content.removesuffix(b"\n").split(b"\n")
    _check_version(_parsed(header, "its first line"))
    if not lines or not _is_end(_parsed(lines[-1], "its last line"), len(lines) - 1):
        raise _Unusable("it is damaged: its last line is not the one that says how many there are")
    records: dict[str, dict[str, object]] = {}
    for number, line in enumerate(lines[:-1], start=2):
        record = _parsed(line, f"line {number}")
        key = record.pop("key", None)
        if not isinstance(key, str) or key in records:
            raise _Unusable(f"it is damaged: line {number} has no key of its own")
        records[key] = record
    _check_depth(records)
    return records


def _parsed(line: bytes, which: str) -> dict[str, object]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise _Unusable(f"it is damaged: {which} is not a JSON object")
    return found


def _check_version(header: dict[str, object]) -> None:
    version = header.get("grok2api_state")
    if type(version) is not int or version < VERSION:
        raise _Unusable("it is damaged: its first line has no version")
    if version > VERSION:
        raise _Unusable(f"it was written by a newer version of grok2api (format {version})")


def _is_end(line: dict[str, object], count: int) -> bool:
    end = line.get("end")
    return type(end) is int and end == count


def _check_depth(records: Mapping[str, Record]) -> None:
    # What was read has to be writable again, and orjson reads deeper nests than it writes.
    try:
        orjson.dumps(records)
    except orjson.JSONEncodeError:
        raise _Unusable("it is damaged: something in it is nested too deeply") from None


def _set_aside(path: Path) -> str:
    """Rename the file so that a person can look at it. Returns what became of it, as a sentence."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while os.path.lexists(aside):  # renaming would replace it; nobody else makes one, as the folder is held
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    try:
        path.rename(aside)
    except OSError as error:
        return f"It could not be set aside ({error.strerror}) and will be replaced."
    return f"It was set aside as {aside.name}."
