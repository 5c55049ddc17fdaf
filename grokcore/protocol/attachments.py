"""Pictures and files as Grok is given them: what they are, their names, their limits.

How requests name them is the matter of :mod:`grokcore.protocol.attachment_parts`.
"""

from __future__ import annotations

import re

from attrs import field, frozen

from ..errors import AttachmentRefused, ContextLengthExceeded
from .attachment_parts import AttachmentPart, parse_attachment_part
from .media import extension_of, sniff

__all__ = [
    "MOST_BYTES",
    "MOST_BYTES_IN_ALL",
    "Attachment",
    "AttachmentPart",
    "attachment_of",
    "parse_attachment_part",
    "text_attachment",
]

MOST_BYTES = 20 * 1024 * 1024
MOST_BYTES_IN_ALL = 64 * 1024 * 1024
"""Of one attachment, and of all in a request, as they are after decoding."""

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/heic", "image/avif"})
_FILES = _PICTURES | {"application/pdf", "text/plain"}

_NOT_IN_NAMES = re.compile(r"[^\w. ()+-]+")


@frozen
class Attachment:
    """A picture or file, as Grok will be given it. *path* as in :class:`AttachmentPart`."""

    data: bytes = field(repr=False)
    media_type: str
    name: str
    path: str


def attachment_of(part: AttachmentPart, data: bytes) -> Attachment:
    """What *part* turned out to be, by its first bytes.

    :raises AttachmentRefused: it is nothing that Grok takes; the message says what it is.
    """
    media_type = sniff(data)
    taken = _PICTURES if part.picture else _FILES
    if media_type not in taken:
        what = f"is {media_type}" if media_type else "is of no known kind"
        wanted = "a picture (PNG, JPEG, GIF, WebP)" if part.picture else "a picture, a PDF or a text"
        raise AttachmentRefused(f"{part.path} {what}; only {wanted} can be attached.", param=part.path)
    return Attachment(data, media_type, _file_name(part, media_type), part.path)


def text_attachment(text: str, name: str, path: str) -> Attachment:
    """A text of this server's own making, as a file.

    :raises ContextLengthExceeded: it is more than a file may hold.
    """
    data = text.encode("utf-8", "replace")
    if len(data) > MOST_BYTES:
        raise ContextLengthExceeded(f"{path} are more than {MOST_BYTES >> 20} MB of text.")
    return Attachment(data, "text/plain", name, path)


def _file_name(part: AttachmentPart, media_type: str) -> str:
    """A name that Grok and a file system can live with, with the ending of what it really is."""
    extension = extension_of(media_type)
    stem = _NOT_IN_NAMES.sub("_", part.name.rpartition("/")[2]).strip(" ._")[:80]
    if not stem:
        return f"{'image' if media_type in _PICTURES else 'file'}{extension}"
    known = stem.lower().endswith((extension, ".jpeg" if extension == ".jpg" else extension))
    text = media_type == "text/plain" and "." in stem  # notes.md, main.py: texts of all kinds keep theirs
    return stem if known or text else f"{stem}{extension}"
