"""Anthropic's own library as the judge of answers: its types, and its accumulator of streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import orjson
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import BaseModel, TypeAdapter

__all__ = ["accumulated", "frames", "validated"]

_EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def frames(data: bytes) -> list[dict[str, Any]]:
    """The objects of an event stream, read as the strictest client reads it. Each event is one of
    the library's types, or a ``ping`` or an ``error``.
    """
    *found, rest = data.split(b"\n\n")
    assert rest == b""
    objects = []
    for frame in found:
        name, line = frame.split(b"\n")
        event = orjson.loads(line.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        if event["type"] not in ("ping", "error"):
            assert list(_unknown(_EVENTS.validate_python(event, strict=True))) == []
        objects.append(event)
    return objects


def validated(body: bytes) -> dict[str, Any]:
    """A whole answer, which has the library's type and no field that the library does not know."""
    assert list(_unknown(Message.model_validate_json(body, strict=True))) == []
    found: dict[str, Any] = orjson.loads(body)
    return found


def accumulated(stream: bytes) -> Message:
    """The answer that the library puts together from *stream*.

    :raises anthropic.APIError: if the stream reports an error.
    """

    def respond(_: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream", "request-id": "req_1"}
        return httpx2.Response(200, content=stream, headers=headers)

    with anthropic.Anthropic(
        api_key="x",
        base_url="http://127.0.0.1:9",
        http_client=httpx2.Client(transport=httpx2.MockTransport(respond)),
    ) as client:
        messages: Any = [{"role": "user", "content": "hi"}]
        with client.messages.stream(model="grok-4", max_tokens=9, messages=messages) as answer:
            return answer.get_final_message()


def _unknown(model: Any) -> Iterator[str]:
    """Names of fields, at any depth, that the library's types don't have."""
    if isinstance(model, BaseModel):
        yield from model.model_extra or ()
        for name in model.model_fields_set:
            yield from _unknown(getattr(model, name))
    elif isinstance(model, list):
        for item in model:
            yield from _unknown(item)
