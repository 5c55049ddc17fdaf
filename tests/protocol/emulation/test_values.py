"""Arguments of calls: texts of elements become the values that a tool declares."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grokcore.protocol.emulation.values import (
    plain_text,
    typed_arguments,
    typed_object,
    written_value,
)
from grokcore.protocol.json_values.schema import faults

from ..strategies import json_values, marked_up_text
from ..strategies import plain_text as any_text

# Strings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", ""),
        ("ls -l", "ls -l"),
        (" a\n", " a\n"),
        ("\na\n", "a"),
        ("\n\na\n\n", "\na\n"),
        ("\r\na\r\nb\r\n", "a\r\nb"),
        ("\n", ""),
        ("\na", "a"),
        ("a &amp;&amp; b", "a && b"),
        ("&amp;amp;", "&amp;"),
        ("say &quot;x&quot; &#39;y&#x27; &lt;z&gt;", "say \"x\" 'y' <z>"),
        ("<p>&amp;</p>", "<p>&amp;</p>"),
        ("&lt;b> &amp;", "&lt;b> &amp;"),
        ("a && b &amp; c", "a && b &amp; c"),
        ("a&nbsp;&amp;", "a&nbsp;&amp;"),
        ('<xaiArtifact title="x">\nprint(1)\n</xaiArtifact>\n', "print(1)"),
        ("<xaiArtifact>a &lt; b</xaiArtifact>", "a < b"),
        ("<xaiArtifact>a</xaiArtifact> b", "<xaiArtifact>a</xaiArtifact> b"),
        (
            "<xaiArtifact>a</xaiArtifact><xaiArtifact>b</xaiArtifact>",
            "<xaiArtifact>a</xaiArtifact><xaiArtifact>b</xaiArtifact>",
        ),
        ("a\n</content>", "a"),
        ("a</parameter>\n", "a"),
        ("a</fn:arg>", "a"),
        ("a</div>", "a</div>"),
        ("</parameter>", "</parameter>"),
        ("<content>a</content>", "<content>a</content>"),
        (
            "<user>\n<grok:render a='1'>\n</parameter>\nx",
            "<user>\n<grok:render a='1'>\n</parameter>\nx",
        ),
    ],
)
def test_a_string_is_its_text(written: str, meant: str) -> None:
    """An edit whose old text differs in one byte fails, and a file with &amp;&amp; is broken."""
    assert plain_text(written, "content") == meant
    schema = {"properties": {"content": {"type": "string"}}}
    assert typed_arguments([("content", written)], schema) == {"content": meant}


# Types ------------------------------------------------------------------------------------------

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "count": {"type": "integer", "minimum": 1},
        "size": {"type": "number"},
        "flag": {"type": "boolean"},
        "nothing": {"type": "null"},
        "names": {"type": "array", "items": {"type": "string"}},
        "options": {"type": "object"},
        "mixed": {"type": ["string", "integer", "null"]},
        "either": {"anyOf": [{"type": "integer", "maximum": 9}, {"$ref": "#/$defs/number"}]},
        "maybe": {"oneOf": [{"type": "string"}, {"type": "array"}, True]},
        "mode": {"type": "string", "enum": ["read", "write"]},
        "level": {"enum": [1, 2, "high", None, True, [1], {"a": 1}]},
        "only": {"const": 5},
        "fixed": {"const": "five"},
        "pair": {"prefixItems": [{"type": "integer"}]},
        "record": {"properties": {"a": {"type": "integer"}}},
        "both": {"allOf": [{"type": "integer"}, {"minimum": 3}]},
        "any": {},
        "odd": {"type": "any"},
        "odder": {"type": [{}], "anyOf": 1},
        "endless": {"$ref": "#/properties/endless"},
        "no": False,
    },
    "$defs": {"number": {"type": "number"}},
}


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("text", "5", "5"),
        ("text", '"quoted"', '"quoted"'),
        ("text", '{"a": 1}', '{"a": 1}'),
        ("count", "5", 5),
        ("count", "\n5\n", 5),
        ("count", '"120000"', 120000),
        ("count", "5.0", 5),
        ("count", "5.5", "5.5"),
        ("count", "true", "true"),
        ("count", "0", 0),
        ("count", "five", "five"),
        ("count", "", ""),
        ("size", "1.5", 1.5),
        ("size", "2", 2),
        ("size", "'2'", 2),
        ("flag", "true", True),
        ("flag", "False", False),
        ("flag", '"true"', True),
        ("flag", "yes", "yes"),
        ("flag", "1", "1"),
        ("nothing", "null", None),
        ("nothing", "None", None),
        ("names", '["a"]', ["a"]),
        ("names", "['a',]", ["a"]),
        ("names", "[&quot;a&quot;, &quot;b&quot;]", ["a", "b"]),
        ("names", '"[\\"a\\"]"', ["a"]),
        ("names", "[1]", [1]),
        ("names", "a, b", "a, b"),
        ("names", '["a', '["a'),
        ("options", '{"a": 1, "b": [', '{"a": 1, "b": ['),
        ("options", "{'a': 1}", {"a": 1}),
        ("mixed", "5", 5),
        ("mixed", "null", None),
        ("mixed", "x &amp; y", "x & y"),
        ("either", "5", 5),
        ("either", "12", 12),
        ("either", "1.5", 1.5),
        ("either", "x", "x"),
        ("maybe", "[1]", [1]),
        ("maybe", "[1", "[1"),
        ("mode", "read", "read"),
        ("mode", ' "read"\n', "read"),
        ("mode", "'write'", "write"),
        ("mode", "append\n", "append\n"),
        ("mode", "x" * 300 + "\n", "x" * 300 + "\n"),
        ("level", "2", 2),
        ("level", "3", 3),
        ("level", "high", "high"),
        ("level", "null", None),
        ("level", "true", True),
        ("level", "[1]", [1]),
        ("level", '{"a": 1}', {"a": 1}),
        ("only", "5", 5),
        ("fixed", " five ", "five"),
        ("pair", "[1]", [1]),
        ("record", '{"a": 1}', {"a": 1}),
        ("both", "4", 4),
        ("any", "[1]", [1]),
        ("any", "null", None),
        ("any", "1.5", 1.5),
        ("any", '"a"', '"a"'),
        ("any", "['a']", "['a']"),
        ("any", "\ntext\n", "text"),
        ("odd", "1", 1),
        ("odder", "1", 1),
        ("endless", "true", True),
        ("no", "{}", {}),
        ("unknown", "[1]", [1]),
        ("unknown", "01", "01"),
    ],
)
def test_a_text_becomes_the_declared_type(key: str, written: str, value: Any) -> None:
    """Clients in typed languages refuse "5" and 5.0 for an integer, and the model loses a turn."""
    result = typed_arguments([(key, written)], SCHEMA)
    assert result == {key: value}
    assert type(result[key]) is type(value)


def test_arguments_keep_their_order_and_the_last_of_two_counts() -> None:
    """The order as written, as in JSON."""
    result = typed_arguments([("b", "x"), ("a", "1"), ("b", "y")], {})
    assert list(result.items()) == [("b", "y"), ("a", 1)]
    assert typed_arguments([], SCHEMA) == {}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/nothing"},
        {"properties": 5, "additionalProperties": True},
        {"$defs": {"no": False}, "$ref": "#/$defs/no"},
    ],
)
def test_an_unreadable_schema_makes_every_key_an_unknown_one(schema: dict[str, Any]) -> None:
    """The client has the last word on its own tool."""
    assert typed_arguments([("a", "5"), ("b", "x")], schema) == {"a": 5, "b": "x"}


def test_a_schema_may_refer_to_itself_or_describe_other_keys() -> None:
    """Tools of some generators keep their parameters in ``$defs``; others describe a map."""
    tool = {"$ref": "#/$defs/args", "$defs": {"args": {"properties": {"n": {"type": "integer"}}}}}
    assert typed_arguments([("n", '"5"')], tool) == {"n": 5}
    assert typed_arguments([("n", "5")], {"additionalProperties": {"type": "string"}}) == {"n": "5"}


@pytest.mark.parametrize(
    ("key", "value", "typed"),
    [
        ("text", "5", "5"),
        ("count", "5", 5),
        ("count", 5.0, 5),
        ("count", 5.5, 5.5),
        ("size", 5.0, 5.0),
        ("names", '["a"]', ["a"]),
        ("names", ["a"], ["a"]),
        ("mixed", "5", "5"),
        ("any", "5", "5"),
    ],
)
def test_arguments_in_one_object_get_the_same_leniency(key: str, value: Any, typed: Any) -> None:
    """Some models write the body of a call as JSON."""
    result = typed_object({key: value}, SCHEMA)
    assert result == {key: typed}
    assert type(result[key]) is type(typed)


@pytest.mark.parametrize(
    ("written", "value"), [("null", None), ("None", None), ("5", 5), ("x", "x")]
)
def test_a_nullable_argument_may_be_null(written: str, value: Any) -> None:
    """Generators of tools from OpenAPI 3.0 write ``nullable`` in place of the type ``null``."""
    schema = {"properties": {"n": {"type": "integer", "nullable": True}}}
    assert typed_arguments([("n", written)], schema) == {"n": value}
    assert (not faults({"n": value}, schema)) is (value != "x")


DEEP = {
    "$defs": {"step": {"properties": {"line": {"type": "integer"}, "size": {"type": "number"}}}},
    "properties": {
        "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
        "lines": {"type": "object", "additionalProperties": {"type": ["integer", "null"]}},
        "pair": {"prefixItems": [{"type": "integer"}]},
        "either": {"anyOf": [{"properties": {"a": {"type": "integer"}}}, {"required": ["a"]}]},
        "one": {"anyOf": [{"items": {"type": "integer"}}, {"items": {"type": "number"}}]},
    },
}


@pytest.mark.parametrize(
    ("key", "text", "typed"),
    [
        (
            "steps",
            '[{"line": 5.0, "size": 2.0, "more": 1.0}]',
            '[{"line": 5, "size": 2.0, "more": 1.0}]',
        ),
        ("lines", '{"a": 1e3, "b": 2.5, "c": null}', '{"a": 1000, "b": 2.5, "c": null}'),
        ("pair", "[5.0]", "[5.0]"),
        ("either", '{"a": 5.0}', '{"a": 5}'),
        ("one", "[5.0]", "[5.0]"),
    ],
)
def test_integers_within_lists_and_objects_are_integers(key: str, text: str, typed: str) -> None:
    """Codex 0.171 refuses a whole call for one 5.0 in it ("expected u64"). Where the schema is not
    clear, nothing changes.
    """
    for result in (
        typed_arguments([(key, text)], DEEP),
        typed_object(json.loads(f'{{"{key}": {text}}}'), DEEP),
    ):
        assert json.dumps(result[key]) == typed


# Inverses ---------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(any_text | marked_up_text | st.text("&<>;ampltquo\n\r/ xiAr:", max_size=30))
@example("a &amp; b")
@example("<xaiArtifact>a</xaiArtifact>")
@example("x</parameter>")
@example("\n")
@example("a\r")
@example("a\n&amp;")
@example("a\r\n")
@example("x</key>")
def test_a_written_text_is_read_again(text: str) -> None:
    """The history shows calls in the form in which they are asked for."""
    schema = {"properties": {"key": {"type": "string"}}}
    assert typed_arguments([("key", written_value(text, "key"))], schema) == {"key": text}


@settings(deadline=None, max_examples=100)
@given(json_values)
def test_a_written_value_is_read_again(value: Any) -> None:
    """Numbers, lists and objects are written as JSON."""
    kinds = ["integer", "number", "boolean", "array", "object", "null"]
    written = value if not isinstance(value, str) else [value]
    schema = {"properties": {"key": {"type": kinds}}}
    assert typed_arguments([("key", written_value(written))], schema) == {"key": written}


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(sorted(SCHEMA["properties"])),
    st.text(max_size=20) | json_values.map(json.dumps),
)
def test_any_text_has_a_value(key: str, text: str) -> None:
    """A model's call never stops the server."""
    json.dumps(typed_arguments([(key, text)], SCHEMA))
