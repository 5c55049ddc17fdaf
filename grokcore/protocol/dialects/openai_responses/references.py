"""References of a request to stored responses and items, resolved.

``previous_response_id`` stands for that response's whole conversation, which precedes the input. It
does not stand for its instructions: a request has its own (OpenAI's API reference). An
``item_reference`` stands for the item. AI SDK sends those from a tool loop's second step on, unless
its user turns ``store`` off (2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from attrs import evolve

from ....errors import InvalidRequest, ItemNotFound, PreviousResponseNotFound
from ..fields import safe_names
from .input_items import Item, is_reference, parse_input
from .request import ResponsesRequest, require_words, turns_of
from .store import Lookup, StoredItem

__all__ = ["resolved"]

_ADVICE = (
    "Responses are kept in memory, for a limited time, until the server restarts. "
    "Send the whole input instead, and store: false."
)

_REASONING = "rs_"
"""The beginning of a reasoning item's id. Grok can't read one back, so none is missed."""


def resolved(asked: ResponsesRequest, lookup: Lookup) -> ResponsesRequest:
    """*asked* with the messages that it refers to.

    :raises PreviousResponseNotFound: if the previous response is not kept.
    :raises ItemNotFound: if an item is not kept, and it is no reasoning.
    :raises InvalidRequest: if nothing is left to answer, or a reference has no id.
    """
    if not asked.refers:
        return asked
    history = _history(asked.previous, lookup)
    found = _found(asked, lookup)
    items = [_whole(item, found) for item in asked.items]
    transcript = parse_input(items, [_json(item) for item in history])
    messages = turns_of(asked.instructions, transcript)
    require_words(messages)
    missed = {"input.item_reference"} if any(map(is_reference, items)) else set()
    return evolve(
        asked,
        messages=messages,
        history=history,
        found=found,
        ignored=safe_names({*asked.ignored, *transcript.dropped, *missed}),
    )


def _history(previous: str, lookup: Lookup) -> tuple[StoredItem, ...]:
    if not previous:
        return ()
    response = lookup.response(previous)
    if response is None:
        raise PreviousResponseNotFound(
            f"There is no response {previous[:100]!r} here. {_ADVICE}",
            param="previous_response_id",
        )
    return response.items


def _found(asked: ResponsesRequest, lookup: Lookup) -> dict[str, StoredItem]:
    found: dict[str, StoredItem] = {}
    for item in filter(is_reference, asked.items):
        name = item.get("id")
        if not isinstance(name, str):
            raise InvalidRequest("An item_reference needs an id, which is a string.", param="input")
        stored = lookup.item(name)
        if stored is not None:
            found[name] = stored
        elif not name.startswith(_REASONING):
            raise ItemNotFound(f"There is no item {name[:100]!r} here. {_ADVICE}", param="input")
    return found


def _whole(item: Item, found: Mapping[str, StoredItem]) -> Item:
    stored = found.get(str(item.get("id"))) if is_reference(item) else None
    return item if stored is None else _json(stored)


def _json(item: StoredItem) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(item.data)
    return value
