"""Tags of the written form in the text of an answer, in any spelling that Grok's models use.

Spellings that were seen in logs of Grok under agents (2025): other quotes or none, a stray quote or
space, attributes in a closing tag, a tag that never ends. The prefix occurs nowhere else in the
question, so a tag with it is always meant as one.
"""

from __future__ import annotations

import html
import re

from attrs import field, frozen

__all__ = ["ARG_WORDS", "CALL_WORDS", "MAX_TAG_CHARS", "Tag", "TagReader", "name_in"]

MAX_TAG_CHARS = 1024
"""Longest tag; a longer one is text."""

CALL_WORDS = frozenset({"call", "function_call", "tool_call", "invoke"})
ARG_WORDS = frozenset({"arg", "argument", "parameter", "param"})

_IN_QUOTES = (
    r"""\s*=\s*(?:"(?P<a>[^"]*)"|'(?P<b>[^']*)'|[“”](?P<c>[^“”"]*)[“”"]"""
    r"""|["'“”]?(?P<d>[^\s"'“”<>/]*))"""
)
_NAME = re.compile(rf"\bname{_IN_QUOTES}")
_VALUE = re.compile(rf"\bvalue{_IN_QUOTES}")


def name_in(attributes: str) -> str:
    """The value of the attribute ``name``; empty without one."""
    return _attribute(_NAME, attributes).strip()


def _attribute(pattern: re.Pattern[str], attributes: str) -> str:
    found = pattern.search(attributes)
    if found is None:
        return ""
    return html.unescape(next(part for part in found.groups() if part is not None))


@frozen
class Tag:
    """A tag with the prefix of the form.

    :ivar local: its name without the prefix; may be empty.
    :ivar name: the value of its attribute *name*; empty without one.
    :ivar whole: whether it ended with ``>``, and not before the next tag.
    """

    source: str = field(repr=False)
    closing: bool
    local: str
    name: str
    whole: bool

    @property
    def empty(self) -> bool:
        """Whether it is an element without content: ``<fn:arg name="a"/>``."""
        return self.source.endswith("/>")

    @property
    def value(self) -> str:
        """The value of an argument that is all in its tag: ``<fn:arg name="a" value="b"/>``."""
        return _attribute(_VALUE, self.source)

    @property
    def opens_call(self) -> bool:
        """Whether a call begins here."""
        return not self.closing and self.local in CALL_WORDS and (self.whole or bool(self.name))

    @property
    def opens_argument(self) -> bool:
        """Whether a named argument begins here."""
        return not self.closing and self.local in ARG_WORDS and bool(self.name)


class TagReader:
    """Reads the tags of one prefix.

    :ivar head: the pattern of the first characters of a tag.
    """

    def __init__(self, prefix: str) -> None:
        self._opening, self._closing = f"<{prefix}:", f"</{prefix}:"
        self.head = re.compile(f"</?{re.escape(prefix)}:")
        self._local = re.compile(rf"</?{re.escape(prefix)}:\s*([\w.-]*)(.*)", re.DOTALL)
        self._end = re.compile("[<>]")

    def begins(self, text: str, at: int) -> bool:
        """Whether the characters at *at* are the first ones of a tag."""
        return text.startswith((self._opening, self._closing), at)

    def may_begin(self, text: str, at: int) -> bool:
        """Whether the rest of *text* may become the first characters of a tag."""
        rest = text[at : at + len(self._closing)]
        return self._opening.startswith(rest) or self._closing.startswith(rest)

    def certain_end(self, text: str, at: int) -> int:
        """The place where a tag may begin at the text's end, in a text without a head behind *at*;
        else its end.
        """
        last = text.rfind("<", max(at, len(text) - len(self._closing)))
        return last if last >= 0 and self.may_begin(text, last) else len(text)

    def unfinished(self, text: str, at: int) -> bool:
        """Whether the tag at *at* has not ended yet, and still may."""
        return len(text) - at < MAX_TAG_CHARS and self._end.search(text, at + 1) is None

    def goes_on(self, text: str, more: str) -> bool:
        """Whether *text* is an unfinished tag, and still is one with *more*, which has no ``<``."""
        within = len(text) + len(more) < MAX_TAG_CHARS
        return within and ">" not in more and self.begins(text, 0)

    def read(self, text: str, at: int) -> Tag | None:
        """The tag at *at*; None if it is too long for one."""
        end = self._end.search(text, at + 1, at + MAX_TAG_CHARS)
        if end is None:
            return None
        whole = end.group() == ">"
        return self.tag(text[at : end.end() if whole else end.start()], whole=whole)

    def tag(self, source: str, *, whole: bool) -> Tag:
        """The tag that *source* is."""
        found = self._local.match(source)
        assert found is not None
        local, rest = found.groups()
        if local.lower() in CALL_WORDS | ARG_WORDS:
            local = local.lower()
        return Tag(source, source.startswith("</"), local, name_in(rest), whole)
