"""Tools that a Responses request declares, and its choice among them."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from grokcore.errors import InvalidRequest
from grokcore.protocol.conversation.tools import Choice, Tool, Toolbox, ToolKind
from grokcore.protocol.dialects.openai_responses.tools import parse_tools, with_choice

from .responses_cases import asked

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@frozen
class Declared:
    """A declaration, the tools that it is, and the names of what has no effect."""

    name: str
    value: dict[str, Any]
    tools: tuple[Tool, ...] = ()
    ignored: frozenset[str] = frozenset()
    search_names: frozenset[str] = frozenset()


DECLARED = [
    Declared(
        "a function",
        {
            "type": "function",
            "name": "f",
            "description": "D",
            "parameters": SCHEMA,
            "strict": True,
            "defer_loading": True,
        },
        (Tool("f", "D", SCHEMA, strict=True),),
    ),
    Declared(
        "no parameters and no description",
        {"type": "function", "name": "f", "parameters": None, "strict": None},
        (Tool("f"),),
    ),
    Declared(
        "a function in the form of chat completions",
        {"type": "function", "function": {"name": "f", "parameters": SCHEMA}},
        (Tool("f", "", SCHEMA),),
    ),
    Declared("a function without a type", {"name": "f"}, (Tool("f"),)),
    Declared(
        "a custom tool",
        {
            "type": "custom",
            "name": "exec",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
        },
        (Tool("exec", kind=ToolKind.CUSTOM, grammar="start: /.+/"),),
    ),
    Declared(
        "a custom tool in the form of chat completions",
        {
            "type": "custom",
            "custom": {
                "name": "exec",
                "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": ".+"}},
            },
        },
        (Tool("exec", kind=ToolKind.CUSTOM, grammar=".+"),),
    ),
    Declared(
        "a namespace",
        {
            "type": "namespace",
            "name": "ns",
            "tools": [
                {"type": "function", "name": "f"},
                {"type": "custom", "name": "c"},
                {"type": "namespace", "name": "inner", "tools": []},
            ],
        },
        (Tool("f", namespace="ns"), Tool("c", namespace="ns", kind=ToolKind.CUSTOM)),
        frozenset({"tools.namespace"}),
    ),
    Declared(
        "a web search with options",
        {"type": "web_search", "search_context_size": "low", "filters": None},
        search_names=frozenset({"tools.web_search.search_context_size"}),
    ),
    Declared("a search of X", {"type": "x_search"}, search_names=frozenset({"tools.x_search"})),
    Declared("a tool of OpenAI's", {"type": "mcp"}, ignored=frozenset({"tools.mcp"})),
]


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.name)
def test_declarations_are_read(declared: Declared) -> None:
    """What has no effect is named, and does not fail."""
    offered = parse_tools([("tools[0]", declared.value)])
    assert offered.toolbox.tools == declared.tools
    assert offered.ignored == declared.ignored
    assert offered.search_names == declared.search_names


def test_all_types_together() -> None:
    """The types that are none here are named, and the others work."""
    kinds = ("tool_search", "xyz", "web_search")
    tools = [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}]
    request = asked(tools=[*tools, *({"type": kind} for kind in kinds)])
    assert request.ignored == ("tools.tool_search", "tools.xyz")
    assert (request.search, request.shows_search) == (True, True)
    assert [tool.name for tool in request.toolbox.tools] == ["f", "c"]


def test_tools_among_the_items_are_usable() -> None:
    """Codex declares none elsewhere for models that it knows by name."""
    tool = {"type": "namespace", "name": "functions", "tools": [{"type": "custom", "name": "exec"}]}
    items = [{"type": "additional_tools", "tools": [tool, 5]}, {"role": "user", "content": "hi"}]
    assert [tool.full_name for tool in asked(input=items).toolbox.tools] == ["functions.exec"]


def test_a_later_declaration_replaces_an_earlier_one_of_the_same_name() -> None:
    """Full names are unique."""
    tools = [{"name": "f", "description": "old"}, {"name": "f", "description": "new"}]
    assert asked(tools=tools).toolbox.tools == (Tool("f", "new"),)


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("tools[0].name", {"type": "function"}),
        ("tools[0].name", {"type": "custom", "name": ""}),
        ("tools[0].function.name", {"type": "function", "function": {}}),
        ("tools[0].parameters", {"type": "function", "name": "f", "parameters": "x"}),
        ("tools[0].name", {}),
        ("tools[0].strict", {"type": "function", "name": "f", "strict": "yes"}),
        ("tools[0].name", {"type": "namespace", "tools": []}),
        ("tools[0].tools", {"type": "namespace", "name": "ns", "tools": 5}),
        ("tools[0].tools[1].name", {"type": "namespace", "name": "n", "tools": [{"name": "f"}, {"type": "custom"}]}),
    ],
)  # fmt: skip
def test_a_malformed_tool_is_refused_with_its_place(param: str, value: dict[str, Any]) -> None:
    """The model could not be shown it."""
    with pytest.raises(InvalidRequest) as caught:
        parse_tools([("tools[0]", value)])
    assert caught.value.param == param


# The choice -------------------------------------------------------------------------------------

F = Tool("f")
G = Tool("g", namespace="ns")
H = Tool("h", namespace="ns")
SAME = Tool("same", namespace="a"), Tool("same", namespace="b")
TOOLS = (F, G, H, *SAME)


@frozen
class Chosen:
    """A value of ``tool_choice``, the rules that it makes, and whether Grok may search."""

    value: Any
    toolbox: Toolbox
    search: bool | None = True


CHOSEN = [
    Chosen(None, Toolbox(TOOLS)),
    Chosen("auto", Toolbox(TOOLS)),
    Chosen({}, Toolbox(TOOLS)),
    Chosen({"type": "auto"}, Toolbox(TOOLS)),
    Chosen("none", Toolbox(TOOLS, Choice.NONE), search=False),
    Chosen("required", Toolbox(TOOLS, Choice.REQUIRED)),
    Chosen({"type": "any"}, Toolbox(TOOLS, Choice.REQUIRED)),
    Chosen({"type": "function", "name": "f"}, Toolbox(TOOLS, Choice.REQUIRED, "f")),
    Chosen({"type": "function", "function": {"name": "f"}}, Toolbox(TOOLS, Choice.REQUIRED, "f")),
    Chosen({"name": "g"}, Toolbox(TOOLS, Choice.REQUIRED, "ns.g")),
    Chosen({"type": "custom", "name": "ns.g"}, Toolbox(TOOLS, Choice.REQUIRED, "ns.g")),
    Chosen(
        {"type": "function", "name": "same", "namespace": "b"},
        Toolbox(TOOLS, Choice.REQUIRED, "b.same"),
    ),
    Chosen({"type": "web_search"}, Toolbox(TOOLS, Choice.NONE)),
    Chosen({"type": "allowed_tools", "mode": "auto"}, Toolbox(TOOLS)),
    Chosen(
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        Toolbox(TOOLS, allowed=frozenset({"f"})),
        search=False,
    ),
    Chosen(
        {
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "h"}, {"type": "web_search"}],
        },
        Toolbox(TOOLS, Choice.REQUIRED, allowed=frozenset({"ns.h"})),
    ),
    Chosen(
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "web_search"}]},
        },
        Toolbox(TOOLS, allowed=frozenset()),
    ),
]


@pytest.mark.parametrize("chosen", CHOSEN, ids=lambda chosen: str(chosen.value)[:60])
def test_the_choice_is_followed(chosen: Chosen) -> None:
    """In each of its forms, in both of OpenAI's APIs."""
    declared = [("", {"type": "namespace", "name": space, "tools": [{"name": name}]})
                for space, name in (("ns", "g"), ("ns", "h"), ("a", "same"), ("b", "same"))]  # fmt: skip
    offered = parse_tools([("", {"name": "f"}), *declared, ("", {"type": "web_search"})])
    found = with_choice(offered, chosen.value, parallel=True)
    assert (found.toolbox, found.search) == (chosen.toolbox, chosen.search)


@pytest.mark.parametrize(
    "value",
    [
        "sometimes",
        "function",
        5,
        {"type": 5},
        {"type": "allowed_tools", "mode": "required", "tools": [{"name": "unknown"}]},
        {"type": "file_search"},
        {"type": "mcp", "server_label": "x"},
        {"type": "function", "name": "unknown"},
        {"type": "function"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "file_search"}]},
        {"type": "allowed_tools", "mode": "sometimes"},
    ],
    ids=str,
)
def test_a_choice_that_cant_be_followed_is_refused(value: Any) -> None:
    """The answer would not be what the client waits for."""
    with pytest.raises(InvalidRequest) as caught:
        asked(tools=[{"name": "f"}], tool_choice=value)
    assert caught.value.param == "tool_choice"


def test_a_required_call_needs_a_tool() -> None:
    """Grok's own search is one, but it can't be forced."""
    with pytest.raises(InvalidRequest):
        asked(tool_choice="required", tools=[{"type": "mcp"}])
    request = asked(tool_choice="required", tools=[{"type": "web_search"}])
    assert (request.search, request.toolbox.choice) == (True, Choice.AUTO)


def test_one_call_at_a_time_can_be_asked_for() -> None:
    """By default an answer may have several."""
    assert asked(parallel_tool_calls=False).toolbox.parallel is False
    assert asked().toolbox.parallel is True
