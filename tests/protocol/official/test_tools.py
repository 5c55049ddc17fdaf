"""Declarations of tools: names that xAI takes, one kind of tool, and no search unasked."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore.errors import InvalidRequest
from grokcore.protocol.conversation.extras import Extras
from grokcore.protocol.conversation.tools import Choice, Tool, Toolbox, ToolKind
from grokcore.protocol.models import LaneName
from grokcore.protocol.official.tools import (
    MOST_TOOLS,
    call_arguments,
    custom_text,
    declare_tools,
    safe_name,
    upstream_names,
)

from ..strategies import plain_text
from .questions import asked

READ = Tool("read")
FIND = Tool("find", namespace="mcp")
PATCH = Tool("patch", kind=ToolKind.CUSTOM)

_NAMES = st.text("ab_.:-", min_size=1, max_size=4) | st.text("a.", min_size=60, max_size=128)


@given(st.lists(st.tuples(_NAMES, st.sampled_from(["", "ns"])), max_size=8, unique=True))
def test_each_tool_has_a_name_of_its_own(names: list[tuple[str, str]]) -> None:
    """The decoder maps the name of a call back to the tool by the same table."""
    tools = {tool.full_name: tool for tool in (Tool(name, namespace=ns) for name, ns in names)}
    found = upstream_names(Toolbox(tuple(tools.values())))
    assert {tool.full_name for tool in found.values()} == tools.keys()
    assert all(re.fullmatch("[A-Za-z0-9_-]{1,64}", name) for name in found)
    for name, tool in found.items():
        if re.fullmatch("[A-Za-z0-9_-]{1,64}", tool.full_name):
            assert name == tool.full_name


def test_the_name_that_a_mark_would_make_may_be_taken_too() -> None:
    """The next mark is tried."""
    plain = (Tool("mcp_find"), FIND)
    marked = next(name for name, tool in upstream_names(Toolbox(plain)).items() if tool is FIND)
    names = upstream_names(Toolbox((*plain, Tool(marked))))
    assert names[marked].full_name == marked
    assert len(names) == 3


def test_names_of_lost_tools_are_safe_too() -> None:
    """The history may call tools that are declared no more."""
    assert safe_name("mcp.find") == "mcp_find"
    assert safe_name("") == "tool"
    assert safe_name("é" * 100) == "_" * 64


@pytest.mark.parametrize(
    ("arguments", "custom", "expected"),
    [
        ('{"a": 1}', False, '{"a": 1}'),
        ("", False, "{}"),
        (" \n", False, "{}"),
        ("[1]", False, '{"input":"[1]"}'),
        ('{"a": NaN}', False, '{"input":"{\\"a\\": NaN}"}'),
        ('{"a": 1}', True, '{"input":"{\\"a\\": 1}"}'),
        ("", True, '{"input":""}'),
    ],
)
def test_arguments_of_earlier_calls_are_an_object(
    arguments: str,
    custom: bool,
    expected: str,
) -> None:
    """xAI refuses a request with others: "expected JSON object for tool arguments"."""
    assert call_arguments(arguments, custom=custom) == expected


@given(plain_text)
def test_the_text_of_a_custom_tool_comes_back(text: str) -> None:
    """To the character: it is a patch, or a program."""
    assert custom_text(call_arguments(text, custom=True)) == text


@pytest.mark.parametrize("arguments", ["raw", "{}", '{"input":5}', "[]"])
def test_arguments_without_the_text_stay_as_they_are(arguments: str) -> None:
    """The client's tool says what is wrong with them."""
    assert custom_text(arguments) == arguments


def test_a_choice_that_allows_some_tools_declares_only_those() -> None:
    """A forced tool stands among all, so that the upstream's cache stays warm."""
    box = Toolbox((READ, FIND, PATCH), Choice.REQUIRED, allowed=frozenset({"read"}))
    fields = declare_tools(asked(toolbox=box), LaneName.API).fields
    assert [tool["name"] for tool in fields["tools"]] == ["read"]
    assert fields["tool_choice"] == "required"
    box = Toolbox((READ, FIND, PATCH), Choice.REQUIRED, only="mcp.find")
    fields = declare_tools(asked(toolbox=box), LaneName.API).fields
    assert [tool["name"] for tool in fields["tools"]] == [
        "read",
        "mcp_find",
        "patch",
    ]
    assert fields["tool_choice"] == {"type": "function", "name": "mcp_find"}


def test_a_choice_without_tools_is_not_sent() -> None:
    """xAI refuses it."""
    question = asked(toolbox=Toolbox(choice=Choice.NONE, parallel=False))
    assert declare_tools(question, LaneName.API).fields == {}


def test_rules_that_the_root_can_t_have_are_told_to_the_model() -> None:
    """In the description, which may be empty."""
    tool = Tool("set", parameters={"type": "object", "anyOf": [{"required": ["a"]}]})
    (declared,) = declare_tools(asked(toolbox=Toolbox((tool,))), LaneName.API).fields["tools"]
    rules = declared["description"].removeprefix("The arguments also fit this JSON schema: ")
    assert json.loads(rules) == {"anyOf": [{"required": ["a"]}]}


@pytest.mark.parametrize("lane", MOST_TOOLS)
def test_more_tools_than_xai_takes_are_refused(lane: LaneName) -> None:
    """Its own refusal does not say how many it takes. Searches count."""
    tools = tuple(Tool(f"t{number}") for number in range(MOST_TOOLS[lane]))
    question = asked(toolbox=Toolbox(tools))
    assert len(declare_tools(question, lane).fields["tools"]) == MOST_TOOLS[lane]
    question = asked(toolbox=Toolbox(tools), extras=Extras(searches=({"type": "web_search"},)))
    with pytest.raises(InvalidRequest, match=f"takes {MOST_TOOLS[lane]} at most") as refused:
        declare_tools(question, lane)
    assert refused.value.param == "tools"


def test_nobody_pays_for_a_search_unasked() -> None:
    """A model's row may allow searches on grok.com; here only the client's wish counts."""
    question = asked()
    assert question.may_search
    assert declare_tools(question, LaneName.API).fields == {}
