"""Kept responses on their way from one worker to another."""

from __future__ import annotations

import json

from grokcore.protocol.dialects.openai_responses.store import (
    ResponseStore,
    StoredItem,
    StoredResponse,
)
from grokcore.protocol.dialects.openai_responses.travel import (
    Borrowed,
    item_of,
    item_text,
    response_of,
    response_text,
)

ITEM = StoredItem("msg_1", '{"text":"é"}'.encode())
RESPONSE = StoredResponse("resp_1", b'{"id":"resp_1"}', (ITEM,), (StoredItem("msg_2", b"{}"),))


def test_a_response_arrives_as_it_was() -> None:
    """With its whole conversation."""
    arrived = response_of(json.loads(json.dumps(response_text(RESPONSE))))
    assert (arrived.id, arrived.data) == (RESPONSE.id, RESPONSE.data)
    sent, came = RESPONSE.items, arrived.items
    assert [(one.id, one.data) for one in came] == [(one.id, one.data) for one in sent]
    item = item_of(item_text(ITEM))
    assert (item.id, item.data) == (ITEM.id, ITEM.data)


def test_what_is_kept_here_comes_before_what_is_lent() -> None:
    """And nothing that is lent is kept here."""
    store = ResponseStore(100_000, 60)
    store.put("me", RESPONSE, 0)
    lookup = Borrowed(store.shelf("me", 0))
    lookup.responses["resp_1"] = lookup.responses["resp_2"] = response_of(response_text(RESPONSE))
    lookup.items["msg_9"] = ITEM
    assert lookup.response("resp_1") is RESPONSE
    assert lookup.response("resp_2") is not None
    assert lookup.item("msg_9") is ITEM
    assert lookup.item("msg_1") is ITEM
    assert lookup.response("resp_3") is None
    assert lookup.item("msg_3") is None
    assert store.find("me", "resp_2") is None
