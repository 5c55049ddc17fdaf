"""Requests, heads and events that the tests of this dialect share."""

from __future__ import annotations

import json
from typing import Any

import orjson
from attrs import frozen

from grokcore.protocol.dialects.dialect import AnswerHead
from grokcore.protocol.dialects.openai_responses.request import (
    ResponsesRequest,
    parse_responses_request,
)
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle

__all__ = ["HEAD", "HIDDEN_HEAD", "NONCE", "NOW", "Sent", "asked", "sent_events"]

NONCE = "0123456789abcdef01234567"
NOW = 1_700_000_009
HEAD = AnswerHead(NONCE, 1_700_000_000, 7, Style(ThinkingStyle.REASONING_CONTENT))
HIDDEN_HEAD = AnswerHead(NONCE, 1_700_000_000, 7, Style(ThinkingStyle.HIDDEN))


def asked(**fields: Any) -> ResponsesRequest:
    """A request with these fields beside a model and an input."""
    body = {"model": "grok-4.1", "input": "hi", **fields}
    return parse_responses_request(json.dumps(body).encode())


@frozen
class Sent:
    """An event of a stream: its name and its JSON."""

    name: str
    data: dict[str, Any]


def sent_events(stream: bytes) -> list[Sent]:
    """The events of *stream*, without its ``[DONE]``."""
    found = []
    for block in stream.decode().split("\n\n"):
        lines = block.split("\n")
        if len(lines) == 2 and lines[0].startswith("event: "):
            data = orjson.loads(lines[1].removeprefix("data: "))
            found.append(Sent(lines[0].removeprefix("event: "), data))
    return found
