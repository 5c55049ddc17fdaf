"""The words of a command for bash: quotes, ``$'…'`` with its escapes, and line continuations."""

from __future__ import annotations

import re

from .refusal import CutOff

__all__ = ["joined_halves", "posix_words"]

_PIECE = re.compile(
    r"""
      (?P<skip>   \\\r?\n | [ \t]+ )
    | (?P<end>    [\r\n;&|]+ )
    | \$'(?P<ansi>   (?: [^'\\] | \\. )* ) '
    | '(?P<literal>  [^']* ) '
    | \$?"(?P<double> (?: [^"\\] | \\. )* ) "
    | (?P<open>   \$?['"] )
    | \\(?P<escaped> . )
    | (?P<bare>   [^\s;&|'"\\$]+ | [$\\] | \s )
    """,
    re.DOTALL | re.VERBOSE,
)
_DOUBLE_ESCAPE = re.compile(r"\\(\r?\n|[$`\"\\])")
_ANSI_ESCAPE = re.compile(
    r"\\(?:u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|c(.)|(.))",
    re.DOTALL,
)
_ANSI_LETTERS = dict(zip("abeEfnrtv", "\a\b\x1b\x1b\f\n\r\t\v", strict=True))


def posix_words(text: str) -> list[list[str]]:
    """The commands in *text*, each as its words after quoting. Nothing is expanded.

    :raises CutOff: if a quotation does not end.
    """
    commands: list[list[str]] = [[]]
    in_word = False
    for match in _PIECE.finditer(text):
        kind, piece = match.lastgroup, match.group(match.lastgroup or 0)
        if kind == "skip":
            in_word = in_word and piece[0] == "\\"
            continue
        if kind == "open":
            raise CutOff
        if kind == "end":
            in_word = False
            commands.append([])
            continue
        if not in_word:
            commands[-1].append("")
            in_word = True
        commands[-1][-1] += _meaning(kind, piece)
    return [command for command in commands if command]


def _meaning(kind: str | None, piece: str) -> str:
    if kind == "ansi":
        return joined_halves(_ANSI_ESCAPE.sub(_ansi_character, piece))
    if kind == "double":
        return _DOUBLE_ESCAPE.sub(lambda match: match.group(1).lstrip("\r\n"), piece)
    return piece


def _ansi_character(match: re.Match[str]) -> str:
    four, eight, two, octal, control, letter = match.groups()
    if control:
        return chr(ord(control) & 0x1F)
    if letter:
        return _ANSI_LETTERS.get(letter, letter if letter in "\\'\"?" else match.group())
    code = int(octal, 8) & 0xFF if octal else int(four or eight or two, 16)
    return chr(code) if code < 0x110000 else "\ufffd"


def joined_halves(text: str) -> str:
    """*text* with each pair of surrogates as the one character that browsers mean by it."""
    if not re.search("[\ud800-\udbff][\udc00-\udfff]", text):
        return text
    return re.sub(
        "[\ud800-\udbff][\udc00-\udfff]",
        lambda match: match.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le"),
        text,
    )
