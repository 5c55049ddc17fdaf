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

from collections.abc import Iterable
from typing import Any

import orjson

from ..grok_web.lines import objects_in
from ..grok_web.stream_keys import THINKING_TAGS, WORK_TAGS
from .masks import TextMask
from .pseudonyms import Pseudonyms
from .values import MaskedText, Place, Redactor, row_of_x

__all__ = ["redacted"]


def redacted(stream: bytes, key: bytes, tag_names: frozenset[str] = frozenset()) -> bytes:
    """Return *stream* redacted, line by line.

    :param key: secret bytes for this stream, see :class:`.pseudonyms.Pseudonyms`.
    :param tag_names: names of elements that the decoder filters, lower case; they stay readable.
    """
    pseudonyms = Pseudonyms(key)
    mask = TextMask(pseudonyms, tag_names)
    lines = stream.split(b"\n")
    redactor = _Lines(Redactor(pseudonyms, mask), _read_tokens(lines, mask))
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


class _Lines:
    """The second reading of a stream."""

    def __init__(self, redactor: Redactor, tokens: _Tokens) -> None:
        self._redactor = redactor
        self._tokens = tokens

    def line(self, line: bytes) -> bytes:
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            text = line.decode("utf-8", "replace")
            objects, end = objects_in(text)
            parts = [front.encode() + self._whole(value) for front, value in objects]
            return b"".join(parts) + row_of_x(text[end:]).encode()
        return self._whole(value) + line[len(line.rstrip()) :]

    def _whole(self, line: Any) -> bytes:
        response = _response_in(line)
        token = response.get("token")
        text = None
        if isinstance(token, str):
            text = MaskedText(response, "token", self._token(response, token))
        # A refusal without an envelope has a code.
        refusal = isinstance(line, dict) and line.get("result") is None and "code" in line
        return self._redactor.whole(line, Place.ERROR if refusal else Place.USUAL, text)

    def _token(self, response: dict[str, Any], token: str) -> str:
        text = self._tokens.of(response)
        if text is None:
            return self._redactor.mask.of(token)
        in_its_line = _in_its_line(response, token)
        masked = text.next(len(in_its_line))
        return masked if in_its_line == token else masked[1:-1]
