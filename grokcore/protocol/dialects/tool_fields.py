"""Declarations of tools, in every dialect's form.

Rules
-----
1. A tool is flat, as in Responses and Messages, or within ``function`` or ``custom``, as in chat
   completions. Some clients send one API's form to another, so each is read everywhere.
2. A tool of a type that runs at the provider is no tool of the client's. The caller names its type
   among the fields without effect.
3. A name that the model could not be shown unchanged is refused: the client would not know the
   call again.
4. Of two tools with one name, the later one counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import InvalidRequest
from ..conversation.tools import Tool, ToolKind
from .fields import flag_field

__all__ = ["MOST_TOOLS", "declared_tool", "listed_tools", "tool_type", "unique_tools"]

MOST_TOOLS = 1024
"""Most tools of a request. OpenAI takes 128; clients with many MCP servers send more, and expect
them to work as they do with other compatible servers."""

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema")
_CLIENTS = ("function", "custom")


def tool_type(value: Mapping[str, Any]) -> str:
    """``function``, ``custom``, or another type as the client wrote it.

    A declaration without a type is that of the client's, as in Anthropic's Messages API.
    """
    written = value.get("type")
    if isinstance(written, str) and written:
        return written
    return "custom" if isinstance(value.get("custom"), dict) else "function"


def listed_tools(value: Any, path: str) -> list[Mapping[str, Any]]:
    """The declarations in a list of tools; none if it is absent.

    :raises InvalidRequest: if it is no list of objects, or too long.
    """
    if value is None or value == {}:
        return []
    if not isinstance(value, list):
        raise InvalidRequest(f"{path} must be a list of tools.", param=path)
    if len(value) > MOST_TOOLS:
        raise InvalidRequest(f"{path} must hold {MOST_TOOLS} tools at most.", param=path)
    for index, tool in enumerate(value):
        if not isinstance(tool, dict):
            raise InvalidRequest(f"{path}[{index}] must be an object.", param=f"{path}[{index}]")
    return value


def declared_tool(value: Mapping[str, Any], path: str, namespace: str = "") -> Tool:
    """The tool that a declaration of the type ``function`` or ``custom`` declares.

    A declaration with a JSON schema declares a function, whatever its type says: ``custom`` is the
    type of such tools in Anthropic's Messages API.

    :raises InvalidRequest: with the path of the field at fault in ``param``.
    """
    within = next((key for key in _CLIENTS if isinstance(value.get(key), dict)), "")
    inner = value[within] if within else value
    where = f"{path}.{within}" if within else path
    name = _name(inner, where)
    said = inner.get("description")
    description = said if isinstance(said, str) else ""
    schema_key = next((key for key in _SCHEMA_KEYS if inner.get(key) is not None), "")
    if not schema_key and "custom" in (within, value.get("type")):
        grammar = _grammar(inner)
        return Tool(name, description, {}, namespace, ToolKind.CUSTOM, grammar=grammar)
    return Tool(
        name,
        description,
        _parameters(inner, schema_key, where) if schema_key else {},
        namespace,
        strict=flag_field(inner, "strict", f"{where}.") or False,
    )


def unique_tools(tools: Iterable[Tool]) -> tuple[Tool, ...]:
    """*tools* without those that a later one of the same full name replaces."""
    return tuple({tool.full_name: tool for tool in tools}.values())


def _name(inner: Mapping[str, Any], where: str) -> str:
    name = inner.get("name")
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise InvalidRequest(
        f"{where}.name must be 1 to 128 letters of English, digits, or any of _ . : -",
        param=f"{where}.name",
    )


def _parameters(inner: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    value = inner[key]
    if value == []:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(
            f"{where}.{key} must be a JSON schema, which is an object.", param=f"{where}.{key}"
        )
    return value


def _grammar(inner: Mapping[str, Any]) -> str:
    """The grammar of a custom tool; ``format`` holds it flat, or within ``grammar``."""
    form = inner.get("format")
    if isinstance(form, dict) and isinstance(form.get("grammar"), dict):
        form = form["grammar"]
    definition = form.get("definition") if isinstance(form, dict) else None
    return definition if isinstance(definition, str) else ""
