"""Documents in Markdown, cut into blocks: as much of the language as this project's pages use."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

__all__ = ["Block", "blocks", "slugs", "without_code"]

_FENCE = re.compile(r"^( *)```.*?^ *```$", re.DOTALL | re.MULTILINE)

_HEADING = re.compile(r"(#+) +(.+?) *$")
_ITEM = re.compile(r" *(?:[*-]|(\d+)\.) +")
_SEPARATOR = re.compile(r"\|[-| :]+\|?$")
_OPENING = re.compile(r"( *)```")


@frozen
class Block:
    """A heading, a paragraph, an item of a list, a row of a table or a piece of code.

    :ivar kind: ``paragraph``, ``item``, ``step`` (of a numbered list), ``row``, ``code``, or
        ``heading`` with its level.
    :ivar line: the number of its first line, from 1.
    :ivar text: on one line, without marks of lists and headings; of code all lines, with the
        fences, without the indentation of the block.
    :ivar lines: how many lines of the file it has.
    """

    kind: str
    line: int
    text: str
    lines: int


def without_code(text: str) -> str:
    """The document without its pieces of code."""
    return _FENCE.sub("", text)


def slugs(text: str) -> list[str]:
    """Anchors of the headings in their order, by GitHub's rule: a repeated one gets a number."""
    found: list[str] = []
    for heading in re.findall(r"^#+ +(.+?) *$", without_code(text), re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        again = re.compile(rf"{re.escape(slug)}(-\d+)?")
        seen = sum(again.fullmatch(other) is not None for other in found)
        found.append(f"{slug}-{seen}" if seen else slug)
    return found


def blocks(text: str) -> list[Block]:
    """All blocks of a document in their order."""
    return list(_Reader(text.splitlines()).read())


class _Reader:
    """Lines, and the place that is read next."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0

    def read(self) -> Iterator[Block]:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line.strip() or _SEPARATOR.match(line):
                self._at += 1
            elif fence := _OPENING.match(line):
                yield self._code(len(fence[1]))
            elif heading := _HEADING.match(line):
                yield self._taken(f"heading {len(heading[1])}", [heading[2]])
            elif line.startswith("|"):
                yield self._taken("row", [line])
            else:
                yield self._flowing()

    def _taken(self, kind: str, words: list[str]) -> Block:
        block = Block(kind, self._at + 1, " ".join(words), len(words))
        self._at += len(words)
        return block

    def _code(self, indent: int) -> Block:
        rest = self._lines[self._at + 1 :]
        closing = next(at for at, line in enumerate(rest) if line.strip() == "```")
        taken = self._lines[self._at : self._at + closing + 2]
        text = "\n".join(line[indent:] if line[:indent].isspace() else line for line in taken)
        block = Block("code", self._at + 1, text, len(taken))
        self._at += len(taken)
        return block

    def _flowing(self) -> Block:
        """A paragraph or an item, to the next blank line, item, heading, table or piece of code."""
        first = self._lines[self._at]
        mark = _ITEM.match(first)
        kind = "paragraph" if mark is None else "step" if mark[1] else "item"
        words = [first[mark.end() :] if mark else first.strip()]
        for line in self._lines[self._at + 1 :]:
            if not line.strip() or line.startswith(("|", "#")) or _OPENING.match(line):
                break
            if _ITEM.match(line):
                break
            words.append(line.strip())
        return self._taken(kind, words)
