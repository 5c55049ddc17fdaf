"""Responses against the types of OpenAI's and Anthropic's own SDKs (openai-python, anthropic-python).

Their clients fill objects from anything; here each body and event must have every required field,
of the right type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import openai.types.responses as openai_responses
from anthropic.types import ErrorResponse, Message, RawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.shared import ErrorObject
from pydantic import TypeAdapter

__all__ = ["check_types"]

_ERROR: TypeAdapter[Any] = TypeAdapter(ErrorObject)

BODIES: Mapping[str, TypeAdapter[Any]] = {
    "chat": TypeAdapter(ChatCompletion),
    "responses": TypeAdapter(openai_responses.Response),
    "messages": TypeAdapter(Message),
}

EVENTS: Mapping[str, TypeAdapter[Any]] = {
    "chat": TypeAdapter(ChatCompletionChunk),
    "responses": TypeAdapter(openai_responses.ResponseStreamEvent),
    "messages": TypeAdapter(RawMessageStreamEvent),
}


def check_types(dialect: str, response: httpx.Response) -> None:
    """Raise unless a response's body, or each of its events, is of the SDK's type.

    :param dialect: ``chat``, ``responses`` or ``messages``.
    :raises pydantic.ValidationError: if a field lacks or is of another type.
    """
    if response.status_code != 200:
        _check_error(dialect, response.json())
    elif response.headers["content-type"].startswith("text/event-stream"):
        for name, event in _events(response.text):
            assert name == event.get("type", "")
            _check_event(dialect, event)
    else:
        BODIES[dialect].validate_json(response.content, strict=True)


def _events(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and data of each event of a stream."""
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith(":")]
        fields = dict(line.split(": ", 1) for line in lines)
        assert len(fields) == len(lines)
        if fields and fields["data"] != "[DONE]":
            yield fields.get("event", ""), json.loads(fields["data"])


def _check_event(dialect: str, event: dict[str, Any]) -> None:
    if "error" in event:
        _check_error(dialect, event)
    if event == {"type": "ping"} or ("error" in event and dialect != "responses"):
        return  # of these, the SDK's type knows nothing
    EVENTS[dialect].validate_json(json.dumps(_of_published_code(event)), strict=True)


def _of_published_code(event: dict[str, Any]) -> dict[str, Any]:
    """A ``response.failed`` with a code that the type lists: ours are beyond it on purpose, since
    Codex decides by them whether to ask again.
    """
    failure = event.get("response", {}).get("error")
    if failure is None:
        return event
    assert isinstance(failure["code"], str)
    return {
        **event,
        "response": {**event["response"], "error": {**failure, "code": "server_error"}},
    }


def _check_error(dialect: str, body: dict[str, Any]) -> None:
    if dialect == "messages":
        TypeAdapter(ErrorResponse).validate_json(json.dumps(body), strict=True)
    else:
        _ERROR.validate_json(json.dumps(body["error"]), strict=True)
