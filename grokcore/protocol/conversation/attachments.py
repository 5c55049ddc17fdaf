"""Pictures and files as Grok gets them: their kinds, names and limits.

How requests name them: :mod:`grokcore.protocol.dialects.attachment_parts`.
"""

from __future__ import annotations

import binascii
import re

from attrs import field, frozen

from ...errors import AttachmentRefused, ContextLengthExceeded
from ..media_types import extension_of
from .attachment_part import AttachmentPart
from .media import sniff
from .text_encodings import declared_charset, guessed_encoding, in_utf8

__all__ = [
    "MOST_BYTES",
    "MOST_BYTES_IN_ALL",
    "Attachment",
    "attachment_of",
    "is_base64_of_a_file",
    "picture_url",
    "text_attachment",
]

MOST_BYTES = 20 * 1024 * 1024
MOST_BYTES_IN_ALL = 64 * 1024 * 1024
"""Bytes of one attachment, and of all in a request, after decoding."""

_PICTURES = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/heic", "image/avif"}
)
_FILES = _PICTURES | {"application/pdf", "text/plain"}

_WEB_OR_DATA = re.compile(r"(?:data|https?):", re.IGNORECASE)
_PLAIN_BASE64 = str.maketrans("-_", "+/")

_HEAD_CHARS = 400
"""Characters of base64 that are enough to recognise a kind of file."""

_NOT_IN_NAMES = re.compile(r"[^\w. ()+-]+")

_DATA_URL_HINT = " Send it as a data: URL (data:image/png;base64,…) or an https: URL."
"""For a bare text that was taken for base64: a path can look like it."""


@frozen
class Attachment:
    """A picture or file, as it goes up to Grok. *path* as in :class:`AttachmentPart`."""

    data: bytes = field(repr=False)
    media_type: str
    name: str
    path: str


def attachment_of(part: AttachmentPart, data: bytes) -> Attachment:
    """The attachment that *part* names; its first bytes decide on its kind.

    :raises AttachmentRefused: if Grok does not take this kind; the message names it.
    """
    if not part.picture and (text := in_utf8(data, declared_charset(part.url))) is not None:
        data = text
    media_type = sniff(data)
    if media_type is None and not part.picture and (encoding := guessed_encoding(data)):
        message = (
            f"{part.path} looks like a text in {encoding}. Save it as UTF-8 and send it again."
        )
        raise AttachmentRefused(message, param=part.path)
    taken = _PICTURES if part.picture else _FILES
    if media_type not in taken:
        what = f"is {media_type}" if media_type else "is of no known kind"
        wanted = (
            "a picture (PNG, JPEG, GIF, WebP)" if part.picture else "a picture, a PDF or a text"
        )
        hint = _DATA_URL_HINT if part.url.startswith("data:;") else ""
        raise AttachmentRefused(
            f"{part.path} {what}; only {wanted} can be attached.{hint}", param=part.path
        )
    return Attachment(data, media_type, _file_name(part, media_type), part.path)


def text_attachment(text: str, name: str, path: str) -> Attachment:
    """A text that this server made, as a file.

    :raises ContextLengthExceeded: if it is longer than a file may be.
    """
    data = text.encode("utf-8", "replace")
    if len(data) > MOST_BYTES:
        raise ContextLengthExceeded(f"{path} are more than {MOST_BYTES >> 20} MB of text.")
    return Attachment(data, "text/plain", name, path)


def picture_url(text: str) -> str:
    """The URL of a picture as a client wrote it: a URL, or the bare base64 of the picture.

    :raises ValueError: if it is neither; the message gives the forms, and quotes nothing.
    """
    if _WEB_OR_DATA.match(text):
        return text
    if is_base64_of_a_file(text):
        return f"data:;base64,{text}"
    raise ValueError(
        "a picture must be a data: or https: URL (data:image/png;base64,…), or its base64."
    )


def is_base64_of_a_file(text: str) -> bool:
    """Whether *text* begins as the base64 of a picture or another known file does; a text file does
    not count.
    """
    head = "".join(text[:_HEAD_CHARS].split()).translate(_PLAIN_BASE64)
    head = head[: len(head) // 4 * 4]
    try:
        return sniff(binascii.a2b_base64(head, strict_mode=True)) not in (None, "text/plain")
    except (binascii.Error, ValueError):
        return False


def _file_name(part: AttachmentPart, media_type: str) -> str:
    """The client's name without special characters, with the ending of the file's real kind."""
    extension = extension_of(media_type)
    stem = _NOT_IN_NAMES.sub("_", part.name.rpartition("/")[2]).strip(" ._")[:80]
    if not stem:
        return f"{'image' if media_type in _PICTURES else 'file'}{extension}"
    known = stem.lower().endswith((extension, ".jpeg" if extension == ".jpg" else extension))
    # Texts of all kinds keep their ending: notes.md, main.py.
    text = media_type == "text/plain" and "." in stem
    return stem if known or text else f"{stem}{extension}"
