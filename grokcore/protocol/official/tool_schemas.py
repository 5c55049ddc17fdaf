"""Schemas of tools' arguments in the form that xAI takes.

xAI refuses a whole request if the root of one schema is not plainly an object: a union with a
branch that is a ``$ref`` or has no type, a ``$ref`` alone, a type that may be null
(``invalid_client_tool_schema``; CLIProxyAPI#4397, cc-switch#6815, 2026-08). Beside ``properties`` a
union is taken, and then gives useless arguments (other gateways' trials, 2026-09). So the
properties of all branches become properties of the root.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from ..json_values.schema import resolved

__all__ = ["combined_rules", "object_schema"]

Schema = Mapping[str, Any]

_COMBINED = ("$ref", "allOf", "anyOf", "oneOf")
"""Keywords that bring other schemas into their place."""

MOST_PARTS = 200
"""Schemas that are combined into one."""


def object_schema(schema: Schema) -> Schema:
    """*schema* with an object as its root, and without a union there.

    A property may have the form of any branch that describes it, and only that is required which
    all arguments need. So more is allowed than before: :func:`combined_rules` has the rest.
    """
    if combined_rules(schema):
        return _combined(schema)
    properties = schema.get("properties")
    if schema.get("type") == "object" and isinstance(properties, Mapping):
        return schema
    return {
        **schema,
        "type": "object",
        "properties": properties if isinstance(properties, Mapping) else {},
    }


def combined_rules(schema: Schema) -> Schema:
    """The rules at the root of *schema* that :func:`object_schema` leaves out; may be empty."""
    return {key: schema[key] for key in _COMBINED if key in schema}


def _combined(schema: Schema) -> Schema:
    found: dict[str, list[Any]] = {}
    required: dict[str, None] = {}
    for part, certain in _parts(schema):
        properties = part.get("properties")
        for name, value in properties.items() if isinstance(properties, Mapping) else ():
            known = found.setdefault(name, [])
            if value not in known:
                known.append(value)
        names = part.get("required") if certain else ()
        required |= dict.fromkeys(names if isinstance(names, list | tuple) else ())
    return {
        **{key: value for key, value in schema.items() if key not in _COMBINED},
        "type": "object",
        "properties": {
            name: values[0] if len(values) == 1 else {"anyOf": values}
            for name, values in found.items()
        },
        "required": [name for name in required if name in found],
    }


def _parts(root: Schema) -> Iterator[tuple[Schema, bool]]:
    """The root and all schemas that stand in its place, each with whether it always holds."""
    waiting: deque[tuple[object, bool]] = deque([(root, True)])
    seen: set[int] = set()
    while waiting and len(seen) < MOST_PARTS:
        part, certain = waiting.popleft()
        if not isinstance(part, Mapping) or id(part) in seen:
            continue
        seen.add(id(part))
        yield part, certain
        if "$ref" in part:
            waiting.append((resolved(part, root), certain))
        for key in ("allOf", "anyOf", "oneOf"):
            branches = part.get(key)
            for branch in branches if isinstance(branches, list | tuple) else ():
                waiting.append((branch, certain and key == "allOf"))
