"""The picture or file that a part of a message names, in every shape in which clients write one.

Shapes (2026): ``image_url`` as an object or a string and ``file`` with ``file_data`` (OpenAI's chat
API); ``image_url``, ``file_data`` and ``file_url`` beside ``type`` (its Responses API); ``source``
with ``data`` and ``media_type`` or with ``url`` (Anthropic); ``image`` or ``data`` with
``mediaType`` (AI SDK); ``source_type``, and ``base64`` with ``mime_type`` (LangChain);
``inline_data`` and ``file_data`` as objects (Gemini); ``data`` with ``mimeType``, and ``resource``
with ``blob`` (MCP). A shape is recognised by its keys, never by the part's type alone.

A part names a URL (``data:``, ``https:``, ``http:``) or holds bare base64.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import field, frozen

from ...errors import AttachmentRefused
from ..conversation.attachment_part import AttachmentPart
from ..conversation.attachments import is_base64_of_a_file

__all__ = [
    "FILE_ID_KEYS",
    "MEDIA_TYPE_KEYS",
    "NAME_KEYS",
    "NO_FILE_IDS",
    "PLACE_KEYS",
    "Place",
    "attachment_at",
    "find_place",
]

PLACE_KEYS = (
    *(
        "image_url",
        "image",
        "source",
        "file",
        "resource",
        "inline_data",
        "inlineData",
        "file_data",
        "fileData",
    ),
    *(
        "file_url",
        "url",
        "file_uri",
        "fileUri",
        "data",
        "base64",
        "b64_json",
        "blob",
        "bytes",
        "uri",
    ),
)
"""Keys under which a part may hold its content or address, or an object with one of these keys. The
first key that leads to a text counts.
"""

FILE_ID_KEYS = ("file_id", "fileId", "image_file", "reference")

NAME_KEYS = ("filename", "file_name", "fileName", "name", "title")
MEDIA_TYPE_KEYS = ("mediaType", "mimeType", "mime_type", "media_type", "contentType")
_NO_CONTENT = frozenset({*MEDIA_TYPE_KEYS, "type", "detail", "format", "uri", "id", "annotations"})
_MOST_DEPTH = 4

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-][A-Za-z0-9+/_\s-]*={0,2}\s*")
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")

NO_FILE_IDS = (
    "Files that were uploaded before (file_id) are not known here: send the content itself."
)


@frozen
class Place:
    """Where a part has its content.

    :ivar text: a URL or base64, without white space at its ends; empty if the part names nothing.
    :ivar media_type: as the client states it, in lower case; may be empty.
    :ivar name: what the client calls it; may be empty.
    :ivar key: the key of the part that led there.
    :ivar by_id: whether the part names a file that was uploaded elsewhere.
    :ivar beside: keys within the object under *key* whose values were not read.
    """

    text: str = field(default="", repr=False)
    media_type: str = ""
    name: str = ""
    key: str = ""
    by_id: bool = False
    beside: tuple[str, ...] = ()


def find_place(part: Mapping[str, Any]) -> Place:
    """The place that *part* names."""
    key, trail = _trail(part, 0)
    if not trail:
        inner = [value for key in PLACE_KEYS if isinstance(value := part.get(key), dict)]
        return Place(name=_word([part, *inner], NAME_KEYS), by_id=_names_a_file_id(part, 0))
    holders = [holder for holder in reversed(trail) if isinstance(holder, dict)]
    media_type = _word(holders, MEDIA_TYPE_KEYS).partition(";")[0].strip().lower()
    name = _word(holders, NAME_KEYS)
    beside = tuple(found for holder in holders[:-1] for found in _beside(holder, name))
    return Place(trail[-1].strip(), media_type, name, key, beside=beside)


def _beside(holder: Mapping[str, Any], name: str) -> Iterator[str]:
    """Keys of an object within a part that have a value, and are not read."""
    used, _ = _trail(holder, 1)
    for key, value in holder.items():
        read = key == used or key in _NO_CONTENT or (key in NAME_KEYS and value == name)
        if not read and isinstance(value, str | list | dict) and value:
            yield key


def attachment_at(place: Place, path: str, *, picture: bool) -> AttachmentPart:
    """The picture or file at *place*.

    :raises AttachmentRefused: if the place holds no URL and no base64.
    """
    url = _as_url(place)
    if picture and not _SCHEME.match(place.text) and not is_base64_of_a_file(place.text):
        url = ""
    if not url:
        wanted = "the picture" if picture else "the file"
        hint = f" {NO_FILE_IDS}" if place.by_id else ""
        raise AttachmentRefused(
            f"{path}: {wanted} must be a data: or https: URL, or base64.{hint}", param=path
        )
    return AttachmentPart(picture, url, place.name, path)


def _trail(value: Any, depth: int) -> tuple[str, list[Any]]:
    """The first key, and the way from *value* to a text that is not blank: objects, then the
    text.
    """
    if not isinstance(value, dict) or depth > _MOST_DEPTH:
        return "", [value] if isinstance(value, str) and value.strip() else []
    for key in PLACE_KEYS:
        if value.get(key) is not None:
            _, trail = _trail(value[key], depth + 1)
            if trail:
                return key, [value, *trail]
    return "", []


def _word(holders: list[Any], keys: tuple[str, ...]) -> str:
    """The first text under one of *keys* in one of *holders*."""
    words = (holder.get(key) for holder in holders for key in keys)
    return next((word for word in words if isinstance(word, str) and word), "")


def _names_a_file_id(value: Any, depth: int) -> bool:
    if not isinstance(value, dict) or depth > _MOST_DEPTH:
        return False
    return any(value.get(key) for key in FILE_ID_KEYS) or any(
        _names_a_file_id(value.get(key), depth + 1) for key in PLACE_KEYS
    )


def _as_url(place: Place) -> str:
    """The URL at *place*; bare base64 becomes a ``data:`` URL. Empty if the text is neither."""
    if not place.text or _SCHEME.match(place.text):
        return place.text
    if not _BASE64.fullmatch(place.text[:200]):
        return ""
    media_type = place.media_type if _MEDIA_TYPE.fullmatch(place.media_type) else ""
    return f"data:{media_type};base64,{place.text}"
