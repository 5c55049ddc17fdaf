"""The state file: a whole of records, and behind it the records that changed since it was written.

Theory
------
The state is a text file, and no database (sqlite3 would be at hand):

* a person can read it, and delete it while the server is down: nothing is lost that can't be
  learned again;
* there are no side files to copy along or to forget;
* every step that can fail can be made to fail in a test, one by one;
* sqlite3 would cost resident memory that a server without much state never earns back.

Format
------
A header line with the version, a line for each record, a line with their number: that is the
*whole*, and it replaces the file at once (:func:`~grokcore.runtime.disk.files.replace_file`). Lines
behind it are the *journal*: each a whole record that takes the place of the one with its key, or
says that the record is gone. A change so costs a line, however many records there are; the next
whole takes the journal up.

Rules
-----
1. A file whose whole is damaged is not read: all of it counts or none. It is set aside, never
   deleted, and learning starts anew.
2. The journal is read up to the first line that is not whole. A killed writer leaves half a line
   there, and a power cut pages of zeros, never in front of a line whose writing was acknowledged.
3. Behind a journal that may have such an end nothing is appended: a whole replaces the file first.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import orjson
from attrs import frozen

from .files import replace_file, sweep, write_all

__all__ = ["Record", "StateFile", "gone_line", "line_of", "peek"]

VERSION = 2
"""The format that is written: 2 has a journal. Older ones are read; a newer one is set aside."""

OLDEST_VERSION = 1

JOURNAL_SINCE = 2

Record: TypeAlias = Mapping[str, object]
"""What is known of one key: JSON values by name."""

_APPENDING = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_log = logging.getLogger(__name__)


class _Unusable(Exception):
    """Why a state file's content can't be taken, in words and without a piece of it."""


@frozen
class StateFile:
    """See the module. There is one writer, in a folder that is held."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def load(self) -> dict[str, dict[str, object]]:
        """Read all records by their keys, and remove the temporary files of killed writers.

        Never raises: a file that can't be taken is renamed to ``<name>.damaged-<time>``, with one
        warning in the log. Without a file, or after that, there are no records.
        """
        target = Path(os.path.realpath(self.path))
        with contextlib.suppress(OSError):
            sweep(target)
        try:
            records, passed_over = _records(_content(target))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except _Unusable as error:
            reason = str(error)
        except OSError as error:
            reason = f"it can't be read: {error.strerror}"
        else:
            if passed_over > 1:  # half a line is the usual trace of a killed writer
                _log.warning(
                    "%s: its last %d lines are damaged and were passed over.",
                    self.path,
                    passed_over,
                )
            return records
        _log.warning("%s: %s. %s Learning starts anew.", self.path, reason, _set_aside(target))
        return {}

    def save(self, lines: Mapping[str, bytes]) -> int:
        """Make these the file's records; when this returns, they are on the disk.

        :param lines: by key, each as :func:`line_of` makes it.
        :returns: the file's size in bytes, for :meth:`append`.
        :raises OSError: it could not be done; the old file is as it was (see
            :func:`~grokcore.runtime.disk.files.replace_file`).
        """
        header, end = orjson.dumps({"grok2api_state": VERSION}), orjson.dumps({"end": len(lines)})
        content = b"\n".join([header, *lines.values(), end, b""])
        assert content.count(b"\n") == len(lines) + 2
        replace_file(self.path, content, mode=0o600)
        return len(content)

    def append(self, lines: Sequence[bytes], size: int) -> int:
        """Write lines behind a file of this *size* (bytes); when this returns, they are on the
        disk.

        :param lines: each as :func:`line_of` or :func:`gone_line` makes it.
        :returns: the file's new size.
        :raises OSError: it could not be done, or the file is not the one that was written last.
            Nothing may be appended any more then; the file is readable, with some of the lines or
            none.
        """
        descriptor = os.open(os.path.realpath(self.path), _APPENDING)
        try:
            if os.fstat(descriptor).st_size != size:
                raise OSError(errno.ESTALE, "another program has changed it")
            data = b"".join(line + b"\n" for line in lines)
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return size + len(data)


def line_of(key: str, record: Record) -> bytes:
    """A record as a line of the file, without a newline.

    :raises TypeError: a value is not of JSON's.
    """
    return orjson.dumps({"key": key, **record})


def gone_line(key: str) -> bytes:
    """The journal's line for a record that is no more."""
    return orjson.dumps({"key": key, "gone": True})


def peek(path: Path) -> dict[str, dict[str, object]]:
    """Read the records of a file that another process may be writing, without changing or raising
    anything.

    Empty if there is no such file, or none that can be read.
    """
    try:
        return _records(_content(path))[0]
    except (_Unusable, OSError):
        return {}


def _content(path: Path) -> bytes:
    """Read the file.

    :raises _Unusable: it is something else, such as a folder or a pipe, which would never end.
    :raises OSError: it is not there or can't be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise _Unusable("it is not a file")
    return path.read_bytes()


def _records(content: bytes) -> tuple[dict[str, dict[str, object]], int]:
    """The records of a file's content, and how many lines of its journal were passed over.

    :raises _Unusable: its whole is not whole, or of another version.
    """
    header, *lines = content.removesuffix(b"\n").split(b"\n")
    version = _version(_parsed(header, "its first line"))
    records: dict[str, dict[str, object]] = {}
    for number, line in enumerate(lines, start=2):
        record = _parsed(line, f"line {number}")
        key = record.pop("key", None)
        if key is None and "end" in record:
            break
        if not isinstance(key, str) or key in records:
            raise _Unusable(f"it is damaged: line {number} has no key of its own")
        records[key] = record
    else:
        raise _Unusable("it is damaged: the line that says how many there are is missing")
    journal = lines[len(records) + 1 :]
    if not _is_end(record, len(records)) or (journal and version < JOURNAL_SINCE):
        raise _Unusable("it is damaged: the line that says how many there are is wrong")
    if not _writable(records):
        raise _Unusable("it is damaged: something in it is nested too deeply")
    return records, _replay(journal, records)


def _replay(journal: Sequence[bytes], records: dict[str, dict[str, object]]) -> int:
    """Bring *records* up to date. Returns how many lines are left from the first damaged one on."""
    for number, line in enumerate(journal):
        try:
            record = _parsed(line, "")
        except _Unusable:
            return len(journal) - number
        key = record.pop("key", None)
        if not isinstance(key, str) or not _writable(record):
            return len(journal) - number
        if record.get("gone") is True:
            records.pop(key, None)
        else:
            records[key] = record
    return 0


def _parsed(line: bytes, which: str) -> dict[str, object]:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise _Unusable(f"it is damaged: {which} is not a JSON object")
    return found


def _version(header: dict[str, object]) -> int:
    version = header.get("grok2api_state")
    if type(version) is not int or version < OLDEST_VERSION:
        raise _Unusable("it is damaged: its first line has no version")
    if version > VERSION:
        raise _Unusable(f"it was written by a newer version of grok2api (format {version})")
    return version


def _is_end(line: dict[str, object], count: int) -> bool:
    end = line.get("end")
    return type(end) is int and end == count


def _writable(value: object) -> bool:
    """Whether what was read can be written again: orjson reads deeper nests than it writes."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def _set_aside(path: Path) -> str:
    """Rename the file so that a person can look at it. Returns a sentence on the outcome."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while os.path.lexists(
        aside
    ):  # renaming would replace it; nobody else makes one, as the folder is held
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    try:
        path.rename(aside)
    except OSError as error:
        return f"It could not be set aside ({error.strerror}) and will be replaced."
    return f"It was set aside as {aside.name}."
