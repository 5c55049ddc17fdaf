"""Lines of a recorded websocket: a message of either side each, with its time and kind.

::

    {"at_ms":0,"from":"client","frame":{"event":{"type":"session.create",…}}}
    {"at_ms":85,"from":"grok","frame":{"session_id":…,"event":{"type":"session.created",…}}}
    {"at_ms":90,"from":"grok","text":"xxx"}
    {"at_ms":92,"from":"client","bytes":1000000}

A ``frame`` is a message of one JSON object, a ``text`` is any other text. ``bytes`` is the size of
a client's message that was too long to be kept.
"""

from __future__ import annotations

import enum
import re
from array import array
from collections.abc import Iterator
from typing import Any

import orjson
from attrs import evolve, frozen

from ..lenient_json import loads

__all__ = ["LONGEST_SENT_BYTES", "Message", "MessageLog", "Sender", "line_of", "message_in"]

LONGEST_SENT_BYTES = 256 * 1024
"""A longer message of the client's is recorded by its size."""

_LINE = re.compile(rb"[^\n]*\n|[^\n]+")


class Sender(enum.Enum):
    """The side that sent a message."""

    CLIENT = "client"
    GROK = "grok"


@frozen
class Message:
    """A message of a websocket.

    :ivar at_ms: milliseconds since the websocket was begun.
    :ivar data: the message, as a line without its end; None if it was not kept.
    :ivar size: bytes of a message that was not kept.
    """

    at_ms: int
    sender: Sender
    data: bytes | None
    size: int = 0


class MessageLog:
    """Times of Grok's messages, and the client's messages, beside the bytes that Grok sends.

    Positions are counts of those bytes.
    """

    def __init__(self) -> None:
        self._sent: list[tuple[int, Message]] = []
        self._ends = array("Q")
        self._times_ms = array("Q")

    def note_sent(self, message: bytes, position: int, at_ms: int) -> None:
        """Note a message of the client's."""
        kept = message if len(message) <= LONGEST_SENT_BYTES else None
        self._sent.append((position, Message(at_ms, Sender.CLIENT, kept, len(message))))

    def note_heard(self, position: int, at_ms: int) -> None:
        """Note when the bytes up to *position* arrived."""
        self._ends.append(position)
        self._times_ms.append(at_ms)

    def messages(self, data: bytes) -> Iterator[Message]:
        """All messages in their order.

        :param data: lines of Grok's messages, all of them noted; the last may lack its end.
        """
        sent, mark, position = 0, 0, 0
        for line in _LINE.findall(data):
            position += len(line)
            while sent < len(self._sent) and self._sent[sent][0] < position:
                yield self._sent[sent][1]
                sent += 1
            while self._ends[mark] < position:
                mark += 1
            yield Message(self._times_ms[mark], Sender.GROK, line.removesuffix(b"\n"))
        for _, message in self._sent[sent:]:
            yield message


def line_of(message: Message, redacted: bytes) -> bytes:
    """Return the line of a message.

    :param redacted: its data, redacted.
    """
    front = b'{"at_ms":%d,"from":"%s",' % (message.at_ms, message.sender.value.encode())
    if message.data is None:
        return front + b'"bytes":%d}\n' % message.size
    if _is_object(redacted):
        return front + b'"frame":' + redacted.strip() + b"}\n"
    return front + b'"text":' + orjson.dumps(redacted.decode()) + b"}\n"


def message_in(line: bytes) -> Message:
    """Return the message of a line.

    :raises ValueError: if the line is of another kind.
    """
    value = loads(line)
    match value:
        case {"at_ms": int(at_ms), "from": "client" | "grok" as sender}:
            return _with_content(Message(at_ms, Sender(sender), None), value)
    raise ValueError("not a line of a recorded websocket")


def _with_content(message: Message, content: dict[str, Any]) -> Message:
    match content:
        case {"frame": dict(frame)}:
            return evolve(message, data=orjson.dumps(frame))
        case {"text": str(text)}:
            return evolve(message, data=text.encode().replace(b"\n", b" "))
        case {"bytes": int(size)}:
            return evolve(message, size=size)
    raise ValueError("a message without content")


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
