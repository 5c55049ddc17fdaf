"""Events as the contents of Messages blocks, in the order of the blocks: thinking, searches, text,
calls of tools.

Rules
-----
1. Thinking, text, pictures and sources look as in other dialects
   (:mod:`grokcore.protocol.dialects.rendering`). A cited source is a Markdown link: the dialect's
   own citations quote a passage of the page, which Grok does not give.
2. Searches are blocks only if the request asks for them. Each has a call and its results. They
   come before the text; pages that Grok reports later come behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias, assert_never

import orjson
from attrs import define, field, frozen

from ...conversation.events import Event, Finished, Found, Source, ToolCall, ToolUse
from ..rendering import Renderer, Style

__all__ = ["AnswerContent", "Block", "Called", "MessageHead", "Words"]


@frozen
class MessageHead:
    """The facts about an answer that its blocks share.

    :ivar nonce: 24 hexadecimal digits, of which all ids are made.
    :ivar model: the name that the client asked for.
    :ivar prompt_tokens: the estimate for the question.
    :ivar request_id: the request's name in the log.
    :ivar query: the query of a search that Grok reports without one; None if the answer has no
        blocks for searches.
    """

    nonce: str
    model: str
    prompt_tokens: int
    style: Style
    request_id: str = ""
    query: str | None = None

    @property
    def id(self) -> str:
        """The answer's id."""
        return f"msg_{self.nonce}"

    def numbered(self, prefix: str, number: int) -> str:
        """An id for a part of the answer; *number* counts parts of one kind."""
        return f"{prefix}_{self.nonce[:-4]}{number:04x}"


@frozen
class Words:
    """A piece of a block; the next piece of the same kind belongs to the same block.

    :ivar kind: ``text`` or ``thinking``.
    """

    kind: str
    text: str


@frozen
class Called:
    """A block with a call, of a client's tool or of the search.

    :ivar fields: without its ``input``.
    :ivar input: JSON text of an object.
    """

    fields: dict[str, Any]
    input: str


@frozen
class Block:
    """A block that is given as a whole."""

    fields: dict[str, Any]


Piece: TypeAlias = Words | Called | Block


@define
class _Search:
    """A search of Grok's, and the pages that it has found so far."""

    query: str
    sources: list[Source] = field(factory=list)


class AnswerContent:
    """The state of one answer.

    :ivar searched: how many searches its blocks show.
    """

    def __init__(self, head: MessageHead) -> None:
        self._head = head
        self._renderer = Renderer(head.style, head.prompt_tokens)
        self._pending: list[_Search] = []
        self.searched = 0

    def pieces(self, events: Iterable[Event]) -> Iterator[Piece]:
        """The pieces of blocks that *events* show."""
        for event in events:
            match event:
                case ToolCall():
                    yield self._call(event)
                case Found() | ToolUse() if self._head.query is not None:
                    self._note(event, self._head.query)
                case Finished():
                    yield from self._searches()
                case _:
                    pass
            for field_name, text in self._renderer.pieces((event,)):
                if field_name == "content":
                    yield from self._searches()
                    yield Words("text", text)
                else:
                    yield Words("thinking", text)

    def counts(self) -> dict[str, Any]:
        """Estimates with ``prompt_tokens`` and ``completion_tokens``."""
        return self._renderer.usage()

    def usage(self) -> dict[str, Any]:
        """Anthropic's ``usage`` object: estimated for the events so far, or as reported. Cached
        tokens are no part of its input.
        """
        counts = self._renderer.usage()
        cached = counts.get("prompt_tokens_details", {}).get("cached_tokens", 0)
        searches = {"web_search_requests": self.searched, "web_fetch_requests": 0}
        return {
            "input_tokens": max(0, counts["prompt_tokens"] - cached),
            "output_tokens": counts["completion_tokens"],
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            **({"server_tool_use": searches} if self.searched else {}),
        }

    def _call(self, call: ToolCall) -> Called:
        call_id = self._head.numbered("toolu", call.index)
        return Called({"type": "tool_use", "id": call_id, "name": call.name}, call.arguments)

    def _note(self, event: Found | ToolUse, query: str) -> None:
        match event:
            case ToolUse(name, detail):
                if "search" in name:
                    self._pending.append(_Search(detail or query))
            case Found(sources):
                if not self._pending:
                    self._pending.append(_Search(query))
                self._pending[-1].sources += sources
            case _ as never:
                assert_never(never)

    def _searches(self) -> Iterator[Piece]:
        """The blocks of searches that were not shown yet."""
        for search in self._pending:
            search_id = self._head.numbered("srvtoolu", self.searched)
            self.searched += 1
            call = {"type": "server_tool_use", "id": search_id, "name": "web_search"}
            yield Called(call, orjson.dumps({"query": search.query}).decode())
            results = [_result(source) for source in search.sources]
            yield Block(
                {"type": "web_search_tool_result", "tool_use_id": search_id, "content": results}
            )
        self._pending.clear()


def _result(source: Source) -> dict[str, Any]:
    return {
        "type": "web_search_result",
        "url": source.url,
        "title": source.title or source.url,
        "encrypted_content": "",
        "page_age": None,
    }
