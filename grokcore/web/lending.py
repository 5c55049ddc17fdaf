"""Kept responses and items of other workers, fetched when a request needs them."""

from __future__ import annotations

import trio

from ..protocol.dialects.openai_responses.input_items import is_reference
from ..protocol.dialects.openai_responses.request import ResponsesRequest
from ..protocol.dialects.openai_responses.store import Shelf, StoredResponse
from ..protocol.dialects.openai_responses.travel import Borrowed, item_of, response_of
from .fellows import Fellows
from .topics import DROP, ITEM, RESPONSE

__all__ = ["borrowed", "dropped", "lent_response"]

MOST_ITEMS = 200
"""Items of one request that other workers are asked for."""


async def lent_response(fellows: Fellows, owner: str, response_id: str) -> StoredResponse | None:
    """The response, if another worker keeps it."""
    value = await fellows.first(RESPONSE, {"owner": owner, "id": response_id})
    return None if value is None else response_of(value)


async def dropped(fellows: Fellows, owner: str, response_id: str) -> bool:
    """Whether another worker has kept the response, and dropped it now."""
    return await fellows.first(DROP, {"owner": owner, "id": response_id}) is not None


async def borrowed(fellows: Fellows, shelf: Shelf, asked: ResponsesRequest) -> Borrowed:
    """Responses and items that the request refers to, from all workers. None is kept here."""
    lookup = Borrowed(shelf)
    if asked.previous and shelf.response(asked.previous) is None:
        response = await lent_response(fellows, shelf.owner, asked.previous)
        if response is not None:
            lookup.responses[asked.previous] = response
    names = [str(item.get("id")) for item in asked.items if is_reference(item)]
    missing = [name for name in dict.fromkeys(names) if shelf.item(name) is None]

    async def borrow(name: str) -> None:
        value = await fellows.first(ITEM, {"owner": shelf.owner, "id": name})
        if value is not None:
            lookup.items[name] = item_of(value)

    async with trio.open_nursery() as nursery:
        for name in missing[:MOST_ITEMS]:
            nursery.start_soon(borrow, name)
    return lookup
