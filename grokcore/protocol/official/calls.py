"""Calls of the client's tools, gathered until the answer ends.

Text never follows a call in an answer of ours, but may in one of xAI's. So calls are kept, and
given out behind everything else. An answer with a call that was never finished has broken off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from attrs import define, field

from ..conversation.events import ToolCall
from ..conversation.tools import Tool, ToolKind
from ..lenient_json import loads
from .tools import custom_text

__all__ = ["MOST_CALLS", "Calls"]

MOST_CALLS = 500
"""Calls of one answer."""


@define
class _Call:
    name: str
    custom: bool
    arguments: str | None = field(default=None, repr=False)


class Calls:
    """The calls of one answer.

    :param tools: the client's tools by the names that xAI knows them by.
    :ivar too_many: whether the answer has more than :data:`MOST_CALLS`.
    """

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = tools
        self._calls: list[_Call] = []
        self._by_mark: dict[str, _Call] = {}
        self.too_many = False

    def is_call(self, item: dict[str, Any]) -> bool:
        """Whether an item calls a tool of the client's, and none of xAI's own.

        So does a function that the client, which has tools, did not declare: it can answer so.
        """
        kind, name = item.get("type"), item.get("name")
        if kind == "function_call":
            return bool(self._tools)
        return kind == "custom_tool_call" and isinstance(name, str) and name in self._tools

    def note(self, item: dict[str, Any], index: object, *, done: bool) -> int:
        """Keep the call of an item; return the characters of arguments that are new.

        :param index: the item's place in the answer.
        :param done: whether the item is as it stays.
        """
        marks = _marks(item.get("id"), item.get("call_id"), index)
        call = self._find(marks)
        name, custom = str(item.get("name") or ""), item.get("type") == "custom_tool_call"
        if call is None or (name and call.name and call.name != name):
            if len(self._calls) >= MOST_CALLS:
                self.too_many = True
                return 0
            call = _Call(name, custom)
            self._calls.append(call)
        call.name = call.name or name
        self._by_mark.update(dict.fromkeys(marks, call))
        whole = done and item.get("status") not in ("incomplete", "in_progress")
        return self._finish(call, item.get("input" if custom else "arguments")) if whole else 0

    def finish(self, event: dict[str, Any], arguments: object) -> int:
        """Keep the whole arguments of a call that was opened; return as :meth:`note`."""
        call = self._find(
            _marks(event.get("item_id"), event.get("call_id"), event.get("output_index"))
        )
        return 0 if call is None else self._finish(call, arguments)

    @property
    def unfinished(self) -> bool:
        """Whether a call is not whole, or has no name."""
        return any(call.arguments is None or not call.name for call in self._calls)

    def whole(self) -> Iterator[ToolCall | None]:
        """The calls that are whole, in order; None for one whose arguments can't be read."""
        index = 0
        for call in self._calls:
            if call.arguments is not None and call.name:
                yield self._made(call, index)
                index += 1

    def _made(self, call: _Call, index: int) -> ToolCall | None:
        arguments = call.arguments or ""
        tool = self._tools.get(call.name) or Tool(call.name)
        if call.custom:
            kind = ToolKind.CUSTOM
        elif tool.kind is ToolKind.CUSTOM:  # which xAI only takes as a function
            kind, arguments = ToolKind.CUSTOM, custom_text(arguments)
        else:
            kind = ToolKind.FUNCTION
            readable = _object_text(arguments)
            if readable is None:
                return None
            arguments = readable
        return ToolCall(index, tool.name, arguments, tool.namespace, kind)

    def _find(self, marks: list[str]) -> _Call | None:
        return next((call for mark in marks if (call := self._by_mark.get(mark))), None)

    def _finish(self, call: _Call, arguments: object) -> int:
        if call.arguments is not None or not isinstance(arguments, str):
            return 0
        call.arguments = arguments
        return len(arguments)


def _marks(*values: object) -> list[str]:
    """Names that a call is found again by: its id, its call's id, its place."""
    marks = [value for value in values[:-1] if isinstance(value, str) and value]
    return [*marks, f"#{values[-1]}"]


def _object_text(text: str) -> str | None:
    """JSON text of an object; None if *text* is none."""
    if not text.strip():
        return "{}"
    data = text.encode("utf-8", "replace")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            value = loads(data)
            text = orjson.dumps(value).decode()
        except (ValueError, TypeError):
            return None
    return text if isinstance(value, dict) else None
