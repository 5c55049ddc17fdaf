"""Answers in JSON, where a prompt asks for one: the plainest value of the form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["json_answer", "plainest"]

_ASKED = re.compile(
    r"^Answer with the JSON alone, [^\n]*? It must "
    r"(?:be a JSON object\.|fit this JSON schema[^\n]*:(?P<rest>[^\0]*))",
    re.MULTILINE,
)
_SCHEMA = re.compile(r"^\{.*\}$", re.MULTILINE)

MOST_DEPTH = 12
"""Levels of a value. A recursive schema may have no end of its own."""

MOST_ITEMS = 1000
"""Items of an array, and characters of a text, whatever the schema asks for."""


def json_answer(prompt: str) -> str | None:
    """The JSON that *prompt* asks for at its end; None if it asks for none."""
    asked = list(_ASKED.finditer(prompt))
    if not asked:
        return None
    written = _SCHEMA.search(asked[-1]["rest"] or "")
    schema = json.loads(written[0]) if written else {"type": "object"}
    return json.dumps(plainest(schema), ensure_ascii=False)


def plainest(schema: Any) -> Any:
    """The plainest value that fits a JSON *schema*; None if its keywords have the wrong types."""
    try:
        return _value(schema, schema, MOST_DEPTH)
    except (AttributeError, KeyError, TypeError):
        return None


def _value(schema: Any, root: Any, depth: int) -> Any:
    """A value that fits *schema*, by the keywords that clients use most."""
    if not isinstance(schema, dict) or not depth:
        return None
    if "$ref" in schema:
        return _value(_target(str(schema["$ref"]), root), root, depth - 1)
    if "const" in schema or schema.get("enum"):
        return schema["const"] if "const" in schema else schema["enum"][0]
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return _value({**schema, word: None, **schema[word][0]}, root, depth - 1)
    return _of_type(_type_of(schema), schema, root, depth)


def _target(ref: str, root: Any) -> Any:
    for key in ref.removeprefix("#").split("/")[1:]:
        root = root.get(key.replace("~1", "/").replace("~0", "~")) if root else None
    return root


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind is None:
        kind = "array" if "items" in schema else "object"
    return str(kind)


def _of_type(kind: str, schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    if kind == "object":
        inner = schema.get("properties") or {}
        names = schema.get("required") or ()
        return {name: _value(inner.get(name), root, depth - 1) for name in names}
    if kind == "array":
        count = min(schema.get("minItems", min(1, schema.get("maxItems", 1))), MOST_ITEMS)
        return [_value(schema.get("items"), root, depth - 1) for _ in range(count)]
    if kind == "string":
        most = schema.get("maxLength")
        return "simulated".ljust(min(schema.get("minLength", 0), MOST_ITEMS), ".")[:most]
    if kind in {"integer", "number"}:
        above = schema.get("exclusiveMinimum", 0) + 1
        return schema.get("minimum", min(above, schema.get("maximum", above)))
    return True if kind == "boolean" else None
