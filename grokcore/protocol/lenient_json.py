"""A lenient reader of JSON: orjson for valid text, the standard library for nearly valid text.

Both sides of the server read text of foreign programs. JavaScript clients cut emoji in half and
send lone surrogates, and an upstream line may carry a broken UTF-8 byte. Neither is a reason to
lose a whole message.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

__all__ = ["decode_at", "loads"]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def _whole_number(text: str) -> int | float:
    """A whole number as orjson reads it: beyond 64 bits it is a float."""
    if len(text) > len("-18446744073709551615"):
        return _finite_number(text)
    value = int(text)
    return value if -(2**63) <= value < 2**64 else float(text)


def _finite_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


_DECODER = json.JSONDecoder(
    parse_int=_whole_number, parse_float=_finite_number, parse_constant=_finite_number
)


def loads(data: bytes) -> Any:
    """The value in *data* (UTF-8).

    :raises ValueError: if *data* is no JSON, is nested too deeply, or has too large a number.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = data.decode("utf-8", "replace").strip()
        value, end = decode_at(text, 0)
        if end != len(text):
            raise ValueError("text after the JSON value") from None
        return value


def decode_at(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that begins at this index of *text*, and the index where it ends.

    Lone surrogates become U+FFFD, so that every string of the value can be encoded again.

    :raises ValueError: if none begins there, it is nested too deeply, or has too large a number.
    """
    try:
        value, end = _DECODER.raw_decode(text, at)
        return _mended(value), end
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return value
