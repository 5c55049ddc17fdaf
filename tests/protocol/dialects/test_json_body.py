"""A request's JSON body: read to the letter, whatever its size, or refused before it costs
anything.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import frozen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grokcore.errors import ContextLengthExceeded, GrokApiError, InvalidRequest
from grokcore.protocol.dialects import json_body
from grokcore.protocol.dialects.json_body import MOST_DEPTH, MOST_STRUCTURE, json_object

from ..strategies import json_values

TRICKY = st.lists(
    st.sampled_from(["a", " ", '"', "\\", "\\\\", "/", "é", "漢", "😀", "\n", "[,{:", "\0"]),
    max_size=12,
).map("".join)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every body is a large one, of many pieces and long strings."""
    monkeypatch.setattr(json_body, "LARGE_BYTES", 8)
    monkeypatch.setattr(json_body, "ESCAPED_BYTES", 8)
    monkeypatch.setattr(json_body, "LONG_STRING_BYTES", 3)


# What is right ----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(TRICKY, json_values | TRICKY, max_size=4), st.booleans(), st.booleans())
@example({"a": "\\" * 30 + '"', "b": '"' * 20}, False, False)
def test_a_body_is_read_as_it_was_written(
    value: dict[str, Any], ascii_only: bool, php: bool
) -> None:
    """Large bodies, which are taken apart, give the same as small ones: also PHP's, which escape
    each slash.
    """
    text = json.dumps(value, ensure_ascii=ascii_only)
    body = (text.replace("/", "\\/") if php else text).encode()
    assert json_object(body) == value
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_body, "LARGE_BYTES", 8)
        patch.setattr(json_body, "ESCAPED_BYTES", 5)
        patch.setattr(json_body, "LONG_STRING_BYTES", 3)
        assert json_object(body) == value


@pytest.mark.usefixtures("tiny")
def test_a_client_can_not_write_the_mark_of_a_long_string() -> None:
    """It is a digest of the rest of the body; one of another body means nothing in this one."""
    body = {"a": "x" * 100, "b": "y"}
    mark = json_body._skeleton(
        json.dumps(body).encode(), json_body._long_strings(json.dumps(body).encode())
    )[1]
    assert json_object(json.dumps({**body, "b": f"{mark}0"}).encode())["b"] == f"{mark}0"


@pytest.mark.large
def test_a_long_text_full_of_commas_is_no_structure() -> None:
    """Ten megabytes in one message pass."""
    text = 'a, [b] {c}: \\ "d"\n' * 600_000
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
    assert len(body) > 10_000_000
    assert json_object(body)["messages"][0]["content"] == text
    small = json.dumps({"content": ",[{:" * 70_000}).encode()
    assert json_object(small) == {"content": ",[{:" * 70_000}


def test_as_many_values_as_are_allowed_pass() -> None:
    """The bounds are where they are said to be."""
    values = MOST_STRUCTURE - 3
    assert len(json_object(b'{"a":[' + b"1," * values + b"1]}")["a"]) == values + 1
    with pytest.raises(InvalidRequest, match="too many values"):
        json_object(b'{"a":[' + b"1," * (values + 1) + b"1]}")
    deep = MOST_DEPTH - 1
    json_object(b'{"a":' + b"[" * deep + b"]" * deep + b"}")
    with pytest.raises(InvalidRequest, match="nested more than"):
        json_object(b'{"a":' + b"[" * (deep + 1) + b"]" * (deep + 1) + b"}")


@pytest.mark.usefixtures("tiny")
def test_all_kinds_of_values_come_back_beside_a_long_string() -> None:
    """Only strings are put back; what is no string stays as it is."""
    value = {"a": "a long string", "b": [1, 2.5, None, True, "another one"], "c": {"d": False}}
    assert json_object(json.dumps(value).encode()) == value


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(("body", "words"), [
    (b'{"a":' + b'""' * 20, "too many values"),
    (b'{"a":[' + b"1," * 60, "too many values"),
    (b'{"a":"' + b"b" * 20 + b'"' + b" " * 60 + b"}", "short strings"),
], ids=["strings", "marks", "white space"])  # fmt: skip
def test_a_large_body_is_refused_while_it_is_scanned(
    body: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser never sees it. Figures are small here; the marked tests have the real ones."""
    monkeypatch.setattr(json_body, "MOST_STRUCTURE", 10)
    monkeypatch.setattr(json_body, "MOST_SKELETON_BYTES", 50)
    monkeypatch.setattr(json_body, "_parsed", lambda *_, **__: pytest.fail("parsed"))
    with pytest.raises(InvalidRequest, match=words):
        json_object(body)


def test_names_are_cut() -> None:
    """Whatever looks for the nearest name of a model, or shows a field's, has little to look at."""
    assert json_object(json.dumps({"k" * 5000: 1, "model": "m" * 5000}).encode()) == {
        "k" * 100: 1,
        "model": "m" * 100,
    }


# Bytes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize(("body", "value"), [
    (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
    (b' \n{"a":"\\ud83d x"} ', {"a": "\ufffd x"}),
    (b'{"a":"\\ude00\\ud83d\\ud83d\\ude00"}', {"a": "\ufffd\ufffd😀"}),
    (b'{"a":"\\\\ud83d"}', {"a": "\\ud83d"}),
    (b'{"a":"\\\\\\ud83d\\\\"}', {"a": "\\\ufffd\\"}),
    (b'{"\\ud800":{"a":["\\udfff"]}}', {"\ufffd": {"a": ["\ufffd"]}}),
])  # fmt: skip
def test_bytes_that_are_nearly_right_are_mended(
    body: bytes, value: object, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark of the byte order in front, and emoji that JavaScript has cut in two."""
    if size == "large":
        monkeypatch.setattr(json_body, "LARGE_BYTES", 4)
        monkeypatch.setattr(json_body, "LONG_STRING_BYTES", 3)
    assert json_object(body) == value


@frozen
class Fault:
    """A body that is refused, and words of the message."""

    name: str
    body: bytes
    words: str


FAULTS = (
    Fault("latin-1", '{"a":"café"}'.encode("latin-1"), "not UTF-8: byte 0xe9 at position 9"),
    Fault("half a character", b'{"a":"x \xc3","b":"cccccc"}', "not UTF-8: byte 0xc3 at position 8"),
    Fault("a surrogate", b'{"a":"\xed\xa0\x80 bbbbb"}', "not UTF-8: byte 0xed at position 6"),
    Fault(
        "latin-1 far behind",
        b'{"a":"' + b"b " * 40 + b'","c":"' + b"d" * 40 + b'\xff"}',
        "byte 0xff at position 133",
    ),
    Fault("UTF-16", '{"a":1}'.encode("utf-16-le"), "UTF-16"),
    Fault("half a body", b'{"a":"bbbbbbbbbbbbb', "not valid JSON"),
    Fault("a lone backslash at the end", b'{"a":"bbbbbbbbbbbbb\\', "not valid JSON"),
    Fault("the same behind a quote", b'{"a":"bbbbbbbb\\"bbbbb\\', "not valid JSON"),
    Fault("whole emoji, and no end", b'{"a":"bbbbbbbb\\ud83d\\ude00"', "not valid JSON"),
    Fault("a bad escape", b'{"a":"bbbbbb bbbbbb\\x"}', "not valid JSON"),
    Fault("a line end in a string", b'{"a":"bbbbbbbbb\nbbbb"}', "not valid JSON"),
    Fault("two", b'{"a":"bbbbbbbbbb"}{}', "not valid JSON"),
    Fault("blank", b"            ", "not valid JSON"),
    Fault("a list", b'["aaaaaaaaaaaaaaa"]', "must be a JSON object"),
    Fault("not a number", b'{"a":NaN,"b":"cccccccc"}', "not valid JSON"),
)


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_is_wrong_is_said(fault: Fault, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are not UTF-8 with their place; nothing of the body is quoted but one byte."""
    if size == "large":
        monkeypatch.setattr(json_body, "LARGE_BYTES", 4)
        monkeypatch.setattr(json_body, "LONG_STRING_BYTES", 3)
    with pytest.raises(InvalidRequest) as caught:
        json_object(fault.body)
    assert fault.words in str(caught.value)
    assert "bbb" not in str(caught.value)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                b'"',
                b"\\",
                b"{",
                b"}",
                b":",
                b",",
                b"[",
                b"]",
                b"a",
                b" ",
                b"1",
                b"\xff",
                b"\xc3",
                b"\\ud800",
                b"\n",
            ]
        ),
        max_size=30,
    ).map(b"".join)
)
def test_rubbish_is_refused_alike_whole_and_in_pieces(body: bytes) -> None:
    """Either is an object, or both are an error of the family."""
    found = []
    for size in (json_body.LARGE_BYTES, 4):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(json_body, "LARGE_BYTES", size)
            patch.setattr(json_body, "LONG_STRING_BYTES", 2)
            try:
                found.append(json_object(b'{"a":' + body + b"}"))
            except GrokApiError:
                found.append({"refused": True})
    assert found[0] == found[1]


# What would cost too much -----------------------------------------------------------------------


@pytest.mark.large
@pytest.mark.parametrize(("body", "words"), [
    (b'{"a":[' + b"[]," * 400_000 + b"1]}", "too many values"),
    (b"[" * 1_500_000, "too many values"),
    (b'{"a":' * 300_000, "too many values"),
    (b'{"a":' + b'"' * 1_500_000, "too many values"),
    (b'{"a":' + b"1" * 17_000_000 + b"}", "16 MB"),
    (b'{"a":' + b" " * 17_000_000 + b"1}", "16 MB"),
], ids=lambda value: repr(value[:9]))  # fmt: skip
def test_structure_is_counted_before_anything_is_parsed(
    body: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser never sees it."""
    monkeypatch.setattr(json_body, "_parsed", lambda *_, **__: pytest.fail("parsed"))
    with pytest.raises(InvalidRequest, match=words):
        json_object(body)


def test_more_text_than_any_model_reads_is_refused() -> None:
    """A single emoji makes each of its characters take four bytes; pictures in base64 never do."""
    with pytest.raises(ContextLengthExceeded) as raised:
        json_object('{"a":"😀'.encode() + b"x" * 26_000_000 + b'"}')
    tokens, most = raised.value.excess or (0, 0)
    assert tokens > most > 6_000_000
    assert (
        len(json_object(b'{"a":"data:image\\/png;base64,' + b"x" * 25_000_000 + b'"}')["a"])
        == 25_000_022
    )


@pytest.mark.parametrize(
    "body", [b'["secret-value"]', b'{"a":"secret-value"', b'{"a":"secret-value\xff"}']
)
def test_an_error_keeps_nothing_of_the_body(body: bytes) -> None:
    """Neither by its context nor by what an exception in between remembers; the frames are the
    caller's to drop.
    """
    with pytest.raises(InvalidRequest) as caught:
        json_object(body)
    error = caught.value
    assert error.__context__ is None
    error.drop_frames()
    assert error.__traceback__ is None
    assert "secret-value" not in repr(vars(error))
