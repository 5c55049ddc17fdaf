"""JSON as the world writes it: orjson for what is right, the standard library for what is nearly right.

Both sides of the server read text that strangers wrote. JavaScript clients cut emoji in half and send lone surrogates,
and an upstream line may carry a broken UTF-8 byte; neither is a reason to lose a whole message.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

__all__ = ["decode_first", "loads"]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_DECODER = json.JSONDecoder()


def loads(data: bytes) -> Any:
    """The value in *data* (UTF-8).

    :raises ValueError: not JSON at all, nested beyond reason, or a number too long to be meant.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = data.decode("utf-8", "replace").strip()
        value, end = decode_first(text)
        if end != len(text):
            raise ValueError("text after the JSON value") from None
        return value


def decode_first(text: str) -> tuple[Any, int]:
    """The first JSON value at the start of *text*, and the index where it ends.

    Lone surrogates become U+FFFD, so that every string of the value can be encoded again.

    :raises ValueError: *text* does not start with a JSON value, or it is nested beyond reason.
    """
    try:
        value, end = _DECODER.raw_decode(text)
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
