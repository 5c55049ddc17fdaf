"""Points in time as xAI's files and answers write them, and other loose values of theirs."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["moment_of", "number_of", "object_of"]

MILLISECONDS_FROM = 1e11
"""A larger number counts milliseconds: as seconds it would be a time after the year 5100."""

LATEST = calendar.timegm((9999, 12, 31, 0, 0, 0))

_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")

_ISO = re.compile(
    r"([1-9][0-9]{3})-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])"
    r"(?:[Tt ]([0-2][0-9]):([0-5][0-9])(?::([0-6][0-9])(\.[0-9]{1,18})?)?)?"
    r" ?(?:[Zz]|([+-])([0-2][0-9]):?([0-5][0-9]))?"
)


def moment_of(value: object) -> float | None:
    """Seconds since 1970; None if *value* is no time after 1970.

    :param value: ISO 8601 (UTC unless it names an offset), or a number of seconds or milliseconds.
    """
    seconds = _of_iso(value) if isinstance(value, str) else None
    if seconds is None:
        seconds = number_of(value)
    if seconds is None:
        return None
    if seconds > MILLISECONDS_FROM:
        seconds /= 1000
    return float(seconds) if 0 < seconds < LATEST else None


def number_of(value: object) -> float | None:
    """A finite number, or the one that a text holds; of ``{"val": number}``, the number."""
    if isinstance(value, dict):
        value = value.get("val")
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def object_of(value: object) -> Mapping[str, Any]:
    """*value* if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def _of_iso(text: str) -> float | None:
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    fraction, sign, hours, minutes = found.groups()[6:]
    offset = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    return seconds - offset + float(fraction or 0)
