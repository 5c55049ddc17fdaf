"""A whole answer as it is kept for later references, and lists of kept items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import orjson
from attrs import frozen

from ....errors import InvalidRequest
from .input_items import Item, is_reference, item_type
from .request import ResponsesRequest
from .store import StoredItem, StoredResponse

__all__ = ["Answer", "Page", "attached_chars", "input_list", "stored_response"]

MOST_ID_CHARS = 64
"""Longest id of OpenAI's; a client's longer one is replaced."""


class Answer(Protocol):
    """A whole answer, collected or streamed."""

    @property
    def response_id(self) -> str:
        """The response's id."""

    @property
    def output(self) -> tuple[StoredItem, ...]:
        """The response's items."""

    def body(self) -> bytes:
        """The Response object as JSON."""


def attached_chars(asked: ResponsesRequest) -> int:
    """Characters of the pictures and files that the request itself brings, which are nearly all of
    a large one.
    """
    return sum(
        len(part.url)
        for message in asked.messages
        for part in message.attachments
        if part.path.startswith("input")
    )


def stored_response(asked: ResponsesRequest, answer: Answer) -> StoredResponse:
    """The answer to *asked*, with the whole conversation before it. References in *asked* are
    resolved.
    """
    own = tuple(_stored_items(asked, answer.response_id.partition("_")[2]))
    return StoredResponse(answer.response_id, answer.body(), (*asked.history, *own), answer.output)


def _stored_items(asked: ResponsesRequest, nonce: str) -> Iterator[StoredItem]:
    for index, item in enumerate(asked.items):
        if is_reference(item):
            # A reference to reasoning that is not kept any more leaves nothing.
            found = asked.found.get(str(item.get("id")))
            yield from () if found is None else (found,)
        else:
            kind = item_type(item)
            name = _given_id(item) or f"{_prefix(kind)}_{nonce}in{index:04x}"
            yield StoredItem(name, orjson.dumps({**_whole(item, kind), "id": name, "type": kind}))


def _given_id(item: Item) -> str:
    given = item.get("id")
    return given if isinstance(given, str) and len(given) <= MOST_ID_CHARS else ""


def _prefix(kind: str) -> str:
    return "msg" if kind == "message" else "item"


def _whole(item: Item, kind: str) -> dict[str, Any]:
    """An item in the form that OpenAI's lists have: content is a list of parts."""
    content = item.get("content")
    if kind != "message" or not isinstance(content, str):
        return dict(item)
    part: dict[str, Any] = {"type": "input_text", "text": content}
    if item.get("role") == "assistant":
        part = {"type": "output_text", "text": content, "annotations": [], "logprobs": []}
    return {"status": "completed", **item, "content": [part]}


# Lists ------------------------------------------------------------------------------------------


@frozen
class Page:
    """The page of a list that a client asks for.

    :ivar limit: the most items.
    :ivar newest_first: the order.
    :ivar after: the id of the item before the page; empty for the first page.
    """

    limit: int = 20
    newest_first: bool = True
    after: str = ""


def input_list(items: Sequence[StoredItem], page: Page) -> bytes:
    """A page of *items* (the oldest first) as OpenAI's list object.

    :raises InvalidRequest: if ``after`` is none of them.
    """
    ordered = list(reversed(items)) if page.newest_first else list(items)
    if page.after:
        places = [place for place, item in enumerate(ordered) if item.id == page.after]
        if not places:
            raise InvalidRequest("after must be the id of an item of this list.", param="after")
        ordered = ordered[places[0] + 1 :]
    shown = ordered[: page.limit]
    ends = {
        "first_id": shown[0].id if shown else None,
        "last_id": shown[-1].id if shown else None,
        "has_more": len(ordered) > len(shown),
    }
    data = b",".join(item.data for item in shown)
    return b"".join((b'{"object":"list","data":[', data, b"],", orjson.dumps(ends)[1:]))
