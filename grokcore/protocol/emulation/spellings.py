"""Spellings of calls that models fall into although they were shown another one: Grok's own element
(its system prompts of 2025 and 2026), and two that are common in what models have read.

They hold no prefix, so a quoted one looks the same. They count only under conditions, see
:mod:`.sieve`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .tags import TagReader, name_in
from .written import MAX_CALL_CHARS, WrittenCall

__all__ = [
    "FOREIGN",
    "MAX_OPENING_CHARS",
    "ForeignElement",
    "is_opening",
    "quoted_elements",
    "read_foreign",
    "read_parameters",
]

LONGEST_CLOSING = 130
"""Characters of a closing tag that are waited for."""

MAX_OPENING_CHARS = 1024
"""Longest opening tag, with the white space behind it."""

HERMES = "tool_call"
"""Holds a JSON object with *name* and *arguments*; the others are named by an attribute."""

FOREIGN = ("xai:function_call", "invoke", HERMES)
"""Names of the elements."""

_TAGS = {
    name: re.compile(rf"(?:<|\\u003[cC]|&lt;)\s{{0,9}}{re.escape(name)}(?![\w.-])")
    for name in FOREIGN
}

_PARAMETER = r"(?:xai:)?(?:parameter|argument|arg)"
_OPENING = re.compile(rf"\s*<{_PARAMETER}\s([^<>]*)>")
_NEXT = rf"(?=\s*(?:<{_PARAMETER}\s|\Z))"
_ELEMENT = re.compile(r"<([\w:]+)([^<>]*)>(.*)</[^<>]*>\Z", re.DOTALL)


def quoted_elements(texts: Iterable[str]) -> frozenset[str]:
    """The :data:`FOREIGN` elements of which one of *texts* holds a tag, perhaps escaped."""
    return frozenset(
        name
        for text in texts
        for name, tag in _TAGS.items()
        if name in text and tag.search(text) is not None
    )


def is_opening(text: str) -> bool | None:
    """Whether *text* begins as a foreign call does: an opening tag, and the first character of what
    is in it; None if that can't be said yet.
    """
    end = text.find(">", 0, MAX_OPENING_CHARS)
    inside = text[end + 1 : MAX_OPENING_CHARS].lstrip() if end >= 0 else ""
    if not inside:
        return None if len(text) < MAX_OPENING_CHARS else False
    opening = text[1:end]
    if "<" in opening:
        return False
    if opening.startswith(HERMES):
        return inside[0] == "{"
    return bool(name_in(opening)) and inside[0] in "<{"


def read_foreign(source: str) -> WrittenCall | None:
    """The call that a foreign element is; None if it is none.

    Of JSON that holds the name, the body is that JSON.
    """
    found = _ELEMENT.match(source)
    assert found is not None
    element, attributes, inside = found.groups()
    if element == HERMES:
        return WrittenCall("", body=inside, source=source)
    name = name_in(attributes)
    if not inside.strip() or inside.lstrip().startswith("{"):
        return WrittenCall(name, body=inside, source=source)
    arguments = read_parameters(inside)
    return None if arguments is None else WrittenCall(name, arguments, source=source)


def read_parameters(text: str) -> tuple[tuple[str, str], ...] | None:
    """Keys and raw values of ``<parameter name="…">`` elements; None if there is anything else.

    The opening tag of a value may be written twice, and its closing tag may have the argument's
    name.
    """
    arguments: list[tuple[str, str]] = []
    at = 0
    while opening := _OPENING.match(text, at):
        key = name_in(opening.group(1))
        again = _OPENING.match(text, opening.end())
        if again is not None and name_in(again.group(1)) == key:
            opening = again
        closer = rf"</(?:{_PARAMETER}|{re.escape(key)})[^<>]{{0,100}}>{_NEXT}"
        end = re.compile(closer).search(text, opening.end())
        if not key or end is None:
            return None
        arguments.append((key, text[opening.end() : end.start()]))
        at = end.end()
    return tuple(arguments) if arguments and not text[at:].strip() else None


class ForeignElement:
    """A foreign element that is being read, up to its closing tag.

    :ivar closed: whether its closing tag has come.
    """

    def __init__(self, name: str, tags: TagReader) -> None:
        self.closed = False
        self._tags = tags
        self._closing = f"</{name}"
        self._end = re.compile(rf"</{re.escape(name)}(?![\w.-])[^<>]{{0,100}}>|{tags.head.pattern}")
        self._pieces: list[str] = []
        self._size = 0

    def source(self) -> str:
        """The text so far."""
        return "".join(self._pieces)

    def read(self, text: str, at: int, *, last: bool) -> tuple[int, bool]:
        """Read on from *at*; return the place that was reached, and whether the element has ended
        there: closed, or too long, or before a tag of the form.
        """
        found = self._end.search(text, at)
        if found is None:
            end = len(text) if last else self._certain_end(text, at)
        else:
            self.closed = found.group().startswith(self._closing)
            end = found.end() if self.closed else found.start()
        most = at + MAX_CALL_CHARS - self._size
        if end > most:
            self.closed, end = False, most
        self._pieces.append(text[at:end])
        self._size += end - at
        return end, found is not None or end == most

    def _certain_end(self, text: str, at: int) -> int:
        """The place where its closing tag, or a tag of the form, may begin; else the text's end."""
        last = text.rfind("<", max(at, len(text) - LONGEST_CLOSING))
        rest = text[last : last + len(self._closing)]
        if last >= 0 and (self._closing.startswith(rest) or self._tags.may_begin(text, last)):
            return last
        return len(text)
