"""The parts of a message's content, of every dialect and SDK, read by the table of
:mod:`grokcore.protocol.dialects.part_table`.

Rules
-----
1. *Strict with the question*: in the user's last turn a part that can't be passed on is refused.
   The message has its path and a hint how to send it instead.
2. *Mild with history*: everywhere else (earlier turns; the assistant's, a tool's, the system's)
   nothing is refused, since a client sends its history again with every question. Thinking is
   dropped. Another part that can't be passed on leaves a note in its place: ``[audio]``,
   ``[file x.pdf]``, or its type in brackets.
3. Nothing vanishes silently: each field or part that does not reach Grok gives a :class:`Dropped`
   with a name for the response header.
4. A part is known by its type, else by its keys: ``{"text": "x"}`` is a text, ``{"image_url": …}``
   a picture. ``null`` is the same as absent. A part alone stands for a list with that part.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, assert_never

from attrs import evolve, frozen

from ...errors import AttachmentRefused, InvalidRequest
from ..conversation.attachment_part import AttachmentPart
from ..conversation.messages import Call
from .attachment_parts import (
    FILE_ID_KEYS,
    MEDIA_TYPE_KEYS,
    NAME_KEYS,
    NO_FILE_IDS,
    PLACE_KEYS,
    attachment_at,
    find_place,
)
from .part_table import TABLE, Becomes, Row, row_of_type

__all__ = ["Dropped", "Piece", "Result", "as_json", "parse_call", "parse_parts", "text_of"]


_CALL_IDS = ("call_id", "toolCallId", "tool_call_id", "tool_use_id", "id")
_TOOL_NAMES = ("name", "toolName", "tool_name")
_ARGUMENTS = ("arguments", "input", "args", "parameters")
_RETURNED = ("content", "output", "result")
_MEANS_NOTHING = frozenset(
    {
        *(
            "type",
            "id",
            "index",
            "cache_control",
            "prompt_cache_breakpoint",
            "detail",
            "citations",
            "annotations",
        ),
        *(
            "logprobs",
            "status",
            "phase",
            "caller",
            "signature",
            "providerOptions",
            "providerMetadata",
            "extras",
        ),
        *("format", "source_type", "transformations", "retrieved_at", "page_age", "file_type"),
        *MEDIA_TYPE_KEYS,
        *("encrypted_content", "encrypted_stdout", "stop_reason", "toolset_name", "server_name"),
    }
)
"""Keys of a part that hold none of its content."""

_TITLES = ("title", "name", "filename", "context")
"""Of a document that is text."""

_MOST_DEPTH = 6
"""How deep parts may be nested in results of tools and in documents. Deeper ones are shown as
JSON.
"""


@frozen
class Result:
    """The result of a tool. *call_id* and *name* may be empty."""

    call_id: str
    name: str
    error: bool
    pieces: tuple[Piece, ...]


@frozen
class Dropped:
    """A mark for a field or part that does not reach Grok; *name* is for the response header."""

    name: str


Piece: TypeAlias = "str | AttachmentPart | Call | Result | Dropped"


@frozen
class _Where:
    """The place of a value in the request.

    :ivar strict: whether a part that can't be passed on is refused there, rather than noted.
    :ivar depth: in how many parts it is nested.
    """

    path: str
    strict: bool
    depth: int = 0

    def at(self, step: str) -> _Where:
        return evolve(self, path=f"{self.path}{step}")

    def within(self, step: str) -> _Where:
        return evolve(self, path=f"{self.path}{step}", depth=self.depth + 1)


def parse_parts(value: Any, path: str, *, strict: bool) -> list[Piece]:
    """The content of a message: null, a string, a part, or a list of parts.

    :param path: where it stands in the request.
    :param strict: whether a part that can't be passed on is refused, rather than noted.
    :raises InvalidRequest: it is no content; only if *strict*.
    :raises AttachmentRefused: a part can't be passed on; only if *strict*.
    """
    return list(_content(value, _Where(path, strict)))


def parse_call(value: Mapping[str, Any], kind: str) -> Iterator[Piece]:
    """A call in any dialect: flat, or within ``function`` or ``custom``.

    :param kind: the first part of the names for keys that were not read.
    """
    within = next((key for key in ("function", "custom") if isinstance(value.get(key), dict)), "")
    inner = value[within] if within else value
    read = (_word_key(inner, _TOOL_NAMES), _key(inner, _ARGUMENTS))
    call_id = _word_key(value, _CALL_IDS)
    name, arguments = (text_of(inner.get(key)) for key in read)
    yield Call(text_of(value.get(call_id)), name, arguments)
    yield from _unread(value, (within, call_id, *(() if within else read)), kind)
    if within:
        yield from _unread(inner, read, kind)


def text_of(value: Any) -> str:
    """A text as it is, nothing as an empty one, and all else as JSON."""
    return "" if value is None else value if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str:
    """*value* as JSON for a transcript."""
    return json.dumps(value, ensure_ascii=False)


# One part ---------------------------------------------------------------------------------------


def _content(value: Any, where: _Where) -> Iterator[Piece]:
    if value is None:
        return
    if where.strict and not isinstance(value, str | dict | list):
        message = f"{where.path} must be a string or a list of parts."
        raise InvalidRequest(message, param=where.path)
    if where.depth > _MOST_DEPTH:
        yield as_json(value)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _part(part, where.at(f"[{index}]"))
    else:
        yield from _part(value, where)


def _part(value: Any, where: _Where) -> Iterator[Piece]:
    if value is None or isinstance(value, str):
        yield value or ""
    elif isinstance(value, dict):
        yield from _object(value, where)
    elif where.strict:
        message = f"{where.path} must be a part with a type, such as text."
        raise InvalidRequest(message, param=where.path)
    else:
        yield as_json(value)


def _object(part: Mapping[str, Any], where: _Where) -> Iterator[Piece]:
    row = _row_of(part, strict=where.strict)
    if row is None:
        yield from _of_unknown_type(part, where)
        return
    match row.becomes:
        case Becomes.TEXT:
            yield from _text(row, part, where)
        case Becomes.PICTURE | Becomes.FILE:
            yield from _attachment(part, where, picture=row.becomes is Becomes.PICTURE)
        case Becomes.CALL:
            yield from parse_call(part, f"parts.{_type_of(part)}")
        case Becomes.RESULT:
            yield from _result(part, where)
        case Becomes.DROPPED | Becomes.NOTE:
            yield from _left_out(row, _type_of(part), where)
        case _ as never:
            assert_never(never)


def _type_of(part: Mapping[str, Any]) -> str:
    kind = part.get("type")
    return kind.strip() if isinstance(kind, str) else ""


def _row_of(part: Mapping[str, Any], *, strict: bool) -> Row | None:
    """The row for a part, by its type; by its keys if it has no type."""
    kind = _type_of(part)
    if kind:
        return row_of_type(kind)
    return None if part.get("type") is not None else _row_by_keys(part, strict=strict)


def _row_by_keys(part: Mapping[str, Any], *, strict: bool) -> Row | None:
    """The row for an object without a type. Unless *strict*, an object with further keys is no
    part: a tool may have returned it, and it is shown in full.
    """
    if "text" in part:
        return (
            TABLE["text"] if strict or _MEANS_NOTHING.issuperset(part.keys() - {"text"}) else None
        )
    place = find_place(part)
    if not place.text or not (strict or place.text.startswith("data:") or "inline" in place.key):
        return TABLE["file"] if strict and place.by_id else None
    picture = place.key in ("image_url", "image") or place.media_type.startswith("image/")
    return TABLE["image" if picture else "file"]


def _text(row: Row, part: Mapping[str, Any], where: _Where) -> Iterator[Piece]:
    pieces = [
        piece
        for key in row.fields
        for piece in _words(part.get(key), where.within(f".{key}"), where.path)
    ]
    unread = list(_unread(part, row.fields))
    if where.strict and unread and not any(pieces):
        raise _no_text(where.path)
    beside = next((key for key in PLACE_KEYS if key not in row.fields and part.get(key)), None)
    if where.strict and beside:
        message = (
            f"{where.path} has {beside} beside its text: make it a part of its own, of "
            "type image_url or file."
        )
        raise InvalidRequest(message, param=where.path)
    yield from (
        [f"[{row.note} {piece}]" for piece in pieces if isinstance(piece, str)]
        if row.note
        else pieces
    )
    yield from unread


def _words(value: Any, where: _Where, part: str) -> Iterator[Piece]:
    """The text under a key of the part at path *part*: a string, or parts again; in the history
    any JSON.
    """
    if (
        isinstance(value, dict)
        and isinstance(value.get("value"), str)
        and _TEXT_OBJECT.issuperset(value)
    ):
        yield value["value"]
    elif value is None or isinstance(value, str):
        yield value or ""
    elif _are_parts(value, strict=where.strict):
        yield from _content(value, where)
    elif where.strict:
        raise _no_text(part)
    else:
        yield as_json(value)


_TEXT_OBJECT = frozenset({"value", "type", "annotations", "providerOptions"})
"""Keys of ``{"value": "words"}``, as OpenAI's assistants and AI SDK's tools have it."""


def _no_text(path: str) -> InvalidRequest:
    return InvalidRequest(f"{path} must have its text as a string.", param=path)


def _are_parts(value: Any, *, strict: bool) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str | dict) for item in value)
    return isinstance(value, dict) and _row_of(value, strict=strict) is not None


def _attachment(part: Mapping[str, Any], where: _Where, *, picture: bool) -> Iterator[Piece]:
    text = _text_of_document(part, where)
    if text is not None:
        yield from text
        return
    place = find_place(part)
    sort = place.media_type.partition("/")[0]
    if sort in ("audio", "video"):
        yield from _left_out(TABLE[sort], sort, where)
        return
    picture = picture or sort == "image"
    try:
        yield attachment_at(place, where.path, picture=picture)
    except AttachmentRefused:
        if where.strict:
            raise
        yield AttachmentPart(picture, "", place.name, where.path)
    if isinstance(part.get("context"), str):
        yield part["context"]
    # A part that names nothing is reported as a file.
    read = (place.key,) if place.key else (*PLACE_KEYS, *FILE_ID_KEYS)
    names = (key for key in NAME_KEYS if part.get(key) == place.name)
    yield from _unread(
        part, (*read, *names, *(("context",) if isinstance(part.get("context"), str) else ()))
    )
    yield from (Dropped(f"parts.{_type_of(part)}.{key}") for key in place.beside)


def _text_of_document(part: Mapping[str, Any], where: _Where) -> list[Piece] | None:
    """A document whose content is words, or parts; None if it is a file."""
    titles = [key for key in _TITLES if isinstance(part.get(key), str)]
    for key in ("source", "resource", "data"):
        source = part.get(key)
        if not isinstance(source, dict):
            continue
        kind = source.get("type")
        name = (
            "content"
            if kind == "content"
            else "data"
            if kind == "text" and "data" in source
            else "text"
        )
        if kind in ("text", "content") or (
            key == "resource" and isinstance(source.get("text"), str)
        ):
            words = _words(source.get(name), where.within(f".{key}.{name}"), where.path)
            unread = (
                *_unread(part, (key, *titles)),
                *_unread(source, (name, "uri"), f"parts.{_type_of(part)}"),
            )
            return [*map(part.__getitem__, titles), *words, *unread]
    if part.get("source_type") == "text" and isinstance(part.get("text"), str):
        return [*map(part.__getitem__, titles), part["text"], *_unread(part, ("text", *titles))]
    return None


def _result(part: Mapping[str, Any], where: _Where) -> Iterator[Piece]:
    """The result of a tool: never refused, since clients send it again until the assistant has
    answered to it.
    """
    key = _key(part, _RETURNED)
    call_id, name = _word_key(part, _CALL_IDS[:-1]), _word_key(part, _TOOL_NAMES)
    inner = evolve(where.within(f".{key}"), strict=False)
    pieces = tuple(_words(part.get(key), inner, where.path)) if key else ()
    failed = any(part.get(flag) is True for flag in ("is_error", "isError"))
    yield Result(text_of(part.get(call_id)), text_of(part.get(name)), failed, pieces)
    yield from _unread(part, (key, call_id, name))


def _left_out(row: Row, kind: str, where: _Where) -> Iterator[Piece]:
    if where.strict:
        message = f"{where.path}: a part of type {kind[:40]} can't be passed on. {row.hint}"
        raise AttachmentRefused(message, param=where.path)
    if row.note:
        yield f"[{row.note}]"
    yield Dropped(f"parts.{kind}")


def _of_unknown_type(part: Mapping[str, Any], where: _Where) -> Iterator[Piece]:
    """A part of an unknown type: its text is taken, if it has one, and the rest is named."""
    kind = _type_of(part)
    text = part.get("text")
    if kind and isinstance(text, str) and text:
        yield text
    elif where.strict:
        hint = (
            NO_FILE_IDS if find_place(part).by_id else "Send parts of type text, image_url or file."
        )
        message = f"{where.path} must be a part with a known type, such as text. {hint}"
        raise InvalidRequest(message, param=where.path)
    elif kind:
        yield f"[{kind[:40]}]"
    else:
        yield as_json(part)
        return
    yield Dropped(f"parts.{kind}")


def _unread(part: Mapping[str, Any], read: tuple[str, ...], kind: str = "") -> Iterator[Dropped]:
    """Marks for keys of a known part whose values were not read."""
    for key, value in part.items():
        if (
            key not in read
            and key not in _MEANS_NOTHING
            and isinstance(value, str | list | dict)
            and value
        ):
            yield Dropped(f"{kind or f'parts.{_type_of(part)}'}.{key}")


def _key(holder: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """The first of *keys* that is there; empty if none is."""
    return next((key for key in keys if holder.get(key) is not None), "")


def _word_key(holder: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """The first of *keys* under which there is a word: a text or a number."""
    return next((key for key in keys if isinstance(holder.get(key), str | int | float)), "")
