"""Files of recordings, as a worker thread writes them.

A file is a header, the lines of the response, redacted, and a last line with the reason of the
end. Header and last line are objects with the key ``grok2api_record``. Lines of a REST response are
those that Grok sent (:mod:`grokcore.protocol.recording.redact`); a whole one has no last line.
Lines of a websocket are messages (:mod:`grokcore.protocol.recording.socket_lines`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from ...protocol.recording.frames import RedactedFrames
from ...protocol.recording.redact import redacted
from ...protocol.recording.socket_lines import line_of
from ...protocol.recording.upgrade import upgrade_fields
from ..disk.files import make_folder, replace_file
from .recorded_exchange import Recording, SocketRecording

__all__ = [
    "MAX_FILES",
    "MAX_FILE_BYTES",
    "RECORD_KEY",
    "RECORD_VERSION",
    "SOCKET",
    "RecordFolder",
]

RECORD_KEY = "grok2api_record"
"""Key that only the recorder's own lines have."""

RECORD_VERSION = 1

SOCKET = "socket"
"""Value of the key ``lane`` in the header of a websocket's file."""

MAX_FILE_BYTES = 4 * 1024 * 1024
"""A longer response is cut off there, and so is its file."""

MAX_FILES = 100

LONGEST_REASON_CHARS = 200

NORMAL_CLOSURE = 1000
"""RFC 6455, section 7.4.1."""

SWITCHING_PROTOCOLS = 101
"""Status of an upgrade that was not refused."""

_OURS = re.compile(r"\.?(\d{8}T\d{9}Z-[0-9a-f]{8}\.ndjson)(?:\.[0-9a-f]{8}\.tmp)?")
"""Names of our files, and of those that a killed process has left unfinished."""

_log = logging.getLogger(__name__)


class RecordFolder:
    """The folder of the files. A failure loses the recording, and is logged once until a write
    succeeds again.
    """

    def __init__(self, path: Path, tag_names: frozenset[str]) -> None:
        self._path = path
        self._tag_names = tag_names
        self._fault = ""

    def write(self, recording: Recording) -> None:
        """Redact a recording that has ended, and write its file."""
        try:
            self._write(_content(recording, self._tag_names))
        except OSError as error:
            self.failed(error.strerror or type(error).__name__)
        except Exception:  # noqa: BLE001 - boundary: a bug here loses a recording and nothing else
            _log.exception("a bug kept an answer from being recorded")

    def failed(self, reason: str) -> None:
        """Log that recordings are lost, once."""
        if not self._fault:
            _log.warning("%s: answers can't be recorded: %s.", self._path, reason)
        self._fault = reason

    def _write(self, content: bytes) -> None:
        make_folder(self._path)
        self._make_room()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
        replace_file(self._path / f"{stamp}Z-{secrets.token_hex(4)}.ndjson", content)
        if self._fault:
            self._fault = ""
            _log.info("%s: answers are recorded again.", self._path)

    def _make_room(self) -> None:
        names = [entry.name for entry in os.scandir(self._path) if _OURS.fullmatch(entry.name)]
        names.sort(key=lambda name: name.lstrip("."))
        for name in names[: max(0, len(names) - MAX_FILES + 1)]:
            # Another process was faster, or (on Windows) reads it.
            with contextlib.suppress(OSError):
                (self._path / name).unlink()


def _content(recording: Recording, tag_names: frozenset[str]) -> bytes:
    header, body = _header(recording), bytes(recording.data)
    end: dict[str, Any] = {"end": recording.end}
    if recording.end == "cut":
        body = body[: body.rfind(b"\n") + 1]
    if isinstance(recording, SocketRecording):
        body = _messages(recording, body, tag_names, header, end)
    else:
        body = redacted(body, secrets.token_bytes(32), tag_names)
    first = _own_line(header)
    most = MAX_FILE_BYTES - len(first)
    if len(body) > most:
        body, end = body[: body.rfind(b"\n", 0, most) + 1], end | {"end": "cut"}
    if end == {"end": "whole"}:
        return first + body
    newline = b"\n" if body and not body.endswith(b"\n") else b""
    return first + body + newline + _own_line(end).rstrip()


def _header(recording: Recording) -> dict[str, Any]:
    head = recording.head
    return {
        "status": head.status,
        "content_type": head.headers.get("content-type", "")[:100],
        "path": recording.path[-200:],
    }


def _messages(
    recording: SocketRecording,
    body: bytes,
    tag_names: frozenset[str],
    header: dict[str, Any],
    end: dict[str, Any],
) -> bytes:
    """Return the lines of a websocket, and complete the header and the last line."""
    messages = list(recording.log.messages(body))
    texts = [message.data or b"" for message in messages]
    frames = RedactedFrames(texts, secrets.token_bytes(32), tag_names)
    upgrade = upgrade_fields(recording.sent_headers, recording.head.headers, frames.address)
    header |= {"lane": SOCKET, **upgrade}
    end["at_ms"] = recording.ended_ms
    closed = recording.closed
    if closed is not None:
        end |= {
            "code": closed.close_code,
            "reason": frames.reason(closed.reason[:LONGEST_REASON_CHARS]),
        }
    elif recording.end == "whole" and recording.head.status == SWITCHING_PROTOCOLS:
        end["code"] = NORMAL_CLOSURE
    return b"".join(map(line_of, messages, frames.messages))


def _own_line(fields: dict[str, Any]) -> bytes:
    return orjson.dumps({RECORD_KEY: RECORD_VERSION, **fields}) + b"\n"
