"""Example calls of a request's own tools."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings

from grokcore.protocol.conversation.tools import Tool, ToolKind
from grokcore.protocol.emulation.example_calls import TWO_LINES, example_calls
from grokcore.protocol.json_values.schema import faults

from ..strategies import json_values
from .tool_lists import AGENTS, Agent, function

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
LIST = {"type": "array", "items": TEXT}
NESTED = {
    "type": "array",
    "items": {"properties": {"a": {"enum": ["x", "y"]}, "b": {"const": 5}, "c": LIST}},
}


@frozen
class Example:
    """Tools, and the arguments of their example calls."""

    name: str
    tools: tuple[Tool, ...]
    arguments: list[dict[str, Any] | str]


EXAMPLES = [
    Example("no parameters", (function("f"),), [{}]),
    Example("required ones", (function("f", a_=NUMBER, b={}, c_={"type": "boolean"}),), [{"a": 1, "c": True}]),
    Example("none is required", (function("f", a={"type": "number"}, b=TEXT),), [{"a": 1.5}]),
    Example("more than four", (function("f", **{f"{key}_": NUMBER for key in "abcde"}),), [dict.fromkeys("abcd", 1)]),
    Example("a text of two lines", (function("f", path_=TEXT, content_=TEXT),), [{"path": "text", "content": TWO_LINES}]),
    Example(
        "one such text is enough",
        (function("f", command_=TEXT), function("g", content_=TEXT), function("h", a_=TEXT)),
        [{"command": TWO_LINES}, {"content": "text"}],
    ),
    Example("an array", (function("f", a_=LIST), function("g", a_=NUMBER, b=LIST)), [{"a": ["text", "text"]}, {"a": 1}]),
    Example("an array that is not required", (function("f", a_=NUMBER, b=LIST),), [{"a": 1, "b": ["text", "text"]}]),
    Example(
        "parts of values",
        (function("f", a_=NESTED, b_={"type": "object"}),),
        [{"a": [{"a": "x", "b": 5, "c": ["text", "text"]}] * 2, "b": {}}],
    ),
    Example(
        "a custom tool",
        (Tool("f", kind=ToolKind.CUSTOM), function("g", text_=TEXT)),
        [TWO_LINES, {"text": "text"}],
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case.name)
def test_each_list_has_its_examples(case: Example) -> None:
    """Of the request's own first tools: foreign ones would be called."""
    found = example_calls(case.tools)
    assert [arguments for _, arguments in found] == case.arguments
    assert [name for name, _ in found] == [tool.full_name for tool in case.tools[:2]]


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_examples_fit_their_schemas(agent: Agent) -> None:
    """A model learns from them."""
    tools = agent.made()
    for tool, (_, arguments) in zip(tools, example_calls(tools), strict=False):
        assert faults(arguments, tool.parameters) == ()


def test_an_endless_schema_has_an_example() -> None:
    """Four steps deep."""
    tree = {"type": "object", "properties": {"sub": {"$ref": "#/$defs/t"}}}
    tool = Tool("f", "", {"properties": {"a": {"$ref": "#/$defs/t"}}, "$defs": {"t": tree}})
    assert example_calls((tool,)) == [("f", {"a": {"sub": {"sub": {"sub": {"sub": "text"}}}}})]


@settings(deadline=None, max_examples=100)
@given(json_values)
def test_any_schema_has_an_example(schema: Any) -> None:
    """Nothing that a client declares raises."""
    tool = Tool("f", "", {"properties": schema, "required": schema})
    assert len(example_calls((tool, function("g", a=schema)))) == 2
