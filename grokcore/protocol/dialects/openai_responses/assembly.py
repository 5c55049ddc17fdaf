"""The output items of one answer, assembled from its events in steps: an item is opened, grows, and
is closed.

Rules
-----
1. One item is open at a time. Items end in the order in which they begin, with places from 0 on.
2. Texts, annotations and reasoning are those of every other dialect
   (:mod:`grokcore.protocol.dialects.rendering`). Hidden thinking leaves no item.
3. A search is an item only if the client declared a web search, since other clients know no such
   item. It stands before the message, and is no line of the reasoning then.
4. A call has its place behind the message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import orjson
from attrs import evolve, field, frozen

from ...conversation.events import End, Event, Finished, Found, Source, ToolCall, ToolUse
from ...conversation.tools import ToolKind
from ..dialect import AnswerHead
from ..rendering import Renderer, Style, ThinkingStyle
from .output_items import CallItem, OutputItem, SearchItem, TextItem, item_done
from .store import StoredItem

__all__ = ["Assembly", "Closed", "Grown", "Opened", "Step"]


@frozen
class Opened:
    """An item begins."""

    item: OutputItem


@frozen
class Grown:
    """The open item has more *text*."""

    item: TextItem
    text: str


@frozen
class Closed:
    """An item is complete. *data* is its JSON."""

    item: OutputItem
    data: bytes = field(repr=False)


Step: TypeAlias = Opened | Grown | Closed


class Assembly:
    """The state of one answer.

    :param shows_search: whether searches are items.
    """

    def __init__(self, head: AnswerHead, *, shows_search: bool) -> None:
        self._nonce = head.nonce
        self._shows_search = shows_search
        self._renderer = Renderer(_own_style(head.style), head.prompt_tokens)
        self._open: TextItem | SearchItem | None = None
        self._begun = 0
        self._answering = False
        self._searched = False
        self._done: list[StoredItem] = []

    @property
    def done(self) -> tuple[StoredItem, ...]:
        """The items that are complete."""
        return tuple(self._done)

    def steps(self, events: Iterable[Event]) -> Iterator[Step]:
        """The steps for *events*, up to the end of the last item after ``Finished``."""
        for event in events:
            match event:
                case ToolCall():
                    yield from self._call(event)
                case Found(sources) if self._searching:
                    self._note(event)
                    yield from self._found(sources)
                case ToolUse(name, detail) if self._searching and "search" in name:
                    self._note(event)
                    yield from self._search(detail)
                case Finished(end):
                    yield from self._shown(event)
                    yield from self._close("completed" if _is_whole(end) else "incomplete")
                case _:
                    yield from self._shown(event)

    def output(self) -> bytes:
        """The list of all items as JSON; one that is still open is incomplete."""
        whole = [item.data for item in self._done]
        if self._open is not None:
            whole.append(item_done(self._open, "incomplete"))
        return b"[" + b",".join(whole) + b"]"

    def usage(self) -> dict[str, Any]:
        """Estimates so far, as chat completions name them."""
        return self._renderer.usage()

    # Text ----------------------------------------------------------------------------------------

    def _shown(self, event: Event) -> Iterator[Step]:
        for kind, text in self._renderer.pieces((event,)):
            if text:
                yield from self._grow(text, reasoning=kind == "reasoning_content")

    def _note(self, event: Event) -> None:
        """Show the renderer an event of which an item is made: pages annotate the answer, and calls
        count.
        """
        for _ in self._renderer.pieces((event,)):
            pass

    def _grow(self, text: str, *, reasoning: bool) -> Iterator[Step]:
        item = self._open
        if not isinstance(item, TextItem) or item.reasoning is not reasoning:
            yield from self._close("completed")
            item = TextItem(self._id("rs" if reasoning else "msg"), self._next_place(), reasoning)
            self._open, self._answering = item, self._answering or not reasoning
            yield Opened(item)
        item.escaped += orjson.dumps(text)[1:-1]
        yield Grown(item, text)

    def _close(self, status: str) -> Iterator[Step]:
        item, self._open = self._open, None
        if item is None:
            return
        if isinstance(item, TextItem) and not item.reasoning:
            item.annotations = [
                {"type": annotation["type"], **annotation["url_citation"]}
                for annotation in self._renderer.annotations()
            ]
        yield self._closed(item, "completed" if isinstance(item, SearchItem) else status)

    # Searches and calls --------------------------------------------------------------------------

    @property
    def _searching(self) -> bool:
        """Whether a search would be an item now."""
        return self._shows_search and not self._answering

    def _search(self, query: str) -> Iterator[Step]:
        yield from self._close("completed")
        self._searched = True
        self._open = SearchItem(self._id("ws"), self._next_place(), query)
        yield Opened(self._open)

    def _found(self, sources: tuple[Source, ...]) -> Iterator[Step]:
        """Pages of the open search. What a search found that has ended is only cited; pages of
        which no search was reported make one.
        """
        if not self._searched:
            yield from self._search("")
        if isinstance(self._open, SearchItem):
            self._open.sources += sources

    def _call(self, call: ToolCall) -> Iterator[Step]:
        yield from self._close("completed")
        self._answering = True
        self._note(call)
        prefix = "ctc" if call.kind is ToolKind.CUSTOM else "fc"
        item = CallItem(self._id(prefix), self._next_place(), self._call_id(call), call)
        yield Opened(item)
        yield self._closed(item, "completed")

    def _call_id(self, call: ToolCall) -> str:
        return f"call_{self._nonce}{call.index:04x}"

    def _closed(self, item: OutputItem, status: str) -> Closed:
        data = item_done(item, status)
        self._done.append(StoredItem(item.id, data))
        return Closed(item, data)

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._nonce}{self._begun:04x}"

    def _next_place(self) -> int:
        place, self._begun = self._begun, self._begun + 1
        return place


def _own_style(style: Style) -> Style:
    """*style* without tags around the thinking: this API has a place of its own for it."""
    if style.thinking is ThinkingStyle.THINK_TAGS:
        return evolve(style, thinking=ThinkingStyle.REASONING_CONTENT)
    return style


def _is_whole(end: End) -> bool:
    """Whether the last item is complete at such an end."""
    return end not in (End.LENGTH, End.REFUSAL)
