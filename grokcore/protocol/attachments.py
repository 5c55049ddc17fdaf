"""Pictures and files in a request: the parts as clients write them, and what of them Grok is given.

Every client has its own way (tried out in 2026): ``image_url`` with an object or a bare string, ``input_image`` and
``input_file`` of the Responses API, ``file`` with ``file_data``. All say a URL: ``data:``, ``https:`` or ``http:``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from ..errors import AttachmentRefused, ContextLengthExceeded
from .media import extension_of, sniff

__all__ = [
    "ATTACHMENT_PARTS",
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

ATTACHMENT_PARTS = frozenset({"image_url", "input_image", "file", "input_file"})

_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/heic", "image/avif"})
_FILES = _PICTURES | {"application/pdf", "text/plain"}

_NOT_IN_NAMES = re.compile(r"[^\w. ()+-]+")


@frozen
class AttachmentPart:
    """A part of a message that names a picture or file.

    :ivar picture: whether it must be a picture.
    :ivar url: a ``data:`` URL, or where it is on the web. (A picture may be private; a URL may hold a secret.)
    :ivar name: what the client calls it; may be empty.
    :ivar path: where it stands in the request, for messages.
    :ivar data: what is in it, if it came along with the request; there is no URL then.
    """

    picture: bool
    url: str = field(repr=False)
    name: str
    path: str
    data: bytes = field(default=b"", repr=False)


@frozen
class Attachment:
    """A picture or file, as Grok will be given it. *path* as in :class:`AttachmentPart`."""

    data: bytes = field(repr=False)
    media_type: str
    name: str
    path: str


def parse_attachment_part(kind: str, part: Mapping[str, Any], path: str) -> AttachmentPart:
    """A part of a message whose type is one of :data:`ATTACHMENT_PARTS`.

    :raises AttachmentRefused: it names nothing that could be attached.
    """
    picture = kind in ("image_url", "input_image")
    inner = part.get("image_url" if picture else "file", part)
    fields = {"url": inner} if isinstance(inner, str) else inner if isinstance(inner, dict) else {}
    names = ("url",) if picture else ("file_data", "file_url", "url")
    url = next((value for name in names if isinstance(value := fields.get(name), str) and value.strip()), None)
    if url is None:
        hint = " Files that were uploaded before (file_id) are not known here." if "file_id" in fields else ""
        wanted = "image_url.url" if picture else "file.file_data"
        raise AttachmentRefused(f"{path}: {wanted} must be a data: or https: URL.{hint}", param=path)
    name = fields.get("filename")
    return AttachmentPart(picture, _as_url(url.strip(), picture=picture), name if isinstance(name, str) else "", path)


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


def _as_url(text: str, *, picture: bool) -> str:
    """Some clients send the bare base64 of a file."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", text):
        return text
    return text if picture else f"data:;base64,{text}"


def _file_name(part: AttachmentPart, media_type: str) -> str:
    """A name that Grok and a file system can live with, with the ending of what it really is."""
    extension = extension_of(media_type)
    stem = _NOT_IN_NAMES.sub("_", part.name.rpartition("/")[2]).strip(" ._")[:80]
    if not stem:
        return f"{'image' if media_type in _PICTURES else 'file'}{extension}"
    known = stem.lower().endswith((extension, ".jpeg" if extension == ".jpg" else extension))
    text = media_type == "text/plain" and "." in stem  # notes.md, main.py: texts of all kinds keep theirs
    return stem if known or text else f"{stem}{extension}"
