"""The tag filter: takes Grok's inline elements out of the text, across token borders, and touches
nothing else.

Theory
------
Grok's tokens carry elements of its own interface (grok-protocol.md §3.5, §3.6): tool calls
(``<xai:tool_usage_card>``), references to cards (``<grok:render …>``) and artefacts (``<xaiArtifact
…>``). Usually an element is whole in one token, but it may be cut anywhere, inside ``<grok:re``
too. The filter is a scanner in one of three states; each reads what it can and leaves the rest to
the next::

    TEXT     passes text on; holds back only the beginning of a name ("<", "<gro", "</xaiArt")
    TAG      holds a tag of one of the names until its ">"
    ELEMENT  holds an element until its own closing tag (nesting and CDATA are respected)

Each of them remembers how far it has looked, and never looks there again.

Rules
-----
1. A name matches whole and without regard to ASCII case: ``<grok:renderer>``, ``a < b`` and ``<b>``
   are text.
2. Of an artefact the tags go and the content stays; any other element goes with its content.
3. An element that never closes was no markup: :meth:`TagFilter.close` gives it back unchanged. So
   is an element or tag that is longer than its cap. Memory is bounded; text may be late, but is
   never lost.
4. The result does not depend on how the text was cut: every decision is a function of the
   characters alone.
5. Work is linear in the length of the text, down to pieces of one character.
6. An element that is taken out can be had (:meth:`TagFilter.split`): its place may be filled with
   something better.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Iterable

from attrs import frozen

__all__ = ["MAX_ELEMENT_CHARS", "MAX_TAG_CHARS", "Element", "TagFilter", "parse_tag_names"]

MAX_ELEMENT_CHARS = 256 * 1024
"""Longest element that is waited for. Tool cards carry code; the longest public one is about 4
kB.
"""

MAX_TAG_CHARS = 4096
"""Longest single tag. The longest public one has three attributes, some 200 characters."""

UNWRAPPED = frozenset({"xaiartifact"})
"""Names whose tags go while the text between them stays (seen 2025: the answer's code sits in
them).
"""

JOINED_PIECES = 512
"""Pieces that are kept apart; more are joined, since a string of one character takes 50 bytes and
more.
"""

_FLAGS = re.IGNORECASE | re.ASCII
_NAME_ENDS = r"(?=[\s/>])"
_CDATA = "<![CDATA["
_CDATA_ENDS = "]]>"
_TELLING = re.compile("[\"'>]")
"""In a tag: where quotes begin, and its end."""


def parse_tag_names(value: str | Iterable[str]) -> frozenset[str]:
    """Tag names from a setting: a comma-separated string (the original's form) or a list; case and
    spaces don't matter.
    """
    names = value.split(",") if isinstance(value, str) else value
    return frozenset(name.strip().lower() for name in names if name.strip())


@frozen
class Element:
    """An element that was taken out, as it stood in the text."""

    text: str


class _State(enum.Enum):
    TEXT = enum.auto()
    TAG = enum.auto()
    ELEMENT = enum.auto()


class TagFilter:
    """The filter of one text.

    :param names: elements to take out, lower case (see :func:`parse_tag_names`).
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._state = _State.TEXT
        self._held = ""
        self._tag: _OpenTag  # in the state TAG
        self._element: _OpenElement  # in the state ELEMENT

    # Made when they are needed: most texts have no "<".

    @functools.cached_property
    def _tag_start(self) -> re.Pattern[str]:
        either = "|".join(re.escape(name) for name in sorted(self._names)) or r"(?!)"
        return re.compile(rf"<(/?)({either}){_NAME_ENDS}", _FLAGS)

    @functools.cached_property
    def _longest_start(self) -> int:
        return len("</") + max(map(len, self._names), default=0)

    def feed(self, text: str) -> str:
        """Take a piece of text; return the part that is certainly no markup (possibly nothing)."""
        if not self._held and "<" not in text and self._state is _State.TEXT:
            return text
        return "".join(piece for piece in self.split(text) if isinstance(piece, str))

    def split(self, text: str) -> list[str | Element]:
        """As :meth:`feed`, with the elements in their places."""
        passed: list[str | Element] = []
        if self._held and text:
            text, self._held = self._held + text, ""
        at = 0
        while at < len(text):
            match self._state:
                case _State.TEXT:
                    at = self._read_text(text, at, passed)
                case _State.TAG:
                    at = self._read_tag(text, at, passed)
                case _:  # ELEMENT
                    at = self._read_element(text, at, passed)
        return passed

    @property
    def holding(self) -> bool:
        """Whether something is held back, so that the next piece may complete it."""
        return bool(self._held) or self._state is not _State.TEXT

    def close(self) -> str:
        """The text has ended: whatever is still held back was text after all."""
        match self._state:
            case _State.TEXT:
                rest = self._held
            case _State.TAG:
                rest = self._tag.verbatim()
            case _:  # ELEMENT
                rest = self._element.verbatim()
        self._state, self._held = _State.TEXT, ""
        return rest

    def _read_text(self, text: str, at: int, passed: list[str | Element]) -> int:
        start = self._tag_start.search(text, at)
        if start is not None:
            passed.append(text[at : start.start()])
            self._state, self._tag = _State.TAG, _OpenTag()
            return start.start()
        cut = self._certain_length(text, at)
        passed.append(text[at:cut])
        self._held = text[cut:]
        return len(text)

    def _certain_length(self, text: str, at: int) -> int:
        """How much of *text* can't be the beginning of a tag any more; nothing before *at*
        matters.
        """
        last = text.rfind("<", max(at, len(text) - self._longest_start))
        if last < 0:
            return len(text)
        begun = text[last + 1 :].removeprefix("/").lower()
        return last if any(name.startswith(begun) for name in self._names) else len(text)

    def _read_tag(self, text: str, at: int, passed: list[str | Element]) -> int:
        at = self._tag.read(text, at)
        if not (self._tag.ended or self._tag.too_long):
            return at
        self._state = _State.TEXT
        tag = self._tag.verbatim()
        opening = self._tag_start.match(tag) if self._tag.ended else None
        if opening is None:
            passed.append(tag)
        elif not opening.group(1) and opening.group(2).lower() not in UNWRAPPED:
            if tag.endswith("/>"):
                passed.append(Element(tag))
            else:
                self._state, self._element = _State.ELEMENT, _OpenElement(opening.group(2), tag)
        return at

    def _read_element(self, text: str, at: int, passed: list[str | Element]) -> int:
        element = self._element
        at = element.read(text, at)
        if element.ended:
            passed.append(Element(element.verbatim()))
        elif at < len(text):  # which only its cap explains
            passed.append(element.verbatim())
        else:
            return at
        self._state = _State.TEXT
        return at


class _Pieces:
    """Text that comes in pieces of any size.

    :ivar size: characters.
    """

    def __init__(self, text: str = "") -> None:
        self.size = len(text)
        self._joined = [text]
        self._apart: list[str] = []

    def add(self, text: str) -> None:
        self.size += len(text)
        self._apart.append(text)
        if len(self._apart) >= JOINED_PIECES:
            self._joined.append("".join(self._apart))
            self._apart.clear()

    def whole(self) -> str:
        return "".join(self._joined + self._apart)


class _OpenTag:
    """A tag that is being read, from its ``<`` on.

    :ivar ended: its ``>`` has come; one between quotes is none.
    """

    def __init__(self) -> None:
        self.ended = False
        self._pieces = _Pieces()
        self._quote = ""

    @property
    def too_long(self) -> bool:
        """Whether it did not end within its cap."""
        return not self.ended and self._pieces.size >= MAX_TAG_CHARS

    def verbatim(self) -> str:
        return self._pieces.whole()

    def read(self, text: str, at: int, most: int = MAX_ELEMENT_CHARS) -> int:
        """Read on, *most* characters at most; return the place that was reached: its end, its cap,
        or the text's end.
        """
        stop = min(len(text), at + MAX_TAG_CHARS - self._pieces.size, at + most)
        end = self._end(text, at, stop)
        self._pieces.add(text[at:end])
        return end

    def _end(self, text: str, at: int, stop: int) -> int:
        while True:
            if self._quote:
                closing = text.find(self._quote, at, stop)
                if closing < 0:
                    return stop
                self._quote, at = "", closing + 1
            found = _TELLING.search(text, at, stop)
            if found is None:
                return stop
            if found.group() == ">":
                self.ended = True
                return found.end()
            self._quote, at = found.group(), found.end()


class _OpenElement:
    """An element that is being read: everything since its opening tag.

    :ivar ended: the closing tag that belongs to it has come.
    """

    def __init__(self, name: str, opening_tag: str) -> None:
        self.ended = False
        self._name = name.lower()
        self._tag_start = re.compile(rf"<(/?){re.escape(name)}{_NAME_ENDS}", _FLAGS)
        self._longest_start = max(len(_CDATA), len("</") + len(name) + 1)
        self._pieces = _Pieces(opening_tag)
        self._begun = ""  # the end of the text that was read, which may become markup
        self._tag: _OpenTag | None = None
        self._in_cdata = False
        self._depth = 1

    def verbatim(self) -> str:
        return self._pieces.whole()

    def read(self, text: str, at: int) -> int:
        """Read on; return the place that was reached: its end, its cap, or the text's end."""
        begun_at = at
        stop = min(len(text), at + MAX_ELEMENT_CHARS - self._pieces.size)
        while at < stop and not self.ended:
            if self._tag is not None:
                at = self._read_tag(self._tag, text, at, stop)
            elif self._in_cdata:
                at = self._read_cdata(text, at, stop)
            else:
                at = self._read_text(text, at, stop)
        self._pieces.add(text[begun_at:at])
        return at

    def _read_tag(self, tag: _OpenTag, text: str, at: int, stop: int) -> int:
        at = tag.read(text, at, stop - at)
        if tag.ended:
            whole = tag.verbatim()
            if not whole.endswith("/>"):
                self._depth += -1 if whole.startswith("</") else 1
                self.ended = not self._depth
        if tag.ended or tag.too_long:
            self._tag = None
        return at

    def _read_cdata(self, text: str, at: int, stop: int) -> int:
        window = self._begun + text[at : min(stop, at + 2)]
        over_the_cut = window.find(_CDATA_ENDS)
        end = text.find(_CDATA_ENDS, at, stop)
        if over_the_cut >= 0:
            end = at + over_the_cut + len(_CDATA_ENDS) - len(self._begun)
        elif end >= 0:
            end += len(_CDATA_ENDS)
        if end < 0:
            self._begun = (self._begun + text[max(at, stop - 2) : stop])[-2:]
            return stop
        self._in_cdata, self._begun = False, ""
        return end

    def _read_text(self, text: str, at: int, stop: int) -> int:
        if not self._begun:
            at = text.find("<", at, stop)
            if at < 0:
                return stop
        known = len(self._begun)
        window = self._begun + text[at : min(stop, at + self._longest_start + 1 - known)]
        if window.startswith(_CDATA):
            self._in_cdata, self._begun = True, ""
            return at + len(_CDATA) - known
        start = self._tag_start.match(window)
        if start is not None:
            self._tag, self._begun = _OpenTag(), ""
            self._tag.read(window, 0, start.end())
            return at + start.end() - known
        if at + len(window) - known == stop and self._may_become_markup(window):
            self._begun = window
            return stop
        self._begun = ""  # a "<" that begins nothing; the held text has no other one
        return at if known else at + 1

    def _may_become_markup(self, window: str) -> bool:
        begun = window[1:].removeprefix("/").lower()
        return _CDATA.startswith(window) or self._name.startswith(begun)
