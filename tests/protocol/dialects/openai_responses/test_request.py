"""Bodies of the Responses API: read, refused with the path of the fault, or named as without
effect.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given, settings

from grokcore.errors import GrokApiError, InvalidRequest
from grokcore.protocol.conversation.bounds import Bounds, TextFormat
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.dialects.openai_responses.request import (
    parse_responses_request,
)

from ...strategies import json_objects
from .responses_cases import asked

CODEX = {
    "model": "grok-4.1",
    "stream": True,
    "store": False,
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "A"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "B"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "C"}]},
    ],
    "tools": [
        {"type": "function", "name": "exec_command", "parameters": {"type": "object"}},
        {
            "type": "namespace",
            "name": "multi_agent_v1",
            "description": "Agents.",
            "tools": [{"type": "function", "name": "spawn_agent", "strict": False}],
        },
        {"type": "web_search", "external_web_access": False},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "thread",
    "client_metadata": {"a": "b"},
    "text": {"verbosity": "low"},
}


def test_a_bare_text_is_the_users_message() -> None:
    """It reaches Grok to the character."""
    request = asked(input=" hi\n")
    assert request.messages == (Message("user", " hi\n"),)
    assert (request.stream, request.store, request.search) == (False, True, None)
    assert request.bounds == Bounds()


def test_codex_bodies_are_understood() -> None:
    """As Codex 0.171 sends them: nothing of them is refused."""
    request = parse_responses_request(json.dumps(CODEX).encode())
    roles = [message.role for message in request.messages]
    assert roles == ["developer", "user", "user"]
    names = [tool.full_name for tool in request.toolbox.tools]
    assert names == ["exec_command", "multi_agent_v1.spawn_agent"]
    assert (request.stream, request.store, request.search) == (True, False, False)
    assert request.ignored == (*("client_metadata", "include", "text.verbosity"),)
    assert request.extras.names == {"prompt_cache_key", "reasoning"}
    assert request.extras.values == {
        "prompt_cache_key": "thread",
        "reasoning": {"effort": "medium", "summary": "auto"},
    }


def test_instructions_come_first() -> None:
    """They hold for the whole conversation."""
    assert asked(instructions="Be brief.").messages[0] == Message("system", "Be brief.")


def test_an_item_may_stand_alone() -> None:
    """Some clients leave out the list."""
    assert asked(input={"role": "user", "content": "hi"}).messages == (Message("user", "hi"),)


def test_null_is_the_same_as_absent() -> None:
    """The SDKs send it for every field that is not set."""
    names = "instructions previous_response_id tools tool_choice text metadata include reasoning "
    names += "max_output_tokens conversation background stream store top_logprobs prompt user"
    assert asked(**dict.fromkeys(names.split())) == asked()


FORMATS: list[tuple[dict[str, Any] | None, TextFormat | None]] = [
    (None, None),
    ({}, None),
    ({"format": None}, None),
    ({"format": {"type": "text"}}, None),
    ({"format": {"type": "json_object"}}, TextFormat()),
    (
        {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
        TextFormat({"type": "object"}, "n"),
    ),
]


@pytest.mark.parametrize(("text", "form"), FORMATS)
def test_the_form_of_the_answer_is_read(text: Any, form: TextFormat | None) -> None:
    """It is flat here, unlike in chat completions."""
    assert asked(text=text).bounds.text_format == form


def test_a_limit_of_tokens_is_read() -> None:
    """Also one below OpenAI's own least."""
    assert asked(max_output_tokens=5).bounds.most_tokens == 5
    assert asked(max_output_tokens=16.0).bounds.most_tokens == 16


@pytest.mark.parametrize(
    ("fields", "search"),
    [
        ({}, None),
        ({"tools": [{"type": "function", "name": "f"}]}, None),
        ({"tools": [{"type": "web_search_preview_2025_03_11"}]}, True),
        ({"tools": [{"type": "web_search", "external_web_access": False}]}, False),
        ({"search": True}, True),
        ({"tools": [{"type": "web_search"}], "search": "false"}, False),
        ({"tools": [{"type": "web_search"}], "tool_choice": "none"}, False),
        ({"tool_choice": {"type": "web_search_preview"}}, True),
    ],
)
def test_grok_searches_if_the_client_declares_it(fields: Any, search: bool | None) -> None:
    """None leaves it to the model, and forbids it beside tools."""
    assert asked(**fields).search is search


@frozen
class Fault:
    """Fields that make a body wrong, and the ``param`` of its error."""

    param: str
    fields: dict[str, Any]


FAULTS = [
    Fault("model", {"model": None}),
    Fault("model", {"model": 4}),
    Fault("input", {"input": None}),
    Fault("input", {"input": None, "messages": [{"role": "user", "content": "hi"}]}),
    Fault("input", {"input": 5}),
    Fault("input", {"input": []}),
    Fault("input", {"input": "  "}),
    Fault("input[0]", {"input": ["hi"]}),
    Fault("input[0]", {"input": [{"content": "hi"}]}),
    Fault("input[0].role", {"input": [{"role": "boss", "content": "hi"}]}),
    Fault("input[0].content", {"input": [{"role": "user", "content": 5}]}),
    Fault(
        "input[0].content[0]",
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file_1"}]}]},
    ),
    Fault(
        "input[0].content[0]",
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}]},
    ),
    Fault("instructions", {"instructions": ["hi"]}),
    Fault("previous_response_id", {"previous_response_id": 5}),
    Fault("conversation", {"conversation": "conv_1"}),
    Fault("background", {"background": True}),
    Fault("include", {"include": ["message.output_text.logprobs"]}),
    Fault("top_logprobs", {"top_logprobs": 3}),
    Fault("max_output_tokens", {"max_output_tokens": 0}),
    Fault("max_output_tokens", {"max_output_tokens": True}),
    Fault("max_output_tokens", {"max_output_tokens": 1.5}),
    Fault("stream", {"stream": "maybe"}),
    Fault("text", {"text": "plain"}),
    Fault("text.format.type", {"text": {"format": "json"}}),
    Fault("text.format.type", {"text": {"format": {"type": "yaml"}}}),
    Fault("text.format.schema", {"text": {"format": {"type": "json_schema"}}}),
    Fault("tools", {"tools": {"type": "function"}}),
    Fault("tools[0]", {"tools": ["web_search"]}),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.param}: {fault.fields}"[:60])
def test_a_fault_is_refused_with_its_place(fault: Fault) -> None:
    """The client's user can mend what is named."""
    with pytest.raises(GrokApiError) as caught:
        asked(**fault.fields)
    assert (caught.value.status, caught.value.param) == (400, fault.param)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 2.5),
        ("top_p", "0.9"),
        ("user", ""),
        ("safety_identifier", "x"),
        ("service_tier", "flex"),
        ("prompt", {"id": "pmpt_1"}),
        ("context_management", [{"type": "compaction"}]),
        ("stream_options", {"include_obfuscation": False}),
        ("max_tool_calls", 3),
        ("moderation", {"model": "x"}),
        ("include", ["file_search_call.results"]),
        ("x\ny", 1),
    ],
)
def test_what_has_no_effect_is_named_and_never_refused(name: str, value: Any) -> None:
    """A refusal would end every turn of an agent."""
    assert asked(**{name: value}).ignored == (name.replace("\n", ""),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("truncation", "auto"),
        ("metadata", {"a": "b"}),
        ("background", False),
        ("top_logprobs", 0),
        ("include", []),
        ("stream", 0),
    ],
)
def test_what_asks_for_nothing_is_not_named(name: str, value: Any) -> None:
    """The header names what the user may miss."""
    assert asked(**{name: value}).ignored == ()


@given(json_objects)
@settings(deadline=None, max_examples=100)
def test_any_object_is_read_or_refused(fields: dict[str, Any]) -> None:
    """A bug in the reader would be a 500."""
    given_fields = {**fields, "input": [{"role": "user", "content": [fields]}], "tools": [fields]}
    with contextlib.suppress(GrokApiError):
        asked(**given_fields)


def test_a_body_that_is_no_object_is_refused() -> None:
    """Whatever its content type said."""
    with pytest.raises(InvalidRequest):
        parse_responses_request(b"[]")
