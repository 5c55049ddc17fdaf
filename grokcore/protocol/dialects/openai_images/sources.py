"""The pictures that an image request is to edit: which of its fields hold them, and in which forms
(a pure part).

Clients differ in the name (``image``, ``images``, ``image[]``, ``image[0]``, ``image_1``,
``input_image`` …) and in the value: a file, a URL, bare base64, an object around one of these, or a
list.

Rules
-----
1. A field that can hold a picture is used or refused, never passed over.
2. Order: unnumbered fields as they came, then numbered ones by their number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import field, frozen

from ....errors import AttachmentRefused
from ...conversation.attachment_part import AttachmentPart
from ...conversation.attachments import picture_url
from ...conversation.media import sniff
from ...lenient_json import loads

__all__ = [
    "Fields",
    "FormFile",
    "holds_mask",
    "holds_picture",
    "is_absent",
    "refuse_stray_pictures",
    "sources_of",
]

SHORTEST_BASE64 = 60
"""Characters. A shorter text is some other word, or too small to be a picture."""

LONGEST_NAME = 200
"""Characters of a field's name that is looked at."""

MOST_DEPTH = 4
"""Lists and objects around one picture."""

_INDEX = r"(?:[._-]?\d++|\[[^\]]{0,40}\]|\.[a-z_]{1,40})*"
_NOUN = r"(?:image|img|picture|photo)s?"
_ROLE = r"(?:(?:input|init|source|src|reference|ref|original|base|edit)[_-]?)?"
_FORM = r"(?:[_-]?(?:url|uri|file|base64|b64|b64_json|data|input|path)s?)?"
_PICTURE = re.compile(f"{_ROLE}{_NOUN}{_FORM}{_INDEX}|input_reference{_INDEX}", re.IGNORECASE)
_UPLOADED = re.compile(rf"(?:{_ROLE}{_NOUN}[_-]?(?:file_)?|file_)ids?{_INDEX}", re.IGNORECASE)
_MASK = re.compile(
    rf"(?:mask|markup)s?(?:[_-]?{_NOUN})?{_FORM}{_INDEX}|{_NOUN}[_-]?masks?{_FORM}{_INDEX}",
    re.IGNORECASE,
)
# The last step of a form's name for an object's member: image[0][type]. It says something about a
# picture, and is none.
_REMARK = re.compile(
    r".*(?:\[|\.)(?:type|detail|filename|name|mime_?type|media_?type)\]?", re.IGNORECASE | re.DOTALL
)
_MENTION = re.compile(_NOUN, re.IGNORECASE)
_NUMBER = re.compile(r"\d+")

_INSIDE = (
    *(
        "image_url",
        "input_image",
        "url",
        "uri",
        "b64_json",
        "base64",
        "b64",
        "data",
        "file_data",
        "image",
        "source",
    ),
    *("inline_data", "inlineData", "content"),
)
"""Keys under which an object holds its picture, the likeliest first: those of OpenAI, xAI,
Anthropic, Gemini.
"""

_NOTHING = frozenset({"", "none", "null", "nil", "undefined"})
"""Words that languages write into a form where a value is missing."""

HINT = "A picture is a file, a data: or https: URL, or base64."


@frozen
class FormFile:
    """A file of a form: the file's own name, which may be empty, and its content."""

    name: str
    data: bytes = field(repr=False)


Fields: TypeAlias = Sequence[tuple[str, Any]]
"""Names and values in the order in which they came; a form may have a name several times. Values
are JSON values, or strings and :class:`FormFile` from a form."""


def is_absent(value: object) -> bool:
    """Whether a value stands for no value at all: null, nothing, an unchosen file, or a word such
    as ``None``.
    """
    if isinstance(value, FormFile):
        return not value.name and not value.data
    if isinstance(value, str):
        return len(value) <= 100 and value.strip().lower() in _NOTHING
    return value is None or value in ([], {})


def holds_picture(name: str) -> bool:
    """Whether a field of this name holds a picture, or several."""
    return (
        len(name) <= LONGEST_NAME and bool(_PICTURE.fullmatch(name)) and not _REMARK.fullmatch(name)
    )


def holds_mask(name: str) -> bool:
    """Whether a field of this name says which part of a picture is to be edited."""
    return len(name) <= LONGEST_NAME and bool(_MASK.fullmatch(name))


def sources_of(fields: Fields) -> tuple[AttachmentPart, ...]:
    """The pictures of a request, in their order.

    :raises AttachmentRefused: a field of this kind holds no picture; ``param`` names it.
    """
    for name, value in fields:
        if _UPLOADED.fullmatch(name) and not is_absent(value):
            raise AttachmentRefused(
                f"{name}: pictures that were uploaded before are not known here. {HINT}", param=name
            )
    named = [(name, value) for name, value in fields if holds_picture(name)]
    ordered = sorted(named, key=lambda item: _number_in(item[0]))
    flat = [part for name, value in _numbered(ordered) for part in _pictures(value, name, 0)]
    return tuple(flat)


def refuse_stray_pictures(fields: Iterable[tuple[str, Any]]) -> None:
    """Refuse a field that holds a picture and is not read as one: the answer would ignore it.

    :raises AttachmentRefused: with that field in ``param``.
    """
    for name, value in fields:
        if _has_picture(value, 0, named=bool(_MENTION.search(name[:100]))):
            shown = name[:100]
            raise AttachmentRefused(
                f"{shown} holds a picture or file. Send it as image.", param=shown
            )


def _number_in(name: str) -> int:
    found = _NUMBER.search(name.lower().replace("base64", "").replace("b64", ""))
    return int(found[0]) if found else -1


def _numbered(fields: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The fields; those that share a name get a number, by which a message can name one of
    them.
    """
    items = list(fields)
    times = Counter(name for name, _ in items)
    seen: dict[str, int] = {}
    for name, value in items:
        if times[name] == 1:
            yield name.removesuffix("[]"), value
        else:
            seen[name] = seen.get(name, -1) + 1
            yield f"{name.removesuffix('[]')}[{seen[name]}]", value


def _pictures(value: Any, path: str, depth: int) -> Iterator[AttachmentPart]:
    if is_absent(value) or value is False:
        return
    if depth > MOST_DEPTH:
        raise AttachmentRefused(f"{path} is nested too deeply. {HINT}", param=path)
    match value:
        case FormFile(name, data):
            yield _from_file(name, data, path)
        case str():
            yield from _from_text(value, path, depth)
        case list():
            for index, item in enumerate(value):
                yield from _pictures(item, f"{path}[{index}]", depth + 1)
        case dict() if all(key.isdecimal() for key in value):  # a list, as PHP writes one with gaps
            for key in sorted(value, key=lambda key: (len(key), key)):
                yield from _pictures(value[key], f"{path}[{key}]", depth + 1)
        case dict():
            yield from _pictures(_inside(value, path), path, depth + 1)
        case _:
            raise AttachmentRefused(f"{path} is no picture. {HINT}", param=path)


def _inside(value: Mapping[str, Any], path: str) -> Any:
    said = {key: one for key, one in value.items() if not is_absent(one) and one is not False}
    found = next((said[key] for key in _INSIDE if key in said), None)
    if found is None:
        uploaded = "file_id" in value or "id" in value
        why = (
            "pictures that were uploaded before (file_id) are not known here"
            if uploaded
            else "there is no picture in it"
        )
        raise AttachmentRefused(f"{path}: {why}. {HINT}", param=path)
    return found


def _from_text(text: str, path: str, depth: int) -> Iterator[AttachmentPart]:
    """A URL or base64; or, in a field of a form, JSON with pictures in it."""
    if text.lstrip()[:1] not in ("[", "{"):
        yield AttachmentPart(picture=True, url=_url(text, path), name="", path=path)
        return
    try:
        value = loads(text.encode())
    except ValueError:
        raise AttachmentRefused(
            f"{path} begins like JSON and is none. {HINT}", param=path
        ) from None
    yield from _pictures(value, path, depth + 1)


def _from_file(name: str, data: bytes, path: str) -> AttachmentPart:
    """The picture in a file. A text file may hold a URL or base64: some libraries send every field
    as a file.
    """
    if not data:
        raise AttachmentRefused(f"{path} is an empty file.", param=path)
    if data.isascii() and sniff(data[:100]) == "text/plain":
        try:
            return AttachmentPart(
                picture=True, url=picture_url(data.decode("ascii").strip()), name="", path=path
            )
        except ValueError:
            pass
    return AttachmentPart(picture=True, url="", name=name, path=path, data=data)


def _url(text: str, path: str) -> str:
    try:
        return picture_url(text.strip())
    except ValueError as error:
        raise AttachmentRefused(f"{path}: {error}", param=path) from None


def _has_picture(value: Any, depth: int, *, named: bool) -> bool:
    """Whether there is a picture or file in *value*; an address counts only if the field is *named*
    for one.
    """
    match value:
        case FormFile(_, data):
            return bool(data)
        case str():
            address = value[:20].lstrip().lower().startswith(("http://", "https://"))
            return (named and address) or _is_picture(value)
        case list() | dict() if depth <= MOST_DEPTH:
            items = value.values() if isinstance(value, dict) else value
            return any(_has_picture(item, depth + 1, named=named) for item in items)
    return False


def _is_picture(text: str) -> bool:
    if text[:20].lstrip().lower().startswith("data:"):
        return "," in text[:200]
    try:
        return len(text) >= SHORTEST_BASE64 and picture_url(text).startswith("data:")
    except ValueError:
        return False
