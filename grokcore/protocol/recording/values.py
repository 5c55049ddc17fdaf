"""Values of a recording without anything personal: each string becomes another one, by its kind.
:mod:`.redact` says which kinds there are.
"""

from __future__ import annotations

import enum
import re
from typing import Any

import orjson
from attrs import frozen

from ..grok_web.lines import object_start
from ..lenient_json import loads
from .covering import covered
from .masks import TextMask
from .pseudonyms import Pseudonyms
from .vocabulary import ERROR_WORDS, EXTENSIONS, FOLDERS, HOSTS, TEXT_KEYS, WORD_KEYS

__all__ = ["MaskedText", "Place", "Redactor", "row_of_x"]

DEEPEST = 100
"""Levels of nesting. A deeper value becomes null; orjson does not write much deeper ones."""

LONGEST_NAME_CHARS = 200
"""A longer id, or part of an address, is masked as a text."""

LONGEST_ADDRESS_CHARS = 4000
"""A longer address holds a picture, and is masked as a text."""

MOST_ROWS = 20
"""Keys of an object that may differ in their number of ``x`` only; later ones get a number."""

LONGEST_WORD_CHARS = 60
"""Letters of a word of an error that is looked at for its parts."""

SHORTEST_PART_CHARS = 3

_NO_LETTER = re.compile(r"[\W_]+")

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
_PART_OF_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_PARTS = re.compile(
    r"(?P<part>HEADER|SUMMARY|ANALYSIS|REASONING|THINKING|RESPONSE|FINAL|UNSPECIFIED|CHECK_)|.",
    re.IGNORECASE | re.DOTALL,
)
"""Parts of names by which an unknown one is read."""

_READ_BY_PARTS = frozenset({"channel", "rejection_reason", "systemErrCode"})

_AGENT = re.compile(r"(?:agent|grok)\b(?: \d{1,3}\b)?", re.IGNORECASE)

_ERROR_KEYS = frozenset(
    {"error", "streamErrors", "stream_error", "status_details", "incomplete_details", "reason"}
)


class Place(enum.Enum):
    """Where in a line a value stands, as far as that matters."""

    USUAL = enum.auto()
    ERROR = enum.auto()
    ARGUMENTS = enum.auto()
    """In the arguments of a tool: all their strings are a person's question."""


@frozen(eq=False)
class MaskedText:
    """A string that has been masked together with others.

    :ivar holder: the object that it stands in.
    :ivar key: its key there.
    """

    holder: dict[str, Any]
    key: str
    masked: str


class Redactor:
    """The redactor of one recording."""

    def __init__(self, pseudonyms: Pseudonyms, mask: TextMask) -> None:
        self.mask = mask
        self._pseudonyms = pseudonyms
        self._text: MaskedText | None = None
        self._errors: object = None

    def whole(
        self,
        value: Any,
        place: Place = Place.USUAL,
        text: MaskedText | None = None,
        errors: object = None,
    ) -> bytes:
        """Return *value* redacted, as JSON.

        :param text: a string within it that has been masked already.
        :param errors: an object within it that is an error.
        """
        self._text, self._errors = text, errors
        return orjson.dumps(self._value("", value, place, 0))

    def error_words(self, text: str) -> str:
        """Return a message of Grok's own redacted."""
        one_word = len(text) <= LONGEST_WORD_CHARS and _is_glued(_NO_LETTER.sub("", text))
        return text if one_word or _CAPITALS.fullmatch(text) else _ERROR_WORD.sub(_own_word, text)

    # Values --------------------------------------------------------------------------------------

    def _value(self, key: str, value: Any, place: Place, depth: int) -> Any:
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

    def _object(self, value: dict[str, Any], place: Place, depth: int) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        place = Place.ERROR if value is self._errors else place
        for key, item in value.items():
            name = self._key(key, copy)
            if self._text is not None and value is self._text.holder and key == self._text.key:
                copy[name] = self._text.masked
            else:
                copy[name] = self._value(key, item, _place_of(key, place), depth + 1)
        return copy

    def _key(self, key: str, taken: dict[str, Any]) -> str:
        """Return a name as it is; any other key may be a person's, and becomes a new one."""
        if _KEY.fullmatch(key):
            return key
        other = self._pseudonyms.of(key) if _UUID.fullmatch(key) else row_of_x(key)
        while other in taken:
            other += "x" if len(taken) < MOST_ROWS else str(len(taken))
        return other

    def _string(self, key: str, text: str, place: Place, depth: int) -> str:
        if not text:
            return text
        if place is Place.ERROR:
            return self.error_words(text)
        if place is Place.ARGUMENTS:
            return self.mask.of_arguments(text) if text[0] in "{[" else covered(text)
        if key in TEXT_KEYS:
            return self.mask.of(text)
        return self._something(key, text, depth)

    def _something(self, key: str, text: str, depth: int) -> str:
        if key in WORD_KEYS and _WORD.fullmatch(text):
            return text
        if key in _READ_BY_PARTS:
            return _PARTS.sub(_own_part, text)
        if key in ("citationId", "citation_id"):
            return self._pseudonyms.of_citation(text)
        if key in ("rolloutId", "rollout_id") and (agent := _AGENT.match(text)):
            return agent.group() + covered(text[agent.end() :])
        if _UUID.fullmatch(text) or (_ID_KEY.search(key) and len(text) <= LONGEST_NAME_CHARS):
            return self._pseudonyms.of(text)
        if len(text) <= LONGEST_ADDRESS_CHARS and _is_address(key, text):
            return self.address(text)
        if text[:1] in ("{", "["):
            return self._json(text, depth)
        return text if _CAPITALS.fullmatch(text) else self.mask.of(text)

    def _json(self, text: str, depth: int) -> str:
        try:
            value = loads(text.encode("utf-8", "replace"))
        except ValueError:
            return self.mask.of(text)
        return orjson.dumps(self._value("", value, Place.USUAL, depth + 1)).decode()

    # Addresses -----------------------------------------------------------------------------------

    def address(self, text: str) -> str:
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


def _is_address(key: str, text: str) -> bool:
    if _SCHEME.match(text) or text.startswith("users/") or key == "userhandle":
        return True  # a post's address has its author's handle
    return " " not in text and _ADDRESS_KEY.search(key) is not None


def _place_of(key: str, place: Place) -> Place:
    if place is Place.USUAL and key in _ERROR_KEYS:
        return Place.ERROR
    return Place.ARGUMENTS if key in ("args", "arguments", "action_input") else place


def row_of_x(text: str) -> str:
    """As long; white space and ``data:`` in front, white space and ``[DONE]`` at the end, stay."""
    front = text[: object_start(text, 0)]
    rest = text[len(front) :]
    core = rest.rstrip()
    return front + (core if core == "[DONE]" else "x" * len(core)) + rest[len(core) :]


def _own_part(found: re.Match[str]) -> str:
    return found["part"] or covered(found.group())


def _own_word(found: re.Match[str]) -> str:
    word = found.group()
    if word.startswith("[WKE=") or word.lower() in ERROR_WORDS:
        return word
    parts = _PART_OF_WORD.findall(word)
    known = bool(parts) and all(part.lower() in ERROR_WORDS for part in parts)
    return word if known or _is_glued(word) else covered(word)


def _is_glued(word: str) -> bool:
    """Whether a word is made of known ones, none of them so short that a name may begin with it."""
    if len(word) > LONGEST_WORD_CHARS:
        return False
    ends, lower = [0], word.lower()
    for end in range(SHORTEST_PART_CHARS, len(lower) + 1):
        if any(end - at >= SHORTEST_PART_CHARS and lower[at:end] in ERROR_WORDS for at in ends):
            ends.append(end)
    return ends[-1] == len(lower) > 0
