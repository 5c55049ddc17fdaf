"""Text that can become a header, a URL or a path, and text that can't.

Variables come with bytes of any kind: a byte that is not UTF-8 arrives as a lone surrogate (PEP
383), which no header, URL or log line can hold. A line end would end a header, and a NUL a path.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["name_shown", "text_fault"]

_LINE_ENDS = "\r\n\x0b\x0c\x85\u2028\u2029"
_NAMED = {"\t": "a tab", "\0": "a NUL character"}
_BACKSLASH_LETTERS = "\t\b\f\r\n\x1b"
"""The characters that TOML makes of a backslash and one of ``t b f r n e``, in double quotes."""

_HINT = (
    "; a backslash in double quotes begins such a character, so write a Windows path in "
    "single quotes"
)
_DRIVE = re.compile("[A-Za-z]:")


def text_fault(text: str) -> str:
    """The reason why *text* can't be used, without quoting it; empty if it can."""
    for index, character in enumerate(text):
        what = _unusable(character)
        if what:
            hint = _HINT if character in _BACKSLASH_LETTERS and _DRIVE.match(text) else ""
            return f"holds {what} (its character {index + 1}){hint}"
    return ""


def _unusable(character: str) -> str:
    """A name for *character* if it can't be used; else empty."""
    if character in _LINE_ENDS:
        return "a line end"
    if "\ud800" <= character <= "\udfff":
        return "a byte that is not UTF-8"
    if unicodedata.category(character) == "Cc":
        return _NAMED.get(character, f"the control character U+{ord(character):04X}")
    return ""


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,39}")
_CAMEL = re.compile(
    r"[a-z]+(?:[A-Z][a-z]+)*|[A-Z][a-z]+|[A-Z]+|[A-Za-z]{0,8}[0-9]{0,4}[A-Za-z]{0,3}"
)


def name_shown(text: str) -> str:
    """*text* in quotes if it looks like a name; else words for it.

    An owner may have written a secret in the place of a name: keys, tokens and passwords don't look
    like names.
    """
    if _NAME.fullmatch(text) and all(_CAMEL.fullmatch(word) for word in re.split("[_.:-]", text)):
        return repr(text)
    return "something else"
