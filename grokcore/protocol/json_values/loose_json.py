"""JSON as models write it: valid, or with one of a few faults that leave no doubt.

Mended are single quotes, a comma before a closing bracket, and raw line breaks in strings. So are
Python's ``True``, ``False`` and ``None``, and brackets that are still open at the end. Nothing else
is: a guess would reach a program that acts on it.

Rules
-----
1. A string or number that the end may have cut is a fault. So is an end behind a comma or colon, or
   behind an opening bracket: more was to come.
2. The cost is linear in the text's length, and the depth is bounded.
3. Numbers are those of :mod:`grokcore.protocol.lenient_json`, and half surrogate pairs become
   U+FFFD.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from attrs import frozen

from ..lenient_json import decode_at, loads

__all__ = ["MOST_DEPTH", "Whole", "read_json", "whole_value"]

MOST_DEPTH = 100
"""Arrays and objects within each other."""

_SPACE = re.compile(r"[ \t\r\n]*+")
_DOUBLE = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_SINGLE = re.compile(r"'((?:[^'\\]++|\\.)*+)'", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][+-]?\d++)?(?![\w.])", re.ASCII)
_WORD = re.compile(r"[A-Za-z]++")
_WORDS = {
    "true": True,
    "false": False,
    "null": None,
    "True": True,
    "False": False,
    "None": None,
}
_IN_SINGLE = re.compile(r"\\'|\\.|\"", re.DOTALL)
_CLOSER = {"{": "}", "[": "]"}


def read_json(text: str, *, may_be_open: bool = True) -> Any:
    """The value that *text* is: strictly read, or with the faults above mended.

    :param may_be_open: whether open brackets are closed at the end. If not, the text may have been
        cut anywhere, also within a number.
    :raises ValueError: if the text is neither, or nested too deeply.
    """
    try:
        return _strict(text, may_be_open=may_be_open)
    except ValueError:
        return _Reader(text, may_be_open=may_be_open).whole()


def _strict(text: str, *, may_be_open: bool) -> Any:
    if not may_be_open and text[-1:].isdigit():
        raise ValueError("a number is cut")
    value = loads(text.encode("utf-8", "replace"))
    if text.count("[") + text.count("{") > MOST_DEPTH and _depth(value) > MOST_DEPTH:
        raise ValueError("nested too deeply")
    return value


def _depth(value: object) -> int:
    """Levels of arrays and objects."""
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        level = [
            inner for each in level for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


class _Reader:
    """A reader of one text with faults."""

    def __init__(self, text: str, *, may_be_open: bool) -> None:
        self._text = text
        self._may_be_open = may_be_open
        self._at = 0
        self._depth = 0

    def whole(self) -> Any:
        """The value of the whole text."""
        value = self._value()
        if self._next():
            raise ValueError("text after the JSON value")
        return value

    def _next(self) -> str:
        """The next character that is no white space; empty at the end."""
        space = _SPACE.match(self._text, self._at)
        assert space is not None
        self._at = space.end()
        return self._text[self._at : self._at + 1]

    def _value(self) -> Any:
        match self._next():
            case "{" | "[" as bracket:
                return self._container(bracket)
            case '"' | "'":
                return self._string()
            case "":
                raise ValueError("the JSON ends where a value is expected")
            case character if character.isalpha():
                return self._word()
            case _:
                return self._number()

    def _container(self, bracket: str) -> Any:
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ValueError("nested too deeply")
        self._at += 1
        value: Any = {} if bracket == "{" else []
        while self._next() != _CLOSER[bracket]:
            if bracket == "{":
                key = self._key()
                value[key] = self._value()
            else:
                value.append(self._value())
            if not self._goes_on(_CLOSER[bracket]):
                break
        else:
            self._at += 1
        self._depth -= 1
        return value

    def _goes_on(self, closer: str) -> bool:
        """Whether a comma or the closing bracket comes; else the text is at its end."""
        match self._next():
            case ",":
                self._at += 1
            case "" if self._may_be_open:
                return False
            case character if character != closer:
                raise ValueError("a comma or a closing bracket is missing")
        return True

    def _key(self) -> str:
        if self._next() not in {'"', "'"}:
            raise ValueError("a key is no string")
        key = self._string()
        if self._next() != ":":
            raise ValueError("a colon is missing")
        self._at += 1
        return key

    def _string(self) -> str:
        single = self._text[self._at] == "'"
        match = (_SINGLE if single else _DOUBLE).match(self._text, self._at)
        if match is None:
            raise ValueError("a string is cut")
        self._at = match.end()
        body = match.group(1)
        if single:
            body = _IN_SINGLE.sub(_in_double_quotes, body)
        value = json.loads(f'"{body}"', strict=False)
        assert isinstance(value, str)
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _word(self) -> bool | None:
        match = _WORD.match(self._text, self._at)
        if match is None or match.group() not in _WORDS:
            raise ValueError("a word is not valid JSON")
        self._at = match.end()
        return _WORDS[match.group()]

    def _number(self) -> int | float:
        match = _NUMBER.match(self._text, self._at)
        if match is None or match.end() == len(self._text):
            raise ValueError("a number is cut or not valid JSON")
        value, self._at = decode_at(self._text, self._at)
        assert isinstance(value, int | float)
        return value


def _in_double_quotes(match: re.Match[str]) -> str:
    """A piece of a string in single quotes as it stands in double quotes."""
    return {"\\'": "'", '"': '\\"'}.get(match.group(), match.group())


# Values among words -----------------------------------------------------------------------------

_FENCE = re.compile(r"^[ \t]*+```([\w-]*+)[ \t\r]*+$", re.MULTILINE)
_OPENER = re.compile(r"[\[{]")
_MARK = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)


@frozen
class Whole:
    """A value among words.

    :ivar text: as it was written if that is valid JSON; else the value's JSON.
    """

    text: str
    value: Any


def whole_value(text: str, *, may_be_open: bool = True) -> Whole:
    """The one JSON value that *text* is, or that stands in it: in the only code fence with JSON, or
    else among words, where it is the only object (or array with objects), or the only array.

    :param may_be_open: as of :func:`read_json`.
    :raises ValueError: if there is none, or more than one.
    """
    bare = text.lstrip()
    try:
        return _read(bare, may_be_open=may_be_open)
    except ValueError as error:
        problem = str(error) if bare[:1] in {"{", "["} else "there is no JSON value"
    for pieces in (_fenced(text), _bracketed(text)):
        values = list(_readable(pieces, may_be_open=may_be_open))
        large = [each for each in values if _has_an_object(each.value)]
        if len(large or values) == 1:
            return (large or values)[0]
        if values:
            raise ValueError("there is more than one JSON value")
    raise ValueError(problem)


def _readable(pieces: Iterable[str], *, may_be_open: bool) -> Iterator[Whole]:
    for piece in pieces:
        with suppress(ValueError):
            yield _read(piece.lstrip(), may_be_open=may_be_open)


def _read(text: str, *, may_be_open: bool) -> Whole:
    try:
        return Whole(text.rstrip(), _strict(text, may_be_open=may_be_open))
    except ValueError:
        value = _Reader(text, may_be_open=may_be_open).whole()
        return Whole(json.dumps(value, ensure_ascii=False), value)


def _has_an_object(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, dict) for each in value)
    )


def _fenced(text: str) -> list[str]:
    """The contents of code fences that are closed."""
    pieces: list[str] = []
    start: int | None = None
    for fence in _FENCE.finditer(text):
        if start is None:
            start = fence.end()
        elif not fence.group(1):
            pieces.append(text[start : fence.start()])
            start = None
    return pieces


def _bracketed(text: str) -> list[str]:
    """The outermost texts in brackets, strings in double quotes respected. One that stays open
    ends with the text.
    """
    pieces: list[str] = []
    at = 0
    while opener := _OPENER.search(text, at):
        at = _end_of_brackets(text, opener.start())
        pieces.append(text[opener.start() : at])
    return pieces


def _end_of_brackets(text: str, start: int) -> int:
    depth = 0
    for mark in _MARK.finditer(text, start):
        if mark.group() in {"{", "["}:
            depth += 1
        elif mark.group() in {"}", "]"}:
            depth -= 1
        if not depth:
            return mark.end()
    return len(text)
