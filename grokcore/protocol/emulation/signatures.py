"""JSON schemas of tools in a short notation: ``Edit(path: string, old?: string, all?: boolean)``.

Rules
-----
1. Enums stand inline, local references are resolved. Whatever can't be read is ``any``.
2. Objects are shown four levels deep, and a schema is read up to a number of nodes: references can
   make a small one endless.
3. What the notation has no room for (descriptions, bounds, defaults) are comments, with the path of
   the parameter that they are about: ``todos[].status``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from ..conversation.tools import Tool, ToolKind
from ..json_values.schema import resolved as _resolved
from .forms import RAW_KEY

__all__ = ["Detail", "comments", "properties", "required_keys", "resolved", "signature"]

MOST_LEVELS = 4
MOST_NODES = 2000
"""Parts of one schema that are read; the largest tools of coding agents have some 60."""

MOST_STEPS = 16
MOST_COMMENT_STEPS = 8
"""Steps into objects, lists and alternatives: of the notation, and of paths of comments."""

_PLAIN_KEY = re.compile(r"[\w$.-]+")
_UNIONS = ("anyOf", "oneOf")
_WITH_PARTS = frozenset({"$ref", "properties", "items", "allOf", *_UNIONS})
_BEYOND_TYPE = _WITH_PARTS | {"enum", "const", "additionalProperties"}
_BOUNDS = {
    "default": "default",
    "format": "format",
    "pattern": "pattern",
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "minLength": "fewest characters",
    "maxLength": "most characters",
    "minItems": "fewest items",
    "maxItems": "most items",
}


@frozen
class Detail:
    """How much of a schema is shown.

    :ivar levels: of objects within objects; deeper ones are ``object``.
    :ivar values: of an enum.
    """

    levels: int = MOST_LEVELS
    values: int = 100


def signature(tool: Tool, detail: Detail) -> str:
    """The name and parameters of *tool*."""
    if tool.kind is ToolKind.CUSTOM:
        return f"{tool.full_name}({RAW_KEY}: text)"
    reader = _Reader(tool.parameters, detail)
    schema = resolved(tool.parameters, tool.parameters)
    if _alternatives(schema):
        return f"{tool.full_name}({reader.type_of(schema, 0)})"
    return f"{tool.full_name}({reader.members(schema, 0)})"


def comments(tool: Tool) -> tuple[tuple[str, str], ...]:
    """Path and comment, in one line each, of all parameters of *tool* that have a comment."""
    reader = _Reader(tool.parameters, Detail())
    return tuple(dict.fromkeys(reader.comments(tool.parameters, "", 0)))


def resolved(schema: object, root: Mapping[str, Any]) -> Mapping[str, Any]:
    """*schema*, or the part of *root* that it refers to; an empty one if it is no object."""
    found = _resolved(schema, root) if not isinstance(schema, dict) or "$ref" in schema else schema
    return found if isinstance(found, dict) else {}


def properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The properties of an object's schema, by key."""
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def required_keys(schema: Mapping[str, Any]) -> list[str]:
    """The keys of an object that may not be left out, among its properties."""
    known = properties(schema)
    return [key for key in _listed(schema.get("required")) if isinstance(key, str) and key in known]


class _Reader:
    """Reads one schema."""

    def __init__(self, root: Mapping[str, Any], detail: Detail) -> None:
        self._root = root
        self._detail = detail
        self._nodes = MOST_NODES
        self._steps = 0
        self._commented: set[int] = set()  # by identity: a schema refers to some from many places

    def members(self, schema: Mapping[str, Any], level: int) -> str:
        """The keys of an object with their types."""
        required = set(required_keys(schema))
        return ", ".join(
            f"{_key(key)}{'' if key in required else '?'}: {self.type_of(value, level + 1)}"
            for key, value in properties(schema).items()
        )

    def type_of(self, schema: Any, level: int) -> str:
        """The type of a value, in one line."""
        if self._nodes <= 0 or self._steps >= MOST_STEPS:
            return "any"
        self._nodes -= 1
        self._steps += 1
        written = self._type(resolved(schema, self._root), level)
        self._steps -= 1
        return written

    def _type(self, schema: Mapping[str, Any], level: int) -> str:
        named = schema.get("type")
        if isinstance(named, str) and _BEYOND_TYPE.isdisjoint(schema):
            return named or "any"
        if values := _listed(schema.get("enum")):
            return self._values(values)
        if "const" in schema:
            return _json(schema["const"])
        if isinstance(named, list) and named:
            return self._joined(" | ", [{**schema, "type": one} for one in named], level)
        if alternatives := _alternatives(schema):
            return self._joined(" | ", alternatives, level)
        if (together := _listed(schema.get("allOf"))) and not properties(schema):
            return self._joined(" & ", together, level)
        return self._plain(schema, level)

    def _plain(self, schema: Mapping[str, Any], level: int) -> str:
        named = schema.get("type")
        if named == "array":
            items = self.type_of(schema.get("items"), level)
            return f"({items})[]" if " " in items and items[0] != "{" else f"{items}[]"
        if named == "object" or (named is None and properties(schema)):
            return self._object(schema, level)
        return named if isinstance(named, str) and named else "any"

    def _object(self, schema: Mapping[str, Any], level: int) -> str:
        if level >= self._detail.levels:
            return "object"
        if properties(schema):
            return f"{{{self.members(schema, level)}}}"
        others = schema.get("additionalProperties")
        if isinstance(others, dict) and others:
            return f"{{[key]: {self.type_of(others, level + 1)}}}"
        return "object"

    def _values(self, values: Sequence[Any]) -> str:
        shown = [_json(value) for value in values[: self._detail.values]]
        return " | ".join([*shown, "…"] if len(shown) < len(values) else shown)

    def _joined(self, mark: str, schemas: Sequence[Any], level: int) -> str:
        return mark.join(dict.fromkeys(self.type_of(one, level) for one in schemas))

    def comments(self, schema: Any, path: str, steps: int) -> Iterator[tuple[str, str]]:
        """Path and comment of the parameters within *schema*."""
        schema = resolved(schema, self._root)
        if id(schema) in self._commented or steps > MOST_COMMENT_STEPS:
            return
        self._commented.add(id(schema))
        for key, value in properties(schema).items():
            inner = f"{path}.{_key(key)}" if path else _key(key)
            if said := self._comment(value):
                yield inner, said
            if isinstance(value, dict) and not _WITH_PARTS.isdisjoint(value):
                yield from self.comments(value, inner, steps + 1)
        items = schema.get("items")
        if isinstance(items, dict) and not _WITH_PARTS.isdisjoint(items):
            yield from self.comments(items, f"{path}[]", steps + 1)
        for alternative in (*_alternatives(schema), *_listed(schema.get("allOf"))):
            yield from self.comments(alternative, path, steps + 1)

    def _comment(self, schema: Any) -> str:
        """The description (one beside a reference goes before one behind it), and bounds."""
        shown = resolved(schema, self._root)
        told = schema.get("description") if isinstance(schema, dict) else None
        told = told or shown.get("description")
        said = " ".join(told.split()) if isinstance(told, str) else ""
        if _BOUNDS.keys().isdisjoint(shown):
            return said
        bounds = (f"{_BOUNDS[key]} {_json(shown[key])}" for key in _BOUNDS if key in shown)
        return f"{said} ({'; '.join(bounds)})".strip()


def _alternatives(schema: Mapping[str, Any]) -> list[Any]:
    """The schemas of which a value fits one."""
    if properties(schema):
        return []
    return next((schema[key] for key in _UNIONS if _listed(schema.get(key))), [])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else _json(key)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
