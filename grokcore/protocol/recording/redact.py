"""A recorded stream of Grok's without what a person could be known by, in the shape that it had.

Theory
------
A report of a stream that is not understood needs its shape: which keys there are, in which order,
of which types. It does not need what was asked and answered. So every string becomes another one,
by what it is:

============= ======================================================================================
texts         masked one character for one (:mod:`.masks`); so is what is not known to be another
ids           their pseudonyms, the same throughout a file; so are unknown parts of addresses
addresses     scheme, known hosts, known folders and the extension stay
words         of a few keys (``messageTag``, ``modelName``, …), and any ``WORDS_LIKE_THIS``, stay
errors        the usual words of Grok's own messages stay, so that what an error means is still seen
JSON          within a string is treated like all the rest
============= ======================================================================================

Numbers and booleans stay, keys stay if they look like names, and what is no JSON becomes a row of
``x``.

Rules
-----
1. What is not known is a text: a key that nobody knows keeps its name, and its strings are masked.
2. The decoder finds the same events in a redacted stream, with texts of the same lengths. Pieces of
   a text are masked as the whole is in the modelResponse. (What differed in its letters only may
   look alike, such as two searches in a row.)
3. Nothing is raised, whatever comes.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any

import orjson

from ..lenient_json import decode_at, loads
from .masks import Pseudonyms, TextMask, Words, covered

__all__ = ["Redactor"]

DEEPEST = 100
"""What is nested deeper becomes null; orjson does not write much deeper nests than that."""

LONGEST_NAME_CHARS = 200
"""A longer id, or part of an address, is masked as a text."""

LONGEST_ADDRESS_CHARS = 4000
"""So is a longer address: it has a picture in it."""

_TEXTS = frozenset(
    {
        *(
            "token",
            "message",
            "text",
            "content",
            "title",
            "newTitle",
            "label",
            "headline",
            "disclaimer",
            "summary",
        ),
        *(
            "query",
            "prompt",
            "videoPrompt",
            "preview",
            "description",
            "searchEngineText",
            "metadataTitle",
            "siteName",
        ),
        *(
            "creator",
            "name",
            "username",
            "file_name",
            "fileName",
            "stdout",
            "stderr",
            "code",
            "instructions",
        ),
        *("imageDescription", "image_description", "audioTranscripts", "systemPromptName"),
    }
)
"""Keys of texts, whatever these look like. (All others are texts as well, if they look like nothing
else.)
"""

_WORDS = frozenset(
    {
        *(
            "messageTag",
            "sender",
            "model",
            "modelName",
            "modelMode",
            "modelId",
            "modeId",
            "mode",
            "effort",
            "imageModel",
        ),
        *(
            "steerModelId",
            "cardType",
            "card_type",
            "type",
            "kind",
            "severity",
            "state",
            "status",
            "category",
            "size",
        ),
        *(
            "queryType",
            "messageType",
            "followUpType",
            "reasoningUiLayout",
            "resolutionName",
            "deepsearchPreset",
        ),
        *("systemErrCode", "rejectionReason", "contentType", "mime_type", "mimeType"),
    }
)
"""Keys of words that are Grok's own and may stay."""

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.+/-]{0,63}")
_CAPITALS = re.compile(r"(?=.{1,80}$)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
_KEY = re.compile(r"(?!(?:\D*\d){5})[A-Za-z_@$][A-Za-z0-9_]{0,59}")
_ID_KEY = re.compile(r"(?:^|_)(?:id|uuid)s?$|[a-z0-9](?:Id|ID|Uuid|UUID)s?$")
_ADDRESS_KEY = re.compile(
    r"(?:ur[li]|link|href|src|thumbnail|original|favicon|imageReference)s?$", re.IGNORECASE
)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

# Which text a token belongs to: as in the decoder.
_TOOL_TAGS = frozenset({"raw_function_result", "tool_usage_card"})
_THINKING_TAGS = frozenset({"header", "summary"})

_SCHEME = re.compile(r"(?:https?|wss?|ftp)://", re.IGNORECASE)
_HOSTS = frozenset(
    {
        "grok.com",
        "www.grok.com",
        "assets.grok.com",
        "x.ai",
        "accounts.x.ai",
        "imagine-public.x.ai",
        "x.com",
        "www.x.com",
    }
)
_PIECE = re.compile(r"(?P<dot>\.?)(?P<piece>[^./?#&=:@]+)")
_PREVIEW = re.compile(r"-part-\d$")
_FOLDERS = frozenset(
    {
        *(
            "users",
            "generated",
            "content",
            "image",
            "images",
            "video",
            "videos",
            "files",
            "assets",
            "status",
            "preview",
        ),
        *("imagine", "preview_image", "generated_video", "thumbnail"),
    }
)
_EXTENSIONS = frozenset(
    {
        *(
            "jpg",
            "jpeg",
            "png",
            "gif",
            "webp",
            "avif",
            "bmp",
            "svg",
            "mp4",
            "webm",
            "mov",
            "mp3",
            "wav",
        ),
        *("pdf", "txt", "md", "csv", "json", "html", "htm", "xml", "zip", "py", "js"),
    }
)

_ERROR_WORD = re.compile(r"\[WKE=[a-z:_-]{1,80}\]|[A-Za-z]+(?:[_-][A-Za-z]+)*|[^\s!-/:-@\[-`{-~]")
_ERROR_WORDS = frozenset(
    """
    a aborted access account accounts admission again an anti anti-bot antibot are at available
    bad-credentials beyond blocked blocked-user by cancelled code concurrency connection content
    content-moderated content_moderated context credentials deadline denied different
    email-domain-rejected error exceeded exhausted expired external failed failure for found
    grok heavy higher id in internal invalid invalid-credentials is is_first_token later length
    limit limits load_shed load_shed_probability long look many message model moderated
    moderation none not now of or overloaded perf_based_admission_controller permission plan
    please policies policy prompt quota rate rate_limit reached refused rejected request
    requests resource resourceexhausted revoked right rules server service session status stream
    supported suspended temporarily the this to token too true try unauthenticated unauthorized
    unavailable under unknown up upgrade usage use user violate violates was with you your
    """.split()  # noqa: SIM905 - a list of a hundred words is read more easily so
)


class _Place(enum.Enum):
    """Where in a line something stands, as far as that matters."""

    USUAL = enum.auto()
    ERROR = enum.auto()
    ARGUMENTS = enum.auto()
    """Of a tool: all its strings are what somebody asked."""


class Redactor:
    """One stream, redacted line by line.

    :param key: secret bytes for this stream, see
        :class:`~grokcore.protocol.recording.masks.Pseudonyms`.
    :param tag_names: elements, beside Grok's usual ones, whose names are to stay: those that are
        filtered.
    """

    def __init__(self, key: bytes, tag_names: frozenset[str] = frozenset()) -> None:
        self._pseudonyms = Pseudonyms(key)
        self._words = Words()
        self._words.tags |= tag_names
        self._answer = self._mask()
        self._thinking = self._mask()
        self._tail = bytearray()
        self._response: object = None  # the object that has this line's token

    def feed(self, data: bytes) -> bytes:
        """Take any number of bytes; return the lines they complete, each with its newline."""
        *lines, rest = data.split(b"\n")
        if lines and self._tail:
            lines[0] = bytes(self._tail) + lines[0]
            self._tail.clear()
        self._tail += rest
        return b"".join(self._line(line) + b"\n" for line in lines)

    def close(self) -> bytes:
        """The stream has ended: its last line, if that had no newline."""
        rest = bytes(self._tail)
        self._tail.clear()
        return self._line(rest) if rest else b""

    # Lines ---------------------------------------------------------------------------------------

    def _line(self, line: bytes) -> bytes:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            return self._odd_line(line.decode("utf-8", "replace"))
        return self._whole(value) + line[len(line.rstrip()) :]

    def _odd_line(self, line: str) -> bytes:
        """Objects with something before, between or behind them, as the line reader takes them."""
        redacted = b""
        at = 0
        while at < len(line):
            start = _object_start(line, at)
            try:
                value, end = decode_at(line, start)
            except ValueError:
                break
            if not isinstance(value, dict):
                break
            redacted += line[at:start].encode() + self._whole(value)
            at = end
        return redacted + _row_of_x(line[at:]).encode()

    def _whole(self, line: Any) -> bytes:
        place = _Place.USUAL
        if isinstance(line, dict):
            result = line.get("result")
            inner = result.get("response") if isinstance(result, dict) else None
            self._response = inner if isinstance(inner, dict) else result
            if result is None and "code" in line:
                place = _Place.ERROR  # a refusal without an envelope
        return orjson.dumps(self._value("", line, place, 0))

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
        redacted: dict[str, Any] = {}
        for key, item in value.items():
            name = self._key(key, redacted)
            if key == "token" and value is self._response and isinstance(item, str):
                redacted[name] = self._token(value, item)
            else:
                redacted[name] = self._value(key, item, _place_of(key, place), depth + 1)
        return redacted

    def _key(self, key: str, taken: dict[str, Any]) -> str:
        """A name stays. What is no name may be a person's, and becomes another that is not there
        yet.
        """
        if _KEY.fullmatch(key):
            return key
        other = self._pseudonyms.of(key) if _UUID.fullmatch(key) else _row_of_x(key)
        while other in taken:
            other += "x"
        return other

    def _string(self, key: str, text: str, place: _Place, depth: int) -> str:
        if not text:
            return text
        if place is _Place.ERROR:
            return text if _CAPITALS.fullmatch(text) else _ERROR_WORD.sub(_own_word, text)
        if place is _Place.ARGUMENTS:
            return self._text(text, markup=False)
        if key in _TEXTS:
            return self._text(text)
        return self._something(key, text, depth)

    def _something(self, key: str, text: str, depth: int) -> str:
        if key in _WORDS and _WORD.fullmatch(text):
            return text
        if key == "citationId":
            return self._pseudonyms.of_citation(text)
        if _UUID.fullmatch(text) or (_ID_KEY.search(key) and len(text) <= LONGEST_NAME_CHARS):
            return self._pseudonyms.of(text)
        if len(text) <= LONGEST_ADDRESS_CHARS and _is_address(key, text):
            return self._address(text)
        if text[:1] in ("{", "["):
            return self._json(text, depth)
        return text if _CAPITALS.fullmatch(text) else self._text(text)

    def _json(self, text: str, depth: int) -> str:
        try:
            value = loads(text.encode("utf-8", "replace"))
        except ValueError:
            return self._text(text)
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
        if host.lower() in _HOSTS:
            return host
        name, dot, last = host.rpartition(".")
        kept = last if re.fullmatch(r"[a-z]{2,6}", last) and dot else self._part(last)
        return (
            _PIECE.sub(lambda found: found["dot"] + self._part(found["piece"]), name) + dot + kept
        )

    def _piece(self, found: re.Match[str]) -> str:
        piece = found["piece"]
        if piece in (_EXTENSIONS if found["dot"] else _FOLDERS):
            return found.group()
        preview = _PREVIEW.search(piece)
        kept = preview.group() if preview else ""
        return found["dot"] + self._part(piece.removesuffix(kept)) + kept

    def _part(self, text: str) -> str:
        short = len(text) <= LONGEST_NAME_CHARS
        return self._pseudonyms.of(text) if short else covered(text)

    # Texts ---------------------------------------------------------------------------------------

    def _mask(self, *, markup: bool = True) -> TextMask:
        return TextMask(self._words, self._pseudonyms, markup=markup)

    def _text(self, text: str, *, markup: bool = True) -> str:
        return self._mask(markup=markup).feed(text) if "<" in text else covered(text)

    def _token(self, line: dict[str, Any], token: str) -> str:
        """A piece of a text, which goes on from line to line."""
        tag, side = line.get("messageTag"), line.get("sideBySideIndex")
        if (isinstance(tag, str) and tag in _TOOL_TAGS) or (isinstance(side, int) and side > 0):
            return self._text(token)
        if tag == "header" and token:  # stands in a line of its own
            masked = self._thinking.feed(f"\n{token}\n")
            return masked[1:-1]
        thinking = line.get("isThinking") is True or (
            isinstance(tag, str) and tag in _THINKING_TAGS
        )
        return (self._thinking if thinking else self._answer).feed(token)


def _is_address(key: str, text: str) -> bool:
    if _SCHEME.match(text) or text.startswith("users/"):
        return True
    return " " not in text and _ADDRESS_KEY.search(key) is not None


def _place_of(key: str, place: _Place) -> _Place:
    if place is _Place.USUAL and key in ("error", "streamErrors"):
        return _Place.ERROR
    return _Place.ARGUMENTS if key in ("args", "action_input") else place


_BEFORE_AN_OBJECT: Callable[[str, int], re.Match[str] | None] = re.compile(
    r"\s*(?:data:\s*)?"
).match


def _object_start(line: str, at: int) -> int:
    found = _BEFORE_AN_OBJECT(line, at)
    return found.end() if found else at


def _row_of_x(text: str) -> str:
    """As long; white space and ``data:`` in front, white space and ``[DONE]`` at the end, stay."""
    front = text[: _object_start(text, 0)]
    rest = text[len(front) :]
    core = rest.rstrip()
    return front + (core if core == "[DONE]" else "x" * len(core)) + rest[len(core) :]


def _own_word(found: re.Match[str]) -> str:
    word = found.group()
    return word if word.startswith("[WKE=") or word.lower() in _ERROR_WORDS else covered(word)
