"""Whole answers as they are kept, and lists of their input."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from attrs import frozen
from openai.types.responses import ResponseItem
from pydantic import TypeAdapter

from grokcore.errors import InvalidRequest
from grokcore.protocol.conversation.events import Finished, Text
from grokcore.protocol.dialects.openai_responses.keeping import (
    Page,
    attached_chars,
    input_list,
    stored_response,
)
from grokcore.protocol.dialects.openai_responses.references import resolved
from grokcore.protocol.dialects.openai_responses.store import ResponseStore, StoredItem
from grokcore.protocol.dialects.openai_responses.writers import AnswerWriter, EventWriter

from .responses_cases import HEAD, NONCE, asked

ITEM: TypeAdapter[Any] = TypeAdapter(ResponseItem)


def test_a_collected_and_a_streamed_answer_are_kept_alike() -> None:
    """A client may fetch what it has streamed."""
    request = asked()
    collected, streamed = (
        AnswerWriter(request, HEAD, lambda: 9),
        EventWriter(request, HEAD, lambda: 9),
    )
    collected.add([Text("Hello"), Finished()])
    streamed.write([Text("Hello"), Finished()])
    first, second = (stored_response(request, answer) for answer in (collected, streamed))
    assert (first.id, first.data) == (second.id, second.data)
    for one, other in zip(first.items, second.items, strict=True):
        assert (one.id, one.data) == (other.id, other.data)
    assert orjson.loads(first.data)["output"] == [orjson.loads(item.data) for item in first.output]


def test_input_items_get_an_id_and_the_full_form() -> None:
    """As OpenAI lists them; a usable id of the client's stays."""
    items = [
        {"role": "user", "content": "A"},
        {"role": "assistant", "content": "B"},
        {"type": "message", "role": "user", "id": "msg_mine", "content": []},
        {"type": "function_call", "id": "x" * 65, "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "D", "status": "completed"},
    ]
    request = asked(input=items)
    answer = AnswerWriter(request, HEAD, lambda: 9)
    answer.add([Text("Hello"), Finished()])
    kept = stored_response(request, answer).input
    found = [orjson.loads(item.data) for item in kept]
    assert [item["id"] for item in found] == [
        f"msg_{NONCE}in0000",
        f"msg_{NONCE}in0001",
        "msg_mine",
        f"item_{NONCE}in0003",
        f"item_{NONCE}in0004",
    ]
    assert found[0]["content"] == [{"type": "input_text", "text": "A"}]
    assert found[1]["content"][0]["type"] == "output_text"
    for item in found[:2]:
        ITEM.validate_python(item)
    assert all(len(item["id"]) <= 64 for item in found)


def test_a_reference_is_kept_as_its_item() -> None:
    """One to reasoning that is gone leaves nothing."""
    store = ResponseStore(1_000_000, 3600)
    first = asked()
    answer = AnswerWriter(first, HEAD, lambda: 9)
    answer.add([Text("Hello"), Finished()])
    store.put("", stored_response(first, answer), 0)
    named = [{"type": "item_reference", "id": name} for name in (f"msg_{NONCE}0000", "rs_gone")]
    second = resolved(asked(input=named), store.shelf("", 0))
    assert stored_response(second, answer).input == answer.output


def test_the_pictures_that_a_request_brings_are_measured() -> None:
    """A store without room for them need not be offered them. Earlier ones are there already."""
    url = "data:image/png;base64,iVBORw0KGgo="
    picture = {"role": "user", "content": [{"type": "input_image", "image_url": url}]}
    first = asked(input=[picture])
    assert (attached_chars(first), attached_chars(asked())) == (len(url), 0)
    store = ResponseStore(1_000_000, 3600)
    answer = AnswerWriter(first, HEAD, lambda: 9)
    answer.add([Text("Hello"), Finished()])
    store.put("", stored_response(first, answer), 0)
    second = resolved(asked(previous_response_id=f"resp_{NONCE}"), store.shelf("", 0))
    assert attached_chars(second) == 0
    assert second.messages[0].attachments


@frozen
class Asked:
    """A page, the items on it, and whether there are more."""

    page: Page
    names: list[str]
    more: bool


ITEMS = [StoredItem(name, orjson.dumps({"id": name})) for name in "abcde"]

PAGES = [
    Asked(Page(), ["e", "d", "c", "b", "a"], more=False),
    Asked(Page(newest_first=False), ["a", "b", "c", "d", "e"], more=False),
    Asked(Page(limit=2), ["e", "d"], more=True),
    Asked(Page(limit=2, after="d"), ["c", "b"], more=True),
    Asked(Page(limit=3, after="b", newest_first=False), ["c", "d", "e"], more=False),
    Asked(Page(after="a"), [], more=False),
]


@pytest.mark.parametrize("asked_for", PAGES, ids=lambda asked_for: str(asked_for.page))
def test_items_are_listed_by_pages(asked_for: Asked) -> None:
    """All four keys are there, also of an empty page."""
    found = orjson.loads(input_list(ITEMS, asked_for.page))
    names = asked_for.names
    assert found == {
        "object": "list",
        "data": [{"id": name} for name in names],
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
        "has_more": asked_for.more,
    }


def test_a_page_after_an_unknown_item_is_refused() -> None:
    """The client would take an empty page for the end."""
    with pytest.raises(InvalidRequest) as caught:
        input_list(ITEMS, Page(after="x"))
    assert caught.value.param == "after"
