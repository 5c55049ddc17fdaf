"""A text cut at the ends of its sentences, clauses and lines."""

from __future__ import annotations

import re

from attrs import frozen

__all__ = ["Segment", "clauses_of", "sentences_of"]

_QUOTED = r'"[^"\n]*" | “[^”]*” | `[^`\n]*`'
"""Another's text: never cut within."""

_SENTENCE = r'[.?!…]\ + | \n\ * | (?<=["”])\ +(?=[A-Z])'

_CLAUSE = r"[;,:]\  | \ (?=\()"

_SENTENCES = re.compile(rf"{_QUOTED} | (?P<cut> {_SENTENCE} )", re.VERBOSE)

_CLAUSES = re.compile(rf"{_QUOTED} | (?P<cut> {_SENTENCE} | {_CLAUSE} )", re.VERBOSE)

MOST_SEGMENTS = 60
"""Further cuts are passed over."""


@frozen
class Segment:
    """A piece of a text.

    :ivar cut: the characters between this piece and the next; empty at the end.
    """

    text: str
    cut: str


def sentences_of(text: str) -> list[Segment]:
    """The sentences and lines of a text; all of them with their cuts make up the text."""
    return _cut(text, _SENTENCES)


def clauses_of(text: str) -> list[Segment]:
    """The clauses of a text; all of them with their cuts make up the text."""
    return _cut(text, _CLAUSES)


def _cut(text: str, pattern: re.Pattern[str]) -> list[Segment]:
    segments: list[Segment] = []
    at = 0
    for found in pattern.finditer(text):
        if found["cut"] is not None and len(segments) < MOST_SEGMENTS:
            segments.append(Segment(text[at : found.start()], found["cut"]))
            at = found.end()
    return [*segments, Segment(text[at:], "")]
