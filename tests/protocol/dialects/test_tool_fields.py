"""Tools of clients, and the rules for their use, as clients write them."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import InvalidRequest
from grokcore.protocol.conversation.tools import Choice, Tool, Toolbox, ToolKind
from grokcore.protocol.dialects.choice_fields import ToolChoice, make_toolbox, parse_tool_choice
from grokcore.protocol.dialects.tool_fields import (
    MOST_TOOLS,
    declared_tool,
    listed_tools,
    tool_type,
    unique_tools,
)

from ..strategies import json_values

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}


# Declarations -----------------------------------------------------------------------------------


@frozen
class Declared:
    """A declaration as sent, and as it is understood."""

    sent: dict[str, Any]
    understood: Tool


FORMS = [
    Declared({"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}}, Tool("f", "d", SCHEMA, strict=True)),
    Declared({"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": False}, Tool("f", "d", SCHEMA)),
    Declared({"name": "f", "description": "d", "input_schema": SCHEMA}, Tool("f", "d", SCHEMA)),
    Declared({"type": "custom", "name": "f", "input_schema": SCHEMA}, Tool("f", "", SCHEMA)),
    Declared({"name": "f", "inputSchema": SCHEMA}, Tool("f", "", SCHEMA)),
    Declared({"function": {"name": "f"}}, Tool("f")),
    Declared({"type": "function", "function": {"name": "f", "parameters": None, "strict": None, "description": 5}}, Tool("f")),
    Declared({"type": "function", "function": {"name": "f", "parameters": []}}, Tool("f")),
    Declared({"type": "custom", "custom": {"name": "f", "description": "d"}}, Tool("f", "d", kind=ToolKind.CUSTOM)),
    Declared({"custom": {"name": "f", "format": {"type": "text"}}}, Tool("f", kind=ToolKind.CUSTOM)),
    Declared({"type": "custom", "custom": {"name": "f", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}}}, Tool("f", kind=ToolKind.CUSTOM, grammar="start: x")),
    Declared({"type": "custom", "name": "f", "format": {"type": "grammar", "syntax": "regex", "definition": "x+"}}, Tool("f", kind=ToolKind.CUSTOM, grammar="x+")),
    Declared({"type": "custom", "name": "f", "format": {"definition": 5}}, Tool("f", kind=ToolKind.CUSTOM)),
    Declared({"function": {"name": "mcp__a.b:c-" + "d" * 100}}, Tool("mcp__a.b:c-" + "d" * 100)),
]  # fmt: skip


@pytest.mark.parametrize("case", FORMS, ids=lambda case: str(case.sent)[:60])
def test_a_declaration_is_read_in_any_api_s_form(case: Declared) -> None:
    """Cursor sends the forms of Responses and of Messages to chat completions."""
    assert tool_type(case.sent) in ("function", "custom")
    assert declared_tool(case.sent, "tools[0]") == case.understood


def test_a_tool_may_have_a_namespace() -> None:
    """It is part of the full name only."""
    tool = declared_tool({"type": "function", "name": "f"}, "tools[0].tools[1]", "ns")
    assert (tool.name, tool.full_name) == ("f", "ns.f")


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"type": "function"}, "tools[0].name"),
    ({"type": "function", "function": {}}, "tools[0].function.name"),
    *(
        ({"function": {"name": name}}, "tools[0].function.name")
        for name in (5, "", "a b", "a\n", "é", 'x"', "x>", "x" * 129)
    ),
    ({"custom": {"name": ""}}, "tools[0].custom.name"),
    ({"function": {"name": "f", "parameters": 5}}, "tools[0].function.parameters"),
    ({"name": "f", "input_schema": "{}"}, "tools[0].input_schema"),
    ({"function": {"name": "f", "strict": "maybe"}}, "tools[0].function.strict"),
]


@pytest.mark.parametrize(("sent", "param"), FAULTS)
def test_a_tool_that_cannot_be_called_is_a_fault(sent: dict[str, Any], param: str) -> None:
    """With its path."""
    with pytest.raises(InvalidRequest) as caught:
        declared_tool(sent, "tools[0]")
    assert caught.value.param == param
    assert param in caught.value.message


def test_a_list_of_tools_holds_objects_and_has_an_end() -> None:
    """More than OpenAI takes are no fault: other servers take them."""
    assert (
        listed_tools(None, "tools") == listed_tools({}, "tools") == listed_tools([], "tools") == []
    )
    assert len(listed_tools([{}] * MOST_TOOLS, "tools")) == MOST_TOOLS > 128
    for value, param in (([{}] * (MOST_TOOLS + 1), "tools"), (5, "tools"), ([{}, 5], "tools[1]")):
        with pytest.raises(InvalidRequest) as caught:
            listed_tools(value, "tools")
        assert caught.value.param == param


def test_of_two_tools_with_one_name_the_later_counts() -> None:
    """A name in another namespace is another name."""
    tools = [Tool("f", "old"), Tool("g"), Tool("f", "new"), Tool("f", namespace="ns")]
    assert unique_tools(tools) == (Tool("f", "new"), Tool("g"), Tool("f", namespace="ns"))


@settings(deadline=None, max_examples=100)
@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("type", "function", "custom", "name", "parameters", "format", "strict"), json_values
        ),
    )
)
def test_any_object_is_a_tool_or_a_fault(value: dict[str, Any]) -> None:
    """Never another exception."""
    param: str | None = "tools[0]"
    try:
        assert declared_tool(value, "tools[0]").name
    except InvalidRequest as error:
        param = error.param
    assert (param or "").startswith("tools[0]")
    assert tool_type(value)


# Choices ----------------------------------------------------------------------------------------

NOTHING = ToolChoice()
NEEDED = ToolChoice(Choice.REQUIRED)
ONLY_F = ToolChoice(Choice.REQUIRED, "f")
F_REF = {"type": "function", "function": {"name": "f"}}

UNSAID: tuple[Any, ...] = (None, "", [], {}, "auto", " Auto", {"type": "auto"})

CHOICES: list[tuple[Any, ToolChoice]] = [
    *((nothing, NOTHING) for nothing in UNSAID),
    *((no, ToolChoice(Choice.NONE)) for no in ("none", {"type": "none"})),
    *((must, NEEDED) for must in ("required", "any", {"type": "any"}, {"type": "required"})),
    (F_REF, ONLY_F),
    ({"type": "function", "name": "f"}, ONLY_F),
    ({"type": "custom", "custom": {"name": "f"}}, ONLY_F),
    ({"type": "custom", "name": "f"}, ONLY_F),
    ({"type": "tool", "name": "f"}, ONLY_F),
    ({"name": "f"}, ONLY_F),
    ({"function": {"name": "f"}}, ONLY_F),
    ({"type": "function", "name": "f", "namespace": "ns"}, ToolChoice(Choice.REQUIRED, "ns.f")),
    ({"type": "tool", "name": "f", "disable_parallel_tool_use": True}, ToolChoice(Choice.REQUIRED, "f", parallel=False)),
    ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(parallel=False)),
    ({"type": "auto", "disable_parallel_tool_use": False}, NOTHING),
    ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [F_REF]}}, ToolChoice(Choice.REQUIRED, allowed=frozenset("f"))),
    ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}, "g", 5, {}]}, ToolChoice(allowed=frozenset("fg"))),
    ({"type": "allowed_tools", "mode": "auto"}, NOTHING),
    ({"type": "allowed_tools", "tools": []}, ToolChoice(allowed=frozenset())),
]  # fmt: skip


@pytest.mark.parametrize(("value", "choice"), CHOICES)
def test_a_choice_is_read_in_any_api_s_form(value: Any, choice: ToolChoice) -> None:
    """Absent is auto."""
    assert parse_tool_choice(value) == choice


@pytest.mark.parametrize(
    "value",
    [
        *(5, True, [1], "sometimes", {"type": "web_search"}, {"type": 5}, {"a": 1}),
        *({"type": "function"}, {"type": "tool", "name": ""}, {"type": "function", "name": 5}),
        *({"type": "allowed_tools", "mode": "x"}, {"type": "allowed_tools", "tools": 5}),
    ],
)
def test_another_choice_is_a_fault(value: Any) -> None:
    """The field is named."""
    with pytest.raises(InvalidRequest, match=r"^function_call") as caught:
        parse_tool_choice(value, "function_call")
    assert caught.value.param == "function_call"


@settings(deadline=None, max_examples=100)
@given(
    json_values
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["function", "allowed_tools", "auto", "tool"])},
        optional=dict.fromkeys(("name", "function", "allowed_tools", "mode"), json_values),
    )
)
def test_any_value_is_a_choice_or_a_fault(value: Any) -> None:
    """Never another exception; and it makes a toolbox, or no tool may be called."""
    param: str | None = "tool_choice"
    try:
        chosen = parse_tool_choice(value)
        assert make_toolbox([Tool("f")], chosen).tools == (Tool("f"),)
    except InvalidRequest as error:
        param = error.param
    assert param == "tool_choice"


F, G, NS_F, NS_H = Tool("f"), Tool("g"), Tool("f", namespace="ns"), Tool("h", namespace="ns")
ALL = (F, G, NS_F, NS_H)


@frozen
class Made:
    """Tools under a choice, and their full names that may be called."""

    chosen: ToolChoice
    callable: tuple[str, ...]
    only: str = ""


TOOLBOXES = [
    Made(NOTHING, ("f", "g", "ns.f", "ns.h")),
    Made(ToolChoice(Choice.REQUIRED, "f"), ("f",), "f"),
    Made(ToolChoice(Choice.REQUIRED, "ns.f"), ("ns.f",), "ns.f"),
    Made(ToolChoice(Choice.REQUIRED, "h"), ("ns.h",), "ns.h"),
    Made(ToolChoice(allowed=frozenset({"g", "h", "unknown"})), ("g", "ns.h")),
    Made(ToolChoice(allowed=frozenset()), ()),
]


@pytest.mark.parametrize("case", TOOLBOXES)
def test_a_toolbox_has_the_tools_under_the_rules(case: Made) -> None:
    """A name without its namespace is enough where it is the only one; undeclared names allow
    nothing.
    """
    made = make_toolbox(ALL, case.chosen)
    assert made.tools == ALL
    assert made.only == case.only
    assert tuple(tool.full_name for tool in made.callable) == case.callable


def test_a_second_call_is_forbidden_by_either_field() -> None:
    """By the choice or beside it."""
    assert make_toolbox([F], NOTHING) == Toolbox((F,))
    assert not make_toolbox([F], NOTHING, parallel=False).parallel
    assert not make_toolbox([F], ToolChoice(parallel=False)).parallel


@pytest.mark.parametrize(
    ("tools", "chosen"),
    [
        ((), NEEDED),
        ((), ONLY_F),
        ((G,), ONLY_F),
        ((NS_F, Tool("f", namespace="other")), ONLY_F),
        ((F,), ToolChoice(Choice.REQUIRED, allowed=frozenset("g"))),
    ],
)
def test_a_call_that_is_asked_for_needs_its_tool(
    tools: tuple[Tool, ...], chosen: ToolChoice
) -> None:
    """No answer could be right."""
    with pytest.raises(InvalidRequest) as caught:
        make_toolbox(tools, chosen)
    assert caught.value.param == "tool_choice"
