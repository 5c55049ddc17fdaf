"""Recorded streams of Grok's without anything that a person could be known by, in their shape.

Theory
------
A report of a stream that the decoder does not understand needs its shape: which keys there are, in
which order, of which types. It does not need questions and answers. So every string becomes another
one, by its kind:

============= ======================================================================================
texts         masked one character for one (:mod:`.masks`); so is every string of no other kind
ids           their pseudonyms, the same throughout a recording; so are unknown parts of addresses
addresses     scheme, known hosts, known folders and the extension stay
words         of a few keys (``messageTag``, ``modelName``, …), and any ``WORDS_LIKE_THIS``, stay
errors        the usual words of Grok's own messages stay, so that an error keeps its meaning
JSON          within a string is treated like all the rest
============= ======================================================================================

Numbers and booleans stay, keys stay if they look like names, and a line that is no JSON becomes a
row of ``x``.

A recording is read twice: first the tokens of each text are joined and masked as one text; then
each line is written anew, with its token cut from the masked text.

Rules
-----
1. An unknown key keeps its name, and its strings are masked as texts.
2. The decoder finds the same events in a redacted stream, with texts of the same lengths, wherever
   the tokens were cut. Tokens are masked like the modelResponse that repeats them. (Values that
   differed in their letters only may look alike, such as two searches in a row.)
3. Nothing is raised for any input.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
from typing import Any

import orjson

from ..grok_web.lines import object_start, objects_in
from ..grok_web.stream_keys import THINKING_TAGS, WORK_TAGS
from ..lenient_json import loads
from .covering import covered
from .masks import TextMask
from .pseudonyms import Pseudonyms
from .vocabulary import ERROR_WORDS, EXTENSIONS, FOLDERS, HOSTS, TEXT_KEYS, WORD_KEYS

__all__ = ["redacted"]

DEEPEST = 100
"""Levels of nesting. A deeper value becomes null; orjson does not write much deeper ones."""

LONGEST_NAME_CHARS = 200
"""A longer id, or part of an address, is masked as a text."""

LONGEST_ADDRESS_CHARS = 4000
"""A longer address holds a picture, and is masked as a text."""

MOST_ROWS = 20
"""Keys of an object that may differ in their number of ``x`` only; later ones get a number."""

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.+/-]{0,63}")
_CAPITALS = re.compile(r"(?=.{1,80}$)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_KEY = re.compile(r"(?!(?:\D*\d){5})[A-Za-z_@$][A-Za-z0-9_]{0,59}")
_ID_KEY = re.compile(r"(?:^|_)(?:id|uuid)s?$|[a-z0-9](?:Id|ID|Uuid|UUID)s?$")
_ADDRESS_KEY = re.compile(
    r"(?:ur[li]|link|href|src|thumbnail|original|favicon|imageReference)s?$", re.IGNORECASE
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

_SCHEME = re.compile(r"(?:https?|wss?|ftp)://", re.IGNORECASE)
_PIECE = re.compile(r"(?P<dot>\.?)(?P<piece>[^./?#&=:@]+)")
_PREVIEW = re.compile(r"-part-\d$")
_ERROR_WORD = re.compile(r"\[WKE=[a-z:_-]{1,80}\]|[A-Za-z]+(?:[_-][A-Za-z]+)*|[^\s!-/:-@\[-`{-~]")


class _Place(enum.Enum):
    """Where in a line a value stands, as far as that matters."""

    USUAL = enum.auto()
    ERROR = enum.auto()
    ARGUMENTS = enum.auto()
    """In the arguments of a tool: all their strings are a person's question."""


def redacted(stream: bytes, key: bytes, tag_names: frozenset[str] = frozenset()) -> bytes:
    """Return *stream* redacted, line by line.

    :param key: secret bytes for this stream, see :class:`.pseudonyms.Pseudonyms`.
    :param tag_names: names of elements that the decoder filters, lower case; they stay readable.
    """
    pseudonyms = Pseudonyms(key)
    mask = TextMask(pseudonyms, tag_names)
    lines = stream.split(b"\n")
    redactor = _Redactor(pseudonyms, mask, _read_tokens(lines, mask))
    return b"\n".join(map(redactor.line, lines))


# Tokens ------------------------------------------------------------------------------------------


class _Text:
    """A text that came in pieces, one token each."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._whole, self._size_of_known = "", 0
        self._masked, self._at = "", 0

    def add(self, piece: str) -> None:
        self._pieces.append(piece)
        self._size += len(piece)

    def note_whole(self, text: str) -> None:
        """Take note of the whole text that Grok sends behind its pieces, if it begins with them."""
        if len(text) >= self._size and text.startswith("".join(self._pieces)):
            self._whole, self._size_of_known = text, self._size

    def mask(self, mask: TextMask) -> None:
        masked = mask.of("".join(self._pieces))
        same = self._size_of_known
        self._masked = mask.of(self._whole)[:same] + masked[same:]
        self._pieces.clear()

    def next(self, size: int) -> str:
        """Return the next *size* characters of the masked text."""
        piece = self._masked[self._at : self._at + size]
        self._at += size
        return piece


class _Tokens:
    """The texts of one stream, to which its tokens belong."""

    def __init__(self) -> None:
        self.answer = _Text()
        self._thinking = _Text()

    def of(self, response: dict[str, Any]) -> _Text | None:
        """Return the text that a line's token goes on with; None if it stands alone, as the result
        of a tool does.
        """
        tag, side = response.get("messageTag"), response.get("sideBySideIndex")
        tag = tag if isinstance(tag, str) else ""
        if tag in WORK_TAGS or (isinstance(side, int) and side > 0):
            return None
        thinking = response.get("isThinking") is True or tag in THINKING_TAGS
        return self._thinking if thinking else self.answer

    def mask(self, mask: TextMask) -> None:
        self.answer.mask(mask)
        self._thinking.mask(mask)


def _read_tokens(lines: Iterable[bytes], mask: TextMask) -> _Tokens:
    tokens = _Tokens()
    for line in lines:
        for response in map(_response_in, _values(line)):
            token, whole = response.get("token"), response.get("modelResponse")
            text = tokens.of(response)
            if text is not None and isinstance(token, str):
                text.add(_in_its_line(response, token))
            if isinstance(whole, dict) and isinstance(whole.get("message"), str):
                tokens.answer.note_whole(whole["message"])
    tokens.mask(mask)
    return tokens


def _in_its_line(response: dict[str, Any], token: str) -> str:
    """A header of the thinking stands in a line of its own."""
    return f"\n{token}\n" if token and response.get("messageTag") == "header" else token


def _response_in(line: Any) -> dict[str, Any]:
    """The object of a line that may have a token, in either envelope; an empty one if there is
    none.
    """
    result = line.get("result") if isinstance(line, dict) else None
    inner = result.get("response") if isinstance(result, dict) else None
    response = inner if isinstance(inner, dict) else result
    return response if isinstance(response, dict) else {}


# Lines -------------------------------------------------------------------------------------------


def _values(line: bytes) -> list[Any]:
    try:
        return [orjson.loads(line)]
    except orjson.JSONDecodeError:
        return [value for _, value in objects_in(line.decode("utf-8", "replace"))[0]]


class _Redactor:
    """A stream's second reading."""

    def __init__(self, pseudonyms: Pseudonyms, mask: TextMask, tokens: _Tokens) -> None:
        self._pseudonyms = pseudonyms
        self._mask = mask
        self._tokens = tokens
        self._response: dict[str, Any] = {}  # the object that has this line's token

    def line(self, line: bytes) -> bytes:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            text = line.decode("utf-8", "replace")
            objects, end = objects_in(text)
            parts = [front.encode() + self._whole(value) for front, value in objects]
            return b"".join(parts) + _row_of_x(text[end:]).encode()
        return self._whole(value) + line[len(line.rstrip()) :]

    def _whole(self, line: Any) -> bytes:
        self._response = _response_in(line)
        # A refusal without an envelope has a code.
        refusal = isinstance(line, dict) and line.get("result") is None and "code" in line
        return orjson.dumps(self._value("", line, _Place.ERROR if refusal else _Place.USUAL, 0))

    # Values --------------------------------------------------------------------------------------

    def _value(self, key: str, value: Any, place: _Place, depth: int) -> Any:
        match value:
            case str():
                return self._string(key, value, place, depth)
            case dict() | list() if depth >= DEEPEST:
                return None
            case dict():
                return self._object(value, place, depth)
            case list():
                return [self._value(key, item, place, depth + 1) for item in value]
            case int() if abs(value) > 9999 and _ID_KEY.search(key):
                return int(re.sub(r"\d", "1", str(value)))
        return value

    def _object(self, value: dict[str, Any], place: _Place, depth: int) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key, item in value.items():
            name = self._key(key, copy)
            if key == "token" and value is self._response and isinstance(item, str):
                copy[name] = self._token(item)
            else:
                copy[name] = self._value(key, item, _place_of(key, place), depth + 1)
        return copy

    def _key(self, key: str, taken: dict[str, Any]) -> str:
        """Return a name as it is; any other key may be a person's, and becomes a new one."""
        if _KEY.fullmatch(key):
            return key
        other = self._pseudonyms.of(key) if _UUID.fullmatch(key) else _row_of_x(key)
        while other in taken:
            other += "x" if len(taken) < MOST_ROWS else str(len(taken))
        return other

    def _string(self, key: str, text: str, place: _Place, depth: int) -> str:
        if not text:
            return text
        if place is _Place.ERROR:
            return text if _CAPITALS.fullmatch(text) else _ERROR_WORD.sub(_own_word, text)
        if place is _Place.ARGUMENTS:
            return covered(text)
        if key in TEXT_KEYS:
            return self._mask.of(text)
        return self._something(key, text, depth)

    def _something(self, key: str, text: str, depth: int) -> str:
        if key in WORD_KEYS and _WORD.fullmatch(text):
            return text
        if key == "citationId":
            return self._pseudonyms.of_citation(text)
        if _UUID.fullmatch(text) or (_ID_KEY.search(key) and len(text) <= LONGEST_NAME_CHARS):
            return self._pseudonyms.of(text)
        if len(text) <= LONGEST_ADDRESS_CHARS and _is_address(key, text):
            return self._address(text)
        if text[:1] in ("{", "["):
            return self._json(text, depth)
        return text if _CAPITALS.fullmatch(text) else self._mask.of(text)

    def _json(self, text: str, depth: int) -> str:
        try:
            value = loads(text.encode("utf-8", "replace"))
        except ValueError:
            return self._mask.of(text)
        return orjson.dumps(self._value("", value, _Place.USUAL, depth + 1)).decode()

    # Addresses -----------------------------------------------------------------------------------

    def _address(self, text: str) -> str:
        scheme = _SCHEME.match(text)
        if scheme is None:
            return _PIECE.sub(self._piece, text)
        host = re.split(r"[/?#]", text[scheme.end() :], maxsplit=1)[0]
        behind = text[scheme.end() + len(host) :]
        return scheme.group() + self._host(host) + _PIECE.sub(self._piece, behind)

    def _host(self, host: str) -> str:
        if host.lower() in HOSTS:
            return host
        name, dot, last = host.rpartition(".")
        kept = last if re.fullmatch(r"[a-z]{2,6}", last) and dot else self._part(last)
        return (
            _PIECE.sub(lambda found: found["dot"] + self._part(found["piece"]), name) + dot + kept
        )

    def _piece(self, found: re.Match[str]) -> str:
        piece = found["piece"]
        if piece in (EXTENSIONS if found["dot"] else FOLDERS):
            return found.group()
        preview = _PREVIEW.search(piece)
        kept = preview.group() if preview else ""
        return found["dot"] + self._part(piece.removesuffix(kept)) + kept

    def _part(self, text: str) -> str:
        short = len(text) <= LONGEST_NAME_CHARS
        return self._pseudonyms.of(text) if short else covered(text)

    # Texts ---------------------------------------------------------------------------------------

    def _token(self, token: str) -> str:
        text = self._tokens.of(self._response)
        if text is None:
            return self._mask.of(token)
        in_its_line = _in_its_line(self._response, token)
        masked = text.next(len(in_its_line))
        return masked if in_its_line == token else masked[1:-1]


def _is_address(key: str, text: str) -> bool:
    if _SCHEME.match(text) or text.startswith("users/"):
        return True
    return " " not in text and _ADDRESS_KEY.search(key) is not None


def _place_of(key: str, place: _Place) -> _Place:
    if place is _Place.USUAL and key in ("error", "streamErrors"):
        return _Place.ERROR
    return _Place.ARGUMENTS if key in ("args", "action_input") else place


def _row_of_x(text: str) -> str:
    """As long; white space and ``data:`` in front, white space and ``[DONE]`` at the end, stay."""
    front = text[: object_start(text, 0)]
    rest = text[len(front) :]
    core = rest.rstrip()
    return front + (core if core == "[DONE]" else "x" * len(core)) + rest[len(core) :]


def _own_word(found: re.Match[str]) -> str:
    word = found.group()
    return word if word.startswith("[WKE=") or word.lower() in ERROR_WORDS else covered(word)
