"""Messages of Grok's websocket in, JSON objects out, however the messages were cut.

Theory
------
A message holds one JSON object, or several back to back (grok-protocol.md §8.3). On its way to
the decoder a message is a *line*: :func:`as_line` makes one. So a decoder of frames is fed bytes,
like that of a response's body. Inside a line an object ends where its braces close. Text between
objects is junk.

Rules
-----
1. The objects don't depend on how a message was cut into fragments, nor on how many messages come
   at once. An object comes out as soon as its last brace is there.
2. A broken object costs itself only: the reading goes on behind its last brace, or with the next
   message.
3. Memory is bounded: an object over the cap is counted and passed over, without being kept.
4. Each byte is looked at once. A message that is one whole object is parsed without looking at its
   bytes at all.
5. Nothing is raised. A :class:`Lost` stands where an object could not be read.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import orjson
from attrs import frozen

from ..lenient_json import loads

__all__ = ["MAX_OBJECT_BYTES", "FrameReader", "Lost", "as_line"]

MAX_OBJECT_BYTES = 4 * 1024 * 1024
"""Bytes of one JSON object. Frames of text have some 330 bytes; a picture within one would be a few
MB."""

MOST_STRAY_BYTES = 4096
"""Text between the objects of one message that is kept, to see whether it is a piece of a frame."""

_OUTSIDE_STRINGS = re.compile(rb'["{}]')
_IN_A_STRING = re.compile(rb'["\\]')
_QUOTE, _BACKSLASH, _OPEN = b'"\\{'

_PIECE_OF_A_FRAME = re.compile(rb'\{\s*"|"\s*:')
_MEDIA = re.compile(rb"moderated|image|video|file_preview")
_WITHOUT_CONTENT = re.compile(
    rb'"(?:pong|session\.created|response\.persisted|conversation\.[a-z.]+)"'
)


@frozen
class Lost:
    """An object that could not be read, or other text of a message.

    :ivar content: whether it may have held a part of the answer.
    :ivar media: whether it may have concerned a picture, a video or a file.
    :ivar too_large: whether it is an object over the cap.
    """

    content: bool
    media: bool
    too_large: bool = False


_Read: TypeAlias = dict[str, Any] | Lost


def as_line(fragment: bytes, *, last: bool) -> bytes:
    """A fragment of a message, as a piece of a line; the *last* one of a message ends it.

    A line break within JSON is white space, so a space can take its place.
    """
    flat = fragment.replace(b"\n", b" ") if b"\n" in fragment else fragment
    return flat + b"\n" if last else flat


class FrameReader:
    """Splits lines of frames into JSON objects."""

    def __init__(self, max_object_bytes: int = MAX_OBJECT_BYTES) -> None:
        self._max = max_object_bytes
        self._clear()

    def feed(self, data: bytes) -> list[_Read]:
        """Take any number of bytes; return the objects they complete, in order."""
        *lines, rest = data.split(b"\n")
        objects: list[_Read] = []
        for line in lines:
            if self._untouched and len(line) <= self._max:
                try:
                    value = orjson.loads(line)
                except orjson.JSONDecodeError:
                    value = None
                if isinstance(value, dict):
                    objects.append(value)
                    continue
            self._scan(line, objects)
            objects += self._end_message()
        if rest:
            self._scan(rest, objects)
        return objects

    def close(self) -> list[Lost]:
        """The connection has ended: the rest of a message that was cut off."""
        return self._end_message()

    def _clear(self) -> None:
        self._untouched = True  # nothing of the current message has been scanned
        self._stray = bytearray()
        self._close_object()

    def _close_object(self) -> None:
        self._object = bytearray()
        self._too_large = False
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def _scan(self, data: bytes, objects: list[_Read]) -> None:
        self._untouched = False
        at = 0
        while at < len(data):
            begin = at
            if not self._depth:
                begin = data.find(b"{", at)
                self._keep_stray(data[at:] if begin < 0 else data[at:begin])
                if begin < 0:
                    return
            at = self._end_of_object(data, begin)
            self._keep(data[begin:at])
            if not self._depth:
                self._finish(objects)

    def _end_of_object(self, data: bytes, at: int) -> int:
        """The index behind the object's last brace, or the length of *data* if that is still to
        come.
        """
        if self._escaped:
            at += 1
            self._escaped = False
        while found := (_IN_A_STRING if self._in_string else _OUTSIDE_STRINGS).search(data, at):
            at = found.end()
            mark = data[at - 1]
            if mark == _BACKSLASH:
                self._escaped = at == len(data)
                at += 1
            elif mark == _QUOTE:
                self._in_string = not self._in_string
            elif mark == _OPEN:
                self._depth += 1
            else:
                self._depth -= 1
                if not self._depth:
                    return at
        return len(data)

    def _keep(self, piece: bytes) -> None:
        if not self._too_large:
            self._object += piece
            self._too_large = len(self._object) > self._max
        if self._too_large:
            self._object.clear()

    def _keep_stray(self, text: bytes) -> None:
        self._stray += text[: MOST_STRAY_BYTES - len(self._stray)]

    def _finish(self, objects: list[_Read]) -> None:
        try:
            objects.append(self._lost_object() if self._too_large else loads(bytes(self._object)))
        except ValueError:
            objects.append(self._lost_object())
        self._close_object()

    def _end_message(self) -> list[Lost]:
        lost = [self._lost_object()] if self._depth else []
        if self._stray.strip():
            lost.append(_lost(bytes(self._stray)))
        self._clear()
        return lost

    def _lost_object(self) -> Lost:
        if self._too_large:
            return Lost(content=True, media=True, too_large=True)
        return _lost(bytes(self._object))


def _lost(text: bytes) -> Lost:
    content = _PIECE_OF_A_FRAME.search(text) is not None and _WITHOUT_CONTENT.search(text) is None
    return Lost(content, media=content and _MEDIA.search(text) is not None)
