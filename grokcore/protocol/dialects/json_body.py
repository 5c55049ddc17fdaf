"""A request's JSON body as an object, with a bound on what parsing it may cost.

Theory
------
A parsed value can take 35 times the memory of its text (``[[],[],…``), and parsing holds Python's
global lock. So the structure is counted before anything is parsed: each of ``, : [ {`` outside of
strings makes at most one value. In pictures nearly all bytes lie in a few long strings. These are
cut out first, and each is decoded in pieces; orjson sees a short skeleton with a mark in the place
of each.

Rules
-----
1. Bytes that are not UTF-8 are refused with their position; U+FFFD never replaces them. Half a
   surrogate pair in an escape becomes U+FFFD: JavaScript clients cut emoji in two.
2. Names are cut to :data:`MOST_NAME` characters, so that nothing behind has to compare or show
   longer ones.
3. No exception refers to the body or to values parsed from it.

Source of the figures: measured with orjson 3.13 on bodies of 94 MB.
"""

from __future__ import annotations

import codecs
import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from attrs import frozen

from ...errors import ContextLengthExceeded, InvalidRequest
from ..conversation.usage import CHARS_PER_TOKEN

__all__ = [
    "LARGE_BYTES",
    "MOST_DEPTH",
    "MOST_NAME",
    "MOST_STRUCTURE",
    "json_object",
    "structure_marks",
]

MOST_STRUCTURE = 200_000
"""Characters ``, : [ {`` outside of strings. A message of a conversation has five."""

MOST_DEPTH = 200
"""Arrays and objects within each other. Schemas of tools have some ten levels."""

MOST_NAME = 100
"""Characters of a field's name and of the model's."""

LARGE_BYTES = 1024 * 1024
"""Larger bodies are scanned in pieces of this size, and their long strings cut out."""

ESCAPED_BYTES = 64 * 1024
"""Bytes of a string with escapes that are scanned at once, in some 3 ms."""

LONG_STRING_BYTES = 4096

MOST_TEXT_BYTES = 24 * 1024 * 1024
"""Bytes of long strings that are text, in one body: six million tokens. Pictures in base64 are no
text.
"""

MOST_SKELETON_BYTES = 16 * 1024 * 1024
"""Bytes of a body outside of its long strings."""

_BOM = codecs.BOM_UTF8
_QUOTE, _BACKSLASH = b'"\\'

_OPENING = b"[{"
_CLOSING = b"]}"
_BRACKETS = _OPENING + _CLOSING
_NO_MARK = bytes(set(range(256)) - set(b",:" + _BRACKETS))
_STEP = tuple((byte in _OPENING) - (byte in _CLOSING) for byte in range(256))

_CONTROL = re.compile(rb"[\x00-\x1f]")

_INSIDE = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
"""The inside of a string, up to its closing quote."""

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape; its group is half a surrogate pair without the other half."""


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object that is *body*.

    :raises InvalidRequest: if it is not UTF-8, not JSON, no object, or has too much structure.
    :raises ContextLengthExceeded: if it has more text than any model reads.
    """
    body = body.removeprefix(_BOM)
    value = _parsed_small(body) if len(body) <= LARGE_BYTES else _parsed_large(body)
    if isinstance(value, dict):
        return _with_short_names(value)
    del value
    raise InvalidRequest("The request body must be a JSON object.")


def structure_marks(body: bytes) -> int:
    """An upper bound of the values in *body*, cheaply: it counts inside of strings as well."""
    return sum(map(body.count, (b",", b":", b"[", b"{")))


def _with_short_names(fields: dict[str, Any]) -> dict[str, Any]:
    fields = {name[:MOST_NAME]: value for name, value in fields.items()}
    model = fields.get("model")
    if isinstance(model, str):
        fields["model"] = model[:MOST_NAME]
    return fields


# Small bodies -----------------------------------------------------------------------------------


def _parsed_small(body: bytes) -> Any:
    if not body.strip():
        raise InvalidRequest("The request body is empty, so not valid JSON. Send a JSON object.")
    if structure_marks(body) > MOST_STRUCTURE or body.count(b"[") + body.count(b"{") > MOST_DEPTH:
        # Escaped quotes go first; every other part between quotes is outside of strings then.
        outside = body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
        _require_modest(b"".join(outside).translate(None, _NO_MARK))
    return _parsed(body, whole=body)


def _require_modest(marks: bytes) -> None:
    """Refuse too many values, or too many within each other.

    :param marks: each of ``, : [ ] { }`` outside of strings, in order.
    """
    if len(marks) - sum(map(marks.count, (b"]", b"}"))) > MOST_STRUCTURE:
        raise _too_much_structure()
    steps = map(_STEP.__getitem__, marks)
    if max(itertools.accumulate(steps), default=0) > MOST_DEPTH:
        raise InvalidRequest(f"The request body is nested more than {MOST_DEPTH} levels deep.")


def _too_much_structure() -> InvalidRequest:
    return InvalidRequest(
        f"The request body has too many values: more than {MOST_STRUCTURE} of , : [ {{ in all."
    )


# Large bodies -----------------------------------------------------------------------------------


@frozen
class _Span:
    """A long string: where its inside begins and ends in the body.

    :ivar text: whether it may be anything but base64; a character of its value may take four bytes
        then.
    """

    start: int
    end: int
    text: bool


def _parsed_large(body: bytes) -> Any:
    spans = _long_strings(body)
    skeleton, mark = _skeleton(body, spans)
    value = _parsed(skeleton, whole=body)
    if not spans:
        return value
    strings = {f"{mark}{index}": _string(body, span) for index, span in enumerate(spans)}
    return _put_back(value, strings)


def _long_strings(body: bytes) -> list[_Span]:
    """The long strings of a large body.

    :raises GrokApiError: if the body has too many values, too much text, or is nested too deeply.
    """
    spans: list[_Span] = []
    marks = bytearray()
    at = strings = 0
    while True:
        quote = body.find(b'"', at)
        _collect_marks(body, at, len(body) if quote < 0 else quote, marks)
        if quote < 0:
            break
        end, strings = _string_end(body, quote + 1), strings + 1
        # Behind each string is a comma, a colon, or a closing bracket.
        if strings > MOST_STRUCTURE + 1:
            raise _too_much_structure()
        if end - quote > LONG_STRING_BYTES:
            spans.append(_Span(quote + 1, end, _is_text(body, quote + 1, end)))
        at = end + 1
    _require_modest(bytes(marks))
    _require_sizes(len(body), spans)
    return spans


def _collect_marks(body: bytes, start: int, end: int, marks: bytearray) -> None:
    for at in range(start, end, LARGE_BYTES):
        marks += body[at : min(at + LARGE_BYTES, end)].translate(None, _NO_MARK)
        if len(marks) > 2 * MOST_STRUCTURE:
            raise _too_much_structure()


def _string_end(body: bytes, start: int) -> int:
    """The index of the quote that closes the string whose inside begins at *start*."""
    quote = body.find(b'"', start)
    if quote >= 0 and body[quote - 1] != _BACKSLASH:
        return quote
    at = start
    while quote >= 0 and at < len(body):
        inside = _INSIDE.match(body, at, at + ESCAPED_BYTES)
        end = inside.end() if inside else at
        if body[end : end + 1] == b'"':
            return end
        if end == at:
            break
        at = end
    raise InvalidRequest("The request body is not valid JSON: a string is not closed.")


def _is_text(body: bytes, start: int, end: int) -> bool:
    for at in range(start, end, LARGE_BYTES):
        # One byte more: a piece may end within an escape.
        piece = body[at : min(at + LARGE_BYTES + 1, end)]
        if b" " in piece or b"\\u" in piece or not piece.isascii():
            return True
    return False


def _require_sizes(length: int, spans: Sequence[_Span]) -> None:
    text = sum(span.end - span.start for span in spans if span.text)
    if text > MOST_TEXT_BYTES:
        raise ContextLengthExceeded(
            f"The request has more than {MOST_TEXT_BYTES >> 20} MB of text.",
            excess=(-(-text // CHARS_PER_TOKEN), MOST_TEXT_BYTES // CHARS_PER_TOKEN),
        )
    if length - sum(span.end - span.start for span in spans) > MOST_SKELETON_BYTES:
        raise InvalidRequest(
            f"The request body has more than {MOST_SKELETON_BYTES >> 20} MB of short strings, "
            "numbers and white space."
        )


def _skeleton(body: bytes, spans: Sequence[_Span]) -> tuple[bytes, str]:
    """*body* with a mark and a number in place of each long string, and that mark.

    The mark is a digest of the rest: no client can write it into the rest.
    """
    edges = [0, *itertools.chain.from_iterable((span.start, span.end) for span in spans), len(body)]
    rest = [body[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
    digest = hashlib.sha256()
    for piece in rest:
        digest.update(piece)
    mark = f"{digest.hexdigest()}:"
    marks = [f"{mark}{index}".encode() for index in range(len(spans))]
    return b"".join(
        itertools.chain.from_iterable(itertools.zip_longest(rest, marks, fillvalue=b""))
    ), mark


def _string(body: bytes, span: _Span) -> str:
    if body.find(b"\\", span.start, span.end) < 0:
        return _string_without_escapes(body, span)
    cuts = list(_cuts(body, span))
    if not cuts:
        return str(_parsed(body[span.start - 1 : span.end + 1], whole=body))
    edges = zip([span.start, *cuts], [*cuts, span.end], strict=True)
    return "".join(
        _parsed(b"".join((b'"', body[start:end], b'"')), whole=body) for start, end in edges
    )


def _string_without_escapes(body: bytes, span: _Span) -> str:
    """The string decoded in place: pictures are copied once only."""
    for at in range(span.start, span.end, LARGE_BYTES):
        if _CONTROL.search(body, at, min(at + LARGE_BYTES, span.end)):
            raise InvalidRequest(
                "The request body is not valid JSON: a string has a control character."
            )
    try:
        return str(memoryview(body)[span.start : span.end], "utf-8")
    except UnicodeDecodeError as error:
        bad = span.start + error.start
    raise _not_utf8(body, bad)


def _cuts(body: bytes, span: _Span) -> Iterator[int]:
    """Places inside a string that are some :data:`LARGE_BYTES` apart and in the middle of no escape
    or character.
    """
    cut = span.start
    while span.end - cut > LARGE_BYTES:
        start, cut = cut, cut + LARGE_BYTES
        if span.text:
            space = body.rfind(b" ", start, cut)
            if space < 0:
                return
            cut = space + 1
        else:  # its escapes are two bytes long
            piece = body[start:cut]
            cut -= (len(piece) - len(piece.rstrip(b"\\"))) % 2
        yield cut


def _put_back(value: Any, strings: dict[str, str]) -> Any:
    """*value* with each mark replaced by its string. Names are cut."""
    if isinstance(value, str):
        return strings.get(value, value)
    if isinstance(value, list):
        return [_put_back(item, strings) for item in value]
    if isinstance(value, dict):
        return {
            (strings.get(name) or name)[:MOST_NAME]: _put_back(item, strings)
            for name, item in value.items()
        }
    return value


# Either -----------------------------------------------------------------------------------------


def _parsed(data: bytes, *, whole: bytes) -> Any:
    """The value in *data*, which is a part of the *whole* body or all of it."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        fault = str(error)
        if data is not whole:
            fault = fault.partition(": ")[0]
        # The exception holds all of *data*; nothing may refer to it when ours is raised.
    mended = _mended(data) if b"\\ud" in data or b"\\uD" in data else data
    if mended is not data:
        return _parsed(mended, whole=whole)
    bad = _first_bad_byte(whole)
    if bad is not None:
        raise _not_utf8(whole, bad)
    hint = " It seems to be UTF-16; send UTF-8." if b"\0" in whole[:4] else ""
    raise InvalidRequest(f"The request body is not valid JSON: {fault}.{hint}")


def _mended(data: bytes) -> bytes:
    """*data* with the escape of U+FFFD, which is as long, for halves of surrogate pairs; *data*
    itself without any.
    """
    halves = [escape.start() for escape in _ESCAPE.finditer(data) if escape[1]]
    if not halves:
        return data
    mended = bytearray(data)
    for at in halves:
        mended[at : at + len(rb"\ufffd")] = rb"\ufffd"
    return bytes(mended)


def _not_utf8(body: bytes, bad: int) -> InvalidRequest:
    seen = f"byte 0x{body[bad]:02x} at position {bad}"
    return InvalidRequest(f"The request body is not UTF-8: {seen}. Send the JSON encoded in UTF-8.")


def _first_bad_byte(body: bytes) -> int | None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(0, len(body), LARGE_BYTES):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(body[at : at + LARGE_BYTES], at + LARGE_BYTES >= len(body))
        except UnicodeDecodeError as error:
            return at - pending + error.start
    return None
