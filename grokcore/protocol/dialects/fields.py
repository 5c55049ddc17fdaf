"""Fields of a JSON request, as all dialects read them.

``null`` is the same as absent, as the SDKs send it; so is an empty list where an object is meant
(PHP). A number or a string may stand for a flag, and a string for a number, if it can't be
mistaken.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ...errors import InvalidRequest

__all__ = [
    "flag_field",
    "header_names",
    "number_field",
    "object_field",
    "required_string",
    "safe_names",
    "unused_fields",
]

_HEADER_SAFE = re.compile(r"[^A-Za-z0-9_.-]")
_MOST_NAMES = 40

_FLAGS: Mapping[Any, bool] = {
    **dict.fromkeys(("true", "1"), True),
    **dict.fromkeys(("false", "0", ""), False),
}
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")


def required_string(fields: Mapping[str, Any], name: str) -> str:
    """A string that has to be there.

    :raises InvalidRequest: if it is absent, empty or no string.
    """
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{name} is required and must be a string.", param=name)
    return value


def object_field(fields: Mapping[str, Any], name: str, path: str = "") -> Mapping[str, Any]:
    """An object; empty if it is absent, or an empty list.

    :param path: what stands before *name* in errors, with its dot.
    :raises InvalidRequest: if it is something else.
    """
    value = fields.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path}{name} must be an object.", param=f"{path}{name}")
    return value


def flag_field(fields: Mapping[str, Any], name: str, path: str = "") -> bool | None:
    """A flag; None if it is absent.

    :param path: what stands before *name* in errors, with its dot.
    :raises InvalidRequest: if it is something else.
    """
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise InvalidRequest(f"{path}{name} must be true or false.", param=f"{path}{name}")


def number_field(
    fields: Mapping[str, Any], name: str, *, least: int = 1, most: int | None = None
) -> int | None:
    """A whole number within bounds; None if it is absent.

    :raises InvalidRequest: if it is something else, or out of bounds.
    """
    value = fields.get(name)
    if value is None:
        return None
    number = _whole(value)
    if number is None or number < least or (most is not None and number > most):
        bounds = f"from {least} to {most}" if most is not None else f"of {least} or more"
        raise InvalidRequest(f"{name} must be a whole number {bounds}.", param=name)
    return number


def _whole(value: Any) -> int | None:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# Names of fields without effect ----------------------------------------------------------------


def unused_fields(fields: Mapping[str, Any], used: Collection[str]) -> list[str]:
    """Names of the fields that are there, and not among *used*."""
    return [key for key, value in fields.items() if key not in used and value is not None]


def safe_names(names: Collection[str]) -> tuple[str, ...]:
    """*names* sorted, each safe in a header and of bounded length; there may be many."""
    return tuple(sorted({_HEADER_SAFE.sub("", name[:200])[:40] for name in names} - {""}))


def header_names(names: Collection[str]) -> tuple[str, ...]:
    """*names* as they go into a response header: sorted, safe, of bounded length and number.

    If there are too many, the last says how many more.
    """
    safe = safe_names(names)
    if len(safe) <= _MOST_NAMES:
        return safe
    return (*safe[: _MOST_NAMES - 1], f"and-{len(safe) - _MOST_NAMES + 1}-more")
