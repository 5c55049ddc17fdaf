"""Schemas of arguments: their root is an object, and nothing that they allow is forbidden."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore.protocol.json_values.schema import faults
from grokcore.protocol.official.tool_schemas import MOST_PARTS, combined_rules, object_schema

from ..strategies import json_objects, json_values

A = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
B = {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["b"]}


def test_a_plain_object_stays_as_it_is() -> None:
    """Nearly all tools have one; no copy is made."""
    assert object_schema(A) is A
    assert combined_rules(A) == {}


@pytest.mark.parametrize(
    "schema",
    [{}, {"type": "string"}, {"type": ["object", "null"]}, {"type": "object", "properties": None}],
    ids=str,
)
def test_a_root_without_properties_becomes_an_object(schema: dict[str, Any]) -> None:
    """A call's arguments are always an object, and a root that may be null is refused."""
    assert object_schema(schema) == {"type": "object", "properties": {}}


def test_branches_of_a_union_become_properties_of_the_root() -> None:
    """A property that differs between branches may have the form of each. Only what all branches
    require is required.
    """
    assert object_schema({"anyOf": [A, {"type": "null"}, B, copy.deepcopy(A)], "title": "t"}) == {
        "title": "t",
        "type": "object",
        "properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "b": {}},
        "required": [],
    }


def test_a_reference_at_the_root_is_followed() -> None:
    """With what it requires; so is a schema that has to hold beside others."""
    schema = {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [A, {"required": ["c"]}]}}}
    assert object_schema(schema) == {
        "$defs": schema["$defs"],
        "type": "object",
        "properties": A["properties"],
        "required": ["a"],
    }
    assert combined_rules(schema) == {"$ref": "#/$defs/a"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"oneOf": [{"$ref": "#"}, {"anyOf": [{"$ref": "#"}]}]},
        {"oneOf": "x", "anyOf": {}, "allOf": None},
        {"anyOf": [True, None, "x", {"properties": [], "required": 5}]},
        {"allOf": [{"required": "a"}]},
        {"anyOf": [{"oneOf": [{}]}] * 1000},
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_a_schema_without_sense_is_an_object_too(schema: dict[str, Any]) -> None:
    """Circles end, and nothing is raised."""
    assert object_schema(schema) == {"type": "object", "properties": {}, "required": []}


def test_a_vast_union_has_an_end() -> None:
    """It is read on the loop's own thread."""
    branches: list[Any] = [{"properties": {f"k{number}": {}}} for number in range(1000)]
    assert len(object_schema({"anyOf": branches})["properties"]) == MOST_PARTS - 1


_BRANCHES = st.sampled_from(
    [A, B, {"type": "null"}, {"properties": {"c": {}}}, {"required": ["a"]}]
)


@given(
    st.dictionaries(st.sampled_from(["anyOf", "oneOf", "allOf"]), st.lists(_BRANCHES, max_size=3)),
    st.fixed_dictionaries({}, optional={"properties": st.just({"d": {"type": "integer"}})}),
    st.fixed_dictionaries({}, optional=dict.fromkeys("abcd", st.integers() | st.text(max_size=2))),
)
def test_arguments_that_were_allowed_still_are(
    unions: dict[str, Any], rest: dict[str, Any], arguments: dict[str, Any]
) -> None:
    """Else the model could not call the tool in every way that the client understands. A branch
    that does not describe a property leaves its form to those that do.
    """
    schema = {**rest, **unions}
    before = copy.deepcopy(schema)
    changed = object_schema(schema)
    assert schema == before
    assert not combined_rules(changed)
    parts = [rest, *(branch for branches in unions.values() for branch in branches)]
    for name, value in arguments.items():
        forms = [one["properties"][name] for one in parts if name in one.get("properties", {})]
        if forms and all(faults(value, form) for form in forms):
            return
    if not faults(arguments, schema):
        assert not faults(arguments, changed)


@given(json_objects, st.dictionaries(st.sampled_from(["anyOf", "$ref", "allOf"]), json_values))
def test_any_json_gives_an_object(schema: dict[str, Any], rules: dict[str, Any]) -> None:
    """Clients' schemas are not checked before."""
    changed = object_schema({**schema, **rules})
    assert changed["type"] == "object"
    assert isinstance(changed["properties"], dict)
