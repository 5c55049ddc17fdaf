"""Schemas of tools in a short notation."""

from __future__ import annotations

import time
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.conversation.tools import Tool, ToolKind
from grokcore.protocol.emulation.signatures import Detail, comments, required_keys, signature

from ..strategies import json_values
from .tool_lists import function


@frozen
class Notation:
    """A schema of a parameter, and its type; definitions stand beside it."""

    name: str
    schema: Any
    written: str
    definitions: dict[str, Any] = field(factory=dict)


OBJECT = {"type": "object", "properties": {"b": {"type": "string"}, "c": {}}, "required": ["b"]}
TREE = {"type": "object", "properties": {"sub": {"$ref": "#/$defs/t"}}}
NOTATIONS = [
    Notation("a plain type", {"type": "string"}, "string"),
    Notation("nothing", {}, "any"),
    Notation("true", True, "any"),
    Notation("an empty type", {"type": ""}, "any"),
    Notation("an unknown type", {"type": 5}, "any"),
    Notation("types", {"type": ["string", "null"]}, "string | null"),
    Notation("no types", {"type": []}, "any"),
    Notation(
        "an enum", {"type": "string", "enum": ["a", 'b"', None, 1]}, '"a" | "b\\"" | null | 1'
    ),
    Notation("a long enum", {"enum": list(range(101))}, " | ".join(map(str, range(100))) + " | …"),
    Notation("an empty enum", {"type": "string", "enum": []}, "string"),
    Notation("a constant", {"const": "ü"}, '"ü"'),
    Notation("an array", {"type": "array", "items": {"type": "string"}}, "string[]"),
    Notation("an array of anything", {"type": "array"}, "array"),
    Notation("an array without a rule", {"type": "array", "items": True}, "any[]"),
    Notation("an array of an enum", {"type": "array", "items": {"enum": [1, 2]}}, "(1 | 2)[]"),
    Notation("an array of objects", {"type": "array", "items": OBJECT}, "{b: string, c?: any}[]"),
    Notation("an object", OBJECT, "{b: string, c?: any}"),
    Notation("an object without its type", {"properties": {"b": {}}}, "{b?: any}"),
    Notation("any object", {"type": "object"}, "object"),
    Notation("no others", {"type": "object", "additionalProperties": False}, "object"),
    Notation(
        "a map", {"type": "object", "additionalProperties": {"type": "integer"}}, "{[key]: integer}"
    ),
    Notation(
        "an object or null", {**OBJECT, "type": ["object", "null"]}, "{b: string, c?: any} | null"
    ),
    Notation("a union", {"anyOf": [{"type": "string"}, OBJECT]}, "string | {b: string, c?: any}"),
    Notation("another union", {"oneOf": [{"type": "null"}, {"type": "null"}]}, "null"),
    Notation("an empty union", {"anyOf": [], "type": "string"}, "string"),
    Notation("all of", {"allOf": [{"type": "string"}, {"const": 1}]}, "string & 1"),
    Notation("all of, beside properties", {**OBJECT, "allOf": [{}]}, "{b: string, c?: any}"),
    Notation("a reference", {"$ref": "#/$defs/a"}, "integer", {"a": {"type": "integer"}}),
    Notation("a reference to nothing", {"$ref": "#/$defs/b"}, "any"),
    Notation("a reference elsewhere", {"$ref": "https://example.com/a"}, "any"),
    Notation("a circle of references", {"$ref": "#/$defs/a"}, "any", {"a": {"$ref": "#/$defs/a"}}),
    Notation(
        "a tree without an end",
        {"$ref": "#/$defs/t"},
        "{sub?: {sub?: {sub?: object}}}",
        {"t": TREE},
    ),
    Notation(
        "lists without an end",
        {"$ref": "#/$defs/t"},
        "any" + "[]" * 16,
        {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}},
    ),
]


@pytest.mark.parametrize("case", NOTATIONS, ids=lambda case: case.name)
def test_each_schema_has_its_notation(case: Notation) -> None:
    """The model reads the notation alone."""
    parameters = {"properties": {"a": case.schema}, "$defs": case.definitions}
    assert signature(Tool("f", "", parameters), Detail()) == f"f(a?: {case.written})"


TOOLS = [
    (Tool("f"), "f()"),
    (Tool("f", namespace="n"), "n.f()"),
    (Tool("f", kind=ToolKind.CUSTOM), "f(input: text)"),
    (function("f", a_={"type": "string"}, b={}), "f(a: string, b?: any)"),
    (Tool("f", "", {"properties": {"a b": {}}, "required": ["a b", "x", 1]}), 'f("a b": any)'),
    (Tool("f", "", {"properties": {"a": {}}, "required": "a"}), "f(a?: any)"),
    (Tool("f", "", {"$ref": "#/$defs/a", "$defs": {"a": OBJECT}}), "f(b: string, c?: any)"),
    (Tool("f", "", {"anyOf": [OBJECT, {"type": "null"}]}), "f({b: string, c?: any} | null)"),
    (Tool("f", "", {"properties": []}), "f()"),
]


@pytest.mark.parametrize(("tool", "written"), TOOLS, ids=[written for _, written in TOOLS])
def test_each_tool_has_its_signature(tool: Tool, written: str) -> None:
    """Required parameters come without a question mark."""
    assert signature(tool, Detail()) == written


def test_less_detail_has_fewer_levels_and_values() -> None:
    """The last tier of a long list."""
    tool = function("f", a={"enum": [1, 2, 3]}, b=OBJECT, c={"type": "array", "items": OBJECT})
    shown = signature(tool, Detail(levels=1, values=2))
    assert shown == "f(a?: 1 | 2 | …, b?: object, c?: object[])"


def test_comments_hold_everything_else() -> None:
    """With the path of their parameter, in one line each."""
    item = {"type": "object", "properties": {"x": {"type": "string", "description": "In  a\nlist"}}}
    tool = Tool(
        "f",
        "",
        {
            "properties": {
                "plain": {"type": "string", "description": 5},
                "bounded": {"type": "integer", "minimum": 1, "maximum": 5, "default": 2},
                "told": {"description": "Twice.", "minLength": 1},
                "list": {"type": "array", "items": item},
                "word list": {"type": "array", "items": {"type": "string"}},
                "either": {"anyOf": [item, {"allOf": [item]}]},
                "shared": {"$ref": "#/$defs/s", "description": "Here."},
                "again": {"$ref": "#/$defs/s"},
                "tree": {"$ref": "#/$defs/t"},
            },
            "$defs": {
                "s": {"description": "There.", "properties": {"y": {"description": "Deep."}}},
                "t": {"properties": {"sub": {"$ref": "#/$defs/t", "description": "Below."}}},
            },
        },
    )
    assert comments(tool) == (
        ("bounded", "(default 2; at least 1; at most 5)"),
        ("told", "Twice. (fewest characters 1)"),
        ("list[].x", "In a list"),
        ("shared", "Here."),
        ("shared.y", "Deep."),
        ("again", "There."),
        ("tree.sub", "Below."),
    )


def test_comments_end_eight_steps_deep() -> None:
    """A schema of many levels stays readable."""
    schema: dict[str, Any] = {"description": "Deep."}
    for _ in range(20):
        schema = {"properties": {"a": schema}, "description": "Here."}
    assert len(comments(Tool("f", "", schema))) == 9


@settings(deadline=None, max_examples=100)
@given(json_values)
def test_any_schema_can_be_shown(schema: Any) -> None:
    """Clients send what their users' servers declare: nothing that is read raises."""
    tool = Tool("f", "", {"type": "object", "properties": schema, "required": schema})
    assert signature(tool, Detail()).startswith("f(")
    assert all(comment for _, comment in comments(function("f", a=schema)))
    assert required_keys({"properties": {"a": 1}, "required": schema}) in ([], ["a"])


WORDS = st.sampled_from(
    ["type", "properties", "items", "anyOf", "allOf", "$ref", "enum", "additionalProperties"]
)
SCHEMAS = st.recursive(
    st.sampled_from(["string", "array", "object", "#", None, True]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(WORDS, SCHEMAS, max_size=4))
def test_any_use_of_the_keywords_can_be_shown(schema: dict[str, Any]) -> None:
    """References to the whole included."""
    tool = Tool("f", "", schema)
    assert signature(tool, Detail()).startswith("f(")
    assert isinstance(comments(tool), tuple)


def test_a_schema_that_multiplies_itself_is_bounded() -> None:
    """Ten parameters of ten parameters each, four levels deep, would be ten thousand."""
    wide = {f"k{number}": {"$ref": "#/$defs/w"} for number in range(10)}
    tool = Tool("f", "", {"properties": wide, "$defs": {"w": {"properties": wide}}})
    began = time.process_time()
    assert len(signature(tool, Detail())) < 30_000
    assert time.process_time() - began < 0.5
