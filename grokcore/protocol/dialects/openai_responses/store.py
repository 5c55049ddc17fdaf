"""Responses that clients may refer to later, in memory only: prompts stay off the disk.

Rules
-----
1. A key sees its own responses and items only; the id of another key's is unknown to it.
2. The oldest responses go first, when there are too many bytes, or when they are too old.
3. A response refers to the items of its whole conversation. Conversations share items, and each is
   counted once. An item is dropped with the last response that refers to it.
"""

from __future__ import annotations

from typing import Protocol

from attrs import field, frozen

__all__ = ["Lookup", "ResponseStore", "Shelf", "StoredItem", "StoredResponse"]

RESPONSE_COST = 1024
"""Bytes of memory that a response takes beside its text."""

ITEM_COST = 512
"""Bytes of memory that an item takes beside its text."""

REFERENCE_COST = 16
"""Bytes of memory that a response takes for each of its items."""


@frozen(eq=False)
class StoredItem:
    """An item of a conversation. *data* is its JSON, with the id."""

    id: str
    data: bytes = field(repr=False)


@frozen(eq=False)
class StoredResponse:
    """A response.

    :ivar data: the Response object as JSON.
    :ivar input: the items before it: those of earlier requests and responses, then the request's.
    :ivar output: its own items.
    """

    id: str
    data: bytes = field(repr=False)
    input: tuple[StoredItem, ...] = field(repr=False)
    output: tuple[StoredItem, ...] = field(repr=False)

    @property
    def items(self) -> tuple[StoredItem, ...]:
        """All items, in the order of the conversation."""
        return (*self.input, *self.output)


class Lookup(Protocol):
    """The responses and items that a request may refer to."""

    def response(self, response_id: str) -> StoredResponse | None:
        """The response with this id; None if it is not kept."""

    def item(self, item_id: str) -> StoredItem | None:
        """The newest item with this id; None if none is kept."""


@frozen(eq=False)
class _Kept:
    """A response, and when it was put in (seconds)."""

    response: StoredResponse
    since: float


class ResponseStore:
    """The responses of all keys, within bounds. Times are seconds of a clock that never goes back.

    :param most_bytes: bytes of all responses and items together; 0 keeps nothing.
    :param most_seconds: the age at which a response is dropped.
    """

    def __init__(self, most_bytes: int, most_seconds: float) -> None:
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._size = 0
        self._kept: dict[tuple[str, str], _Kept] = {}  # by owner and id, the oldest first
        self._items: dict[tuple[str, str], StoredItem] = {}  # by owner and id
        self._references: dict[StoredItem, int] = {}

    @property
    def size(self) -> int:
        """Bytes that are counted now."""
        return self._size

    def has_room(self, size: int) -> bool:
        """Whether so many bytes could be kept at all."""
        return size <= self._most_bytes

    def limit(self, most_bytes: int, most_seconds: float) -> None:
        """Replace the bounds; they hold from the next call with a time on."""
        self._most_bytes, self._most_seconds = most_bytes, most_seconds

    def shelf(self, owner: str, now: float) -> Shelf:
        """The responses of one owner.

        :param owner: the API key's name.
        """
        self._drop_old(now)
        return Shelf(self, owner)

    def put(self, owner: str, response: StoredResponse, now: float) -> bool:
        """Keep *response*, unless it alone is too large; return whether it is kept."""
        self.delete(owner, response.id)
        new = {item for item in response.items if item not in self._references}
        if self._own_cost(response) + sum(map(_item_cost, new)) > self._most_bytes:
            self._drop_old(now)
            return False
        self._kept[owner, response.id] = _Kept(response, now)
        self._size += self._own_cost(response)
        for item in response.items:
            self._refer(owner, item)
        self._drop_old(now)
        return True

    def delete(self, owner: str, response_id: str) -> bool:
        """Drop a response; return whether it was kept."""
        kept = self._kept.pop((owner, response_id), None)
        if kept is None:
            return False
        self._size -= self._own_cost(kept.response)
        for item in kept.response.items:
            self._forget(owner, item)
        return True

    def find(self, owner: str, response_id: str) -> StoredResponse | None:
        """The owner's response with this id; None if it is not kept."""
        kept = self._kept.get((owner, response_id))
        return kept.response if kept else None

    def find_item(self, owner: str, item_id: str) -> StoredItem | None:
        """The owner's newest item with this id; None if none is kept."""
        return self._items.get((owner, item_id))

    def _drop_old(self, now: float) -> None:
        while self._kept:
            (owner, response_id), oldest = next(iter(self._kept.items()))
            too_old = now - oldest.since > self._most_seconds
            if not too_old and self._size <= self._most_bytes:
                return
            self.delete(owner, response_id)

    def _refer(self, owner: str, item: StoredItem) -> None:
        count = self._references.get(item, 0)
        self._references[item] = count + 1
        self._items[owner, item.id] = item
        if not count:
            self._size += _item_cost(item)

    def _forget(self, owner: str, item: StoredItem) -> None:
        self._references[item] -= 1
        if self._references[item]:
            return
        del self._references[item]
        self._size -= _item_cost(item)
        if self._items.get((owner, item.id)) is item:
            del self._items[owner, item.id]

    def _own_cost(self, response: StoredResponse) -> int:
        return RESPONSE_COST + len(response.data) + REFERENCE_COST * len(response.items)


@frozen
class Shelf:
    """The responses of one owner. See :class:`Lookup`."""

    _store: ResponseStore
    owner: str

    def response(self, response_id: str) -> StoredResponse | None:
        """The response with this id; None if it is not kept."""
        return self._store.find(self.owner, response_id)

    def item(self, item_id: str) -> StoredItem | None:
        """The newest item with this id; None if none is kept."""
        return self._store.find_item(self.owner, item_id)

    def delete(self, response_id: str) -> bool:
        """Drop a response; return whether it was kept."""
        return self._store.delete(self.owner, response_id)


def _item_cost(item: StoredItem) -> int:
    return ITEM_COST + len(item.data)
