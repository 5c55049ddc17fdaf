"""Messages in the language of their reader.

All code writes English. The places where text leaves the server translate it: errors of the API by
``Accept-Language``, commands by the environment, both by ``[global] language``. The tables of
translations are files of this package (:mod:`grokcore.protocol.languages.table`); they are read
when a first text is wanted in Chinese, and never before. The log stays English.
"""

from __future__ import annotations

import functools
import importlib.resources

from ..protocol.languages.catalogue import Catalogue
from ..protocol.languages.negotiate import Language
from ..protocol.languages.table import read_table

__all__ = ["chinese", "in_language"]

FOLDER = "chinese"


@functools.cache
def chinese() -> Catalogue:
    """The catalogue, read at the first call."""
    entries: dict[str, str] = {}
    folder = importlib.resources.files(__package__) / FOLDER
    for file in folder.iterdir():
        if file.name.endswith(".txt"):
            entries |= read_table(file.read_text("utf-8"))
    return Catalogue(entries)


def in_language(text: str, language: Language) -> str:
    """A text in this language, as far as it is known; else as it is."""
    return text if language is Language.EN else chinese().translate(text)
