"""Texts that came in pieces over the websocket, masked as the decoder joins them.

Theory
------
An element of Grok's may be cut over two pieces, so a piece alone can't be masked. The pieces are
joined as :mod:`grokcore.protocol.grok_socket.decoder` joins them: those of its own answer, the text
and the thinking apart. Grok's copy of the text (``response.output_text.done``) is a piece, too: the
part of the text that it repeats, and the rest that no other piece brought.

A first reading notes for each object which part of which text it holds; afterwards the texts are
masked, each as one.

Rules
-----
1. A piece that the decoder passes over stands alone.
2. A copy that does not begin with the pieces must not do so when all letters are alike. If it
   proves a loss, it becomes the pieces with a ``y`` before them, else a row of ``y``.
3. Work is linear in the length of the pieces, as in the decoder.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ..grok_socket.chunk_values import is_of_another_agent, step_of
from ..grok_socket.event_keys import BOUND_KINDS, EVENT_TYPES, Channel, EventKind, channel_of
from ..grok_web.wholeness import Agreement, agreement
from .covering import covered
from .masks import TextMask

__all__ = ["FrameTexts", "Place", "event_in", "kind_of", "place_of"]

MARK = "y"
"""Letter of a copy that differs from the pieces, whose letter is an ``x``."""

_COPY_NAMES = frozenset({"grok:render"})


@frozen(eq=False)
class Place:
    """The place of a text within a frame.

    :ivar channel: its purpose; :attr:`Channel.TITLE` for a text that is joined with no other.
    :ivar step: the step of a thought.
    """

    holder: dict[str, Any]
    key: str
    channel: Channel
    step: str = ""

    @property
    def text(self) -> str:
        """The text itself."""
        text = self.holder[self.key]
        assert isinstance(text, str)
        return text


def event_in(value: dict[str, Any]) -> dict[str, Any]:
    """The event of a frame, which may lack its envelope; an empty one if there is none."""
    event = value.get("event")
    if isinstance(event, dict):
        return event
    return value if isinstance(value.get("type"), str) else {}


def kind_of(event: dict[str, Any]) -> EventKind | None:
    """The kind of an event; None if it is not known."""
    name = event.get("type")
    return EVENT_TYPES.get(name) if isinstance(name, str) else None


def place_of(event: dict[str, Any]) -> Place | None:
    """The place of a piece of text, or of Grok's copy of it; None if there is none."""
    kind = kind_of(event)
    match kind:
        case EventKind.CHUNK | EventKind.OUTPUT:
            return _place_in_chunk(event.get("chunk" if kind is EventKind.CHUNK else "output"))
        case EventKind.TEXT | EventKind.REASONING if isinstance(event.get("delta"), str):
            thinking = kind is EventKind.REASONING or _is_thinking(event)
            return Place(event, "delta", Channel.THINKING if thinking else Channel.ANSWER)
        case EventKind.WHOLE_TEXT if isinstance(event.get("text"), str):
            return Place(event, "text", Channel.TITLE if _is_thinking(event) else Channel.ANSWER)
    return None


def _place_in_chunk(chunk: object) -> Place | None:
    value = chunk.get("text") if isinstance(chunk, dict) else None
    if not isinstance(chunk, dict) or not isinstance(value, dict):
        return None
    if not isinstance(value.get("text"), str):
        return None
    metadata = chunk.get("metadata")
    channel = channel_of(value.get("channel"))
    if channel is Channel.UNKNOWN or (channel is Channel.ANSWER and is_of_another_agent(metadata)):
        channel = Channel.THINKING
    return Place(value, "text", channel, step_of(value.get("channel"), metadata))


def _is_thinking(event: dict[str, Any]) -> bool:
    settings = event.get("x_grok")
    return isinstance(settings, dict) and settings.get("is_thinking") is True


class _Text:
    """A text that came in pieces.

    :ivar size: characters so far.
    :ivar masked: all of it, once it is masked.
    """

    def __init__(self) -> None:
        self.size = 0
        self.masked = ""
        self._pieces: list[str] = []

    def add(self, piece: str) -> _Part:
        """Add a piece; return its place."""
        self._pieces.append(piece)
        self.size += len(piece)
        return _Part(self, self.size - len(piece), self.size)

    def __str__(self) -> str:
        return "".join(self._pieces)


@frozen(eq=False)
class _Part:
    """Characters of a text, with others before them."""

    text: _Text
    start: int
    end: int
    front: str = ""

    @property
    def masked(self) -> str:
        return self.front + self.text.masked[self.start : self.end]


class FrameTexts:
    """The texts of one recording. First :meth:`note` each object, then :meth:`mask`, then take the
    masked texts in the same order with :meth:`next`.
    """

    def __init__(self, tag_names: frozenset[str]) -> None:
        self._names = tag_names | _COPY_NAMES
        self._answer = _Text()
        self._thinking = _Text()
        self._part = self._answer  # the pieces since Grok's last copy of a part
        self._part_start = 0
        self._step = ""
        self._mid_line = False
        self._session_id: object = None
        self._response_id: object = None
        self._noted: list[_Part | str | None] = []
        self._at = 0

    def note(self, value: dict[str, Any]) -> None:
        """Read an object, and note its text, if it has one."""
        event = event_in(value)
        own = self._is_own(value.get("session_id"), event)
        place = place_of(event)
        if place is None:
            return
        if not own or place.channel is Channel.TITLE:
            self._noted.append(None)
        elif kind_of(event) is EventKind.WHOLE_TEXT:
            self._noted.append(self._note_copy(place.text))
        else:
            self._noted.append(self._note_piece(place))

    def mask(self, mask: TextMask) -> None:
        """Mask the texts."""
        for text in (self._answer, self._thinking):
            text.masked = mask.of(str(text))

    def next(self, text: str, mask: TextMask) -> str:
        """Return the next text masked.

        :param text: the text itself.
        """
        noted = self._noted[self._at]
        self._at += 1
        if isinstance(noted, _Part):
            return noted.masked
        return mask.of(text) if noted is None else noted

    def _is_own(self, session_id: object, event: dict[str, Any]) -> bool:
        """Whether the decoder takes an event for one of its own answer."""
        kind = kind_of(event)
        if session_id and self._session_id and session_id != self._session_id:
            return False
        if kind is EventKind.OPENED or kind is EventKind.CREATED:
            self._session_id = session_id if isinstance(session_id, str) else self._session_id
        if kind is EventKind.CREATED:
            response = event.get("response")
            name = response.get("id") if isinstance(response, dict) else None
            self._response_id = self._response_id or (name if isinstance(name, str) else None)
        name = event.get("response_id")
        if kind in BOUND_KINDS and isinstance(name, str) and not self._response_id:
            self._response_id = name  # its announcement comes later, or not at all
        return name is None or (bool(name) and name == self._response_id)

    def _note_piece(self, place: Place) -> _Part:
        text = place.text
        if place.channel is Channel.ANSWER:
            if self._part is not self._answer:
                self._part.add(text)
            return self._answer.add(text)
        if text:
            if self._mid_line and place.step != self._step:
                self._thinking.add("\n")
            self._step, self._mid_line = place.step, not text.endswith("\n")
        return self._thinking.add(text)

    def _note_copy(self, copy: str) -> _Part | str | None:
        if not copy:
            return None
        part, place = self._part, self._place_of_copy(copy)
        self._part, self._part_start = _Text(), self._answer.size
        if place is not None:
            return place
        if part.size and all(self._proves_loss(copy, pieces) for pieces in (part, self._answer)):
            return _Part(self._answer, 0, self._answer.size, MARK)
        return covered(copy).replace("x", MARK)

    def _proves_loss(self, copy: str, pieces: _Text) -> bool:
        return agreement(str(pieces), copy, self._names) is Agreement.BROKEN

    def _place_of_copy(self, copy: str) -> _Part | None:
        """Add the rest of a copy of the whole text, or of its last part; None if it is neither."""
        if _begins_with(copy, self._answer):
            begin = 0
        elif self._part.size and _begins_with(copy, self._part):
            begin = self._part_start
        else:
            return None
        self._answer.add(copy[self._answer.size - begin :])
        return _Part(self._answer, begin, begin + len(copy))


def _begins_with(copy: str, pieces: _Text) -> bool:
    return pieces.size <= len(copy) and copy.startswith(str(pieces))
