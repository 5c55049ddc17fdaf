"""The words of a command for cmd.exe.

Two programs read such a command. cmd.exe ends it at a line end or ``&``, outside quotes, and takes
out each ``^`` there, with which browsers escape all that is special. curl.exe then splits the rest
by the rules of Microsoft's C runtime: backslashes count only before a quote, and two quotes within
quotes are one. Browsers that quote by ``^"`` write every backslash of a value twice, though; there
two are one, since the browser's value is wanted and not what curl.exe would make of it.
"""

from __future__ import annotations

import re

from .refusal import CutOff

__all__ = ["cmd_words"]

_BACKSLASHES_AND_QUOTE = re.compile(r'(\\*)"')
_PLAIN = re.compile(r'[^\\" \t]+|\\+(?!\\*")|[ \t]')


def cmd_words(text: str) -> list[list[str]]:
    """The commands in *text*, each as the words that curl.exe gets. Variables are not expanded.

    :raises CutOff: if a quotation does not end.
    """
    doubled = '^"' in text
    return [words for line in _lines(text) if (words := _words(line, doubled=doubled))]


def _lines(text: str) -> list[str]:
    """The commands as cmd.exe passes them on. An escaped line end continues a command."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = [[""]]
    quoted, at = False, 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == "^" and not quoted:
            at += text[at : at + 1] == "\n"  # the character behind the line end is escaped then
            lines[-1].append(text[at : at + 1])
            at += 1
        elif character == "\n" or (character in "&|" and not quoted):
            lines.append([])
            quoted = False
        else:
            quoted ^= character == '"'
            lines[-1].append(character)
    return ["".join(parts) for parts in lines]


def _words(line: str, *, doubled: bool) -> list[str]:
    words: list[str] = []
    in_word, quoted, at = False, False, 0
    while at < len(line):
        found = _BACKSLASHES_AND_QUOTE.match(line, at)
        plain = None if found else _PLAIN.match(line, at)
        piece = found.group() if found else plain.group() if plain else line[at]
        at += len(piece)
        if piece in (" ", "\t") and not quoted:
            in_word = False
            continue
        if not in_word:
            words.append("")
            in_word = True
        if not found:
            words[-1] += _backslashes(piece) if doubled else piece
            continue
        slashes = len(found.group(1))
        words[-1] += "\\" * (slashes // 2)
        if slashes % 2 or (quoted and line[at : at + 1] == '"'):
            at += 1 - slashes % 2
            words[-1] += '"'
        else:
            quoted = not quoted
    if quoted:
        raise CutOff
    return words


def _backslashes(piece: str) -> str:
    is_pairs = piece[0] == "\\" and len(piece) % 2 == 0
    return piece[: len(piece) // 2] if is_pairs else piece
