"""Bodies of the Messages API: fields that are read, ignored or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import GrokApiError, InvalidRequest
from grokcore.protocol.conversation.bounds import Bounds, TextFormat
from grokcore.protocol.conversation.tools import Toolbox
from grokcore.protocol.dialects.anthropic_messages.request import (
    MessagesRequest,
    parse_messages_fields,
    parse_messages_request,
)

from . import claude_code

HELLO = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def parsed(**fields: Any) -> MessagesRequest:
    """A request with these fields beside the required ones."""
    return parse_messages_fields({"model": "grok-4", "messages": HELLO, **fields})


def test_a_request_of_claude_code_is_served() -> None:
    """Its changing first block is no part of the prompt, and no thinking goes back to it."""
    asked = parse_messages_request(json.dumps(claude_code.request()).encode())
    assert [message.role for message in asked.messages] == ["system", "user", "system"]
    assert asked.messages[0].text == "You are an agent.\n# Environment\nLinux"
    assert "billing" not in "".join(message.text for message in asked.messages)
    assert [tool.name for tool in asked.toolbox.tools] == list(claude_code.TOOLS)
    assert (asked.stream, asked.thinking, asked.bounds) == (True, False, Bounds(most_tokens=32000))
    assert asked.ignored == ("context_management", "metadata")
    assert asked.extras.names == {"output_config.effort"}


def test_the_least_is_a_model_and_a_message() -> None:
    """Anthropic requires max_tokens; clients that leave it out mean the most."""
    asked = parsed()
    assert (asked.model, asked.stream, asked.ignored) == ("grok-4", False, ())
    assert (asked.toolbox, asked.bounds, asked.search) == (Toolbox(), Bounds(), None)


@frozen
class Thinking:
    """A value of ``thinking``, and whether thinking is shown."""

    value: Any
    shown: bool


@pytest.mark.parametrize(
    "case",
    [
        Thinking(None, shown=False),
        Thinking({"type": "enabled", "budget_tokens": 1024}, shown=True),
        Thinking({"type": "adaptive"}, shown=True),
        Thinking({"type": "adaptive", "display": "summarized"}, shown=True),
        Thinking({"type": "adaptive", "display": "omitted"}, shown=False),
        Thinking({"type": "disabled"}, shown=False),
        Thinking({"type": "between_tools"}, shown=False),
        Thinking({"type": "a later one"}, shown=False),
        Thinking({"type": {}}, shown=False),
    ],
    ids=lambda case: str(case.value),
)
def test_thinking_is_shown_to_clients_that_ask_for_it(case: Thinking) -> None:
    """Other clients don't expect its blocks."""
    assert parsed(thinking=case.value).thinking is case.shown


@frozen
class Bounded:
    """Fields, and the bounds that they set."""

    fields: dict[str, Any]
    bounds: Bounds


FORMAT = {"type": "json_schema", "schema": SCHEMA}


@pytest.mark.parametrize(
    "case",
    [
        Bounded({"stop_sequences": ["END", "\n\n"]}, Bounds(("END", "\n\n"))),
        Bounded({"stop_sequences": None}, Bounds()),
        Bounded({"max_tokens": 1}, Bounds(most_tokens=1)),
        Bounded({"output_config": {"format": FORMAT}}, Bounds(text_format=TextFormat(SCHEMA))),
        Bounded({"output_format": FORMAT}, Bounds(text_format=TextFormat(SCHEMA))),
        Bounded({"output_config": {"format": None}}, Bounds()),
    ],
    ids=lambda case: next(iter(case.fields)),
)
def test_bounds_of_an_answer_are_read(case: Bounded) -> None:
    """They hold here, although Grok knows none of them."""
    asked = parsed(**case.fields)
    assert (asked.bounds, asked.ignored) == (case.bounds, ())


def test_what_grok_has_nothing_for_is_named() -> None:
    """So a user can find out why a field changes nothing."""
    unheard = {
        "temperature": 0.5,
        "top_k": 5,
        "metadata": {"user_id": "me"},
        "service_tier": "auto",
        "mcp_servers": [{"url": "https://example.com"}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "container": None,
    }
    asked = parsed(**unheard)
    assert asked.ignored == ("mcp_servers", "metadata", "service_tier", "top_k")
    assert asked.extras.names == {"temperature", "thinking.budget_tokens"}
    assert asked.extras.values == {"temperature": 0.5, "reasoning": {"effort": "low"}}


@frozen
class Fault:
    """Fields of a malformed request, and the path of the one at fault."""

    fields: dict[str, Any]
    param: str


@pytest.mark.parametrize(
    "case",
    [
        Fault({"model": None}, "model"),
        Fault({"messages": None}, "messages"),
        Fault({"messages": []}, "messages"),
        Fault({"messages": "hi"}, "messages"),
        Fault({"messages": ["hi"]}, "messages[0]"),
        Fault({"messages": [{"role": "tool", "content": "hi"}]}, "messages[0].role"),
        Fault({"messages": [{"role": "user", "content": ""}]}, "messages"),
        Fault({"messages": [{"role": "system", "content": "hi"}]}, "messages"),
        Fault({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        Fault({"system": 7}, "system"),
        Fault({"max_tokens": 0}, "max_tokens"),
        Fault({"max_tokens": "many"}, "max_tokens"),
        Fault({"stop_sequences": [7]}, "stop_sequences"),
        Fault({"stream": "perhaps"}, "stream"),
        Fault({"thinking": "yes"}, "thinking"),
        Fault({"output_config": "json"}, "output_config"),
        Fault({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
        Fault({"tools": {"name": "x"}}, "tools"),
        Fault({"tools": ["x"]}, "tools[0]"),
        Fault({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        Fault({"tools": [{"name": "x", "input_schema": "none"}]}, "tools[0].input_schema"),
        Fault({"tool_choice": {"type": "some"}}, "tool_choice"),
        Fault({"tool_choice": {"type": "any"}}, "tool_choice"),
        Fault({"tool_choice": {"type": "tool", "name": "x"}}, "tool_choice"),
        Fault({"thread": {"type": "create"}}, "thread"),
        Fault({"thread": {"type": "continue", "previous_message_id": "msg_1"}}, "thread"),
    ],
    ids=lambda case: f"{case.param}-{case.fields}",
)
def test_a_malformed_request_is_refused_with_its_path(case: Fault) -> None:
    """Nothing else is, but a thread, whose messages are not here: Claude Code sends a refused
    request six times.
    """
    with pytest.raises(InvalidRequest) as raised:
        parsed(**case.fields)
    assert raised.value.param == case.param


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["", "text", "tool_use", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "role", "content", "name", "id", "source", "input", "tool_use_id"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(messages=JSON, system=JSON, tools=JSON, choice=JSON)
@settings(deadline=None, max_examples=100)
def test_no_json_is_too_odd(messages: Any, system: Any, tools: Any, choice: Any) -> None:
    """A request is read, or refused with an error of ours."""
    fields = {"messages": messages, "system": system, "tools": tools, "tool_choice": choice}
    with_a_turn = [*HELLO, *(messages if isinstance(messages, list) else [])]
    for listed in (messages, with_a_turn):
        try:
            parse_messages_fields({"model": "grok-4", **fields, "messages": listed})
        except GrokApiError as error:
            assert error.status == 400  # noqa: PT017 - either outcome is right


@given(content=JSON)
@settings(deadline=None, max_examples=100)
def test_history_is_never_refused(content: Any) -> None:
    """A client sends its history again with every question."""
    history = [{"role": role, "content": content} for role in ("user", "assistant", "system")]
    asked = parsed(messages=[*history, *HELLO])
    assert asked.messages[-1].text == "hi"
