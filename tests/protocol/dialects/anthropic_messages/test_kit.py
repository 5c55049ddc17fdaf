"""Tools of a Messages request: the client's, Anthropic's that clients run, and the search."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import field, frozen

from grokcore.protocol.conversation.tools import Choice, Tool, Toolbox
from grokcore.protocol.dialects.anthropic_messages.kit import Kit, parse_kit
from grokcore.protocol.dialects.anthropic_messages.published import published_tool

from .claude_code import tool

SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
FETCH = {"type": "web_fetch_20250910", "name": "web_fetch"}
EDIT = tool("Edit")
READ = Tool("Read", "Read does it.", tool("Read")["input_schema"])


def kit(*tools: Any, known: frozenset[str] = frozenset(), **choice: Any) -> Kit:
    """The kit of these tools; *choice* is ``tool_choice``."""
    return parse_kit({"tools": list(tools), "tool_choice": choice or None}, known)


@frozen
class Case:
    """A tool choice for the tools Edit and Read, and the toolbox's rules."""

    choice: dict[str, Any]
    rules: tuple[Choice, str, bool]


@pytest.mark.parametrize(
    "case",
    [
        Case({}, (Choice.AUTO, "", True)),
        Case({"type": "auto"}, (Choice.AUTO, "", True)),
        Case({"type": "auto", "disable_parallel_tool_use": True}, (Choice.AUTO, "", False)),
        Case({"type": "any"}, (Choice.REQUIRED, "", True)),
        Case({"type": "any", "disable_parallel_tool_use": True}, (Choice.REQUIRED, "", False)),
        Case({"type": "tool", "name": "Read"}, (Choice.REQUIRED, "Read", True)),
        Case({"type": "none"}, (Choice.NONE, "", True)),
    ],
    ids=lambda case: str(case.choice),
)
def test_a_choice_rules_the_calls(case: Case) -> None:
    """AI SDK forces its structured output that way."""
    found = kit(EDIT, tool("Read"), **case.choice)
    box = found.toolbox
    assert (box.choice, box.only, box.parallel) == case.rules
    assert [one.name for one in box.tools] == ["Edit", "Read"]
    assert (found.search, found.search_blocks, found.ignored) == (None, False, frozenset())


def test_a_tool_may_have_a_type_or_no_schema() -> None:
    """A tool without a schema takes no arguments."""
    typed = {**tool("Read"), "type": "custom", "strict": True}
    (read, now) = kit(typed, {"type": "custom", "name": "now"}).toolbox.tools
    assert (read.name, read.parameters, read.strict) == ("Read", READ.parameters, True)
    assert now == Tool("now")


@frozen
class Searching:
    """Tools and a choice, and what becomes of Grok's search."""

    name: str
    tools: tuple[Any, ...]
    search: bool | None
    blocks: bool
    choice: dict[str, Any] = field(factory=dict)


@pytest.mark.parametrize(
    "case",
    [
        Searching("a search", (SEARCH,), search=True, blocks=True),
        Searching("a search and a fetch", (SEARCH, FETCH), search=True, blocks=True),
        Searching("a fetch", (FETCH,), search=True, blocks=False),
        Searching("an odd name", ({**SEARCH, "name": []},), search=True, blocks=True),
        Searching("a search beside a tool", (SEARCH, EDIT), search=True, blocks=False),
        Searching("a tool", (EDIT,), search=None, blocks=False),
        Searching("forbidden", (SEARCH,), search=False, blocks=False, choice={"type": "none"}),
        Searching("required", (SEARCH,), search=True, blocks=True, choice={"type": "any"}),
        Searching(
            "forced",
            (SEARCH, EDIT),
            search=True,
            blocks=False,
            choice={"type": "tool", "name": "web_search"},
        ),
        Searching(
            "forced without a name",
            ({"type": "web_search_20260318"},),
            search=True,
            blocks=True,
            choice={"type": "tool", "name": "web_search"},
        ),
    ],
    ids=lambda case: case.name,
)
def test_the_search_is_grok_s_own(case: Searching) -> None:
    """Its blocks go to clients whose request is for a search alone (Claude Code's WebSearch)."""
    found = kit(*case.tools, **case.choice)
    assert (found.search, found.search_blocks) == (case.search, case.blocks)
    if case.choice.get("type") != "none":
        assert found.toolbox.choice is Choice.AUTO


def test_a_tool_may_be_required_beside_a_search() -> None:
    """The search is no call."""
    assert kit(SEARCH, EDIT, type="any").toolbox.choice is Choice.REQUIRED


def test_a_deferred_tool_waits_until_it_is_known() -> None:
    """A reference, a call in the history, or a choice shows it."""
    deferred = tool("Read", defer_loading=True)
    assert kit(EDIT, deferred).toolbox.tools == kit(EDIT).toolbox.tools
    assert kit(deferred, known=frozenset({"Read"})).toolbox.tools == (READ,)
    assert kit(deferred, type="tool", name="Read").toolbox == Toolbox(
        (READ,), Choice.REQUIRED, only="Read"
    )
    assert kit(SEARCH, deferred).search_blocks is False


def test_what_grok_has_nothing_for_is_named() -> None:
    """Limits of the search and tools that run at Anthropic; nothing fails."""
    found = kit(
        {**SEARCH, "allowed_domains": ["example.com"]},
        {"type": "computer_20251124", "name": "computer"},
        {"type": "memory_20250818", "name": "memory"},
        {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
        {"type": "mcp_toolset", "mcp_server_name": "x"},
        {"type": "bash_20250124", "name": "bash"},
        {**tool("later"), "type": "later_20270101", "allowed_callers": ["direct"]},
        tool("x", input_examples=[{"text": "a"}]),
    )
    assert [one.name for one in found.toolbox.tools] == ["bash", "later", "x"]
    assert found.ignored == {
        "tools.web_search.max_uses",
        "tools.web_search.allowed_domains",
        "tools.computer_20251124",
        "tools.memory_20250818",
        "tools.tool_search_tool_regex_20251119",
        "tools.mcp_toolset",
        "tools.input_examples",
    }


@frozen
class Published:
    """A type of Anthropic's, the usual name, and the fields of the tool."""

    kind: str
    name: str
    fields: set[str]


EDITOR = {"command", "path", "file_text", "old_str", "new_str", "insert_line", "view_range"}


@pytest.mark.parametrize(
    "case",
    [
        Published("bash_20250124", "bash", {"command", "restart"}),
        Published("text_editor_20241022", "str_replace_editor", EDITOR),
        Published("text_editor_20250124", "str_replace_editor", EDITOR),
        Published("text_editor_20250429", "str_replace_based_edit_tool", {*EDITOR, "insert_text"}),
        Published("text_editor_20250728", "str_replace_based_edit_tool", {*EDITOR, "insert_text"}),
    ],
    ids=lambda case: case.kind,
)
def test_tools_that_clients_run_have_their_published_fields(case: Published) -> None:
    """A request has none: Anthropic's models know them."""
    found = published_tool(case.kind, None)
    assert found is not None
    assert (found.name, set(found.parameters["properties"])) == (case.name, case.fields)
    named = published_tool(case.kind, "mine")
    assert named is not None
    assert named.name == "mine"
    undoes = "undo_edit" in str(found.parameters)
    assert undoes is (case.name == "str_replace_editor")


def test_other_tools_are_anthropic_s_to_run() -> None:
    """There is no stand-in for a computer."""
    assert published_tool("computer_20251124", "computer") is None
