"""The types of events in xAI's stream, and what each is (docs.x.ai, Responses API, 2026-11; the
names are OpenAI's).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

__all__ = ["DELTA", "EVENT_TYPES", "TERMINAL", "Kind", "kind_of"]

DELTA = "response.output_text.delta"
"""The type of nearly every event."""


class Kind(enum.Enum):
    """The meaning of an event to the decoder."""

    TEXT = enum.auto()
    WHOLE_TEXT = enum.auto()
    REFUSAL = enum.auto()
    THOUGHT = enum.auto()
    WHOLE_THOUGHT = enum.auto()
    PART = enum.auto()
    ANNOTATION = enum.auto()
    ARGUMENTS = enum.auto()
    WORK = enum.auto()
    ITEM_ADDED = enum.auto()
    ITEM_DONE = enum.auto()
    LIFE = enum.auto()
    ERROR = enum.auto()


TERMINAL = frozenset(
    f"response.{status}" for status in ("completed", "incomplete", "failed", "cancelled", "done")
)
"""Events that end an answer."""

_BEGINNING = ("created", "in_progress", "queued")

EVENT_TYPES: Mapping[str, Kind] = {
    DELTA: Kind.TEXT,
    "response.output_text.done": Kind.WHOLE_TEXT,
    "response.output_text.annotation.added": Kind.ANNOTATION,
    "response.refusal.delta": Kind.REFUSAL,
    "response.refusal.done": Kind.REFUSAL,
    "response.reasoning_summary_text.delta": Kind.THOUGHT,
    "response.reasoning_summary_text.done": Kind.WHOLE_THOUGHT,
    "response.reasoning_text.delta": Kind.THOUGHT,
    "response.reasoning_text.done": Kind.WHOLE_THOUGHT,
    "response.content_part.added": Kind.WORK,
    "response.content_part.done": Kind.PART,
    **dict.fromkeys(
        (
            f"response.reasoning_{part}.{end}"
            for part in ("summary_part", "part")
            for end in ("added", "done")
        ),
        Kind.WORK,
    ),
    "response.function_call_arguments.delta": Kind.WORK,
    "response.function_call_arguments.done": Kind.ARGUMENTS,
    "response.custom_tool_call_input.delta": Kind.WORK,
    "response.custom_tool_call_input.done": Kind.ARGUMENTS,
    "response.output_item.added": Kind.ITEM_ADDED,
    "response.output_item.done": Kind.ITEM_DONE,
    "error": Kind.ERROR,
    "response.error": Kind.ERROR,
    **dict.fromkeys((f"response.{name}" for name in _BEGINNING), Kind.LIFE),
    **dict.fromkeys(TERMINAL, Kind.LIFE),
}

_WORK = tuple(
    f"response.{tool}"
    for tool in (
        *("web_search_call", "x_search_call", "code_interpreter_call", "file_search_call"),
        *("mcp_call", "mcp_list_tools", "image_generation_call", "shell_call"),
    )
)
"""Beginnings of the types by which xAI's own tools report their progress."""


def kind_of(name: object) -> Kind | None:
    """The kind of an event; None for an unknown one."""
    if not isinstance(name, str):
        return None
    return EVENT_TYPES.get(name) or (Kind.WORK if name.startswith(_WORK) else None)
