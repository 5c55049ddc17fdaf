"""Streams of xAI's Responses API, with values of our own."""

from __future__ import annotations

import json
from typing import Any

from grokcore.protocol.conversation.events import Activity, Event, Failed, Text
from grokcore.protocol.conversation.tools import Tool, ToolKind
from grokcore.protocol.official.decoder import Decoder

__all__ = [
    "TOOLS",
    "completed",
    "created",
    "decoded",
    "delta",
    "item",
    "message",
    "said",
    "sent",
    "shown",
    "thought",
]

TOOLS = {
    "get_weather": Tool("get_weather"),
    "mcp__box__open": Tool("open", namespace="box"),
    "patch": Tool("patch", kind=ToolKind.CUSTOM),
}


def sent(*events: dict[str, Any]) -> bytes:
    """A stream of these events, as xAI frames them."""
    return b"".join(
        f"event: {event.get('type')}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
        for event in events
    )


def created(which: str = "resp_1") -> dict[str, Any]:
    response = {"id": which, "model": "grok-4.7", "status": "in_progress", "output": []}
    return {"type": "response.created", "response": response}


def delta(text: Any, index: int = 0, part: int = 0) -> dict[str, Any]:
    return {
        "type": "response.output_text.delta",
        "output_index": index,
        "content_index": part,
        "item_id": f"msg_{index}",
        "delta": text,
        "logprobs": [],
    }


def thought(text: Any, index: int = 0, part: int = 0) -> dict[str, Any]:
    return {
        "type": "response.reasoning_summary_text.delta",
        "output_index": index,
        "summary_index": part,
        "item_id": f"rs_{index}",
        "delta": text,
    }


def message(*texts: str, index: int = 0, annotations: list[Any] | None = None) -> dict[str, Any]:
    parts = [
        {"type": "output_text", "text": text, "annotations": annotations or []} for text in texts
    ]
    return {"type": "message", "id": f"msg_{index}", "role": "assistant", "content": parts}


def item(value: Any, index: int = 0, *, done: bool = True) -> dict[str, Any]:
    name = "done" if done else "added"
    return {"type": f"response.output_item.{name}", "output_index": index, "item": value}


def completed(*output: dict[str, Any], status: str = "completed", **more: Any) -> dict[str, Any]:
    response = {"id": "resp_1", "model": "grok-4.7", "status": status, "output": list(output)}
    return {"type": f"response.{status}", "response": response | more}


def decoded(data: bytes | list[bytes], decoder: Decoder | None = None) -> list[Event]:
    decoder = decoder or Decoder(TOOLS)
    pieces = [data] if isinstance(data, bytes) else data
    return [event for piece in pieces for event in decoder.receive(piece)] + decoder.close()


def said(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


def shown(events: list[Event]) -> list[str]:
    """Events as lines; of a failure only its name."""
    return [
        f"Failed({type(event.error).__name__})" if isinstance(event, Failed) else repr(event)
        for event in events
        if type(event) is not Activity
    ]
