"""A report's words in the language of its reader. Names, states and codes never change."""

from __future__ import annotations

from typing import Any

from ...languages import in_language
from ...protocol.languages.negotiate import Language, asked_language, set_language

__all__ = ["page_language", "worded_report"]

WORDS = frozenset(("advice", "message", "said", "why", "words"))
"""Keys whose values are sentences of this server."""

TABLES = frozenset(("faults", "warnings"))
"""Keys whose values are objects of such sentences."""


def page_language(setting: str, accepted: str) -> Language:
    """The language of a report: that of the browser, as the page's own words are.

    :param setting: ``[global] language``, for clients that name no language.
    """
    return asked_language(accepted) or set_language(setting) or Language.EN


def worded_report(value: Any, language: Language, *, words: bool = False) -> Any:
    """A report with its sentences in this language.

    :param words: whether *value* itself is one, or holds nothing else.
    """
    if language is Language.EN:
        return value
    match value:
        case str():
            return in_language(value, language) if words else value
        case dict():
            return {
                key: worded_report(each, language, words=words or key in WORDS or key in TABLES)
                for key, each in value.items()
            }
        case list() | tuple():
            return [worded_report(each, language, words=words) for each in value]
        case _:
            return value
