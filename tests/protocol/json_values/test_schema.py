"""Schemas of clients: what fits, what does not, and which schemas are refused."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from grokcore.errors import InvalidRequest
from grokcore.protocol.json_values.schema import check, faults, resolved

# A schema against the oracle ----------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "ab", "c"])
_values: SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, 1.0, -2.0, 1.5])
    | st.sampled_from(["", "a", "ab", "abc", "b1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=6,
)
_types = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
_small = st.integers(0, 3)


def _keywords(inner: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    some = st.lists(inner, min_size=1, max_size=3)
    named = st.dictionaries(_names, inner, max_size=3)
    patterns = st.sampled_from(["^a", "b$", "a|b", "^[a-c]{2}"])
    keywords: dict[str, SearchStrategy[Any]] = {
        "type": _types | st.lists(_types, min_size=1, max_size=3, unique=True),
        "enum": st.lists(_values, min_size=1, max_size=3),
        "const": _values,
        "minimum": st.integers(-3, 3),
        "maximum": st.sampled_from([-1, 0, 1.5, 3]),
        "exclusiveMinimum": st.integers(-3, 3),
        "exclusiveMaximum": st.integers(-3, 3),
        "multipleOf": st.sampled_from([1, 2, 0.5, 3]),
        "minLength": _small,
        "maxLength": _small,
        "pattern": patterns,
        "format": st.just("email"),
        "properties": named,
        "patternProperties": st.dictionaries(patterns, inner, max_size=2),
        "additionalProperties": inner,
        "required": st.lists(_names, max_size=2, unique=True),
        "minProperties": _small,
        "maxProperties": _small,
        "items": inner,
        "prefixItems": some,
        "minItems": _small,
        "maxItems": _small,
        "uniqueItems": st.booleans(),
        "allOf": some,
        "anyOf": some,
        "oneOf": some,
        "not": inner,
        "$ref": st.sampled_from(["#/$defs/leaf", "#/$defs/tree", "#/$defs/a~1b%25"]),
    }
    pairs = [st.tuples(st.just(word), argument) for word, argument in keywords.items()]
    return st.lists(st.one_of(pairs), min_size=1, max_size=3).map(dict)


_schemas = st.recursive(
    st.booleans() | _types.map(lambda name: {"type": name}), _keywords, max_leaves=4
)
_DEFS = {
    "leaf": {"type": ["integer", "string"]},
    "tree": {"type": "object", "additionalProperties": {"$ref": "#/$defs/tree"}},
    "a/b%": {"minimum": 1},
}


@settings(deadline=None, max_examples=100)
@given(_keywords(_schemas), _values)
def test_a_value_fits_exactly_if_the_reference_validator_says_so(
    schema: dict[str, Any], value: Any
) -> None:
    """A valid answer is not asked for again, and an invalid one does not reach the client."""
    schema = {**schema, "$defs": _DEFS}
    check(schema, "tools")
    expected = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (not faults(value, schema)) is expected


# Faults --------------------------------------------------------------------------------------------


@frozen
class Case:
    """A value that does not fit, and its faults."""

    name: str
    schema: Any
    value: Any
    faults: tuple[str, ...]


_EDITS = {"properties": {"edits": {"items": {"properties": {"path": {"type": "string"}}}}}}
CASES = [
    Case(
        "keys by pattern",
        {"patternProperties": {"^x": {"type": "null"}}, "additionalProperties": {"type": "string"}},
        {"x1": 1, "y": "", "z": 2},
        ("x1 must be null.", "z must be a string."),
    ),
    Case(
        "first items",
        {"prefixItems": [{"type": "null"}], "items": {"type": "string"}},
        [1, 2],
        ("[0] must be null.", "[1] must be a string."),
    ),
    Case(
        "all",
        {"allOf": [{"minimum": 3}, {"multipleOf": 2}]},
        1,
        ("The value must be at least 3.", "The value must be a multiple of 2."),
    ),
    Case("path", _EDITS, {"edits": [{}, {"path": 1}]}, ("edits[1].path must be a string.",)),
    Case("root", {"type": ["object", "null"]}, 1, ("The value must be an object or null.",)),
    Case("missing", {"required": ["a", "b", 1]}, {"a": 1}, ('The value lacks the key "b".',)),
    Case("no types", {"type": []}, 1, ("The value must be absent.",)),
    Case(
        "unknown key",
        {"additionalProperties": False},
        {"k" * 100: 1},
        (f'The value has an unknown key: "{"k" * 60}…".',),
    ),
    Case("enum", {"enum": ["a", 1]}, "b" * 9999, ('The value must be one of: "a", 1.',)),
    Case(
        "long enum",
        {"enum": list(range(20))},
        "b",
        ("The value must be one of: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ….",),
    ),
    Case("const", {"const": "a"}, "b", ('The value must be "a".',)),
    Case("minimum", {"minimum": 3}, 2, ("The value must be at least 3.",)),
    Case(
        "draft 4", {"minimum": 3, "exclusiveMinimum": True}, 3, ("The value must be more than 3.",)
    ),
    Case("decimals", {"multipleOf": 0.1}, 0.25, ("The value must be a multiple of 0.1.",)),
    Case("size", {"items": {"minLength": 2}}, ["a"], ("[0] must have at least 2 characters.",)),
    Case("large enough", {"minLength": 2, "minItems": 1, "minProperties": 1}, "ab", ()),
    Case("of no size", {"minLength": 2}, 1, ()),
    Case("pattern", {"pattern": "^a+$"}, "b", ("The value must match the pattern ^a+$",)),
    Case("false", {"properties": {"a": False}}, {"a": 1}, ("a is not allowed.",)),
    Case(
        "twice",
        {"uniqueItems": True},
        [{"a": 1}, {"a": 1.0}],
        ("The value must not have the same item twice.",),
    ),
    Case("list of items", {"items": [{"type": "null"}]}, [1, 2], ("[0] must be null.",)),
    Case(
        "optional",
        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "a",
        ("The value must be an integer.",),
    ),
    Case(
        "no option",
        {"oneOf": [{"type": "integer"}, {"type": "boolean"}]},
        "a",
        ("The value fits none of the 2 forms that it may have.",),
    ),
    Case(
        "two options",
        {"oneOf": [{"type": "integer"}, {"minimum": 0}]},
        1,
        ("The value fits 2 of the forms of which it must fit exactly one.",),
    ),
    Case(
        "not", {"not": {"type": "null"}}, None, ("The value has a form that the schema excludes.",)
    ),
    Case(
        "five at most",
        {"items": {"type": "null"}},
        list(range(9)),
        tuple(f"[{number}] must be null." for number in range(5)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_is_a_sentence_with_its_place(case: Case) -> None:
    """Grok corrects what it is told plainly; long values would only cost tokens."""
    assert faults(case.value, case.schema) == case.faults


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "any"},
        {"type": ["string", {}]},
        {"type": 5},
        {"enum": 1},
        {"required": True},
        {"required": [["a"]]},
        {"properties": [], "patternProperties": 1, "additionalProperties": True},
        {"additionalProperties": 1},
        {"multipleOf": 0},
        {"minimum": "3"},
        {"exclusiveMinimum": True},
        {"exclusiveMinimum": False},
        {"prefixItems": 1, "items": 1},
        {"anyOf": {}, "allOf": 1, "oneOf": [], "not": 1},
        {"$ref": 1},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#/nothing"},
        {"pattern": "("},
        {"pattern": 1},
        {"contains": False, "if": True, "then": False, "unheard-of": 1},
        True,
        "odd",
        None,
    ],
)
@pytest.mark.parametrize("value", [{"a": 1}, [1], "text", 3])
def test_an_odd_keyword_allows_everything(schema: Any, value: Any) -> None:
    """Clients send schemas of many drafts; their own validators have the last word."""
    assert faults(value, schema) == ()


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {"type": "null"}},
        {"oneOf": [{"type": "string"}, {"type": "null"}]},
        {"uniqueItems": True},
    ],
)
def test_a_fitting_value_has_no_faults(schema: Any) -> None:
    """Combinations count what fits, not what fails."""
    assert faults("text", schema) == ()


def test_decimals_are_divided_as_they_are_written() -> None:
    """A price of 0.3 is a multiple of 0.1, although its double is not."""
    assert faults(0.3, {"multipleOf": 0.1}) == ()


def test_a_reference_may_be_relative_to_another_schema() -> None:
    """An argument's schema refers to definitions of the whole tool."""
    root = {"$defs": {"n": {"type": "null"}, "list": [{"type": "null"}]}}
    assert faults(1, {"$ref": "#/$defs/n"}, root=root) == ("The value must be null.",)
    assert faults(1, {"$ref": "#/$defs/list/0"}, root=root) == ("The value must be null.",)
    assert faults(1, {"$ref": "#/$defs/list/1"}, root=root) == ()
    assert faults(1, {"$ref": "#/$defs/n/type/x"}, root=root) == ()
    assert resolved({"$ref": "#/$defs/n"}, root) == {"type": "null"}


# Bounds --------------------------------------------------------------------------------------------

_TOO_MUCH = ("The value is too large or nested too deeply to be checked.",)


def _nested(levels: int, inner: Any, word: str = "items") -> Any:
    for _ in range(levels):
        inner = {word: inner}
    return inner


def _lists(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"$ref": "#"}, 1),
        ({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, 1),
        ({"items": {"$ref": "#"}}, _lists(200)),
        ({"enum": [1]}, _lists(5000)),
        ({"items": {"enum": list(range(1000))}}, [999] * 1000),
        ({"patternProperties": {"a": True}}, {str(number): 1 for number in range(300_000)}),
        (_nested(30, {"type": "null"}, "not") | {"allOf": [_nested(120, True)]}, _lists(130)),
        (
            {
                "$defs": {"a": {"oneOf": [{"items": {"$ref": "#/$defs/a"}}] * 3}},
                "$ref": "#/$defs/a",
            },
            _lists(40),
        ),
    ],
)
def test_a_check_that_takes_too_long_is_given_up(schema: Any, value: Any) -> None:
    """A client's schema must not stop the server."""
    assert faults(value, schema)[-1:] == _TOO_MUCH


def test_an_endless_reference_is_followed_to_a_bound() -> None:
    """Tools are not refused for one, and must not hang."""
    assert resolved({"$ref": "#"}, {"$ref": "#"}) == {}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ([], "has to be an object"),
        ({"$ref": "#/nothing"}, "leads nowhere: #/nothing"),
        ({"properties": {"a": {"$ref": 5}}}, "leads nowhere: 5"),
        ({"items": {"$ref": "other.json"}}, "leads nowhere: other.json"),
        ({"$ref": "#"}, "leads to itself"),
        ({"not": {"$ref": "#"}}, "leads to itself"),
        ({"items": {"anyOf": [{"allOf": [{"$ref": "#/items"}]}]}}, "leads to itself"),
        ({"description": "x" * 70_000}, "larger than 64 kB"),
        (_nested(150, True), "more than 100 levels"),
        (_nested(5000, True), "more than 100 levels"),
        (_nested(150, True, "not"), "more than 100 levels"),
    ],
)
def test_a_schema_that_can_not_be_read_is_refused(schema: Any, words: str) -> None:
    """Else every answer would fail, at the cost of two questions each."""
    with pytest.raises(InvalidRequest, match=words) as caught:
        check(schema, "text.format.schema")
    assert caught.value.param == "text.format.schema"


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": {"$ref": {"type": "string"}}, "default": {"$ref": 1}},
        {"properties": {"next": {"$ref": "#"}, "all": {"items": {"$ref": "#"}}}},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": True}, "anyOf": [{"$ref": "#/$defs/a"}]},
        {"additionalProperties": False, "items": [{}], "not": True, "allOf": 1, "properties": 1},
    ],
)
def test_a_schema_that_can_be_read_is_accepted(schema: Any) -> None:
    """A tree refers to itself, and a property may be called like a keyword."""
    check(schema, "tools")
