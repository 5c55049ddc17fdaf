"""``tool_choice`` in every dialect's form, and the toolbox that it makes of the declared tools.

Forms: a string (``auto``, ``none``, ``required``, ``any``), or an object of that type (``{"type":
"none"}``); Anthropic's ``{"type": "tool", "name": …}``; OpenAI's ``function``, ``custom`` and
``allowed_tools``, flat (Responses) or within a key of the type's name (chat completions); for
``function_call`` ``{"name": …}``. ``null``, an empty object and an empty list (PHP) are the same as
absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from ...errors import InvalidRequest
from ..conversation.tools import Choice, Tool, Toolbox

__all__ = ["ToolChoice", "make_toolbox", "parse_tool_choice"]

_MODES: Mapping[str, Choice] = {
    "auto": Choice.AUTO,
    "none": Choice.NONE,
    "required": Choice.REQUIRED,
    "any": Choice.REQUIRED,
}
_NAMING = ("tool", "function", "custom")


@frozen
class ToolChoice:
    """The rules for calls, as a request writes them; names are not checked yet.

    :ivar only: the name of the tool that has to be called; may be empty.
    :ivar allowed: names of the tools that may be called; None allows all.
    :ivar parallel: false if the choice itself forbids a second call (Anthropic's
        ``disable_parallel_tool_use``).
    """

    choice: Choice = Choice.AUTO
    only: str = ""
    allowed: frozenset[str] | None = None
    parallel: bool = True


def parse_tool_choice(value: Any, param: str = "tool_choice") -> ToolChoice:
    """The rules that a ``tool_choice`` or ``function_call`` sets.

    :param param: the field's name, for errors.
    :raises InvalidRequest: if *value* has none of the known forms.
    """
    if value in (None, "", [], {}):
        return ToolChoice()
    if isinstance(value, str):
        return ToolChoice(_mode(value, param))
    if not isinstance(value, dict):
        raise _unknown(param)
    kind = value.get("type")
    kind = kind.lower() if isinstance(kind, str) else kind
    parallel = value.get("disable_parallel_tool_use") is not True
    if kind == "allowed_tools":
        return _allowed(value, param)
    if kind in _NAMING or kind is None:
        return ToolChoice(Choice.REQUIRED, _forced_name(value, param), parallel=parallel)
    return ToolChoice(_mode(kind, param), parallel=parallel)


def make_toolbox(
    tools: Sequence[Tool], chosen: ToolChoice, *, parallel: bool = True, param: str = "tool_choice"
) -> Toolbox:
    """The toolbox of *tools* (of different full names) under the rules of *chosen*.

    :param parallel: whether the rest of the request allows more than one call.
    :param param: the field's name, for errors.
    :raises InvalidRequest: if a tool has to be called and none is declared that may be.
    """
    names = _Names(tools)
    only = names.full(chosen.only)
    if chosen.only and not only:
        raise InvalidRequest(
            f"{param} names the tool {chosen.only[:128]!r}, which is not among the tools of the "
            "request.",
            param=param,
        )
    allowed = chosen.allowed
    if allowed is not None:
        allowed = frozenset(filter(None, map(names.full, allowed)))
    if chosen.choice is Choice.REQUIRED and not (tools if allowed is None else allowed):
        raise InvalidRequest(
            f"{param} asks for a call, but no tool is declared that may be called.", param=param
        )
    return Toolbox(tuple(tools), chosen.choice, only, allowed, parallel and chosen.parallel)


class _Names:
    """Full names of tools by what clients call them."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._full = {tool.full_name for tool in tools}
        self._of_bare: dict[str, set[str]] = {}
        for tool in tools:
            self._of_bare.setdefault(tool.name, set()).add(tool.full_name)

    def full(self, name: str) -> str:
        """The full name of the tool *name*; empty if there is none, or more than one."""
        if name in self._full:
            return name
        found = self._of_bare.get(name, set())
        return next(iter(found)) if len(found) == 1 else ""


def _mode(value: Any, param: str) -> Choice:
    mode = _MODES.get(value.strip().lower()) if isinstance(value, str) else None
    if mode is None:
        raise _unknown(param)
    return mode


def _forced_name(value: Mapping[str, Any], param: str) -> str:
    name = _name(value)
    if not name:
        raise _unknown(param)
    return name


def _name(value: Mapping[str, Any]) -> str:
    """The name in a reference to a tool, with its namespace if it has one; empty without one."""
    inner = next((value[key] for key in _NAMING if isinstance(value.get(key), dict)), value)
    name, namespace = inner.get("name"), value.get("namespace")
    if not isinstance(name, str):
        return ""
    return f"{namespace}.{name}" if isinstance(namespace, str) and namespace else name


def _allowed(value: Mapping[str, Any], param: str) -> ToolChoice:
    within = value.get("allowed_tools")
    inner = within if isinstance(within, dict) else value
    mode = _mode(inner.get("mode") or "auto", param)
    tools = inner.get("tools")
    if tools is None:
        return ToolChoice(mode)
    if not isinstance(tools, list):
        raise InvalidRequest(f"{param}.tools must be a list of tools.", param=param)
    names = (_name(tool) if isinstance(tool, dict) else tool for tool in tools)
    return ToolChoice(mode, allowed=frozenset(n for n in names if isinstance(n, str) and n))


def _unknown(param: str) -> InvalidRequest:
    return InvalidRequest(
        f"{param} must be auto, none, required (any), or an object that names a tool.", param=param
    )
