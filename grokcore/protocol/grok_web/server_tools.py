"""Tool calls of Grok's, readable: from a ``toolUsageCard`` or from the element in a token
(grok-protocol.md §3.5).
"""

from __future__ import annotations

import re
from typing import Any

from ..conversation.events import ToolUse
from ..lenient_json import loads

__all__ = ["ARGUMENTS_BEGIN", "ARGUMENTS_END", "tool_use_in_card", "tool_use_in_element"]

_NAME = re.compile(r"<xai:tool_name>\s*([\w.-]+)\s*</xai:tool_name>")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_TELLING = (
    "query",
    "url",
    "image_description",
    "imageDescription",
    "message",
    "toolName",
    "tool_name",
)
"""Arguments that describe a call, most specific first."""

ARGUMENTS_BEGIN, ARGUMENTS_END = "<xai:tool_args>", "</xai:tool_args>"
"""Marks around the JSON of a tool call; only these spellings are read."""

MOST_CHARS = 200

MOST_NAME_CHARS = 100


def tool_use_in_card(card: Any) -> ToolUse | None:
    """``{"toolUsageCardId": …, "webSearch": {"args": {"query": …}}}``; None if it names no tool."""
    if not isinstance(card, dict):
        return None
    for name, value in card.items():
        if isinstance(value, dict):
            return ToolUse(
                _HUMP.sub("_", name[:MOST_NAME_CHARS]).lower(), _detail(value.get("args"))
            )
    return None


def tool_use_in_element(element: str) -> ToolUse | None:
    """``<xai:tool_usage_card>…</xai:tool_usage_card>``, whole; None if it names no tool."""
    name = _NAME.search(element)
    if name is None:
        return None
    try:
        value = loads(_arguments(element).encode("utf-8", "replace"))
    except ValueError:
        value = None
    return ToolUse(name.group(1)[:MOST_NAME_CHARS], _detail(value))


def _arguments(element: str) -> str:
    """The JSON between ``<xai:tool_args>`` and its end, with or without CDATA; empty if there is
    none.
    """
    _, _, rest = element.partition(ARGUMENTS_BEGIN)
    inner, end, _ = rest.partition(ARGUMENTS_END)
    return inner.strip().removeprefix("<![CDATA[").removesuffix("]]>") if end else ""


def _detail(arguments: Any) -> str:
    if not isinstance(arguments, dict):
        return ""
    told = next(
        (value for name in _TELLING if isinstance(value := arguments.get(name), str) and value), ""
    )
    line = " ".join(told.split())
    return line if len(line) <= MOST_CHARS else f"{line[:MOST_CHARS]}…"
