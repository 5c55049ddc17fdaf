"""JSON as models write it: what is mended, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grokcore.protocol.json_values.loose_json import read_json, whole_value

from ..strategies import json_objects, json_values, plain_text


@settings(deadline=None, max_examples=100)
@given(json_values, st.booleans())
def test_valid_json_is_read_as_it_is(value: Any, ascii_only: bool) -> None:
    """A model that does as it is told loses nothing."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert read_json(text) == value
    assert whole_value(f" {text}\n").text == text


@settings(deadline=None, max_examples=100)
@given(json_objects)
@example({"a": "it's \"quoted\" \\' \\", "b": [True, None, 1.5]})
def test_python_literals_are_read(value: dict[str, Any]) -> None:
    """Some models write a dictionary of Python's."""
    assert read_json(_as_python(value)) == value


def _as_python(value: object) -> str:
    match value:
        case dict():
            items = (f"{_as_python(key)}: {_as_python(item)}" for key, item in value.items())
            return "{" + ", ".join(items) + "}"
        case list():
            return "[" + "".join(f"{_as_python(item)}, " for item in value) + "]"
        case str():
            body = json.dumps(value)[1:-1].replace('\\"', '"').replace("'", "\\'")
            return f"'{body}'"
        case None | bool():
            return repr(value)
        case _:
            return json.dumps(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'it\\'s \"so\"'}", {"a": 'it\'s "so"'}),
        ('{"a": 1, }', {"a": 1}),
        ("[1, [2,],]", [1, [2]]),
        (
            "{'a': True, \"b\": [False, None, true, false, null]}",
            {"a": True, "b": [False, None, True, False, None]},
        ),
        ('{"a": "x\ny\t"}', {"a": "x\ny\t"}),
        ('{"a": ["b", {"c": "d"', {"a": ["b", {"c": "d"}]}),
        ('{"a": true', {"a": True}),
        ("{'a': 1 ", {"a": 1}),
        ("{'a': '\\ud83d\\ude00\\ud83d'}", {"a": "😀\ufffd"}),
        ("[-1.5e3, 'a']", [-1500.0, "a"]),
        (f"['a', {2**70}]", ["a", float(2**70)]),
        ("True", True),
        ("'a'", "a"),
    ],
)
def test_a_fault_without_doubt_is_mended(text: str, value: Any) -> None:
    """A repair would cost a question of the user's allowance."""
    assert read_json(text) == value
    assert type(read_json(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "nothing",
        "é",
        "{",
        "[[",
        '{"a": "b',
        "['a",
        "['a\\",
        '{"a": 12',
        "[1, 2.",
        "[01 ]",
        "[1x ]",
        "[.5,]",
        "[1e999, 'a']",
        '{"a"',
        '{"a":',
        '{"a": 1,',
        '["a",',
        "[,]",
        "{,}",
        "{a: 1}",
        "{1: 2}",
        "{'a' 1}",
        "['a' 'b']",
        "['a'}",
        "{'a': 1]",
        "['a'] x",
        "[NaN,]",
        "[Truer]",
        "['\\x41']",
        "[" * 101 + "]" * 101,
        "[" * 100_000,
        "['a'," * 100_000,
        '{"a": ' * 100_000,
    ],
)
def test_a_fault_with_a_doubt_is_refused(text: str) -> None:
    """A half of a file name or number must not reach a program that acts on it."""
    with pytest.raises(ValueError, match=r"\w"):
        read_json(text)


@settings(deadline=None, max_examples=100)
@given(json_values, st.data())
def test_a_cut_value_is_refused_or_a_beginning(value: Any, data: st.DataObject) -> None:
    """Of what is mended, every string and number was whole."""
    text = json.dumps(["", value])
    cut = text[: data.draw(st.integers(0, len(text)))]
    try:
        read = read_json(cut)
    except ValueError:
        return
    assert _begins(["", value], read)


def _begins(whole: Any, part: Any) -> bool:
    if isinstance(part, list):
        return isinstance(whole, list) and all(map(_begins, whole, part))
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and _begins(whole[key], item) for key, item in part.items()
        )
    return bool(part == whole)


@settings(deadline=None, max_examples=100)
@given(st.text("[]{}'\",:\\\n 1aTrue`", max_size=40))
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    """A model's answer never stops the server."""
    for read in (read_json, whole_value):
        try:
            read(text)
        except ValueError:
            continue


def test_an_open_end_can_be_refused() -> None:
    """Of an answer that a limit has cut, nothing is taken for whole."""
    assert read_json('["a"') == ["a"]
    for read in (read_json, whole_value):
        with pytest.raises(ValueError, match="a comma or a closing bracket is missing"):
            read('["a"', may_be_open=False)
        with pytest.raises(ValueError, match=r"number is cut|no JSON value"):
            read("12", may_be_open=False)
        assert read("[12]", may_be_open=False)


def test_a_hundred_levels_are_read() -> None:
    """The bound is far from what tools use."""
    text = "[" * 100 + "]" * 100
    assert json.dumps(read_json(text)) == text
    assert json.dumps(read_json("[" * 99 + "'a'" + "]" * 99)) == "[" * 99 + '"a"' + "]" * 99


# Values among words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"b": 1, "a":2}', '{"b": 1, "a":2}'),
        ("42", "42"),
        ("{'a': 1}", '{"a": 1}'),
        ('```json\n{"a": 1}\n```', '{"a": 1}'),
        ('```\n{"a": 1}\n```', '{"a": 1}'),
        ('Here [1]:\r\n```json\r\n{"a":\r\n1}\r\n```\r\nDone {x}.', '{"a":\r\n1}'),
        ('```sh\nls [a]\n```\n```json\n["é",]\n```', '["é"]'),
        ('Sure: {"a": "}"} as in [1] or [the docs](https://example.com).', '{"a": "}"}'),
        ("Here you are: [1, 2] for {x}", "[1, 2]"),
        ('[1] The list: [{"a": 1}]', '[{"a": 1}]'),
        ('He said "look: {"a": "\\\\" }', '{"a": "\\\\" }'),
        ('So: {"a": ["b"]', '{"a": ["b"]}'),
        ('```json\n{"a": 1}', '{"a": 1}'),
        ('```\nnothing\n```\n{"a": 1}', '{"a": 1}'),
    ],
)
def test_the_only_value_is_taken_out(text: str, value: str) -> None:
    """Models put a fence or a sentence around JSON however they are asked."""
    assert whole_value(text).text == value
    assert whole_value(text).value == json.loads(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON value"),
        ("No.", "no JSON value"),
        ('{"a": 1} or {"a": 2}', "more than one"),
        ('```json\n{"a": 1}\n```\n```json\n{"a": 2}\n```', "more than one"),
        ("[1] and [2]", "more than one"),
        ('{"a": "b', "a string is cut"),
        ('Here: {"a": "b', "no JSON value"),
        ('Here: {"a": "b\\', "no JSON value"),
    ],
)
def test_several_values_or_none_are_refused(text: str, words: str) -> None:
    """Choosing among them would be a guess."""
    with pytest.raises(ValueError, match=words):
        whole_value(text)


@pytest.mark.parametrize("piece", ["{", "[", '{"', '["\\', "```json\n", '"', "{'", "[1,", "{}"])
def test_the_cost_is_linear(piece: str) -> None:
    """A perverse answer takes no longer than another: this test would take minutes."""
    with pytest.raises(ValueError, match=r"\w"):
        whole_value("x" + piece * 20_000)


@settings(deadline=None, max_examples=100)
@given(json_objects, plain_text)
def test_words_around_do_not_change_the_value(value: dict[str, Any], words: str) -> None:
    """Only brackets and fences in them could."""
    around = words.translate(dict.fromkeys(map(ord, "[{`")))
    assert whole_value(f"x {around} {json.dumps(value)} {around}").value == value
