"""The text and the reasoning of an answer while they come, beside xAI's own copies of them.

Rules
-----
1. Text comes in pieces, and again as the whole of a part, of an item and of the response. A piece
   is given out once: of a copy only the rest that no piece brought.
2. A part may come under two names: the place of its item in the answer, and the item's id. So a
   copy under a new name is compared with parts under names of the other kind.
3. A copy that is another text shows that pieces were lost. It makes the answer fail, but only at
   its end, where its cost stands.
4. Reasoning behind the beginning of the text is late, and dropped.
5. Texts of two messages, and parts of two reasonings, are divided by a blank line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from ..conversation.events import Cited, Event, Picture, Text, Thinking
from ..counters import Counters
from .citations import CitationFilter, Sources

__all__ = ["MAX_ANSWER_CHARS", "Answer", "Place"]

MAX_ANSWER_CHARS = 8 * 1024 * 1024
"""Characters of one answer: of its text, its reasoning, and its calls."""

Place: TypeAlias = tuple[int | str, int | str]
"""An item, by its place in the answer or its id (empty if unknown), and a part of it."""

_CITATION = re.compile(r"\[\[[0-9]{1,4}\]\]\([^()\s]*\)")


class Answer:
    """The text and reasoning of one answer.

    :ivar events: those that have not been taken yet.
    :ivar chars: characters so far, those of calls included.
    :ivar broken: whether a copy has shown that text was lost.
    :ivar shown: whether there is anything to see, beside reasoning.
    """

    def __init__(self, counters: Counters) -> None:
        self.events: list[Event] = []
        self.sources = Sources()
        self.chars = 0
        self.broken = False
        self.shown = False
        self._counters = counters
        self._citations = CitationFilter(self.sources)
        self._place: Place = ("", 0)
        self._part = bytearray()
        self._parts: dict[Place, bytearray] = {self._place: self._part}
        self._thoughts: dict[Place, bytearray] = {}
        self._thought_place: Place | None = None
        self._writing = False
        self._line_ended = True

    @property
    def too_long(self) -> bool:
        """Whether the answer is over :data:`MAX_ANSWER_CHARS`."""
        return self.chars > MAX_ANSWER_CHARS

    @property
    def has_thought(self) -> bool:
        """Whether any reasoning has come."""
        return bool(self._thoughts)

    def write(self, place: Place, text: str) -> None:
        """Add a piece of the text, of at least one character."""
        if place != self._place:
            self._turn_to(place)
        self.chars += len(text)
        self._part += text.encode("utf-8", "surrogatepass")
        self._writing = True
        self.shown = self.shown or not text.isspace()
        for event in self._citations.feed(text):
            self._emit(event)

    def compare(self, place: Place, whole: str) -> None:
        """Read a copy of a part's text: what no piece brought is added."""
        place = _known(place, whole, self._parts)
        self._add_rest(place, whole, bytes(self._parts.get(place, b"")))

    def compare_all(self, whole: str) -> bool:
        """Read a copy of the whole text; return whether it proves that none is missing."""
        brought = b"".join(self._parts.values())
        if brought and brought.endswith(whole.encode("utf-8", "surrogatepass")):
            return brought.decode("utf-8", "surrogatepass") == whole
        self._add_rest(self._place, whole, brought)
        return not self.broken

    def think(self, place: Place, text: str) -> None:
        """Add a piece of the reasoning, of at least one character."""
        self.chars += len(text)
        if self._writing:
            self._counters.late_thoughts += 1
            return
        kept = self._thoughts.setdefault(place, bytearray())
        kept += text.encode("utf-8", "surrogatepass")
        turned = self._thought_place not in (None, place)
        self._thought_place = place
        self.events.append(Thinking(f"\n\n{text}" if turned else text))

    def compare_thought(self, place: Place, whole: str) -> None:
        """Read a copy of a part of the reasoning. One that differs proves nothing."""
        place = _known(place, whole, self._thoughts)
        brought = self._thoughts.get(place, b"")
        copy = whole.encode("utf-8", "surrogatepass")
        if not self._writing and len(copy) > len(brought) and copy.startswith(brought):
            self.think(place, copy[len(brought) :].decode("utf-8", "surrogatepass"))

    def show(self, picture: Picture) -> None:
        """Show a picture."""
        self.end_text()
        self.shown = True
        self.events.append(picture)

    def end_text(self) -> None:
        """Give out the text that is held back: no more follows here."""
        for event in self._citations.close():
            self._emit(event)

    def _turn_to(self, place: Place) -> None:
        self.end_text()
        if self._writing and place[0] != self._place[0] and not self._line_ended:
            self.events.append(Text("\n\n"))
        self._place = place
        self._part = self._parts.setdefault(place, bytearray())

    def _emit(self, event: Text | Cited) -> None:
        self.events.append(event)
        self._line_ended = isinstance(event, Text) and event.text.endswith("\n")

    def _add_rest(self, place: Place, whole: str, brought: bytes) -> None:
        copy = whole.encode("utf-8", "surrogatepass")
        if copy.startswith(brought):
            if len(copy) > len(brought):
                self.write(place, copy[len(brought) :].decode("utf-8", "surrogatepass"))
        elif not brought.startswith(copy) and _plain(brought.decode("utf-8", "surrogatepass")) != (
            _plain(whole)
        ):
            self.broken = True


def _known(place: Place, whole: str, parts: Mapping[Place, bytearray]) -> Place:
    """The name under which the part at *place* has come so far; see rule 2."""
    if place in parts:
        return place
    copy = whole.encode("utf-8", "surrogatepass")
    begun = (
        other
        for other, part in parts.items()
        if part and _named_otherwise(other[0], place[0]) and copy.startswith(part)
    )
    return next(begun, place)


def _named_otherwise(one: int | str, other: int | str) -> bool:
    return "" in (one, other) or isinstance(one, str) != isinstance(other, str)


def _plain(text: str) -> str:
    """*text* without white space and citations, which xAI may write otherwise in a copy."""
    return "".join(_CITATION.sub("", text).split())
