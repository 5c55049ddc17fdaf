"""Bytes of Grok's stream in, JSON objects out, however the bytes were cut.

Theory
------
Grok sends one JSON object per line, ended by a newline (grok-protocol.md §3.1). Proxies and older
variants also show CRLF, blank lines, a ``data:`` prefix and a ``[DONE]``. Two objects may be glued
together (``}{``), and the last line may lack its newline. All of them are one grammar: *a line is a
run of objects; whatever follows the last object that parses is junk*.

Rules
-----
1. The objects do not depend on how the input was cut.
2. An unfinished line that already reads as whole objects is delivered at once: a stream whose last
   newline never comes, or that has no newlines at all, must not wait for one. Rule 1 holds because
   a finished line is read by the same grammar.
3. An unfinished line is looked through once, and parsed only where its braces say that it may be
   whole. What does not parse then never will, so it waits for its newline: work is linear in the
   bytes, however a line was cut.
4. Nothing is raised. Junk is counted; a line longer than the cap ends the reading, and
   :attr:`LineReader.too_long` says so. The cap is on the line, not on the received bytes, and
   objects before that line are delivered.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from ..lenient_json import decode_at

__all__ = ["MAX_LINE_BYTES", "LineReader", "object_start", "objects_in"]

MAX_LINE_BYTES = 4 * 1024 * 1024
"""Bytes of one line. The longest known is a modelResponse with the whole answer, some dozens of kB;
a picture sent as bytes inside a line would be a few MB."""

_BEFORE_AN_OBJECT = re.compile(r"\s*(?:data:\s*)?")

_OUTSIDE_STRINGS = re.compile(rb'["{}]')
_IN_A_STRING = re.compile(rb'["\\]')

_PIECE_OF_A_LINE = re.compile(r'^\s*(?:data:\s*)?\{|\{\s*"|"\s*:')
_MEDIA = re.compile("moderated|image_chunk|GenerationResponse")
_TOKEN = re.compile(r'"token"')
_NO_TOKEN = re.compile(
    r'"(?:conversation|userResponse|modelResponse|uiLayout|llmInfo|finalMetadata|title|newTitle)"'
)


class LineReader:
    """Splits a byte stream into JSON objects.

    :ivar junk: how many lines, or rests of lines, were not JSON objects.
    :ivar damaged: how many of them are pieces of Grok's own lines and may have held text of the
        answer.
    :ivar damaged_media: how many of them may have concerned a picture or video, or its
        moderation.
    :ivar too_long: a line was over the cap; nothing more is read.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max = max_line_bytes
        self._tail = bytearray()
        self._braces = _Braces()
        self.junk = 0
        self.damaged = 0
        self.damaged_media = 0
        self.too_long = False

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take any number of bytes; return the objects they complete, in order."""
        *lines, rest = data.split(b"\n")
        found: list[dict[str, Any]] = []
        if lines and self._tail:
            lines[0] = bytes(self._tail) + lines[0]
            self._clear()
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
            self._clear()
        return found

    def _take(self, line: bytes, found: list[dict[str, Any]]) -> None:
        self.too_long = self.too_long or len(line) > self._max
        if self.too_long:
            return
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            objects, rest = _objects_and_rest(line)
            found += objects
            if rest:
                self.junk += 1
                self.damaged += _may_have_held_text(rest)
                self.damaged_media += _MEDIA.search(rest) is not None
            return
        if isinstance(value, dict):
            found.append(value)
        else:
            self.junk += 1

    def _keep(self, rest: bytes, found: list[dict[str, Any]]) -> None:
        self._tail += rest
        if len(self._tail) > self._max:
            self.too_long = True
            self._clear()
            return
        if not rest.rstrip().endswith(b"}") or not self._braces.balanced(self._tail):
            return
        objects, unread = _objects_and_rest(bytes(self._tail))
        if objects and not unread:
            found += objects
            self._clear()
        else:
            self._braces.hopeless = True

    def _clear(self) -> None:
        self._tail.clear()
        self._braces = _Braces()


class _Braces:
    """Nesting of an unfinished line, so far; each byte is looked at once.

    :ivar hopeless: no further byte can make the line whole.
    """

    def __init__(self) -> None:
        self.hopeless = False
        self._at = 0
        self._depth = 0
        self._in_string = False

    def balanced(self, line: bytearray) -> bool:
        """Whether all objects in *line*, which has only grown since the last call, are closed."""
        at = self._at
        while not self.hopeless and (found := self._next(line, at)):
            at = found.end()
            mark = found.group()
            if mark == b"\\":
                at += 1  # the character behind it, which may not have come yet
            elif mark == b'"':
                self._in_string = not self._in_string
            else:
                self._depth += 1 if mark == b"{" else -1
                self.hopeless = self._depth < 0
        self._at = max(at, len(line))
        return not (self.hopeless or self._in_string or self._depth)

    def _next(self, line: bytearray, at: int) -> re.Match[bytes] | None:
        return (_IN_A_STRING if self._in_string else _OUTSIDE_STRINGS).search(line, at)


def objects_in(line: str) -> tuple[list[tuple[str, dict[str, Any]]], int]:
    """Return the run of JSON objects that *line* begins with, and the index behind the last one.

    Each object comes with the text in front of it: white space and a ``data:``.
    """
    objects: list[tuple[str, dict[str, Any]]] = []
    at = 0
    while at < len(line):
        start = object_start(line, at)
        try:
            value, end = decode_at(line, start)
        except ValueError:
            break
        if not isinstance(value, dict):
            break
        objects.append((line[at:start], value))
        at = end
    return objects, at


def object_start(line: str, at: int) -> int:
    """Return the index of the first character behind white space and a ``data:``."""
    front = _BEFORE_AN_OBJECT.match(line, at)
    return front.end() if front else at


def _objects_and_rest(line: bytes) -> tuple[list[dict[str, Any]], str]:
    """Return the run of JSON objects that *line* begins with, and the junk behind it."""
    text = line.decode("utf-8", "replace")
    objects, end = objects_in(text)
    rest = text[object_start(text, end) :].rstrip()
    return [value for _, value in objects], "" if rest == "[DONE]" else rest


def _may_have_held_text(rest: str) -> bool:
    """Whether *rest*, which does not parse, is a piece of one of Grok's lines, and not of one known
    to hold no text.
    """
    if _PIECE_OF_A_LINE.search(rest) is None:
        return False
    return _TOKEN.search(rest) is not None or _NO_TOKEN.search(rest) is None
