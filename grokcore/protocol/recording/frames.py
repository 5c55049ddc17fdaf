"""Messages of Grok's websocket without anything personal, in their shape.

Theory
------
Strings are of the kinds of :mod:`.redact`. A message is taken apart as by
:class:`grokcore.protocol.grok_socket.frames.FrameReader`: into objects, and other text between
them. Objects are written anew. Of other text, and of objects that can't be read, letters and digits
become ``x``; so braces and quotation marks stay where they are.

Rules
-----
1. A decoder finds the same events in redacted messages, with texts of the same lengths, except as
   in :mod:`.redact`. (Grok's copy of a later part of the text may be read as one of the whole, if
   it is longer than the whole was.)
2. Text that is no frame stays one, and stays as bad: it says as much of what may have been lost.
3. Nothing is raised for any input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from ..grok_socket.event_keys import EventKind
from ..lenient_json import loads
from .frame_texts import FrameTexts, event_in, kind_of, place_of
from .masks import TextMask
from .pseudonyms import Pseudonyms
from .values import MaskedText, Redactor

__all__ = ["RedactedFrames"]

_BRACE = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[{}]', re.DOTALL)
"""A brace, or a string, in which braces don't count."""

_LETTER = rb"[^\t\r\x0b\x0c !-/:-@\[-`{-~]"
_JUNK = re.compile(
    rb'"(?:pong|session\.created|response\.persisted)"|"conversation\.(?P<kind>[a-z.]+)"'
    rb"|moderated|image|video|file_preview|" + _LETTER
)
"""Words by which the reader of frames judges a broken one, and letters of all others."""


class RedactedFrames:
    """The messages of one websocket, redacted.

    :param messages: of both sides, in their order.
    :param key: secret bytes for this recording, see :class:`.pseudonyms.Pseudonyms`.
    :param tag_names: names of elements that the decoder filters, lower case.
    """

    def __init__(
        self, messages: Sequence[bytes], key: bytes, tag_names: frozenset[str] = frozenset()
    ) -> None:
        pseudonyms = Pseudonyms(key)
        self._mask = TextMask(pseudonyms, tag_names)
        self._redactor = Redactor(pseudonyms, self._mask)
        self._texts = FrameTexts(tag_names)
        for message in messages:
            for piece in _pieces(message):
                if isinstance(piece, dict):
                    self._texts.note(piece)
        self._texts.mask(self._mask)
        self.messages = [self._message(message) for message in messages]

    def reason(self, text: str) -> str:
        """The reason of a close, redacted as Grok's own errors are."""
        return self._redactor.error_words(text)

    def address(self, text: str) -> str:
        """An address, redacted."""
        return self._redactor.address(text)

    def _message(self, message: bytes) -> bytes:
        return b"".join(
            self._object(piece) if isinstance(piece, dict) else _covered(piece)
            for piece in _pieces(message)
        )

    def _object(self, value: dict[str, Any]) -> bytes:
        event = event_in(value)
        place, text = place_of(event), None
        if place is not None:
            masked = self._texts.next(place.text, self._mask)
            text = MaskedText(place.holder, place.key, masked)
        failed = kind_of(event) in (EventKind.ERROR, EventKind.SESSION_ENDED)
        return self._redactor.whole(value, text=text, errors=event if failed else None)


def _pieces(message: bytes) -> Iterator[dict[str, Any] | bytes]:
    """The objects of a message, and the text between them and of broken ones."""
    try:
        value = orjson.loads(message)
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, dict):
        yield value
        return
    at = 0
    while (begin := message.find(b"{", at)) >= 0:
        yield message[at:begin]
        at = _end_of_object(message, begin)
        yield _read(message[begin:at])
    yield message[at:]


def _end_of_object(message: bytes, begin: int) -> int:
    depth = 0
    for found in _BRACE.finditer(message, begin):
        depth += {b"{": 1, b"}": -1}.get(found.group(), 0)
        if not depth:
            return found.end()
    return len(message)


def _read(text: bytes) -> dict[str, Any] | bytes:
    try:
        value = loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def _covered(text: bytes) -> bytes:
    """A row of ``x`` for each letter; the text can be read as little as before."""
    covered = _JUNK.sub(_cover, text)
    if covered[:1] == b"{" and isinstance(_read(covered), dict):  # the fault was a letter
        covered = covered[:-1] + b"x}"
    return covered


def _cover(found: re.Match[bytes]) -> bytes:
    kind = found["kind"]
    if kind is not None:
        return b'"conversation.' + re.sub(rb"[a-z]", b"x", kind) + b'"'
    return b"x" if len(found.group()) == 1 else found.group()
