"""Masks of texts, one character for one, that leave Grok's elements in their places.

Theory
------
A mask is one substitution: runs of characters become runs of ``x`` (:func:`.covering.covered`).
What the tag filter (:mod:`grokcore.protocol.grok_web.markup`) and the readers of its elements look
at stays: white space, punctuation, the beginnings of element names behind a ``<``, and within the
tags of Grok the names of attributes and kinds. Ids become their pseudonyms. In the JSON of a tool
call the names of arguments stay; strings and numbers are masked so that it remains JSON.

Rules
-----
1. A word of a person's text survives only if it is in :mod:`.vocabulary`. The names of parts within
   a whole tag of Grok's own kind (``<grok:…>``) stay too: reports are made for new elements.
2. The filter takes the same elements out of a masked text as out of the text itself. So behind a
   ``<`` no letter stands where another name could go on: it becomes a ``?``.
3. Work is linear in the length of the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeAlias

from ..grok_web.server_tools import ARGUMENTS_BEGIN, ARGUMENTS_END
from .covering import COVERED, HIDDEN, covered
from .pseudonyms import Pseudonyms
from .vocabulary import ARGUMENTS, KINDS, TAGS

__all__ = ["TextMask"]

_Match: TypeAlias = "re.Match[str]"

_CDATA = "![cdata["
_QUOTED = r"""(?:"[^"<]{0,300}"|'[^'<]{0,300}')"""
_KIND_ATTRIBUTES = ("card_type", "type", "name")
_KIND = re.compile(r"[a-z_]{1,40}")
_ID = re.compile(r'[^\s"]+')

_ATTRIBUTE = re.compile(rf"(?P<name>[A-Za-z_]+)(?P<equals>\s*=\s*)(?P<value>{_QUOTED})")
_TOOL = r"(?P<tool><xai:tool_name>\s*+[a-z][a-z_]{0,39}(?=\s*+</xai:tool_name>))"
_CITATION = (
    r"""(?P<citation><argument\s+name\s*=\s*["']citation_id["']\s*>)(?P<number>[^<]*)"""
    "(?=</argument)"
)
_BEGINNING = r"""(?P<slash></?)(?P<behind>[^\s<>/"'=]*+)"""
_LONE_ATTRIBUTE = (
    rf"(?P<attribute>(?<![\w.:-])(?:card_id|{'|'.join(_KIND_ATTRIBUTES)})\s*=\s*{_QUOTED})"
)
_RUN = f"(?P<run>{COVERED}+|{HIDDEN})"

_ESCAPE = r"(?P<escape>\\(?:u[0-9a-fA-F]{4}|.))"
_STRING = r'"(?P<string>(?:[^"\\]|\\.)*+)(?P<end>"(?=\s*(?P<colon>:)?)|\\?\Z)'
_NUMBER = r"(?P<figure>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
_LITERAL = r"(?P<literal>\b(?:true|false|null)\b)"


class TextMask:
    """The mask of the texts of one recording.

    :param tag_names: elements that the decoder may filter, lower case; their names stay.
    """

    def __init__(self, pseudonyms: Pseudonyms, tag_names: frozenset[str]) -> None:
        self._pseudonyms = pseudonyms
        self._by_group: dict[str | None, Callable[[_Match], str]] = {
            "number": self._citation,
            "tag": self._tag,
            "behind": self._beginning,
            "attribute": self._lone_attribute,
            "escape": _escape,
            "end": self._string,
            "figure": _figure,
            "run": _run,
        }
        names = TAGS | tag_names
        self._beginnings = {
            name[:size] for name in {*names, _CDATA} for size in range(len(name) + 1)
        }
        self._longest = max(map(len, self._beginnings))
        parts = (_TOOL, _CITATION, _tag(names), _BEGINNING, _LONE_ATTRIBUTE, _RUN)
        text = "|".join(parts)
        self._in_text = re.compile(text)
        self._in_string = re.compile(f"{_ESCAPE}|{text}", re.DOTALL)
        self._in_json = re.compile(f"{_STRING}|{_NUMBER}|{_LITERAL}|{text}", re.DOTALL)

    def of(self, text: str) -> str:
        """Return *text* masked."""
        if "<" not in text:
            return covered(text)
        first, *others = text.split(ARGUMENTS_BEGIN)
        return ARGUMENTS_BEGIN.join([self._text(first), *map(self._behind_arguments_begin, others)])

    def of_arguments(self, text: str) -> str:
        """Return the arguments of a tool masked; names and punctuation of their JSON stay."""
        return self._in_json.sub(self._piece, text)

    def _behind_arguments_begin(self, text: str) -> str:
        arguments, end, rest = text.partition(ARGUMENTS_END)
        if not end:
            return self._text(text)
        return self.of_arguments(arguments) + end + self._text(rest)

    def _text(self, text: str) -> str:
        return self._in_text.sub(self._piece, text)

    def _piece(self, match: _Match) -> str:
        mask = self._by_group.get(match.lastgroup)
        return match.group() if mask is None else mask(match)

    def _citation(self, match: _Match) -> str:
        number = _ID.sub(lambda each: self._pseudonyms.of_citation(each.group()), match["number"])
        return match["citation"] + number

    def _tag(self, match: _Match) -> str:
        """A whole tag; it names its attributes, and Grok's own names their kinds too."""
        own = match["tag"].lower().startswith(("<grok:", "<xai:"))
        return match["name"] + _ATTRIBUTE.sub(
            lambda each: self._attribute(each, lambda kind: own and bool(_KIND.fullmatch(kind))),
            match["attributes"],
        )

    def _beginning(self, match: _Match) -> str:
        """A ``<`` and the text behind it, of which the beginning of a name stays."""
        behind = match["behind"]
        if not behind:
            return match.group()
        size = min(len(behind), self._longest)
        while behind[:size].lower() not in self._beginnings:
            size -= 1
        rest = covered(behind[size:])
        return match["slash"] + behind[:size] + ("?" if rest[:1] == "x" else rest[:1]) + rest[1:]

    def _lone_attribute(self, match: _Match) -> str:
        return _ATTRIBUTE.sub(
            lambda each: self._attribute(each, lambda _: False), match["attribute"]
        )

    def _attribute(self, match: _Match, stays: Callable[[str], bool]) -> str:
        quote, value = match["value"][0], match["value"][1:-1]
        name = match["name"].lower()
        if name == "card_id":
            value = self._pseudonyms.of(value)
        elif not (name in _KIND_ATTRIBUTES and (value in KINDS or stays(value))):
            value = covered(value)
        return f"{match['name']}{match['equals']}{quote}{value}{quote}"

    def _string(self, match: _Match) -> str:
        string = match["string"]
        if match["colon"] is None or string not in ARGUMENTS:
            string = self._in_string.sub(self._piece, string)
        return f'"{string}{match["end"]}'


def _tag(names: frozenset[str]) -> str:
    """The pattern of a whole tag."""
    either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    # No text has run into the name: <grok:renderer> is none, <grok:render_file> is one.
    new = rf"(?!(?:{either})[a-z])(?:grok|xai):[a-z_]{{1,30}}"
    attributes = rf"(?:\s+[A-Za-z_]{{1,30}}\s*=\s*{_QUOTED})*+"
    return rf"(?P<tag>(?P<name></?(?:(?i:{either})|{new}))(?P<attributes>{attributes})(?=\s*/?>))"


def _escape(match: _Match) -> str:
    """An escape of JSON, as long, of the same class: a surrogate stays one of its half of a pair,
    ASCII punctuation and white space stay.
    """
    escape = match.group()
    if len(escape) == 2:
        return escape if escape[1] in '"\\/bfnrtu' else "\\" + covered(escape[1])
    code = ord(json.loads(f'"{escape}"'))
    if 0xD800 <= code < 0xE000:
        return r"\ud83d" if code < 0xDC00 else r"\ude00"
    return f"\\u{ord(covered(chr(code))):04x}"


def _figure(match: _Match) -> str:
    return re.sub("[0-9]", "1", match.group())


def _run(match: _Match) -> str:
    return covered(match.group())
