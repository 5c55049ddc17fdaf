"""Translation of finished messages.

Code writes each message in English, with its values in it. A catalogue has the templates of those
messages, finds the one that a message was made from, and puts the values into its counterpart.

Rules:

1. Of several templates the one with the most letters of its own wins.
2. A value is translated if it is a message itself. A value within quotes stays as it is.
3. A text that is no message is cut into sentences, clauses and lines; each that is a message is
   translated. The rest stays as it is.

A catalogue finds the templates of a message by their rarest words, so that a message costs some ten
microseconds with a thousand templates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from attrs import frozen

from .segments import Segment, clauses_of, sentences_of
from .templates import Template, joined, words_of

__all__ = ["Catalogue"]

MOST_KNOWN = 2000
"""Texts whose translation is kept; a status page asks for the same ones again and again."""

MOST_KNOWN_CHARS = 300

MOST_TEXT_CHARS = 8000
"""A longer text stays as it is."""

LEAST_LETTERS = 4
"""Letters that a template must have of its own to be found within a text."""

MOST_DEPTH = 6
"""Values within values."""

LONGEST_RUN = 12
"""Segments of one message."""

ENDS = ("。", "？", "！", "：", "；")
"""Marks with no space behind them."""

STOPS = frozenset(".?!…")

MARKS = frozenset(" ,;.:(")
"""Characters with which a part of a message begins that follows another part."""

_MARKS = {".": "。", "?": "？", "!": "！", ";": "；", ",": "，", ":": "："}


class Catalogue:
    """Messages in another language than English.

    :param entries: the counterparts by their English templates.
    """

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._plain = {english: other for english, other in entries.items() if "{}" not in english}
        self._index: dict[str, list[Template]] = {}
        templates = [Template(english, entries[english]) for english in entries if "{}" in english]
        counts = Counter(word for template in templates for word in template.words)
        for template in templates:
            rarest = min(template.words, key=lambda word: (counts[word], word), default="")
            self._index.setdefault(rarest, []).append(template)
        self._known: dict[str, str] = {}

    def translate(self, text: str) -> str:
        """The text in the catalogue's language, as far as it is known."""
        known = self._plain.get(text) or self._known.get(text)
        if known is None:
            known = text if len(text) > MOST_TEXT_CHARS else _Reading(self, text).read(text).words
            if len(text) <= MOST_KNOWN_CHARS:
                if len(self._known) >= MOST_KNOWN:
                    self._known.clear()
                self._known[text] = known
        return known

    def plain(self, text: str) -> str | None:
        """The counterpart of a text without values, or of one whose first letter was made a capital
        one; None if there is none.
        """
        return self._plain.get(text) or self._plain.get(text[:1].lower() + text[1:])

    def candidates(self, text: str) -> list[Template]:
        """The templates that may have made parts of a text: first those that begin with words of
        their own, then the most specific.
        """
        words = set(words_of(text))
        found = [
            template
            for word in ("", *words)
            for template in self._index.get(word, ())
            if template.words <= words and template.may_be_in(text)
        ]
        return sorted(found, key=lambda template: (not template.first, -template.weight))


@frozen
class _Read:
    """A text in the other language.

    :ivar covered: number of its letters that are templates' own.
    """

    words: str
    covered: int


class _Reading:
    """A text, and the templates that may have made parts of it."""

    def __init__(self, catalogue: Catalogue, text: str) -> None:
        self._catalogue = catalogue
        self._templates = catalogue.candidates(text)
        self._seen: dict[str, _Read] = {}
        self._messages: dict[tuple[str, int], _Read | None] = {}

    def read(self, text: str, depth: int = 0) -> _Read:
        """A text as a message, or as a row of messages: whichever has more letters of its own."""
        if depth > MOST_DEPTH or not text:
            return _Read(text, 0)
        if " " not in text:
            plain = self._catalogue.plain(text)
            return _Read(text, 0) if plain is None else _Read(plain, _letters(text))
        seen = self._seen.get(text)
        if seen is None:
            self._seen[text] = _Read(text, 0)  # for a value that is the text itself
            seen = self._seen[text] = self._best(text, depth)
        return seen

    def _best(self, text: str, depth: int) -> _Read:
        message = self._message(text, depth)
        # A colon may join two messages.
        if message is not None and message.covered >= _letters(text) and ": " not in text:
            return message
        pieces = self._in_pieces(text, depth)
        return message if message is not None and message.covered > pieces.covered else pieces

    def _message(self, text: str, depth: int, least: int = 0) -> _Read | None:
        """A message; None if it is none.

        :param least: letters that its template must have of its own.
        """
        if (text, least) not in self._messages:
            self._messages[text, least] = None
            self._messages[text, least] = self._by_template(text, depth, least)
        return self._messages[text, least]

    def _by_template(self, text: str, depth: int, least: int) -> _Read | None:
        plain = self._catalogue.plain(text)
        if plain is not None and (not least or " " in text):
            return _Read(plain, _letters(text))
        best: _Read | None = None
        for template in self._templates:
            if template.first not in {"", text[:1]} or template.weight < least:
                continue
            values = template.values(text)
            read = None if values is None else self._filled(template, values, depth)
            if read is not None and (best is None or read.covered > best.covered):
                best = read
            if values is not None and not any(" " in value for value in values):
                break
        return best

    def _filled(self, template: Template, values: list[str], depth: int) -> _Read | None:
        """A message of this template; None if the template is nearly nothing but values, and they
        are words of others.
        """
        reads = [
            _Read(value, _letters(value)) if raw else self.read(value, depth + 1)
            for raw, value in self._shared(template, values)
        ]
        if template.weight < LEAST_LETTERS and any(
            " " in value and read.covered == 0 for value, read in zip(values, reads, strict=True)
        ):
            return None
        covered = template.weight + sum(read.covered for read in reads)
        if not template.first and ": " in values[0]:
            covered -= 1  # rather two messages, if the text in front of the colon is one
        return _Read(template.filled([read.words for read in reads]), covered)

    def _shared(self, template: Template, values: list[str]) -> Iterator[tuple[bool, str]]:
        """The values of a message, each with whether it stays as it is. Of values that stand side
        by side, each but the first is a message that begins with a mark or a space, or empty.
        """
        at = 0
        for run in template.runs:
            apart = self._apart("".join(values[at : at + run]), run)
            for number, value in enumerate(apart, at):
                yield number in template.raw, value
            at += run

    def _apart(self, text: str, count: int) -> list[str]:
        if count == 1:
            return [text]
        for at, character in enumerate(text):
            if character in MARKS and self._is_tail(text[at:]):
                return [text[:at], *self._apart(text[at:], count - 1)]
        return [text, *[""] * (count - 1)]

    def _is_tail(self, text: str) -> bool:
        """Whether a text may be a message that follows another one without a space."""
        return self._catalogue.plain(text) is not None or any(
            template.first in MARKS and template.values(text) is not None
            for template in self._templates
            if template.first
        )

    # Piece by piece ------------------------------------------------------------------------------

    def _in_pieces(self, text: str, depth: int) -> _Read:
        """A row of messages: of sentences, or of clauses if a sentence may be several messages."""
        row = self._row(sentences_of(text), depth)
        if ": " in text or not all(piece.covered for piece in row):
            clauses = self._row(clauses_of(text), depth)
            row = max(clauses, row, key=_covered)
        return _Read(_in_a_row(row), _covered(row))

    def _row(self, segments: Sequence[Segment], depth: int) -> tuple[_Piece, ...]:
        """The segments as messages, such that as many letters as possible are theirs."""
        rows: list[tuple[int, tuple[_Piece, ...]]] = [(0, ())]
        for end in range(1, len(segments) + 1):
            last = _Piece(segments[end - 1].text, _before(segments, end - 1), segments[end - 1].cut)
            rows.append((rows[end - 1][0], (*rows[end - 1][1], last)))
            for start in range(max(0, end - LONGEST_RUN), end):
                for piece in self._pieces(segments, start, end, depth):
                    if rows[start][0] + piece.covered > rows[end][0]:
                        rows[end] = (rows[start][0] + piece.covered, (*rows[start][1], piece))
        return rows[-1][1]

    def _pieces(
        self, segments: Sequence[Segment], start: int, end: int, depth: int
    ) -> Iterator[_Piece]:
        """The messages that these segments may be."""
        before = _before(segments, start)
        text = "".join(segment.text + segment.cut for segment in segments[start : end - 1])
        text += segments[end - 1].text
        for head, whole, left in _ways(before, text, segments[end - 1].cut):
            read = self._message(whole, depth + 1, LEAST_LETTERS)
            if read is not None:
                yield _Piece(read.words, before if head else "", left, read.covered)


def _before(segments: Sequence[Segment], at: int) -> str:
    return segments[at - 1].cut if at else ""


def _letters(text: str) -> int:
    return sum(map(len, words_of(text)))


def _ways(before: str, text: str, cut: str) -> Iterator[tuple[bool, str, str]]:
    """The texts as which a run of segments may be a message: with the cuts around it, or without.

    :returns: whether the cut before is apart from it, the text, and the cut that is left behind it.
    """
    ends = [(text, cut)]
    if cut[:1] in STOPS:
        ends.append((text + cut[0], cut[1:]))
    elif text.endswith("."):
        ends.append((text[:-1], f".{cut}"))
    for whole, left in ends:
        yield True, whole, left
        if before:
            yield False, before + whole, left


@frozen
class _Piece:
    """A part of a text, in the other language if it is a message.

    :ivar before: the cut before it.
    :ivar after: the rest of the cut behind it.
    :ivar covered: number of its letters that are templates' own; 0 if it is no message.
    """

    words: str
    before: str
    after: str
    covered: int = 0


def _covered(row: Sequence[_Piece]) -> int:
    return sum(piece.covered for piece in row)


def _in_a_row(pieces: Sequence[_Piece]) -> str:
    """The pieces with their cuts, which are Chinese marks beside Chinese."""
    text = ""
    for number, piece in enumerate(pieces):
        following = pieces[number + 1] if number + 1 < len(pieces) else None
        cut = piece.after if following is None or following.before else ""
        text = joined(text, piece.words)
        text = joined(text, _mark(cut, piece, following))
    return text


def _mark(cut: str, piece: _Piece, following: _Piece | None) -> str:
    """A cut as it stands between two pieces."""
    if cut.startswith((",", ":", ";")) and (piece.covered or (following and following.covered)):
        return _MARKS[cut[0]]
    if not piece.covered or not cut:
        return cut
    wide = _MARKS.get(cut[0], "")
    return wide or ("" if not cut.strip(" ") and piece.words.endswith(ENDS) else cut)
