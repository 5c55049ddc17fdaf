"""Fields of a request for pictures, read from JSON, multipart (RFC 7578) or urlencoded bodies.

Rules
-----
1. Fields keep their order, and repeated names keep all their fields.
2. The body decides its own format where it can: JSON with a form's content type is read as JSON.
3. A body in no such format, or one that breaks off, is refused as a whole.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import (
    Data,
    Epilogue,
    Event,
    Field,
    File,
    MultipartDecoder,
    NeedData,
    State,
)

from ...errors import InvalidRequest
from ...protocol.conversation.text_encodings import decoded
from ...protocol.dialects.json_body import json_object
from ...protocol.dialects.openai_images.sources import Fields, FormFile, holds_picture

__all__ = ["read_fields"]

MOST_PARTS = 100
"""Most parts of a multipart form, and most pairs of an urlencoded one."""

_BOM = b"\xef\xbb\xbf"
_FIRST_BOUNDARY = re.compile(
    rb"\s*--([0-9A-Za-z'()+_,./:=?-]{1,70})[ \t]*\r?\n(?:content-|\r?\n)", re.IGNORECASE
)
_FILE_TYPES = re.compile(
    r"(?:image|video|audio|font)/.*|application/(?!json\b|x-www-form-urlencoded\b).*"
)

MOST_HEAD_BYTES = 16 * 1024
"""Largest size of a part's headers, and of the text before the first part."""

PIECE_BYTES = 256 * 1024
"""Bytes that the decoder gets at a time: its searches hold Python's global lock."""


def read_fields(content_type: str, body: bytes) -> Fields:
    """The fields in *body*.

    :param content_type: the request's header; used where the body does not show its format.
    :raises InvalidRequest: if the body holds no fields, or one can't be read (named by ``param``).
    """
    kind, options = parse_options_header(content_type)
    beginning = body[:4096].removeprefix(_BOM).lstrip()
    if beginning[:1] in (b"{", b"["):
        return _from_json(body)
    if kind.lower().startswith("multipart/") or _FIRST_BOUNDARY.match(body):
        return _from_multipart(options.get("boundary", ""), body)
    if kind.lower() == "application/x-www-form-urlencoded" and beginning:
        return _from_pairs(body)
    return _from_json(body)


# JSON -------------------------------------------------------------------------------------------


def _from_json(body: bytes) -> Fields:
    if not body.strip():
        raise InvalidRequest("The request body is empty. Send JSON or a form, with a prompt.")
    return tuple(json_object(body).items())


# Urlencoded -------------------------------------------------------------------------------------


def _from_pairs(body: bytes) -> Fields:
    pairs = [pair for pair in body.strip().split(b"&", MOST_PARTS + 1) if pair]
    if len(pairs) > MOST_PARTS:
        raise InvalidRequest(f"The form has more than {MOST_PARTS} fields.")
    return tuple(map(_pair, pairs))


def _pair(pair: bytes) -> tuple[str, str]:
    raw_name, _, raw_value = pair.partition(b"=")
    name = _text(unquote_to_bytes(raw_name.replace(b"+", b" ")), "")
    # base64 has no space but a plus sign, which careless clients don't escape.
    plain = raw_value if holds_picture(name) else raw_value.replace(b"+", b" ")
    return name, _text(unquote_to_bytes(plain), name)


# Multipart --------------------------------------------------------------------------------------


def _from_multipart(boundary: str, body: bytes) -> Fields:
    mark = boundary.encode("latin-1", "replace")
    if not mark:  # a content type that was written by hand
        first = _FIRST_BOUNDARY.match(body)
        if first is None:
            raise InvalidRequest(
                "The form's content type names no boundary. Let the HTTP library write the header."
            )
        mark = first[1]
    try:
        return tuple(_part(head, data) for head, data in _parts(mark, body))
    except RequestEntityTooLarge:
        raise InvalidRequest(f"The form has more than {MOST_PARTS} parts.") from None
    except (ValueError, HTTPException):
        raise InvalidRequest("The request body is not a valid multipart form.") from None


def _part(head: Field | File, data: bytes) -> tuple[str, str | FormFile]:
    name = head.name or ""
    data = _decoded(head.headers.get("content-transfer-encoding", ""), data)
    if isinstance(head, File):
        return name, FormFile(head.filename, data)
    kind, options = parse_options_header(head.headers.get("content-type", ""))
    charset = options.get("charset", "utf-8")
    if _FILE_TYPES.fullmatch(kind.lower()) or (holds_picture(name) and not _is_utf8(data)):
        return name, FormFile("", data)
    return name, _text(data, name, charset)


def _decoded(encoding: str, data: bytes) -> bytes:
    """Content without the transfer encoding that some mail libraries add.

    :raises ValueError: if the content is not in that encoding.
    """
    match encoding.strip().lower():
        case "base64":
            return binascii.a2b_base64(data)
        case "quoted-printable":
            return quopri.decodestring(data)
    return data


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _text(data: bytes, name: str, charset: str = "utf-8") -> str:
    try:
        return decoded(data, charset)
    except ValueError:
        what = name[:100] or "A field's name"
        raise InvalidRequest(f"{what} is not a text in UTF-8.", param=name[:100] or None) from None


def _parts(boundary: bytes, body: bytes) -> Iterator[tuple[Field | File, bytes]]:
    """The parts of a form: head and content.

    :raises ValueError: if the form is malformed or breaks off.
    """
    decoder = MultipartDecoder(boundary, max_parts=MOST_PARTS)
    head: Field | File | None = None
    pieces: list[bytes] = []
    for event in _events(decoder, body):
        match event:
            case Field() | File() as begun:
                head, pieces = begun, []
            case Data(data, more_data) if head is not None:
                pieces.append(data)
                if not more_data:
                    yield head, b"".join(pieces)
            case Epilogue():
                return


def _events(decoder: MultipartDecoder, body: bytes) -> Iterator[Event]:
    """All events of the decoder except NeedData.

    :raises ValueError: if the form breaks off, or a part's headers are too long.
    """
    for at in range(0, len(body), PIECE_BYTES):
        decoder.receive_data(body[at : at + PIECE_BYTES])
        while not isinstance(event := decoder.next_event(), NeedData):
            yield event
        if decoder.state in (State.PREAMBLE, State.PART) and len(decoder.buffer) > MOST_HEAD_BYTES:
            raise ValueError("a part's headers are too long")
    decoder.receive_data(None)
    while not isinstance(event := decoder.next_event(), NeedData):
        yield event
    raise ValueError("the form breaks off")
