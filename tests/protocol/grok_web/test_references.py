"""Elements of the text that refer to cards."""

from __future__ import annotations

import pytest

from grokcore.protocol.conversation.events import Event, File, FoundPicture
from grokcore.protocol.grok_web.cards import Card
from grokcore.protocol.grok_web.citations import Citations
from grokcore.protocol.grok_web.gallery import Gallery
from grokcore.protocol.grok_web.markup import Element
from grokcore.protocol.grok_web.references import References

CARDS = [
    Card(id="1", kind="image_card", url="https://example.com/a.jpg"),
    Card(id="2", kind="file_card", url="a.pdf", title="a"),
]


def element(card_id: str) -> Element:
    return Element(f'<grok:render card_id="{card_id}" card_type="image_card"></grok:render>')


@pytest.mark.parametrize(
    ("card_id", "shown"),
    [("1", FoundPicture("https://example.com/a.jpg")), ("2", File("a.pdf", "a")), ("3", None)],
)
def test_an_element_is_replaced_by_its_card(card_id: str, shown: Event | None) -> None:
    """Found pictures and files stand where the text refers to them."""
    references = References(Citations(), Gallery(), frozenset({"grok:render"}))
    for card in CARDS:
        references.note(card)
    assert references.in_place_of(element(card_id)) == shown


def test_an_unknown_element_stays_if_nothing_is_filtered() -> None:
    """The owner wants to see the markup."""
    references = References(Citations(), Gallery(), frozenset())
    assert references.in_place_of(element("3")) == element("3").text
