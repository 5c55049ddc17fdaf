"""The state file: a snapshot of all records, then a journal of those that changed since.

Theory
------
The state is a text file and not a database, though sqlite3 would be at hand:

* a person can read it, and delete it while the server is down; only facts that the server can learn
  again are lost;
* there are no side files to copy along or to forget;
* every step that can fail can be made to fail in a test, one by one;
* sqlite3 would cost resident memory that a server with little state never earns back.

Format
------
The snapshot is a header line with the version, a line for each record, and a line with their
number. It replaces the file at once (:func:`~grokcore.runtime.disk.files.replace_file`).

Lines behind it are the journal. Each is a whole record that replaces the one with its key, or marks
the record as gone. So a change costs one line, however many records there are. The next snapshot
includes them.

Rules
-----
1. A snapshot counts as a whole or not at all. A file whose snapshot is damaged is set aside, never
   deleted, and learning starts anew.
2. The journal is read up to the first damaged line. A killed writer leaves half a line there, and a
   power cut pages of zeros. Lines whose writing was acknowledged always come before those.
3. Nothing is appended to a journal that may end in such damage: a new snapshot replaces the file
   first.
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

__all__ = ["Record", "StateFile", "gone_line", "line_of", "peek", "set_aside"]

VERSION = 2
"""The format that is written: 2 has a journal. Older ones are read; a newer one is set aside."""

OLDEST_VERSION = 1

JOURNAL_SINCE = 2

Record: TypeAlias = Mapping[str, object]
"""The facts about one key: JSON values by name."""

_APPENDING = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

_log = logging.getLogger(__name__)


class _Unusable(Exception):
    """The content can't be read as a state file; the message says why and quotes none of it."""


@frozen
class StateFile:
    """A state file with one writer, in a data directory that is held."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def load(self) -> dict[str, dict[str, object]]:
        """Read all records by their keys, and remove the temporary files of killed writers.

        Never raises. A file that can't be read is renamed to ``<name>.damaged-<time>``, with one
        warning in the log, and gives no records; nor does a missing file.
        """
        target = Path(os.path.realpath(self.path))
        with contextlib.suppress(OSError):
            sweep(target)
        try:
            records, damaged = _records(_content(target))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except _Unusable as error:
            reason = str(error)
        except OSError as error:
            reason = f"it can't be read: {error.strerror}"
        else:
            if damaged > 1:  # half a line is the usual trace of a killed writer
                _log.warning(
                    "%s: its last %d lines are damaged and were skipped.",
                    self.path,
                    damaged,
                )
            return records
        _log.warning("%s: %s. %s Learning starts anew.", self.path, reason, set_aside(target))
        return {}

    def hold(self) -> None:
        """Check that the folder may be written to.

        :raises OSError: if it may not.
        """

    def save(self, lines: Mapping[str, bytes]) -> int:
        """Make these the file's records; on return they are on the disk.

        :param lines: by key, each as :func:`line_of` makes it.
        :returns: the file's size in bytes, for :meth:`append`.
        :raises OSError: if that fails; the old file is as it was (see
            :func:`~grokcore.runtime.disk.files.replace_file`).
        """
        header = orjson.dumps({"grok2api_state": VERSION})
        content = b"\n".join([header, *lines.values(), _end_line(len(lines)), b""])
        assert content.count(b"\n") == len(lines) + 2
        replace_file(self.path, content, mode=0o600)
        return len(content)

    def append(self, lines: Sequence[bytes], size: int) -> int:
        """Append lines to a file of this *size* (bytes); on return they are on the disk.

        :param lines: each as :func:`line_of` or :func:`gone_line` makes it.
        :returns: the file's new size.
        :raises OSError: if that fails, or the file is not the one that was written last. Nothing
            may be appended any more then; the file is readable, with some of the lines or none.
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

    :raises TypeError: if a value is not one of JSON.
    """
    return orjson.dumps({"key": key, **record})


def gone_line(key: str) -> bytes:
    """The journal's line for a record that is gone."""
    return orjson.dumps({"key": key, "gone": True})


def peek(path: Path) -> dict[str, dict[str, object]]:
    """Read the records of a file that another process may be writing, and leave it as it is.

    Never raises: empty if there is no such file, or it can't be read.
    """
    try:
        return _records(_content(path))[0]
    except (_Unusable, OSError):
        return {}


def _content(path: Path) -> bytes:
    """Read the file.

    :raises _Unusable: if it is something else, such as a folder, or a pipe, which would never end.
    :raises OSError: if it is missing or can't be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise _Unusable("it is not a file")
    return path.read_bytes()


def _records(content: bytes) -> tuple[dict[str, dict[str, object]], int]:
    """The records of a file's content, and the number of damaged lines at the end of its journal.

    A repeated key is damage too: the number of records then never matches that of the end line.

    :raises _Unusable: if the snapshot is damaged, or of an unknown version.
    """
    header, *lines = content.removesuffix(b"\n").split(b"\n")
    version = _version(header)
    records: dict[str, dict[str, object]] = {}
    for number, line in enumerate(lines):
        if line == _end_line(len(records)):
            journal = lines[number + 1 :]
            if journal and version < JOURNAL_SINCE:
                raise _Unusable("it is damaged: there is more behind its last line")
            return records, _replay(journal, records)
        key_and_record = _parsed(line)
        if key_and_record is None:
            raise _Unusable(
                f"it is damaged: line {number + 2} is neither a record nor the right end"
            )
        key, records[key] = key_and_record
    raise _Unusable("it is damaged: its end is missing")


def _replay(journal: Sequence[bytes], records: dict[str, dict[str, object]]) -> int:
    """Bring *records* up to date. Returns the number of lines from the first damaged one on."""
    for number, line in enumerate(journal):
        key_and_record = _parsed(line)
        if key_and_record is None:
            return len(journal) - number
        key, record = key_and_record
        if record.get("gone") is True:
            records.pop(key, None)
        else:
            records[key] = record
    return 0


def _parsed(line: bytes) -> tuple[str, dict[str, object]] | None:
    """Key and record of a line; None if it is damaged."""
    try:
        record = orjson.loads(line)
        orjson.dumps(record)  # fails for nests too deep to be written again: the limit is lower
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    key = record.pop("key", None) if isinstance(record, dict) else None
    return (key, record) if isinstance(key, str) else None


def _version(header: bytes) -> int:
    """:raises _Unusable: if there is none, or it is unknown."""
    try:
        version = orjson.loads(header)["grok2api_state"]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        version = None
    if type(version) is not int or version < OLDEST_VERSION:
        raise _Unusable("it is damaged: its first line has no version")
    if version > VERSION:
        raise _Unusable(f"it was written by a newer version of grok2api (format {version})")
    return version


def _end_line(count: int) -> bytes:
    """The line behind so many records that shows that the snapshot is complete."""
    return orjson.dumps({"end": count})


def set_aside(path: Path) -> str:
    """Rename the file, for a person to look at. Returns the outcome as a sentence."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    # Renaming would replace a file. No other process makes one in between: the folder is held.
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    try:
        path.rename(aside)
    except OSError as error:
        return f"It could not be set aside ({error.strerror}) and will be replaced."
    return f"It was set aside as {aside.name}."
