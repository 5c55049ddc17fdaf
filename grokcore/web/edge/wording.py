"""The language of an error's message: that of its reader. Code, type and parameter stay."""

from __future__ import annotations

from ...errors import GrokApiError
from ...languages import in_language
from ...protocol.languages.negotiate import Language, asked_language, set_language

__all__ = ["language_headers", "reader_language", "worded"]


def reader_language(setting: str, accepted: str) -> Language:
    """The language of messages for a client.

    :param setting: ``[global] language``.
    :param accepted: the client's ``Accept-Language``; empty if it sent none, as SDKs do.
    """
    return set_language(setting) or asked_language(accepted) or Language.EN


def worded(error: GrokApiError, setting: str, accepted: str) -> list[tuple[str, str]]:
    """Put an error's message into its reader's language. Returns the headers that say so."""
    language = reader_language(setting, accepted)
    if language is not Language.EN:
        error.reword(lambda text: in_language(text, language))
    return language_headers(language, accepted)


def language_headers(language: Language, accepted: str) -> list[tuple[str, str]]:
    """The headers of a response in this language. A client that names no language gets none."""
    named = [("content-language", language.value)] if language is not Language.EN else []
    return [*named, ("vary", "Accept-Language")] if accepted else named
