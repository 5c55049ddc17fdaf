"""Calls of the client's tools in OpenAI's shape, and the ``finish_reason`` of an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...conversation.events import End, ToolCall
from ...conversation.tools import ToolKind

__all__ = ["call_deltas", "call_id", "call_object", "finish_reason"]

_REASONS: Mapping[End, str] = {
    End.STOP: "stop",
    End.STOP_SEQUENCE: "stop",
    End.LENGTH: "length",
    End.CALLS: "tool_calls",
    End.REFUSAL: "content_filter",
}


def finish_reason(end: End, *, legacy: bool) -> str:
    """The ``finish_reason``; *legacy* is for a client that knows ``function_call`` only."""
    return "function_call" if legacy and end is End.CALLS else _REASONS[end]


def call_id(answer_id: str, choice: int, call: int) -> str:
    """The id of a call, for the answer with the id ``chatcmpl-…``: ``call_`` and 24 hexadecimal
    digits.
    """
    return f"call_{answer_id.removeprefix('chatcmpl-')[:20]}{choice:x}{call:03x}"


def call_object(call: ToolCall, which: str) -> dict[str, Any]:
    """An entry of ``tool_calls`` in a whole answer. *which* is its id."""
    return {"id": which, **_typed(call, call.arguments)}


def call_deltas(call: ToolCall, which: str, *, legacy: bool) -> tuple[dict[str, Any], ...]:
    """Two deltas: one opens the call, one holds all of its arguments.

    Only the first has the id, the type and the name: clients concatenate the texts of all deltas.
    Each has one call: some clients read the first of a delta only.
    """
    if legacy:
        opening: dict[str, Any] = {"name": call.name, "arguments": ""}
        return {"function_call": opening}, {"function_call": {"arguments": call.arguments}}
    kind, key = _words(call)
    opening = {"index": call.index, "id": which, **_typed(call, "")}
    rest = {"index": call.index, kind: {key: call.arguments}}
    return {"tool_calls": [opening]}, {"tool_calls": [rest]}


def _typed(call: ToolCall, arguments: str) -> dict[str, Any]:
    kind, key = _words(call)
    return {"type": kind, kind: {"name": call.name, key: arguments}}


def _words(call: ToolCall) -> tuple[str, str]:
    return ("custom", "input") if call.kind is ToolKind.CUSTOM else ("function", "arguments")
