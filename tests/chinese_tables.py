"""The Chinese tables beside the sources: what is missing, and what is there without a use.

``python -m tests.chinese_tables`` prints the texts without a counterpart, in the form of the
tables. Write the Chinese below each, and put the pairs into a file of ``grokcore/languages/chinese``.
A text that no person reads goes into ``tests/english_only.txt`` instead.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from grokcore.protocol.languages.table import read_table, written_entry

from .words_of_code import templates

__all__ = ["OF_NO_TEMPLATE", "english_only", "entries", "missing", "tables"]

FOLDER = Path(__file__).parents[1] / "grokcore" / "languages" / "chinese"
ENGLISH_ONLY = Path(__file__).with_name("english_only.txt")

OF_NO_TEMPLATE = frozenset(("argparse", "words"))
"""Tables of texts that the sources do not have as a whole."""


@cache
def tables() -> dict[str, dict[str, str]]:
    """The tables by their names."""
    return {path.stem: read_table(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.txt"))}


def entries() -> dict[str, str]:
    """All Chinese texts by their English templates."""
    return {english: other for table in tables().values() for english, other in table.items()}


def english_only() -> set[str]:
    """The templates that stay English."""
    lines = ENGLISH_ONLY.read_text("utf-8").split("\n")
    pairs = (f"{line}\nzh -\n" for line in lines if line.startswith("en "))
    return set(read_table("".join(pairs)))


def missing() -> dict[str, str]:
    """The templates without a counterpart, each with its place in the sources."""
    known = entries().keys() | english_only()
    return {english: place for english, place in templates().items() if english not in known}


if __name__ == "__main__":
    for text, place in missing().items():
        sys.stdout.write(f"# {place}\n{written_entry(text, '')}\n")
