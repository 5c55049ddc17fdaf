"""The page's websocket, as the paced upstream speaks it: frames made and read by hand.

A server's frames are not masked, and all tokens have the same length. So a token's frame is two
constants with the token between them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from typing import Any

from grokcore.simulator import frames, lines

from .tokens import token_text

__all__ = [
    "AFTER_TOKEN",
    "BEFORE_TOKEN",
    "CLOSING",
    "MODES",
    "OPENING",
    "SESSION",
    "SESSION_ID",
    "acknowledgements",
    "client_frame",
    "question_of",
    "text_frame",
    "upgraded",
]

MODES = json.dumps({"modes": [{"id": "fast", "availability": {"available": {}}}]}).encode()

SESSION = json.dumps({"status": "authenticated", "session": {"userId": "user-bench"}}).encode()
"""The answer of ``/api/auth/session``."""

SESSION_ID = "a995b242-ba22-4e89-b62b-9b8c9b4c64ff"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""

SHORT, LONG = 126, 127
"""Length codes of a frame whose length follows in 2 or 8 bytes."""


def text_frame(text: str) -> bytes:
    """A server's text frame of less than 64 KiB."""
    data = text.encode()
    if len(data) < SHORT:
        return struct.pack("!BB", 0x81, len(data)) + data
    return struct.pack("!BBH", 0x81, SHORT, len(data)) + data


def _event(value: dict[str, Any]) -> bytes:
    name = {"type": value["type"], "event_id": "evt_440cd062965c487b92c0da2b381f92d1_100"}
    return text_frame(frames.wire({**name, **value}, SESSION_ID))


def _rendered() -> tuple[bytes, bytes]:
    mark = token_text(0, 0)
    before, after = _event(frames.text(mark)).split(mark.encode())
    return before, after


OPENING = (
    _event(frames.response_created("fast"))
    + _event(frames.chunk({"ui_layout": {"reasoning_ui_layout": "UNIFIED"}}, phase=0))
    + _event(frames.chunk({"phase_marker": {"kind": "KIND_RESPONSE_START", "phase_index": 2}}))
)
BEFORE_TOKEN, AFTER_TOKEN = _rendered()
CLOSING = _event({"type": "response.output_text.done", "response_id": lines.RESPONSE_ID}) + _event(
    frames.done()
)


def upgraded(head: bytes) -> bytes:
    """The response to an upgrade with the request's *head*."""
    key = next(
        line.partition(b":")[2].strip()
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key:")
    )
    accept = base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: %b\r\n\r\n" % accept
    )


def acknowledgements(event_id: str) -> bytes:
    """Both acknowledgements of ``session.create``."""
    return _event(frames.session_created(event_id)) + _event(frames.attached(SESSION_ID))


def client_frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first frame in *data*: opcode, unmasked payload, and the bytes behind it; None if it is
    not complete.
    """
    if len(data) < 2:
        return None
    length, at = data[1] & 127, 2
    for code, form in ((SHORT, "!H"), (LONG, "!Q")):
        if length == code:
            at += struct.calcsize(form)
            if len(data) < at:
                return None
            (length,) = struct.unpack(form, data[2:at])
            break
    end = at + 4 + length
    if len(data) < end:
        return None
    mask = (data[at : at + 4] * (length // 4 + 1))[:length]
    payload = int.from_bytes(data[at + 4 : end], "big") ^ int.from_bytes(mask, "big")
    return data[0] & 15, payload.to_bytes(length, "big"), data[end:]


def question_of(event: dict[str, Any]) -> str:
    """The question's text in ``conversation.item.create``."""
    chunks = event["item"]["x_grok"]["input_chunks"]
    return "".join(one["text"]["text"] for one in chunks if isinstance(one.get("text"), dict))
