"""Forms with files (multipart/form-data, RFC 7578), as the SDKs send pictures."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import field, frozen
from werkzeug.exceptions import HTTPException
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

from ..errors import InvalidRequest

__all__ = ["Form", "FormFile", "is_form", "parse_form"]

MOST_PARTS = 100

MOST_FIELD_BYTES = 1024 * 1024
"""Of one field that is no file."""

MOST_HEAD_BYTES = 16 * 1024
"""Of a part's headers, and of whatever stands before the first part."""

PIECE_BYTES = 256 * 1024
"""The decoder's searches hold Python's global lock, so it is given this much at a time."""


@frozen
class FormFile:
    """A file of a form: the name of its field, the file's own name, and what is in it."""

    key: str
    name: str
    data: bytes = field(repr=False)


@frozen
class Form:
    """A form's fields (of several with one name, the last) and files, in their order."""

    fields: dict[str, str]
    files: tuple[FormFile, ...]


def is_form(content_type: str) -> bool:
    """Whether a body of this content type is such a form."""
    return parse_options_header(content_type)[0].lower() == "multipart/form-data"


def parse_form(content_type: str, body: bytes) -> Form:
    """The form in *body*, whole. The body's own limit bounds what it takes.

    :raises InvalidRequest: it is no form, or breaks off.
    """
    boundary = parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise InvalidRequest("The form's content type names no boundary.")
    fields: dict[str, str] = {}
    files = []
    try:
        for head, data in _parts(boundary.encode("latin-1", "replace"), body):
            if isinstance(head, File):
                files.append(FormFile(head.name, head.filename, data))
            elif len(data) > MOST_FIELD_BYTES:
                raise InvalidRequest(f"{head.name[:100]} is too long.", param=head.name[:100])
            else:
                fields[head.name] = data.decode("utf-8", "replace")
    except (ValueError, HTTPException):
        raise InvalidRequest("The request body is not a valid multipart form.") from None
    return Form(fields, tuple(files))


def _parts(boundary: bytes, body: bytes) -> Iterator[tuple[Field | File, bytes]]:
    """:raises ValueError: the form breaks off, or is none."""
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
    """All events of the decoder but NeedData.

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
