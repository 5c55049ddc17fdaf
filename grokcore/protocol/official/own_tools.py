"""Items of an answer that xAI's own tools make, readable: searches, code, pictures."""

from __future__ import annotations

from typing import Any

from ..conversation.events import Picture, ToolUse
from ..lenient_json import loads

__all__ = ["OWN_ITEMS", "picture_in", "tool_use_in"]

MOST_CHARS = 200
MOST_NAME_CHARS = 100

OWN_ITEMS = frozenset(
    {
        *("web_search_call", "x_search_call", "file_search_call", "code_interpreter_call"),
        *("mcp_call", "image_generation_call", "shell_call", "local_shell_call"),
    }
)
"""Types of items. A search of X comes as a ``custom_tool_call`` whose name is not a client's."""

_TELLING = ("query", "queries", "url", "pattern", "code", "commands", "username", "video_url")
"""Keys that describe a use, most specific first."""

_CONTENT_TYPES = (("iVBOR", "image/png"), ("/9j/", "image/jpeg"), ("UklGR", "image/webp"))
"""Beginnings of pictures in base64."""


def tool_use_in(item: dict[str, Any]) -> ToolUse:
    """The use that an item reports. Its detail is empty as long as the item has none."""
    kind = item.get("type")
    name = item.get("name")
    if kind in OWN_ITEMS and kind != "mcp_call":
        name = str(kind).removesuffix("_call")
    elif kind == "mcp_call" and isinstance(server := item.get("server_label"), str):
        name = f"{server}.{name}"
    shown = " ".join(str(name).split())[:MOST_NAME_CHARS]
    return ToolUse(shown or "tool", _detail(item))


def picture_in(item: dict[str, Any]) -> Picture | None:
    """The picture that was made: an address, or base64; None if there is none."""
    value = item.get("result")
    if item.get("type") != "image_generation_call" or not isinstance(value, str) or not value:
        return None
    if value.startswith(("https://", "data:image/")):
        return Picture(value)
    kinds = (kind for beginning, kind in _CONTENT_TYPES if value.startswith(beginning))
    kind = next(kinds, "")
    return Picture(f"data:{kind};base64,{value}") if kind else None


def _detail(item: dict[str, Any]) -> str:
    for value in (item.get("action"), _loaded(item.get("input")), _loaded(item.get("arguments"))):
        if isinstance(value, dict) and (line := _told(value)):
            return line
    return _told(item)


def _told(value: dict[str, Any]) -> str:
    for key in _TELLING:
        told = value.get(key)
        told = told[0] if isinstance(told, list) and told else told
        if isinstance(told, str) and (line := " ".join(told[: 4 * MOST_CHARS].split())):
            return line if len(line) <= MOST_CHARS else f"{line[:MOST_CHARS]}…"
    return ""


def _loaded(text: object) -> Any:
    try:
        return loads(text.encode("utf-8", "replace")) if isinstance(text, str) else text
    except ValueError:
        return None
