"""Arguments of calls, between the plain text of an element and the values that a tool declares.

Rules
-----
1. Where the schema allows strings only, the text is the value, to the byte. A text that begins with
   a line break loses it, and one at its end: they only set it off from its tags.
2. Elsewhere the text is JSON (:mod:`grokcore.protocol.json_values.loose_json`). The first allowed
   type that it fits is taken, a string last. A number in quotes is a number, and 5.0 is an integer,
   within lists and objects too.
3. Text that is nothing of that stays a string. The tool's own validation, or a repair, deals with
   it: nothing is guessed.
4. Under a key that the schema doesn't describe, strict JSON is read as such (so it is written, see
   :func:`written_value`), except for a string in quotes; any other text is a string. Mending could
   make a list of a text that only looks like one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..json_values.loose_json import read_json
from ..json_values.schema import TYPES, faults, is_a, resolved
from ..lenient_json import loads

__all__ = ["plain_text", "typed_arguments", "typed_object", "written_value"]

_ENTITIES = {
    "&lt;": "<",
    "&gt;": ">",
    "&amp;": "&",
    "&quot;": '"',
    "&apos;": "'",
    # As Python and JavaScript write quotes:
    "&#34;": '"',
    "&#39;": "'",
    "&#x27;": "'",
}
_ENTITY = re.compile("|".join(_ENTITIES))
_ARTIFACT = re.compile(r"\s*<xaiArtifact(?:\s[^<>]*)?>(.*)</xaiArtifact>\s*", re.DOTALL)
_CLOSER = re.compile(r"\s*</(?:\w+:)?([\w.-]+)>\s*\Z")
_LAST_CHARS = 200
"""Characters at a text's end among which a stray closing tag is looked for."""


def typed_arguments(
    written: Sequence[tuple[str, str]], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a call, in the order in which they were written.

    :param written: keys and raw texts. Of a key that comes twice, the last text counts.
    :param schema: the tool's parameters; one that can't be read makes every key an unknown one.
    """
    result: dict[str, Any] = {}
    for key, text in written:
        inner = _schema_of(key, schema, schema)
        result[key] = _with_integers(_typed(key, text, inner, schema), inner, schema)
    return result


def typed_object(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that were written as one JSON object, with the same leniency: a string where none
    is allowed is read as if it were written in an element, and 5.0 is an integer.
    """
    result: dict[str, Any] = {}
    for key, value in arguments.items():
        inner = _schema_of(key, schema, schema)
        kinds = _kinds(inner, schema)
        if isinstance(value, str) and kinds and not any(kind == "string" for kind, _ in kinds):
            value = _typed(key, value, inner, schema)  # noqa: PLW2901 - the same argument
        result[key] = _with_integers(value, inner, schema)
    return result


def written_value(value: object, key: str = "") -> str:
    """The text of an argument in an element: the inverse of :func:`typed_arguments` for a key whose
    schema gives the value's type. A text with line breaks stands on lines of its own.

    :param key: the argument's name.
    """
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if plain_text(text := _set_off(value), key) == value:
        return text
    return _set_off(value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def _set_off(text: str) -> str:
    return f"\n{text}\n" if "\n" in text else text


# Texts ------------------------------------------------------------------------------------------


def plain_text(text: str, key: str = "") -> str:
    """The string that an element's raw text means.

    :param key: the argument's name. A closing tag of this name at the end is a stray one, unless it
        is opened in the text.
    """
    text = _unwrapped(_without_stray_closer(_trimmed(text), key))
    return _unescaped(text)


def _trimmed(text: str) -> str:
    """*text* without the line breaks that set it off from its tags."""
    if not text.startswith(("\n", "\r\n")):
        return text
    line_break = "\n" if text[0] == "\n" else "\r\n"
    return text.removeprefix(line_break).removesuffix(line_break)


def _without_stray_closer(text: str, key: str) -> str:
    if ">" not in text[-_LAST_CHARS:]:
        return text
    closer = _CLOSER.search(text, max(0, len(text) - _LAST_CHARS))
    if closer is None or closer.group(1) not in {"arg", "parameter", key}:
        return text
    opened = re.search(rf"<(?:\w+:)?{re.escape(closer.group(1))}\b", text)
    return text if opened or not closer.start() else text[: closer.start()]


def _unwrapped(text: str) -> str:
    """The content of an ``xaiArtifact``, if *text* is one: Grok wraps files into it."""
    if "<xaiArtifact" not in text:
        return text
    artifact = _ARTIFACT.fullmatch(text)
    if artifact is None or "<xaiArtifact" in artifact.group(1):
        return text
    return _trimmed(artifact.group(1))


def _unescaped(text: str) -> str:
    """*text* with its entities decoded once, if nothing in it shows that they are meant: a raw
    ``<`` or ``>``, or an ``&`` of something else.
    """
    if (
        "&" not in text
        or "<" in text
        or ">" in text
        or text.count("&") != len(_ENTITY.findall(text))
    ):
        return text
    return _ENTITY.sub(lambda match: _ENTITIES[match.group()], text)


# Types ------------------------------------------------------------------------------------------

_MOST_OPTIONS = 50


def _schema_of(key: str, schema: object, root: object) -> object:
    """The schema of one key; an empty one if it is not described."""
    whole = resolved(schema, root)
    if not isinstance(whole, Mapping):
        return {}
    properties = whole.get("properties")
    if isinstance(properties, Mapping) and key in properties:
        return properties[key]
    return whole.get("additionalProperties", {})


def _typed(key: str, text: str, schema: object, root: object) -> Any:
    """The value of one argument: the first reading that fits; else the first one that has an
    allowed type; else the text.
    """
    kinds = _kinds(schema, root)
    if not kinds:
        return _untyped(key, text)
    if all(kind == "string" for kind, _ in kinds):
        return _string(key, text, schema, root)
    first: list[Any] = []
    for kind, option in kinds:
        for value in _readings(text, kind):
            if not faults(value, option, 1, root):
                return value
            first.append(value)
    return first[0] if first else plain_text(text, key)


def _kinds(schema: object, root: object) -> list[tuple[str, object]]:
    """The types that the schema allows, each with the schema that allows it, strings last; empty if
    it names none.
    """
    found = list(_all_kinds(schema, root, _MOST_OPTIONS))[:_MOST_OPTIONS]
    return sorted(found, key=lambda each: each[0] == "string")


def _all_kinds(schema: object, root: object, levels: int) -> Iterator[tuple[str, object]]:
    schema = resolved(schema, root)
    if not isinstance(schema, Mapping) or not levels:
        return
    names = schema.get("type")
    if names is None:
        names = list(_implied(schema))
    if names:
        for name in names if isinstance(names, list) else [names]:
            if isinstance(name, str) and name in TYPES:
                yield name, schema
        if schema.get("nullable") is True:
            yield "null", schema
        return
    for word in ("anyOf", "oneOf", "allOf"):
        options = schema.get(word)
        for option in options[:_MOST_OPTIONS] if isinstance(options, list) else []:
            yield from _all_kinds(option, root, levels // 2)


def _implied(schema: Mapping[str, Any]) -> Iterator[str]:
    """The types that a schema without ``type`` allows, as its other keywords show."""
    listed = schema.get("enum")
    values = [*(listed if isinstance(listed, list) else []), *_constant(schema)]
    for kind in TYPES:
        if kind != "integer" and any(is_a(value, kind) for value in values):
            yield kind
    if "properties" in schema:
        yield "object"
    if "items" in schema or "prefixItems" in schema:
        yield "array"


def _constant(schema: Mapping[str, Any]) -> list[Any]:
    return [schema["const"]] if "const" in schema else []


# Readings ---------------------------------------------------------------------------------------


def _string(key: str, text: str, schema: object, root: object) -> str:
    """A string; one of a list of values may stand in quotes or white space."""
    value = plain_text(text, key)
    bare = value.strip()
    if bare[:1] in {'"', "'"} and bare[-1:] == bare[:1]:
        bare = bare[1:-1]
    if bare == value or len(bare) > _LAST_CHARS or not faults(value, schema, 1, root):
        return value
    allowed = resolved(schema, root)
    listed = isinstance(allowed, Mapping) and ("enum" in allowed or "const" in allowed)
    return bare if listed and not faults(bare, schema, 1, root) else value


def _untyped(key: str, text: str) -> Any:
    try:
        value = loads(text.encode("utf-8", "replace"))
    except ValueError:
        return plain_text(text, key)
    return plain_text(text, key) if isinstance(value, str) else value


def _readings(text: str, kind: str) -> Iterator[Any]:
    """The values that *text* may mean under a type."""
    for value in _as_json(text):
        if is_a(value, kind) and kind != "string":
            yield _as_integer(value) if kind == "integer" else value


def _as_json(text: str) -> Iterator[Any]:
    """Readings of *text* as JSON: as it is, without the quotes around it, and without entities."""
    for spelling in dict.fromkeys((text, _unescaped(text))):
        try:
            value = read_json(spelling)
            yield value
            if isinstance(value, str):
                yield read_json(value)
        except ValueError:
            continue


# Integers ---------------------------------------------------------------------------------------


def _with_integers(value: Any, schema: object, root: object) -> Any:
    """*value* with an integer for each 5.0 in it that the schema wants to be one."""
    if not _has_whole_float(value):
        return value
    kinds = _kinds(schema, root)
    if isinstance(value, float):
        return _as_integer(value) if any(kind == "integer" for kind, _ in kinds) else value
    wanted = "object" if isinstance(value, dict) else "array"
    options = [option for kind, option in kinds if kind == wanted]
    if len(options) != 1:  # which one is meant is not known
        return value
    (option,) = options
    if isinstance(value, dict):
        return {
            key: _with_integers(each, _schema_of(key, option, root), root)
            for key, each in value.items()
        }
    items = option.get("items", {}) if isinstance(option, Mapping) else {}
    return [_with_integers(each, items, root) for each in value]


def _has_whole_float(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_has_whole_float, inner))


def _as_integer(value: float) -> float:
    """The integer that a number is; the number if it is none."""
    return int(value) if value == value // 1 else value
