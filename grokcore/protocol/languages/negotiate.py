"""The language that a reader wants: by a request's ``Accept-Language``, or by the environment."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping

__all__ = ["Language", "asked_language", "environment_language", "set_language"]


class Language(enum.Enum):
    """The languages of messages. All messages are written in English."""

    EN = "en"
    ZH = "zh"


MOST_HEADER_CHARS = 500
"""Longest header that is read; browsers send some 40 characters."""

VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Variables of POSIX (chapter 8.2), the strongest first."""

_ITEM = re.compile(
    r"\s*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*"
)


def asked_language(header: str) -> Language | None:
    """The language that a client prefers among ours; None if it names none of them.

    :param header: the value of ``Accept-Language`` (RFC 9110 §12.5.4).
    """
    weighed = [(weight, language) for weight, language in _items(header[:MOST_HEADER_CHARS])]
    best = max((weight for weight, _ in weighed), default=0.0)
    return next((language for weight, language in weighed if weight == best and best > 0), None)


def _items(header: str) -> Iterator[tuple[float, Language]]:
    for item in header.split(","):
        found = _ITEM.fullmatch(item)
        language = _by_tag(found[1]) if found else None
        if found and language is not None:
            yield float(found[2] or 1), language


def _by_tag(tag: str) -> Language | None:
    """The language of a tag such as ``zh-Hans-CN`` or of a locale such as ``zh_CN.UTF-8``."""
    primary = re.split(r"[-_.@]", tag, maxsplit=1)[0].lower()
    return next((language for language in Language if language.value == primary), None)


def environment_language(environ: Mapping[str, str]) -> Language:
    """The language of a command's output.

    GNU's ``LANGUAGE`` is a list and counts first, unless the locale is ``C``
    (gettext's manual, section 2.3).
    """
    locale = next((environ[name] for name in VARIABLES if environ.get(name)), "")
    if locale.partition(".")[0] in {"", "C", "POSIX"}:
        return Language.EN
    for name in environ.get("LANGUAGE", "").split(":"):
        language = _by_tag(name)
        if language is not None:
            return language
    return _by_tag(locale) or Language.EN


def set_language(setting: str) -> Language | None:
    """The language that ``[global] language`` names; None for ``auto``."""
    return _by_tag(setting)
