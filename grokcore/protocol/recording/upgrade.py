"""The upgrade of a recorded websocket: names of headers and cookies, and values that say why it was
refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["upgrade_fields"]

MOST_HEADERS = 60
LONGEST_VALUE_CHARS = 100

_NAME = re.compile(r"(?!(?:\D*\d){5})[a-z0-9_-]{1,40}")
_SHOWN = frozenset({"cf-mitigated", "retry-after", "server"})
"""Headers of a response whose values are no person's."""

_COOKIES = frozenset({"sso", "sso-rw", "cf_clearance", "x-userid", "__cf_bm"})


def upgrade_fields(
    request: Iterable[tuple[str, str]],
    response: Mapping[str, str],
    address: Callable[[str], str],
) -> dict[str, Any]:
    """Return fields for a recording's first line.

    :param request: headers; those with an empty value were not sent.
    :param response: headers, with lower-case names.
    :param address: returns an address redacted.
    """
    sent = [(name.lower(), value) for name, value in request if value]
    cookies = [name for header, value in sent if header == "cookie" for name in _cookies(value)]
    headers = {
        name: _value(name, value, address)
        for name, value in list(response.items())[:MOST_HEADERS]
        if _NAME.fullmatch(name)
    }
    return {"request": [name for name, _ in sent], "cookies": cookies, "response": headers}


def _cookies(value: str) -> list[str]:
    names = [cookie.partition("=")[0].strip() for cookie in value.split(";")]
    return [name if name in _COOKIES else "x" for name in names]


def _value(name: str, value: str, address: Callable[[str], str]) -> str:
    value = value[:LONGEST_VALUE_CHARS]
    if name == "location":
        return address(value)
    return value if name in _SHOWN else ""
