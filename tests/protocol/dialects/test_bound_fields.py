"""Bounds of an answer as clients write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import InvalidRequest
from grokcore.protocol.conversation.bounds import TextFormat
from grokcore.protocol.dialects.bound_fields import (
    parse_most_tokens,
    parse_stop,
    parse_text_format,
)

from ..strategies import json_values

STOPS: list[tuple[Any, tuple[str, ...]]] = [
    (None, ()),
    ("", ()),
    ([], ()),
    ({}, ()),
    ("END", ("END",)),
    (["a", "", None, "b", "a"], ("a", "b")),
    ([" "], (" ",)),
    (["1", "2", "3", "4", ""], ("1", "2", "3", "4")),
]


@pytest.mark.parametrize(("value", "stops"), STOPS)
def test_stop_sequences_are_a_string_or_a_list(value: Any, stops: tuple[str, ...]) -> None:
    """Each counts once, and an empty one not at all."""
    assert parse_stop(value, most=4) == stops


@pytest.mark.parametrize("value", [5, True, {"a": 1}, [5], [["a"]], ["a", "b", "c", "d", "e"]])
def test_other_stop_sequences_are_a_fault(value: Any) -> None:
    """A fifth one is too many where the API takes four."""
    with pytest.raises(InvalidRequest, match="stop must") as caught:
        parse_stop(value, most=4)
    assert caught.value.param == "stop"


def test_an_api_may_take_any_number_of_stop_sequences() -> None:
    """Anthropic's does."""
    assert len(parse_stop(list("abcdefgh"), "stop_sequences")) == 8


LIMITS: list[tuple[dict[str, Any], int | None]] = [
    ({}, None),
    ({"a": None, "b": None}, None),
    ({"a": 5}, 5),
    ({"a": 5, "b": 3}, 3),
    ({"a": 2, "b": "3"}, 2),
]


@pytest.mark.parametrize(("fields", "tokens"), LIMITS)
def test_the_smaller_limit_counts(fields: dict[str, Any], tokens: int | None) -> None:
    """Some clients send the older and the newer name."""
    assert parse_most_tokens(fields, "a", "b") == tokens


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
NAMED = {"name": "n", "description": "d", "strict": True, "schema": SCHEMA}

FORMATS: list[tuple[Any, TextFormat | None]] = [
    (None, None),
    ("", None),
    ([], None),
    ({}, None),
    ("text", None),
    ({"type": "text"}, None),
    ("json_object", TextFormat()),
    ({"type": "json_object"}, TextFormat()),
    ({"type": "json_object", "schema": SCHEMA}, TextFormat(SCHEMA)),
    ({"type": "json_schema", "json_schema": NAMED}, TextFormat(SCHEMA, "n", "d")),
    ({"json_schema": NAMED}, TextFormat(SCHEMA, "n", "d")),
    ({"type": "json_schema", **NAMED}, TextFormat(SCHEMA, "n", "d")),
    ({"type": "json_schema", "schema": SCHEMA}, TextFormat(SCHEMA)),
    ({"type": "json_schema", "json_schema": {"name": 5}}, TextFormat()),
    ({"type": "json_schema", "json_schema": {"schema": []}}, TextFormat()),
]


@pytest.mark.parametrize(("value", "form"), FORMATS)
def test_a_format_of_text_is_read_in_any_api_s_form(value: Any, form: TextFormat | None) -> None:
    """Flat or within ``json_schema``."""
    assert parse_text_format(value, "format") == form


FORMAT_FAULTS: list[tuple[Any, str]] = [
    (5, "format"),
    ("xml", "format.type"),
    ({"type": "grammar"}, "format.type"),
    ({"type": ["text"]}, "format.type"),
    ({"type": "json_schema"}, "format.schema"),
    ({"type": "json_schema", "json_schema": None}, "format.schema"),
    ({"type": "json_schema", "json_schema": {"schema": "x"}}, "format.json_schema.schema"),
    ({"type": "json_schema", "schema": 5}, "format.schema"),
    (
        {"type": "json_schema", "json_schema": {"schema": {"$ref": "#/nowhere"}}},
        "format.json_schema.schema",
    ),
]


@pytest.mark.parametrize(("value", "param"), FORMAT_FAULTS)
def test_a_form_that_cannot_be_kept_is_a_fault(value: Any, param: str) -> None:
    """The answer would be a wrong one."""
    with pytest.raises(InvalidRequest) as caught:
        parse_text_format(value, "format")
    assert caught.value.param == param


@settings(deadline=None, max_examples=100)
@given(json_values | st.fixed_dictionaries({"type": st.just("json_schema"), "schema": json_values}))
def test_any_value_is_bounds_or_a_fault_of_them(value: Any) -> None:
    """Never another exception."""
    for read in (parse_stop, parse_text_format):
        param: str | None = "x"
        try:
            read(value, "x")
        except InvalidRequest as error:
            param = error.param
        assert (param or "").startswith("x")
