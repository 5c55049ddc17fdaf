"""The store of responses: what is found, what is not, and what goes first."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.protocol.dialects.openai_responses.store import (
    ITEM_COST,
    REFERENCE_COST,
    RESPONSE_COST,
    ResponseStore,
    StoredItem,
    StoredResponse,
)

HOUR = 3600.0


def response(name: str, *, size: int = 100, before: tuple[StoredItem, ...] = ()) -> StoredResponse:
    """A response with one item of its own."""
    item = StoredItem(f"msg_{name}", b"i" * size)
    return StoredResponse(f"resp_{name}", b"r" * size, before, (item,))


COST = RESPONSE_COST + 100 + REFERENCE_COST + ITEM_COST + 100
"""Bytes of one :func:`response`."""


def roomy() -> ResponseStore:
    return ResponseStore(1_000_000, HOUR)


def test_a_key_finds_its_own_responses_and_items_only() -> None:
    """An id is no secret; another key's prompt is."""
    store = roomy()
    assert store.put("ann", response("1"), now=0)
    ann, bob = store.shelf("ann", 1), store.shelf("bob", 1)
    assert ann.response("resp_1") is not None
    assert ann.item("msg_1") is not None
    assert (bob.response("resp_1"), bob.item("msg_1"), bob.delete("resp_1")) == (None, None, False)
    assert ann.response("resp_1") is not None


def test_a_deleted_response_is_gone_with_its_items() -> None:
    """The client asked for it."""
    store = roomy()
    store.put("", response("1"), now=0)
    shelf = store.shelf("", 0)
    assert shelf.delete("resp_1")
    assert (shelf.response("resp_1"), shelf.item("msg_1"), store.size) == (None, None, 0)
    assert not shelf.delete("resp_1")


def test_items_live_as_long_as_a_response_refers_to_them() -> None:
    """Deleting a response leaves the later ones of its conversation whole."""
    store = roomy()
    first = response("1")
    store.put("", first, now=0)
    store.put("", response("2", before=first.items), now=1)
    assert store.size == 2 * COST + REFERENCE_COST  # the shared item counts once
    shelf = store.shelf("", 1)
    shelf.delete("resp_1")
    assert shelf.item("msg_1") is first.output[0]
    shelf.delete("resp_2")
    assert (shelf.item("msg_1"), store.size) == (None, 0)


def test_the_newest_item_of_an_id_is_found() -> None:
    """A client may send an item again under its id, changed."""
    store = roomy()
    old, new = response("1"), StoredItem("msg_1", b"new")
    store.put("", old, now=0)
    store.put("", StoredResponse("resp_2", b"", (new,), ()), now=1)
    assert store.shelf("", 1).item("msg_1") is new
    store.delete("", "resp_1")
    assert store.shelf("", 1).item("msg_1") is new


def test_a_response_put_again_replaces_itself() -> None:
    """Its bytes count once."""
    store = roomy()
    store.put("", response("1"), now=0)
    store.put("", response("1"), now=0)
    assert store.size == COST


def test_responses_expire() -> None:
    """By their age, not by their last use."""
    store = roomy()
    store.put("", response("1"), now=0)
    store.put("", response("2"), now=10)
    assert store.shelf("", HOUR).response("resp_1") is not None
    shelf = store.shelf("", HOUR + 1)
    assert (shelf.response("resp_1"), shelf.item("msg_1")) == (None, None)
    assert shelf.response("resp_2") is not None


def test_the_oldest_go_first_when_there_are_too_many_bytes() -> None:
    """Memory is bounded, whatever clients send."""
    store = ResponseStore(2 * COST, HOUR)
    for name in "123":
        assert store.put("", response(name), now=0)
    shelf = store.shelf("", 0)
    assert [shelf.response(f"resp_{name}") is not None for name in "123"] == [False, True, True]


def test_one_that_is_too_large_drives_no_other_out() -> None:
    """It would not stay either."""
    store = ResponseStore(2 * COST, HOUR)
    store.put("", response("1"), now=0)
    assert not store.put("", response("2", size=COST), now=0)
    assert (store.has_room(2 * COST), store.has_room(2 * COST + 1)) == (True, False)
    assert store.shelf("", 0).response("resp_1") is not None
    assert not store.put("", response("3", size=COST), now=HOUR + 1)
    assert store.size == 0


@pytest.mark.parametrize(("most_bytes", "most_seconds"), [(0, HOUR), (COST, 5)])
def test_other_bounds_hold_from_the_next_look_on(most_bytes: int, most_seconds: float) -> None:
    """The owner may change the settings while the server runs."""
    store = roomy()
    store.put("", response("1"), now=0)
    store.limit(most_bytes, most_seconds)
    assert store.shelf("", 6).response("resp_1") is None


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.integers(0, 2000))))
@settings(deadline=None, max_examples=100)
def test_the_size_is_that_of_what_is_kept(puts: list[tuple[str, int, int]]) -> None:
    """An error in the count would leave the store full, or grow without end."""
    store, most = ResponseStore(4 * COST, 20), 4 * COST
    for now, (owner, number, size) in enumerate(puts):
        shelf = store.shelf(owner, now)
        before = shelf.response(f"resp_{number - 1}")
        items = before.items if before else ()
        store.put(owner, response(str(number), size=size, before=items), now)
        assert 0 <= store.size <= most
    for owner in "ab":
        for number in range(6):
            store.delete(owner, f"resp_{number}")
    assert store.size == 0
