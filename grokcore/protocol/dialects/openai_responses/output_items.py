"""The items of an answer's ``output``: their JSON, before and after they are complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, assert_never

import orjson
from attrs import define, field, frozen

from ...conversation.events import Source, ToolCall
from ...conversation.tools import ToolKind

__all__ = [
    "CallItem",
    "OutputItem",
    "SearchItem",
    "TextItem",
    "item_added",
    "item_done",
    "output_text",
    "summary_text",
]


@define(eq=False)
class TextItem:
    """Reasoning, or the message.

    :ivar index: its place in the output.
    :ivar reasoning: whether it is reasoning; else it is the message.
    :ivar escaped: its text so far, as the inside of a JSON string. An answer of many MB is in
        memory once.
    :ivar annotations: of the message, ``url_citation`` objects.
    """

    id: str
    index: int
    reasoning: bool
    escaped: bytearray = field(factory=bytearray, repr=False)
    annotations: list[dict[str, Any]] = field(factory=list)


@frozen
class CallItem:
    """A call of a client's tool. *call_id* names it in the result."""

    id: str
    index: int
    call_id: str
    call: ToolCall


@define(eq=False)
class SearchItem:
    """A search of Grok's own. *query* may be empty."""

    id: str
    index: int
    query: str
    sources: list[Source] = field(factory=list)


OutputItem: TypeAlias = TextItem | CallItem | SearchItem


def item_added(item: OutputItem) -> bytes:
    """The item as it begins, without content."""
    match item:
        case TextItem(reasoning=True):
            return orjson.dumps(
                {"id": item.id, "type": "reasoning", "summary": [], "status": "in_progress"}
            )
        case TextItem():
            return orjson.dumps({**_message(item, "in_progress"), "content": []})
        case CallItem():
            return orjson.dumps(_call(item, "", "in_progress"))
        case SearchItem():
            return orjson.dumps(_search(item, "in_progress"))
        case _ as never:
            assert_never(never)


def item_done(item: OutputItem, status: str = "completed") -> bytes:
    """The item as it ends."""
    match item:
        case TextItem(reasoning=True):
            head = orjson.dumps({"id": item.id, "type": "reasoning", "status": status})[:-1]
            return b"".join((head, b',"summary":[', summary_text(item), b"]}"))
        case TextItem():
            head = orjson.dumps(_message(item, status))[:-1]
            return b"".join((head, b',"content":[', output_text(item), b"]}"))
        case CallItem():
            return orjson.dumps(_call(item, item.call.arguments, status))
        case SearchItem():
            return orjson.dumps(_search(item, status))
        case _ as never:
            assert_never(never)


def summary_text(item: TextItem) -> bytes:
    """The part that holds the text of reasoning."""
    return b"".join((b'{"type":"summary_text","text":"', item.escaped, b'"}'))


def output_text(item: TextItem) -> bytes:
    """The part that holds the text of the message."""
    annotations = orjson.dumps(item.annotations)
    return b"".join(
        (
            b'{"type":"output_text","annotations":',
            annotations,
            b',"logprobs":[],"text":"',
            item.escaped,
            b'"}',
        )
    )


def _message(item: TextItem, status: str) -> dict[str, Any]:
    return {"id": item.id, "type": "message", "role": "assistant", "status": status}


def _call(item: CallItem, arguments: str, status: str) -> dict[str, Any]:
    custom = item.call.kind is ToolKind.CUSTOM
    shown: dict[str, Any] = {
        "id": item.id,
        "type": "custom_tool_call" if custom else "function_call",
        "call_id": item.call_id,
        "name": item.call.name,
        "input" if custom else "arguments": arguments,
        "status": status,
    }
    if item.call.namespace:
        shown["namespace"] = item.call.namespace
    return shown


def _search(item: SearchItem, status: str) -> dict[str, Any]:
    queries: Sequence[str] = [item.query] if item.query else []
    action = {
        "type": "search",
        "query": item.query,
        "queries": queries,
        "sources": [{"type": "url", "url": source.url} for source in item.sources],
    }
    return {"id": item.id, "type": "web_search_call", "status": status, "action": action}
