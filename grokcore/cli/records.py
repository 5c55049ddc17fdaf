"""Recordings and streams as ``replay`` reads them: their lane, and the events in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from attrs import field, frozen

from ..errors import ConfigError, GrokApiError
from ..protocol.conversation.events import Event, Failed
from ..protocol.counters import Counters
from ..protocol.grok_socket.client_frames import Chat
from ..protocol.grok_socket.client_frames import Message as Question
from ..protocol.grok_socket.decoder import Decoder as SocketDecoder
from ..protocol.grok_socket.handshake import Asking, Handshake, Stage
from ..protocol.grok_socket.refusals import refusal_of_upgrade
from ..protocol.grok_web.decoder import Decoder
from ..protocol.grok_web.lines import objects_in
from ..protocol.grok_web.refusals import is_html, refusal_of_response
from ..protocol.lenient_json import loads
from ..protocol.recording.socket_lines import Message, Sender, message_in
from ..runtime.transport.recorded_files import (
    RECORD_KEY,
    RECORD_VERSION,
    SOCKET,
    SWITCHING_PROTOCOLS,
)

__all__ = ["Record", "read_record"]

Decoded = tuple[list[Event], Counters]


class Record(Protocol):
    """A recorded answer."""

    def decoded(self, tags: frozenset[str]) -> Decoded:
        """Return its events, the last one of them Finished or Failed, and counts of skipped input.

        :param tags: names of elements that are taken out.
        """

    def missing(self, *, finished: bool) -> str:
        """Return in one word why the record does not reach to the end of the response; empty if it
        does, or if that is not known.
        """


def read_record(data: bytes) -> Record:
    """Read a file of a recorder's, or a raw stream of either lane.

    :raises ConfigError: if it is neither, is damaged, or was written by another version.
    """
    first, _, body = data.partition(b"\n")
    header = _own_line(first)
    if header is None:
        return _raw(data)
    if header[RECORD_KEY] != RECORD_VERSION:
        raise ConfigError(
            f"was written by another version of grok2api (format {header[RECORD_KEY]!r:.20})"
        )
    before, _, last = body.rstrip(b"\n").rpartition(b"\n")
    trailer = _own_line(last)
    if header.get("lane") == SOCKET:
        return _socket_record(header, before, trailer)
    if trailer is not None:
        body = before + b"\n"
    return _RestRecord(body, _status(header), _content_type(header), _text(trailer, "end"))


# REST -------------------------------------------------------------------------------------------


@frozen
class _RestRecord:
    body: bytes
    status: int = 200
    content_type: str = ""
    end: str = ""

    def decoded(self, tags: frozenset[str]) -> Decoded:
        headers = {"content-type": self.content_type}
        if self.status != 200 or is_html(headers, b""):
            return [Failed(refusal_of_response(self.status, headers, self.body))], Counters()
        decoder = Decoder(tags)
        return decoder.receive(self.body) + decoder.close(), decoder.counters

    def missing(self, *, finished: bool) -> str:
        del finished
        return self.end


# The websocket ----------------------------------------------------------------------------------


@frozen
class _SocketStream:
    """Grok's messages, without their beginning perhaps."""

    messages: bytes

    def decoded(self, tags: frozenset[str]) -> Decoded:
        decoder = SocketDecoder(tags)
        return decoder.receive(self.messages) + decoder.close(), decoder.counters

    def missing(self, *, finished: bool) -> str:
        del finished
        return ""


@frozen
class _SocketRecord:
    """A whole websocket.

    :ivar headers: of the upgrade's response.
    :ivar reason: of Grok's close.
    """

    messages: list[Message]
    status: int
    headers: dict[str, str]
    end: str
    reason: str = field(default="")

    def decoded(self, tags: frozenset[str]) -> Decoded:
        if self.status != SWITCHING_PROTOCOLS:
            return [Failed(refusal_of_upgrade(self.status, self.headers, b""))], Counters()
        heard = [_line(message) for message in self.messages if message.sender is Sender.GROK]
        mode = _mode_of(self.messages)
        error = _refused_session(heard, mode, self.reason)
        if error is not None:
            return [Failed(error)], Counters()
        decoder = SocketDecoder(tags, mode=mode)
        return decoder.receive(b"".join(heard)) + decoder.close(self.reason), decoder.counters

    def missing(self, *, finished: bool) -> str:
        """The client closes the websocket when it has the whole answer."""
        return "" if self.end == "whole" or (finished and self.end != "cut") else self.end


def _socket_record(
    header: Mapping[str, Any], lines: bytes, trailer: dict[str, Any] | None
) -> _SocketRecord:
    if trailer is None:
        raise ConfigError("is cut off: the last line of a recorded websocket is missing")
    messages = []
    for number, line in enumerate(lines.splitlines() if lines else [], 2):
        try:
            messages.append(message_in(line))
        except ValueError:
            raise ConfigError(
                f"is damaged: line {number} is no message of a recorded websocket"
            ) from None
    headers = header.get("response")
    named = headers.items() if isinstance(headers, dict) else ()
    shown = {name: value for name, value in named if isinstance(value, str)}
    shown |= {"content-type": _content_type(header)}
    return _SocketRecord(
        messages, _status(header), shown, _text(trailer, "end"), _text(trailer, "reason")
    )


def _line(message: Message) -> bytes:
    return (message.data or b"") + b"\n"


def _mode_of(messages: Iterable[Message]) -> str:
    """The mode that the client asked for; empty if that is not recorded."""
    for message in messages:
        if message.sender is Sender.CLIENT and message.data:
            match _object(message.data):
                case {"event": {"session": {"model": str(mode)}}}:
                    return mode
    return ""


def _refused_session(heard: Iterable[bytes], mode: str, reason: str) -> GrokApiError | None:
    """The error with which the lane ends a session that Grok does not acknowledge."""
    chat = Chat(mode, temporary=True, memory=False, search=True)
    handshake = Handshake(Asking(chat, Question(""), "", "", 0))
    for line in heard:
        handshake.receive(line)
        if handshake.stage is not Stage.OPENING:
            return handshake.error
    handshake.close(reason)
    return handshake.error


# Files of others --------------------------------------------------------------------------------


def _raw(data: bytes) -> Record:
    """A stream as Grok sent it, told apart by its first object."""
    if not data:
        return _RestRecord(data)
    for line in data.splitlines():
        objects, _ = objects_in(line.decode("utf-8", "replace"))
        for _, value in objects:
            name = value.get("type", None if "result" in value else "")
            if isinstance(value.get("event"), dict) or (isinstance(name, str) and name):
                return _SocketStream(data)
            return _RestRecord(data)
    raise ConfigError("is neither a recording nor a stream of Grok's")


# Values -----------------------------------------------------------------------------------------


def _own_line(line: bytes) -> dict[str, Any] | None:
    value = _object(line)
    return value if RECORD_KEY in value else None


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _status(header: Mapping[str, Any]) -> int:
    status = header.get("status")
    return status if isinstance(status, int) else 200


def _content_type(header: Mapping[str, Any]) -> str:
    return _text(header, "content_type")


def _text(line: Mapping[str, Any] | None, key: str) -> str:
    value = line.get(key) if line else None
    return value if isinstance(value, str) else ""
