"""Cards: the useful parts of their JSON."""

from __future__ import annotations

import json

import pytest

from grokcore.protocol.grok_web.cards import parse_card


@pytest.mark.parametrize("value", [None, 5, "", "nonsense", "[]", '"a"'])
def test_anything_else_is_no_card(value: object) -> None:
    """It is counted, and the answer goes on."""
    assert parse_card(value) is None


def test_a_card_says_what_it_is() -> None:
    """Its type decides how it is shown."""
    card = parse_card(
        json.dumps({"id": "1", "cardType": "citation_card", "url": "https://a.example"})
    )
    assert card is not None
    assert card.is_citation
