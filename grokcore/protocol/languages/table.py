r"""The form of a table of translations: pairs of lines, English and the other language.

::

    # a comment
    en The server is stopping.
    zh 服务正在停止。

``\n`` is a line end, ``\s`` a space at the beginning or the end of a text, ``\\`` a backslash.
"""

from __future__ import annotations

import re

__all__ = ["read_table", "written_entry"]

_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", "s": " ", "\\": "\\"}


def read_table(text: str) -> dict[str, str]:
    """The translations of a table by their English templates.

    :raises ValueError: if a line is none of a table, or a text is there twice.
    """
    table: dict[str, str] = {}
    english: str | None = None
    for number, line in enumerate(text.split("\n"), 1):
        mark, _, words = line.partition(" ")
        if mark == "en" and english is None and _plain(words) not in table:
            english = _plain(words)
        elif mark == "zh" and english is not None:
            table[english], english = _plain(words), None
        elif line and not line.startswith("#"):
            raise ValueError(f"line {number}: {line[:80]}")
    return table


def written_entry(english: str, other: str) -> str:
    """An entry as :func:`read_table` reads it."""
    return f"en {_escaped(english)}\nzh {_escaped(other)}\n"


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[0]), text)


def _escaped(text: str) -> str:
    whole = text.replace("\\", "\\\\").replace("\n", "\\n")
    whole = f"\\s{whole[1:]}" if whole.startswith(" ") else whole
    return f"{whole[:-1]}\\s" if whole.endswith(" ") else whole
