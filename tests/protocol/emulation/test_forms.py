"""The written form of calls, and the prefix that is free in a request."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

import pytest
from attrs import frozen

from grokcore.protocol.emulation.forms import WORDS, CallForm, free_prefix, render_call


@frozen
class Texts:
    """Texts of a request, and the prefix for its calls."""

    name: str
    texts: tuple[str, ...]
    prefix: str


TEXTS = [
    Texts("none", (), "fn"),
    Texts("words only", ("a plain question", "if a < b: fn: x"), "fn"),
    Texts("an opening tag", ('see <fn:call name="x">',), "fn2"),
    Texts("a closing tag", ("</fn:arg>",), "fn2"),
    Texts("the next are taken too", ("<fn:call>", "</fn2:arg> <fn3:x>"), "fn4"),
    Texts("a later one is taken", ("<fn2:call>",), "fn"),
    Texts("a gap", ("<fn:call> <fn3:call>",), "fn2"),
    Texts("a longer name", ("<xfn:call> <fnord:call>",), "fn"),
    Texts("JSON's escape of a tag", ('{"a": "\\u003cfn:call"}', "\\u003C\\/fn2:arg"), "fn3"),
    Texts("HTML's escape of a tag", ("&lt;fn:call",), "fn2"),
    Texts("white space in the tag", ("< fn:call", "</ fn2:arg"), "fn3"),
]


@pytest.mark.parametrize("case", TEXTS, ids=lambda case: case.name)
def test_the_prefix_begins_no_tag_in_the_request(case: Texts) -> None:
    """Test 29: a quoted file or page that holds a call must not be able to be one."""
    assert free_prefix(case.texts) == case.prefix


def test_a_prefix_is_found_quickly_in_long_texts() -> None:
    """Conversations of megabytes are read for each question, on the loop of all answers."""
    began = time.process_time()
    assert free_prefix(["an offline fnord < fn (a) " * 100_000]) == "fn"
    assert time.process_time() - began < 1


@frozen
class Written:
    """A call, and its form in the prompt."""

    name: str
    tool: str
    arguments: Mapping[str, object] | str
    text: str


WRITTEN = [
    Written("no arguments", "now", {}, '<fn:call name="now">\n</fn:call>'),
    Written(
        "values of every type",
        "mcp.do",
        {"a": "x", "n": 5, "b": True, "z": None, "list": ["é", {"k": 1.5}]},
        '<fn:call name="mcp.do">\n<fn:arg name="a">x</fn:arg>\n<fn:arg name="n">5</fn:arg>\n'
        '<fn:arg name="b">true</fn:arg>\n<fn:arg name="z">null</fn:arg>\n'
        '<fn:arg name="list">["é", {"k": 1.5}]</fn:arg>\n</fn:call>',
    ),
    Written(
        "more than a line",
        "Write",
        {"content": "a && <b>\n"},
        '<fn:call name="Write">\n<fn:arg name="content">\na && <b>\n\n</fn:arg>\n</fn:call>',
    ),
    Written(
        "the raw text of a custom tool",
        "exec",
        "ls",
        '<fn:call name="exec">\n<fn:arg name="input">ls</fn:arg>\n</fn:call>',
    ),
    Written(
        "a value that would be read as escaped",
        "t",
        {"a": "x &amp; y"},
        '<fn:call name="t">\n<fn:arg name="a">x &amp;amp; y</fn:arg>\n</fn:call>',
    ),
    Written(
        "odd names",
        'a"b',
        {"<k>": ""},
        '<fn:call name="a&quot;b">\n<fn:arg name="&lt;k&gt;"></fn:arg>\n</fn:call>',
    ),
]


@pytest.mark.parametrize("case", WRITTEN, ids=lambda case: case.name)
def test_a_call_is_written_as_the_model_shall_write_it(case: Written) -> None:
    """The prompt shows the form that the answer is read for."""
    assert render_call(CallForm(), case.tool, case.arguments) == case.text


def test_prefix_and_words_are_the_forms() -> None:
    """The owner chooses the words, the request the prefix."""
    form = CallForm("fn3", WORDS["function_call"])
    assert render_call(form, "t", {"a": "x"}) == (
        '<fn3:function_call name="t">\n<fn3:parameter name="a">x</fn3:parameter>\n'
        "</fn3:function_call>"
    )


def test_a_secret_prefix_follows_from_all_texts_and_is_in_none() -> None:
    """A page that Grok finds by itself can't hold a call: its author would have to know the whole
    question. The same question has the same prefix, also in its correction.
    """
    texts = ["Look it up.", "More."]
    first = free_prefix(texts, secret=True)
    assert first == free_prefix(list(texts), secret=True)
    assert re.fullmatch(r"fn\d{5}", first)
    assert first != free_prefix(["Look it up!", "More."], secret=True)
    assert first != free_prefix(["Look it up.M", "ore."], secret=True)


def test_a_secret_prefix_avoids_tags_too() -> None:
    """However unlikely: a text may hold any tag."""
    texts = tuple(f"<fn{number}:call>" for number in range(10_000, 10_000 + 2_000))
    texts = ("".join(texts),)
    assert f"<{free_prefix(texts, secret=True)}:" not in texts[0]
    assert (
        free_prefix([f"<fn{number}:a>" for number in range(10_000, 100_000)], secret=True)
        == "fn100000"
    )
