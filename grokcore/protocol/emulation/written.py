"""Calls as they stand in the text of an answer."""

from __future__ import annotations

import enum
import re

from attrs import field, frozen

from .tags import ARG_WORDS, CALL_WORDS, Tag

__all__ = ["MAX_CALL_CHARS", "OpenCall", "Skipped", "Step", "WrittenCall"]

MAX_CALL_CHARS = 1024 * 1024
"""Longest call; a longer one is never used."""

_CLOSER = re.compile(r"</(?:[\w.-]+:)?([\w.-]+)[^<>]*>", re.ASCII)
_LONGEST_CLOSER = 200
_CALL_CLOSER = re.compile(rf"\s*</(?:{'|'.join(sorted(CALL_WORDS))})>\s*")
"""The closing tag of a call that has lost its prefix."""

_LAST_LINE_BREAK = re.compile(r"\n[ \t]*\Z")


@frozen
class Skipped:
    """Text that is neither shown nor part of a call: white space behind calls, their fence, stray
    tags.
    """

    source: str


@frozen
class WrittenCall:
    """A call as the model wrote it.

    :ivar name: may be empty.
    :ivar arguments: keys and raw values, in order.
    :ivar body: the text outside of arguments; blank in the usual form.
    :ivar whole: whether nothing of it is missing. A call that is not whole must not be made.
    """

    name: str
    arguments: tuple[tuple[str, str], ...] = ()
    body: str = ""
    whole: bool = True
    source: str = field(default="", repr=False)


class Step(enum.Enum):
    """Where a tag has led."""

    ON = "the call goes on"
    CLOSED = "the call has ended with the tag"
    NEXT = "the call has ended before the tag, which begins another call"


class OpenCall:
    """A call that is being read: text and tags, in order.

    A value ends with the closing tag of an argument. If that is lost, it ends before the next
    argument, or with the call; a closing tag of another name in that place is no part of it.

    :ivar size: characters.
    """

    def __init__(self, tag: Tag) -> None:
        opens_call = tag.opens_call
        self.size = 0
        self._name = tag.name if opens_call else ""
        self._arguments: list[tuple[str, str]] = []
        self._source: list[str] = []
        self._body: list[str] = []
        self._value: list[str] = []
        self._key: str | None = None  # of the open value
        self._closers = ARG_WORDS
        self._whole = True
        if opens_call:
            self._keep(tag.source)

    @property
    def room(self) -> int:
        """Characters up to the longest call."""
        return MAX_CALL_CHARS - self.size

    def add(self, text: str) -> None:
        """Add text without tags."""
        self._keep(text)
        (self._body if self._key is None else self._value).append(text)

    def keep(self, text: str) -> None:
        """Add text that belongs to the call, and means nothing."""
        self._keep(text)

    def read(self, tag: Tag) -> Step:
        """Read a tag."""
        step = self._read_outside(tag) if self._key is None else self._read_inside(tag)
        if step is not Step.NEXT:
            self._keep(tag.source)
        return step

    def written(self, *, closed: bool) -> WrittenCall:
        """The call, which has ended.

        :param closed: whether it ended by a tag, and not with the text.
        """
        body = "".join(self._body)
        if self._key is None and _CALL_CLOSER.fullmatch(body):
            body, closed = "", True
        return WrittenCall(
            self._name,
            tuple(self._arguments),
            body,
            closed and self._whole,
            "".join(self._source),
        )

    def _keep(self, text: str) -> None:
        self.size += len(text)
        self._source.append(text)

    def _read_outside(self, tag: Tag) -> Step:
        if tag.closing:
            # A stray closing tag means nothing, unless text stands before it.
            return Step.CLOSED if tag.local in CALL_WORDS else Step.ON
        if tag.opens_call:
            return self._read_second_opening(tag)
        if tag.opens_argument:
            self._open(tag, tag.name, ARG_WORDS)
        elif tag.local and tag.local not in ARG_WORDS:
            self._open(tag, tag.local, frozenset({tag.local}))
        else:
            self._body.append(tag.source)
        return Step.ON

    def _read_second_opening(self, tag: Tag) -> Step:
        begun = self._arguments or "".join(self._body).strip()
        if not begun and (not tag.name or self._name in ("", tag.name)):
            self._name = self._name or tag.name
            return Step.ON  # a tag written twice
        self._whole = bool(self._arguments)
        return Step.NEXT

    def _read_inside(self, tag: Tag) -> Step:
        if tag.closing:
            if tag.local in self._closers:
                self._end_value("".join(self._value))
            elif tag.local in CALL_WORDS:
                self._end_value(self._without_closer())
                return Step.CLOSED
            else:
                self._value.append(tag.source)
        elif tag.opens_argument:
            if tag.name != self._key or "".join(self._value).strip():
                self._end_value(self._without_closer())
            self._open(tag, tag.name, ARG_WORDS)
        elif tag.opens_call:
            self._whole = False
            return Step.NEXT
        else:
            self._value.append(tag.source)
        return Step.ON

    def _open(self, tag: Tag, key: str, closers: frozenset[str]) -> None:
        self._key, self._closers = key, closers
        self._value.clear()
        if tag.empty:
            self._end_value(tag.value)

    def _end_value(self, value: str) -> None:
        assert self._key is not None
        if self._key == "name" and "name" in self._closers and not self._name:
            self._name = value.strip()
        else:
            self._arguments.append((self._key, value))
        self._key = None
        self._value.clear()

    def _without_closer(self) -> str:
        """The value that ends here without the right closing tag."""
        value = "".join(self._value)
        stripped = value.rstrip()
        begun = stripped.rfind("</", max(0, len(stripped) - _LONGEST_CLOSER))
        closer = _CLOSER.fullmatch(stripped, begun) if begun >= 0 else None
        if closer is not None and closer.group(1) in ARG_WORDS | {self._key}:
            return stripped[:begun]
        return _LAST_LINE_BREAK.sub("", value)
