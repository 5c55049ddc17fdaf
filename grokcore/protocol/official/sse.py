"""Bytes of an event stream in, the data of its events out, however the bytes were cut.

Theory
------
The grammar is the WHATWG's (HTML standard, "Server-sent events"). Lines end with CR, LF or
CRLF; a BOM may come first; a comment begins with a colon. A blank line makes an event of the
``data`` fields before it. Of the other fields none is needed: xAI's events name their type in
their JSON.

Rules
-----
1. The events do not depend on how the input was cut.
2. A line that begins with a brace is data too. Some proxies put a bare JSON object into a stream.
3. If the first line begins with a brace and ends without one, all of the input is one JSON value.
4. The standard drops an event that its blank line does not end. Here the end of the input is as
   good: whole JSON is whole.
5. Nothing is raised. A line, or an event of many lines, over the cap ends the reading, and
   :attr:`EventReader.too_long` says so; events before it are delivered.
"""

from __future__ import annotations

__all__ = ["MAX_LINE_BYTES", "EventReader"]

MAX_LINE_BYTES = 16 * 1024 * 1024
"""Bytes of one event. The longest is the last one: it repeats the whole answer, pictures included.
"""

_BOM = b"\xef\xbb\xbf"
_DONE = b"[DONE]"


class EventReader:
    """Splits a byte stream into the data of its events.

    :ivar too_long: an event was over the cap; nothing more is read.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max = max_line_bytes
        self._tail = bytearray()
        self._after_cr = False
        self._begun = False
        self._is_one_value = False
        self._data: list[bytes] = []
        self._size = 0
        self.too_long = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take any number of bytes; return the data of the events they complete, in order."""
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = data.split(b"\n")
        if lines and self._tail:
            lines[0] = bytes(self._tail) + lines[0]
            self._tail.clear()
        found: list[bytes] = []
        for line in lines:
            self._take(line, found)
        if rest and not self.too_long:
            self._tail += rest
            self._bound(len(self._tail))
        return found

    def close(self) -> list[bytes]:
        """The upstream has ended: the data of a last event that no blank line ended."""
        found: list[bytes] = []
        self._take(bytes(self._tail), found)
        self._tail.clear()
        self._dispatch(found)
        return found

    def _take(self, line: bytes, found: list[bytes]) -> None:
        if not self._begun:
            self._begun = True
            line = line.removeprefix(_BOM)
            self._is_one_value = line.startswith(b"{") and not line.rstrip().endswith(b"}")
        if self._is_one_value:
            self._keep(line)
        elif not line:
            self._dispatch(found)
        elif line.startswith(b"data:"):
            self._keep(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line.startswith(b"{"):
            self._dispatch(found)
            self._keep(line)
            self._dispatch(found)
        else:
            self._bound(len(line))

    def _keep(self, value: bytes) -> None:
        self._size += len(value)
        self._bound(self._size)
        self._data.append(value)

    def _bound(self, size: int) -> None:
        if size > self._max:
            self.too_long = True
            self._tail.clear()

    def _dispatch(self, found: list[bytes]) -> None:
        if not self._data:
            return
        if not self.too_long:
            value = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            if value[:1] == b"{" or value.strip() not in (b"", _DONE):
                found.append(value)
        self._data.clear()
        self._size = 0
