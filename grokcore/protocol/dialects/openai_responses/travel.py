"""Kept responses and items on their way from one worker of a server to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from .store import Shelf, StoredItem, StoredResponse

__all__ = ["Borrowed", "item_of", "item_text", "response_of", "response_text"]


def response_text(response: StoredResponse) -> dict[str, Any]:
    """*response* as JSON's types."""
    return {
        "id": response.id,
        "data": response.data.decode(),
        "input": [item_text(item) for item in response.input],
        "output": [item_text(item) for item in response.output],
    }


def item_text(item: StoredItem) -> list[str]:
    """*item* as JSON's types."""
    return [item.id, item.data.decode()]


def response_of(value: Mapping[str, Any]) -> StoredResponse:
    """The response that :func:`response_text` has written."""
    return StoredResponse(
        value["id"],
        value["data"].encode(),
        tuple(map(item_of, value["input"])),
        tuple(map(item_of, value["output"])),
    )


def item_of(value: list[str]) -> StoredItem:
    """The item that :func:`item_text` has written."""
    name, data = value
    return StoredItem(name, data.encode())


@define
class Borrowed:
    """A :class:`~.store.Lookup` in an owner's shelf, and in what other workers have lent."""

    _shelf: Shelf
    responses: dict[str, StoredResponse] = field(factory=dict)
    items: dict[str, StoredItem] = field(factory=dict)

    def response(self, response_id: str) -> StoredResponse | None:
        """The response with this id; None if it is not kept."""
        return self._shelf.response(response_id) or self.responses.get(response_id)

    def item(self, item_id: str) -> StoredItem | None:
        """The newest item with this id; None if none is kept."""
        return self._shelf.item(item_id) or self.items.get(item_id)
