"""Bytes of Grok's stream in, JSON objects out, however the bytes were cut.

Theory
------
Grok sends one JSON object per line, ended by a newline (grok-protocol.md §3.1). Proxies and older variants also show
CRLF, blank lines, a ``data:`` prefix, a ``[DONE]``, two objects glued together (``}{``) and a last line without its
newline. All of them are one grammar: *a line is a run of objects; whatever follows the last object that parses is junk*.

Rules
-----
1. What comes out does not depend on how the input was cut.
2. An unfinished line that already reads as whole objects is delivered at once: a stream whose last newline never comes, or
   that has no newlines at all, must not wait for one. Rule 1 holds because a finished line is read by the same grammar.
3. Nothing is raised. Junk is counted; a line longer than the cap ends the reading, and :attr:`LineReader.too_long` says so.
   The cap is on the line, not on what has been received, and what came before it comes out.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from .lenient_json import decode_at

__all__ = ["MAX_LINE_BYTES", "LineReader"]

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Bytes of one line. The longest known is a modelResponse with the whole answer, some dozens of kB; a picture sent as
bytes inside a line would be a few MB."""


class LineReader:
    """Splits a byte stream into JSON objects.

    :ivar junk: how many lines, or rests of lines, were not JSON objects.
    :ivar too_long: a line was over the cap; nothing more is read.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max = max_line_bytes
        self._tail = bytearray()
        self.junk = 0
        self.too_long = False

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take any number of bytes; return the objects they complete, in order."""
        *lines, rest = data.split(b"\n")
        found: list[dict[str, Any]] = []
        if lines and self._tail:
            lines[0] = bytes(self._tail) + lines[0]
            self._tail.clear()
        for line in lines:
            self._take(line, found)
        if rest and not self.too_long:
            self._keep(rest, found)
        return found

    def close(self) -> list[dict[str, Any]]:
        """The upstream has ended: the objects of a last line that had no newline."""
        found: list[dict[str, Any]] = []
        if self._tail:
            self._take(bytes(self._tail), found)
            self._tail.clear()
        return found

    def _take(self, line: bytes, found: list[dict[str, Any]]) -> None:
        self.too_long = self.too_long or len(line) > self._max
        if self.too_long:
            return
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            objects, rest = _objects_at_start(line)
            found += objects
            self.junk += bool(rest)
            return
        if isinstance(value, dict):
            found.append(value)
        else:
            self.junk += 1

    def _keep(self, rest: bytes, found: list[dict[str, Any]]) -> None:
        self._tail += rest
        if len(self._tail) > self._max:
            self.too_long = True
            self._tail.clear()
            return
        if not rest.rstrip().endswith(b"}"):
            return
        objects, unread = _objects_at_start(bytes(self._tail))
        if objects and not unread:
            found += objects
            self._tail.clear()


def _objects_at_start(line: bytes) -> tuple[list[dict[str, Any]], str]:
    """The run of JSON objects that *line* starts with, and the text after it that is none."""
    objects: list[dict[str, Any]] = []
    text = line.decode("utf-8", "replace")
    at = _start(text, 0)
    while at < len(text):
        try:
            value, end = decode_at(text, at)
        except ValueError:
            break
        if not isinstance(value, dict):
            break
        objects.append(value)
        at = _start(text, end)
    rest = text[at:].rstrip()
    return objects, "" if rest == "[DONE]" else rest


_BEFORE_AN_OBJECT = re.compile(r"\s*(?:data:\s*)?")


def _start(text: str, at: int) -> int:
    """Where the next object may begin: behind white space and a ``data:``."""
    found = _BEFORE_AN_OBJECT.match(text, at)
    return found.end() if found else at
