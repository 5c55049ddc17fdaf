"""Tables of a configuration file as attrs classes, strictly.

cattrs by itself would turn 5 into "5" and a list into its repr. A configuration deserves an error
instead, with the path of keys that leads to it.
"""

from __future__ import annotations

import enum
import functools
from typing import Any, TypeVar

import cattrs

from ..protocol.grok_web.markup import parse_tag_names
from .text import name_shown, text_fault

__all__ = ["SettingFault", "structured"]

_T = TypeVar("_T")


class SettingFault(ValueError):
    """An invalid value: the path of keys to it, and its fault."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def structured(value: dict[str, Any], cls: type[_T], path: tuple[str, ...]) -> _T:
    """*value* as an instance of *cls*.

    :param path: the keys that lead to it.
    :raises SettingFault: with the path of the first fault in it.
    """
    try:
        return _converter().structure(value, cls)
    except cattrs.BaseValidationError as error:
        inner, message = _first_fault(error)
        raise SettingFault(path + inner, message) from None
    except SettingFault as fault:
        raise SettingFault(path + fault.path, fault.message) from None


@functools.cache
def _converter() -> cattrs.Converter:
    """The one converter: making it, with the code for each section, takes 13 ms, and reading a
    configuration with it less than one.
    """
    converter = cattrs.Converter()
    for kind, wanted, takes in (
        (str, "a string", lambda value: isinstance(value, str)),
        (bool, "true or false", lambda value: isinstance(value, bool)),
        (
            int,
            "a whole number",
            lambda value: isinstance(value, int) and not isinstance(value, bool),
        ),
        (
            float,
            "a number",
            lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
        ),
    ):
        converter.register_structure_hook(kind, _strictly(kind, wanted, takes))
    converter.register_structure_hook_func(
        lambda kind: isinstance(kind, type) and issubclass(kind, enum.Enum), _enum
    )
    converter.register_structure_hook_func(
        lambda kind: kind == frozenset[str],
        lambda value, _: parse_tag_names(_strings(value, or_one=True)),
    )
    converter.register_structure_hook_func(
        lambda kind: kind == tuple[str, ...], lambda value, _: tuple(_strings(value))
    )
    converter.register_structure_hook_func(
        lambda kind: kind == str | dict[str, str], _string_or_table
    )
    converter.register_structure_hook_func(lambda kind: kind == dict[str, str], _table_of_strings)
    return converter


def _strictly(kind: type, wanted: str, takes: Any) -> Any:
    def hook(value: Any, _: type) -> Any:
        if not takes(value):
            raise ValueError(f"must be {wanted}, not {_described(value)}")
        return _usable(value) if isinstance(value, str) else kind(value)

    return hook


def _enum(value: Any, kind: type[enum.Enum]) -> enum.Enum:
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join(str(member.value) for member in kind)
        got = name_shown(value) if isinstance(value, str) else _described(value)
        raise ValueError(f"must be one of {choices}, not {got}") from None


def _strings(value: Any, *, or_one: bool = False) -> Any:
    if or_one and isinstance(value, str):
        return _usable(value)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"must be a list of strings, not {_described(value)}")
    return [_usable(item) for item in value]


def _string_or_table(value: Any, _: type) -> Any:
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return {_usable(path): _usable(item) for path, item in value.items()}
    if not isinstance(value, str):
        raise ValueError("must be a string, or a table of request path to string")  # noqa: TRY004
    return _usable(value)


def _table_of_strings(value: Any, _: type) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError(f"must be a table of names, not {_described(value)}")
    return {_usable(name): _usable(item) for name, item in value.items()}


def _usable(text: str) -> str:
    """*text*, if it can become a header, a URL or a path.

    :raises ValueError: if it can't; the message quotes nothing.
    """
    fault = text_fault(text)
    if fault:
        raise ValueError(fault)
    return text


def _described(value: Any) -> str:
    names = {
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), type(value).__name__)


def _first_fault(error: BaseException) -> tuple[tuple[str, ...], str]:
    """The path and message of the first fault in a tree of validation errors."""
    if isinstance(error, cattrs.BaseValidationError):
        inner = error.exceptions[0]
        name = next(
            (note.name for note in getattr(inner, "__notes__", ()) if hasattr(note, "name")), ""
        )
        path, message = _first_fault(inner)
        return ((name, *path) if name else path), message
    if isinstance(error, SettingFault):
        return error.path, error.message
    if isinstance(error, KeyError):
        return (), "is missing"
    return (), str(error)
