"""Fields of a Responses body. ``null`` is the same as absent, as the SDKs send it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....errors import InvalidRequest

__all__ = ["boolean", "mapping", "number", "objects", "required_text", "text", "whole_number"]

_FLAGS: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False, "": False}
"""Words for a flag, as form-minded clients write it."""


def text(fields: Mapping[str, Any], name: str, path: str = "") -> str:
    """A string; empty if it is absent.

    :param path: where the field stands, if that is not *name*.
    :raises InvalidRequest: if it is something else.
    """
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequest(f"{path or name} must be a string.", param=path or name)
    return value


def required_text(fields: Mapping[str, Any], name: str, path: str = "") -> str:
    """A string that is not empty.

    :raises InvalidRequest: if it is absent, empty, or something else.
    """
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(
            f"{path or name} is required and must be a string.", param=path or name
        )
    return value


def boolean(fields: Mapping[str, Any], name: str) -> bool | None:
    """A flag; None if it is absent. A number or a word may stand for it.

    :raises InvalidRequest: if it is something else.
    """
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise InvalidRequest(f"{name} must be true or false.", param=name)


def number(fields: Mapping[str, Any], name: str, otherwise: float) -> float:
    """A number that is only echoed; *otherwise* in place of anything else."""
    value = fields.get(name)
    return otherwise if value is None or not _is_number(value) else float(value)


def whole_number(fields: Mapping[str, Any], name: str) -> int | None:
    """A whole number from 1; None if it is absent.

    :raises InvalidRequest: if it is something else.
    """
    value = fields.get(name)
    if value is None:
        return None
    if not _is_number(value) or value != int(value) or value < 1:
        raise InvalidRequest(f"{name} must be a whole number from 1.", param=name)
    return int(value)


def mapping(fields: Mapping[str, Any], name: str, path: str = "") -> Mapping[str, Any]:
    """An object; empty if it is absent, or an empty list (PHP).

    :raises InvalidRequest: if it is something else.
    """
    value = fields.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path or name} must be an object.", param=path or name)
    return value


def objects(fields: Mapping[str, Any], name: str, path: str) -> list[dict[str, Any]]:
    """A list of objects; empty if it is absent.

    :raises InvalidRequest: if it is something else.
    """
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidRequest(f"{path} must be a list.", param=path)
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            where = f"{path}[{index}]"
            raise InvalidRequest(f"{where} must be an object.", param=where)
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
