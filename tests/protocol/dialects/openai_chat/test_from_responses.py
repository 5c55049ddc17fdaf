"""Bodies of the Responses API that a client sends to chat completions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grokcore.errors import InvalidRequest
from grokcore.protocol.conversation.bounds import Bounds
from grokcore.protocol.conversation.extras import Extras
from grokcore.protocol.conversation.messages import Call, Message
from grokcore.protocol.conversation.tools import Tool, Toolbox
from grokcore.protocol.dialects.openai_chat.dialect import ChatDialect
from grokcore.protocol.dialects.openai_chat.request import ChatRequest


def parsed(**fields: Any) -> ChatRequest:
    """What chat completions make of a body with these fields beside the model."""
    return ChatDialect().parse(json.dumps({"model": "grok-4.1", **fields}).encode())


def test_a_body_of_the_responses_api_is_a_chat_request() -> None:
    """Cursor sends such bodies, and reads chunks of chat completions."""
    items = [
        {"role": "system", "content": "A"},
        {"role": "user", "content": [{"type": "input_text", "text": "B"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "D"},
    ]
    request = parsed(
        input=items,
        tools=[{"type": "function", "name": "f"}],
        max_output_tokens=99,
        stream=True,
        stream_options={"include_usage": True},
        store=True,
        reasoning={"effort": "low"},
    )
    assert request == ChatRequest(
        model="grok-4.1",
        messages=(
            Message("system", "A"),
            Message("user", "B"),
            Message("assistant", "", calls=(Call("c", "f", "{}"),)),
            Message("tool", "D", name="f", call_id="c"),
        ),
        stream=True,
        extras=Extras({"reasoning": {"effort": "low"}}, names=frozenset({"reasoning"})),
        toolbox=Toolbox((Tool("f"),)),
        bounds=Bounds(most_tokens=99),
        include_usage=True,
    )


def test_a_body_with_messages_stays_a_chat_request() -> None:
    """Whatever else it has."""
    request = parsed(input="x", messages=[{"role": "user", "content": "hi"}])
    assert (request.messages, request.ignored) == ((Message("user", "hi"),), ("input",))


@pytest.mark.parametrize(
    ("param", "fields"),
    [
        ("previous_response_id", {"input": "hi", "previous_response_id": "resp_1"}),
        ("input", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
    ],
)
def test_references_to_stored_responses_are_refused(param: str, fields: dict[str, Any]) -> None:
    """The answer would be to another conversation."""
    with pytest.raises(InvalidRequest) as caught:
        parsed(**fields)
    assert caught.value.param == param
