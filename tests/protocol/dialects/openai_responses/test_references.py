"""References to stored responses and items, resolved."""

from __future__ import annotations

import orjson
import pytest

from grokcore.errors import InvalidRequest, ItemNotFound, PreviousResponseNotFound
from grokcore.protocol.conversation.events import End, Event, Finished, Text, Thinking, ToolCall
from grokcore.protocol.conversation.messages import Call, Message
from grokcore.protocol.dialects.openai_responses.keeping import stored_response
from grokcore.protocol.dialects.openai_responses.references import resolved
from grokcore.protocol.dialects.openai_responses.request import ResponsesRequest
from grokcore.protocol.dialects.openai_responses.store import ResponseStore, Shelf
from grokcore.protocol.dialects.openai_responses.writers import AnswerWriter

from .responses_cases import HEAD, NONCE, asked

CALLED = (Thinking("Hm."), ToolCall(0, "f", '{"a":1}'), Finished(End.CALLS))


def shelf_with(request: ResponsesRequest, *events: Event) -> Shelf:
    """A store that keeps the answer to *request*."""
    store = ResponseStore(1_000_000, 3600)
    answer = AnswerWriter(request, HEAD, lambda: 0)
    answer.add(events)
    store.put("", stored_response(request, answer), 0)
    return store.shelf("", 0)


EMPTY = ResponseStore(0, 0).shelf("", 0)


def test_a_request_without_references_stays_as_it_is() -> None:
    """Nothing is looked up."""
    request = asked()
    assert resolved(request, EMPTY) is request


def test_a_previous_response_stands_for_its_whole_conversation() -> None:
    """Old input, old output, new input; the instructions are the new request's own."""
    shelf = shelf_with(asked(input="Do it.", instructions="Old."), *CALLED)
    call_id = f"call_{NONCE}0000"
    output = {"type": "function_call_output", "call_id": call_id, "output": "done"}
    request = asked(input=[output], previous_response_id=f"resp_{NONCE}", instructions="New.")
    assert resolved(request, shelf).messages == (
        Message("system", "New."),
        Message("user", "Do it."),
        Message("assistant", "", calls=(Call(call_id, "f", '{"a":1}'),)),
        Message("tool", "done", name="f", call_id=call_id),
    )


def test_a_conversation_goes_on_over_several_responses() -> None:
    """Each response keeps the items before it."""
    shelf = shelf_with(asked(input="One"), Text("Two"), Finished())
    second = resolved(asked(input="Three", previous_response_id=f"resp_{NONCE}"), shelf)
    shelf = shelf_with(second, Text("Four"), Finished())
    third = resolved(asked(input="Five", previous_response_id=f"resp_{NONCE}"), shelf)
    assert [message.text for message in third.messages] == ["One", "Two", "Three", "Four", "Five"]


def test_a_previous_response_needs_no_input() -> None:
    """The conversation is the input then."""
    shelf = shelf_with(asked(input="One"), Text("Two"), Finished())
    request = asked(input=None, previous_response_id=f"resp_{NONCE}")
    assert [message.text for message in resolved(request, shelf).messages] == ["One", "Two"]


def test_references_of_a_tool_loop_are_resolved() -> None:
    """As AI SDK sends them from the second step on: reasoning and texts by reference."""
    shelf = shelf_with(asked(input="Do it."), *CALLED[:1], Text("I will."), Finished())
    rest = [
        {"type": "item_reference", "id": f"rs_{NONCE}0000"},
        {"type": "item_reference", "id": f"msg_{NONCE}0001"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "done"},
    ]
    request = resolved(asked(input=[{"role": "user", "content": "Do it."}, *rest]), shelf)
    texts = [message.text for message in request.messages]
    assert texts == ["Do it.", "I will.", "done"]
    assert request.ignored == ("input.reasoning",)


def test_reasoning_that_is_not_kept_is_not_missed() -> None:
    """Grok can't read it back; it is named all the same."""
    items = [{"type": "item_reference", "id": "rs_gone"}, {"role": "user", "content": "hi"}]
    request = resolved(asked(input=items), EMPTY)
    assert [message.text for message in request.messages] == ["hi"]
    assert request.ignored == ("input.item_reference",)


@pytest.mark.parametrize("item", [{}, {"id": None}, {"id": 5}], ids=str)
def test_a_reference_without_an_id_is_said_to_have_none(item: dict[str, object]) -> None:
    """A message about an item named 'None' would send its reader to look for it."""
    items = [{"type": "item_reference", **item}, {"role": "user", "content": "hi"}]
    with pytest.raises(InvalidRequest, match="needs an id"):
        resolved(asked(input=items), EMPTY)


def test_another_item_that_is_not_kept_is_reported() -> None:
    """The answer would be to another conversation."""
    items = [{"type": "item_reference", "id": "msg_unknown"}, {"role": "user", "content": "hi"}]
    with pytest.raises(ItemNotFound) as caught:
        resolved(asked(input=items), EMPTY)
    error = caught.value
    assert (error.status, error.code, error.param) == (404, "item_not_found", "input")


def test_a_previous_response_that_is_not_kept_is_reported() -> None:
    """With the way out: the whole input, and store: false."""
    with pytest.raises(PreviousResponseNotFound) as caught:
        resolved(asked(previous_response_id="resp_gone"), EMPTY)
    error = caught.value
    assert (error.status, error.param) == (400, "previous_response_id")
    assert "store: false" in error.message


def test_references_to_nothing_but_reasoning_are_no_question() -> None:
    """There is nothing to answer."""
    with pytest.raises(InvalidRequest):
        resolved(asked(input=[{"type": "item_reference", "id": "rs_gone"}]), EMPTY)


def test_kept_items_are_json_with_their_ids() -> None:
    """Clients list them, and refer to them."""
    shelf = shelf_with(asked(input="One"), Text("Two"), Finished())
    response = shelf.response(f"resp_{NONCE}")
    assert response is not None
    for item in response.items:
        assert orjson.loads(item.data)["id"] == item.id
