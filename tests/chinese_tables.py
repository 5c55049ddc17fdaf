"""The Chinese tables beside the sources: what is missing, and what is there without a use.

``python -m tests.chinese_tables`` prints the texts without a counterpart, in the form of the
tables. Write the Chinese below each, or ``-`` for a text that no person reads.
``python -m tests.chinese_tables FILE`` puts the pairs of such a file into the tables and into
``tests/english_only.txt``. It passes over those that are not missing.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from grokcore.protocol.languages.table import read_table, written_entry

from .words_of_code import templates

__all__ = ["OF_NO_TEMPLATE", "english_only", "entries", "missing", "put", "tables"]

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


AREAS = (
    ("cli/check", "check"),
    ("cli", "commands"),
    ("config", "settings"),
    ("protocol/token_file", "token_file"),
    ("protocol/dialects", "requests"),
    ("protocol/grok", "grok"),
    ("protocol/official", "xai"),
    ("protocol", "pool"),
    ("", "server"),
)
"""The table of a new message, by the place where it stands."""


def put(text: str) -> int:
    """Put those pairs of a table that are missing into the tables. Returns their number."""
    places = missing()
    pairs = {english: other for english, other in read_table(text).items() if english in places}
    for english, other in pairs.items():
        entry = written_entry(english, other)
        area = next(name for start, name in AREAS if places[english].startswith(start))
        path = ENGLISH_ONLY if other == "-" else FOLDER / f"{area}.txt"
        with path.open("a", encoding="utf-8") as file:
            file.write(entry.split("\n", 1)[0] + "\n" if other == "-" else f"\n{entry}")
    return len(pairs)


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.stdout.write(f"{put(Path(sys.argv[1]).read_text('utf-8'))} taken\n")
    else:
        for text, place in missing().items():
            sys.stdout.write(f"# {place}\n{written_entry(text, '')}\n")
