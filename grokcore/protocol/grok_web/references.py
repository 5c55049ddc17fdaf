"""Elements in the text that refer to cards: what stands in their places, and cards that come too
late for theirs.
"""

from __future__ import annotations

from ..conversation.events import Event, FoundPicture
from .cards import Card, parse_reference
from .citations import Citations
from .gallery import Gallery
from .markup import Element
from .server_tools import tool_use_in_element

__all__ = ["MOST_CARDS", "References"]

MOST_CARDS = 500
"""Cards that are kept of one answer, and references to cards that have not come."""

MOST_PLACES = 2000
"""Places of one answer that cite something."""


class References:
    """The cards of one answer.

    :param citations: the pages that it cites.
    :param gallery: its pictures and files.
    :param filtered_tags: elements that are taken out; one without a card leaves no text behind.
    """

    def __init__(
        self, citations: Citations, gallery: Gallery, filtered_tags: frozenset[str]
    ) -> None:
        self._citations = citations
        self._gallery = gallery
        self._filtered_tags = filtered_tags
        self._cards: dict[str, Card] = {}
        self._unresolved: dict[str, None] = {}
        self._places = 0

    def note(self, card: Card) -> list[Event]:
        """Keep *card*; return the events of one that reports the progress of a picture."""
        if card.is_generated:
            return self._gallery.note_card(card)
        if card.is_file:
            self._gallery.keep_file(card)
        if card.id and len(self._cards) < MOST_CARDS:
            self._cards[card.id] = card
        return []

    def in_place_of(self, element: Element) -> Event | str | None:
        """Return the event or text that replaces an element; None if nothing does."""
        if not element.text[:12].lower().startswith("<grok:render"):
            return tool_use_in_element(element.text)
        reference = parse_reference(element.text)
        card = self._cards.get(reference.card_id)
        if card is None and len(self._unresolved) < MOST_CARDS:
            self._unresolved[reference.card_id] = None
        if reference.is_citation or (card is not None and card.is_citation):
            self._places += 1
            return self._citations.cite(reference, card) if self._places <= MOST_PLACES else None
        if card is not None and _is_found_picture(card):
            return FoundPicture(card.url, card.title, card.link)
        if card is not None and card.is_file and card.url:
            return self._gallery.show_file(card)
        kept = (
            "grok:render" not in self._filtered_tags
            and card is None
            and "generated" not in reference.kind
        )
        return element.text if kept else None

    def refers(self, element: Element) -> bool:
        """Whether an element refers to a card that has come."""
        return parse_reference(element.text).card_id in self._cards

    def late(self) -> list[Event]:
        """Return the events of cards that came behind the elements which refer to them: pictures,
        and cited pages as search results.
        """
        cards = [self._cards[name] for name in self._unresolved if name in self._cards]
        cited = [{"url": card.url, "title": card.title} for card in cards if card.is_citation]
        pages = self._citations.read_results(cited)
        pictures = [
            FoundPicture(card.url, card.title, card.link)
            for card in cards
            if _is_found_picture(card)
        ]
        return [*pictures, pages] if pages else [*pictures]


def _is_found_picture(card: Card) -> bool:
    return card.is_picture and card.url.startswith(("https://", "http://"))
