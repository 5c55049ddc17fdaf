"""Example calls of a request's own tools, for the model's instructions.

Rules
-----
1. They are of the first two tools that may be called, with their required parameters (the first one
   if none is), four at most.
2. One value is a text of two lines, if a parameter's name promises such a text; one is an array, if
   there is one.
3. Values are placeholders that fit their types, not what a user could want.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..conversation.tools import Tool, ToolKind
from .signatures import properties, required_keys, resolved

__all__ = ["example_calls"]

TWO_LINES = 'the first line\nthe second line, with "quotes", <brackets> & all'

MOST_KEYS = 4
MOST_STEPS = 4
"""Steps into a value's objects and arrays."""

_LONG_TEXTS = (
    *("command", "content", "contents", "new_string", "newString", "code", "script", "patch"),
    *("new_str", "file_text", "text", "body", "input", "prompt", "query", "message"),
)
"""Keys of texts that may have several lines, the likeliest first."""

_SIMPLE = {"integer": 1, "number": 1.5, "boolean": True, "null": None}


def example_calls(tools: Sequence[Tool]) -> list[tuple[str, Mapping[str, Any] | str]]:
    """Full name and arguments of a call of each of the first two of *tools*."""
    found: list[tuple[str, Mapping[str, Any] | str]] = []
    wants_text, wants_array = True, True
    for tool in tools[:2]:
        if tool.kind is ToolKind.CUSTOM:
            found.append((tool.full_name, TWO_LINES))
            wants_text = False
            continue
        sample = _Sample(tool, wants_text=wants_text, wants_array=wants_array)
        found.append((tool.full_name, sample.arguments))
        wants_text = wants_text and TWO_LINES not in sample.arguments.values()
        wants_array = wants_array and not any(
            isinstance(value, list) for value in sample.arguments.values()
        )
    return found


class _Sample:
    """Arguments for a tool."""

    def __init__(self, tool: Tool, *, wants_text: bool, wants_array: bool) -> None:
        self._root = tool.parameters
        schema = resolved(self._root, self._root)
        self._properties = properties(schema)
        keys = required_keys(schema) or list(self._properties)[:1]
        array = next((key for key in self._properties if self._is_array(key)), None)
        if wants_array and array is not None and array not in keys:
            keys.append(array)
        self.arguments = {key: self._value(self._properties[key], 0) for key in keys[:MOST_KEYS]}
        long = next((key for key in _LONG_TEXTS if self.arguments.get(key) == "text"), None)
        if wants_text and long is not None:
            self.arguments[long] = TWO_LINES

    def _is_array(self, key: str) -> bool:
        return resolved(self._properties[key], self._root).get("type") == "array"

    def _value(self, schema: Any, steps: int) -> Any:
        schema = resolved(schema, self._root)
        if isinstance(values := schema.get("enum"), list) and values:
            return values[0]
        if "const" in schema:
            return schema["const"]
        named = schema.get("type")
        if steps >= MOST_STEPS:
            return "text"
        if named == "array":
            return [self._value(schema.get("items"), steps + 1)] * 2
        if named == "object" or properties(schema):
            return self._object(schema, steps)
        return _SIMPLE.get(named, "text") if isinstance(named, str) else "text"

    def _object(self, schema: Mapping[str, Any], steps: int) -> dict[str, Any]:
        members = properties(schema)
        keys = (required_keys(schema) or list(members))[:MOST_KEYS]
        return {key: self._value(members[key], steps + 1) for key in keys}
