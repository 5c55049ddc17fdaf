"""Fields of any dialect: flags, numbers, and names for the header."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from grokcore.errors import InvalidRequest
from grokcore.protocol.dialects.fields import (
    flag_field,
    header_names,
    number_field,
    object_field,
    required_string,
    safe_names,
    unused_fields,
)

from ..strategies import json_values

NUMBERS: list[tuple[Any, int | None]] = [
    (None, None),
    (1, 1),
    (4, 4),
    (3.0, 3),
    ("2", 2),
    (" +2 ", 2),
]


@pytest.mark.parametrize(("value", "number"), NUMBERS)
def test_a_number_may_be_written_in_any_clear_form(value: Any, number: int | None) -> None:
    """JavaScript writes 3.0 as 3, forms write it as a text."""
    assert number_field({"n": value}, "n", most=4) == number


@pytest.mark.parametrize("value", [0, -1, 5, 1.5, True, "x", "", "1.0", "9" * 16, 1e300, [], {}])
def test_a_number_out_of_bounds_is_no_number(value: Any) -> None:
    """The message says the bounds."""
    with pytest.raises(InvalidRequest, match="n must be a whole number from 1 to 4") as caught:
        number_field({"n": value}, "n", most=4)
    assert caught.value.param == "n"


def test_a_number_without_an_upper_bound() -> None:
    """It may be as large as a client likes."""
    assert number_field({"max_tokens": 10**9}, "max_tokens") == 10**9
    with pytest.raises(InvalidRequest, match="of 1 or more"):
        number_field({"max_tokens": 0}, "max_tokens")


def test_an_object_or_a_string_that_is_none_is_named_with_its_path() -> None:
    """In ``param`` too."""
    with pytest.raises(InvalidRequest, match=r"a\.b must be an object") as caught:
        object_field({"b": 5}, "b", "a.")
    assert caught.value.param == "a.b"
    with pytest.raises(InvalidRequest, match="model is required"):
        required_string({"model": ""}, "model")
    assert required_string({"model": "m"}, "model") == "m"


@settings(deadline=None, max_examples=100)
@given(json_values)
def test_any_value_is_a_field_or_a_fault(value: Any) -> None:
    """Never another exception."""
    for read in (flag_field, number_field, object_field, required_string):
        param: str | None = "x"
        try:
            read({"x": value}, "x")
        except InvalidRequest as error:
            param = error.param
        assert param == "x"


def test_names_for_a_header_are_safe_sorted_and_bounded() -> None:
    """The last says how many more there were."""
    assert safe_names(["b", "a\r\n", "é", "b"]) == ("a", "b")
    assert unused_fields({"a": 1, "b": None, "c": 0}, {"a"}) == ["c"]
    assert header_names(["b", "a"]) == ("a", "b")
    many = header_names([f"key{number}" for number in range(100)])
    assert (len(many), many[-1]) == (40, "and-61-more")
