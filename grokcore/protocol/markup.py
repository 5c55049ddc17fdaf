"""The tag filter: takes Grok's inline elements out of the text, across token borders, and touches nothing else.

Theory
------
Grok's tokens carry elements of its own interface (grok-protocol.md §3.5, §3.6): tool calls
(``<xai:tool_usage_card>``), references to cards (``<grok:render …>``) and artefacts (``<xaiArtifact …>``). Usually an
element is whole in one token, but it may be cut anywhere, inside ``<grok:re`` too. The filter is a scanner in one of
three states; each reads what it can and says what is left for the next::

    TEXT     passes text on; holds back only what may still become one of the names ("<", "<gro", "</xaiArt")
    TAG      holds a tag of one of the names until its ">"
    ELEMENT  holds an element until the closing tag that belongs to it (nesting and CDATA are minded)

Rules
-----
1. A name matches whole and without regard to ASCII case: ``<grok:renderer>``, ``a < b`` and ``<b>`` are text.
2. An artefact's tags go and what stands between them stays; any other name goes with all that is inside it.
3. What never closes was no markup: :meth:`TagFilter.close` gives it back as it came, and so does an element or tag that is
   longer than its cap. Memory is bounded; text may be late, but is never lost.
4. What comes out does not depend on how the text was cut: every decision is a function of the characters alone.
5. An element that is taken out can be had (:meth:`TagFilter.split`): its place may be filled with something better.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable

from attrs import frozen

__all__ = ["MAX_ELEMENT_CHARS", "MAX_TAG_CHARS", "Element", "TagFilter", "parse_tag_names"]

MAX_ELEMENT_CHARS = 256 * 1024
"""Longest element that is waited for. Tool cards carry code; the longest public one is about 4 kB."""

MAX_TAG_CHARS = 4096
"""Longest single tag. The longest public one has three attributes, some 200 characters."""

UNWRAPPED = frozenset({"xaiartifact"})
"""Names whose tags go while the text between them stays (seen 2025: the answer's code sits in them)."""

_FLAGS = re.IGNORECASE | re.ASCII
_NAME_ENDS = r"(?=[\s/>])"
_REST_OF_TAG = r"""(?:[^>"']++|"[^"]*"|'[^']*')*+>"""
_CDATA = "<![CDATA["


def parse_tag_names(value: str | Iterable[str]) -> frozenset[str]:
    """Tag names from a setting: a comma-separated string (the original's form) or a list; case and spaces don't matter."""
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
    """One stream of text through the filter.

    :param names: what to take out, lower case (see :func:`parse_tag_names`).
    """

    def __init__(self, names: frozenset[str]) -> None:
        either = "|".join(re.escape(name) for name in sorted(names)) or r"(?!)"
        self._names = names
        self._tag_start = re.compile(rf"</?(?:{either}){_NAME_ENDS}", _FLAGS)
        self._tag = re.compile(rf"<(/?)({either}){_NAME_ENDS}{_REST_OF_TAG}", _FLAGS)
        self._longest_start = len("</") + max(map(len, names), default=0)
        self._state = _State.TEXT
        self._held = ""
        self._element = _OpenElement("", "")

    def feed(self, text: str) -> str:
        """Take a piece of text; return what is certain to be no markup (possibly nothing)."""
        if not self._held and "<" not in text and self._state is _State.TEXT:
            return text
        return "".join(piece for piece in self.split(text) if isinstance(piece, str))

    def split(self, text: str) -> list[str | Element]:
        """As :meth:`feed`, with the elements in their places."""
        passed: list[str | Element] = []
        while text:
            match self._state:
                case _State.TEXT:
                    text = self._read_text(self._held + text, passed)
                case _State.TAG:
                    text = self._read_tag(self._held + text, passed)
                case _State.ELEMENT:
                    text = self._read_element(text, passed)
        return passed

    @property
    def holding(self) -> bool:
        """Whether something is held back, so that the next piece may complete it."""
        return bool(self._held) or self._state is not _State.TEXT

    def close(self) -> str:
        """The text has ended: whatever is still held back was text after all."""
        rest = self._element.verbatim() if self._state is _State.ELEMENT else self._held
        self._state, self._held = _State.TEXT, ""
        return rest

    def _read_text(self, text: str, passed: list[str | Element]) -> str:
        self._held = ""
        start = self._tag_start.search(text)
        if start is not None:
            passed.append(text[: start.start()])
            self._state = _State.TAG
            return text[start.start() :]
        cut = self._certain_length(text)
        passed.append(text[:cut])
        self._held = text[cut:]
        return ""

    def _certain_length(self, text: str) -> int:
        """How much of *text* can't be the beginning of a tag any more."""
        at = text.rfind("<", max(0, len(text) - self._longest_start))
        if at < 0:
            return len(text)
        begun = text[at + 1 :].removeprefix("/").lower()
        return at if any(name.startswith(begun) for name in self._names) else len(text)

    def _read_tag(self, text: str, passed: list[str | Element]) -> str:
        self._held = ""
        tag = self._tag.match(text, 0, MAX_TAG_CHARS)
        if tag is None and len(text) < MAX_TAG_CHARS:
            self._held = text
            return ""
        self._state = _State.TEXT
        if tag is None:
            passed.append(text[:MAX_TAG_CHARS])
            return text[MAX_TAG_CHARS:]
        closing, name = tag.group(1), tag.group(2).lower()
        if not closing and name not in UNWRAPPED:
            if tag.group().endswith("/>"):
                passed.append(Element(tag.group()))
            else:
                self._state = _State.ELEMENT
                self._element = _OpenElement(name, tag.group())
        return text[tag.end() :]

    def _read_element(self, text: str, passed: list[str | Element]) -> str:
        rest = self._element.read(text)
        if rest is not None:
            self._state = _State.TEXT
            passed.append(Element(self._element.verbatim()))
            return rest
        if self._element.size <= MAX_ELEMENT_CHARS:
            return ""
        self._state = _State.TEXT
        verbatim = self._element.verbatim()
        passed.append(verbatim[:MAX_ELEMENT_CHARS])
        return verbatim[MAX_ELEMENT_CHARS:]


class _OpenElement:
    """An element that is being read: everything since its opening tag, scanned once however it arrives."""

    def __init__(self, name: str, opening_tag: str) -> None:
        self._name = name
        self._tag = re.compile(rf"<(/?){re.escape(name)}{_NAME_ENDS}{_REST_OF_TAG}", _FLAGS)
        self._read = [opening_tag]
        self._unread = ""
        self._depth = 1
        self._in_cdata = False
        self.size = len(opening_tag)

    def verbatim(self) -> str:
        return "".join(self._read) + self._unread

    def read(self, text: str) -> str | None:
        """Read on; once the element has ended within its cap, return the text after it."""
        self.size += len(text)
        text = self._unread + text
        at = 0
        while self._depth:
            following = self._next(text, at)
            if following is None:
                break
            at = following
        end = self.size - len(text) + at
        if not self._depth and end <= MAX_ELEMENT_CHARS:
            self._read.append(text[:at])
            self._unread = ""
            return text[at:]
        # The place to go on from is not always the place reached: a tag may have begun there.
        self._read.append(text[:at])
        self._unread = text[at:]
        return None

    def _next(self, text: str, at: int) -> int | None:
        """The place behind the next thing of interest; None if that is not all here, or there is none."""
        if self._in_cdata:
            end = text.find("]]>", at)
            self._in_cdata = end < 0
            return None if end < 0 else end + len("]]>")
        start = text.find("<", at)
        if start < 0:
            return None
        if text.startswith(_CDATA, start):
            self._in_cdata = True
            return start + len(_CDATA)
        tag = self._tag.match(text, start, start + MAX_TAG_CHARS)
        if tag is not None:
            if not tag.group().endswith("/>"):
                self._depth += -1 if tag.group(1) else 1
            return tag.end()
        return None if self._may_become_markup(text[start : start + MAX_TAG_CHARS]) else start + 1

    def _may_become_markup(self, text: str) -> bool:
        if len(text) == MAX_TAG_CHARS:
            return False
        begun = text[1:].removeprefix("/").lower()
        after_name = begun.removeprefix(self._name)
        opened = after_name != begun and after_name[:1] in " \t\n\r\f\v/>"
        return opened or _CDATA.startswith(text) or self._name.startswith(begun)
