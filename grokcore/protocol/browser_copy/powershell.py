"""The tokens of a script for PowerShell: strings with backtick escapes, and all else."""

from __future__ import annotations

import re

from attrs import frozen

from .posix_words import joined_halves
from .refusal import CutOff

__all__ = ["Token", "powershell_tokens"]

_PIECE = re.compile(
    r"""
      (?P<skip>   \s+ | `\r?\n | (?<![^\s(){}=,;]) \#[^\n]* )
    | "(?P<double> (?: [^"`] | `. | "" )* ) "
    | '(?P<single> (?: [^'] | '' )* ) '
    | (?P<open>   ["'] )
    | (?P<mark>   @\{ | [(){}=,;] )
    | (?P<bare>   (?: [^\s"'(){}=,;@`] | @(?!\{) | `[^\r\n] )+ | . )
    """,
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(
    r"`u\{([0-9a-fA-F]{1,6})\}|`(.)|\"(\")|\$\(\[char\](0x[0-9a-fA-F]{1,6}|[0-9]{1,7})\)",
    re.DOTALL | re.IGNORECASE,
)
_LETTERS = dict(zip("0abefnrtv", "\0\a\b\x1b\f\n\r\t\v", strict=True))


@frozen
class Token:
    """A piece of a script.

    :ivar text: of a string, its value.
    """

    text: str
    is_string: bool = False


def powershell_tokens(text: str) -> list[Token]:
    """The tokens of *text*, without comments. Of what stands within strings, only characters by
    their number (``$([char]233)``) are expanded.

    :raises CutOff: if a string does not end.
    """
    tokens = []
    for match in _PIECE.finditer(text):
        kind, piece = match.lastgroup, match.group(match.lastgroup or 0)
        if kind == "double":
            tokens.append(Token(joined_halves(_ESCAPE.sub(_character, piece)), is_string=True))
        elif kind == "single":
            tokens.append(Token(piece.replace("''", "'"), is_string=True))
        elif kind == "open":
            raise CutOff
        elif kind != "skip":
            tokens.append(Token(piece))
    return tokens


def _character(match: re.Match[str]) -> str:
    by_hex, letter, quote, number = match.groups()
    if letter or quote:
        return quote or _LETTERS.get(letter, letter)
    code = int(by_hex, 16) if by_hex else int(number, 0 if number[:2] in ("0x", "0X") else 10)
    return chr(code) if code < 0x110000 else "\ufffd"
