"""Pictures and files of one answer: which are shown, and once."""

from __future__ import annotations

import base64

import pytest

from grokcore.protocol.conversation.events import Activity, Event, File, Picture, Progress
from grokcore.protocol.grok_web import gallery as gallery_module
from grokcore.protocol.grok_web.cards import Card
from grokcore.protocol.grok_web.gallery import Gallery
from grokcore.simulator.assets import png


def card(**fields: object) -> Card:
    return Card(**{"id": "1", "kind": "generated_image_card", **fields})  # type: ignore[arg-type]


def test_a_finished_picture_is_shown_once() -> None:
    """Progress before it, nothing of the same news again."""
    gallery = Gallery()
    assert gallery.note_card(card(url="a.jpg", percent=50)) == [Progress(50)]
    assert gallery.note_card(card(url="a.jpg", percent=50)) == []
    assert gallery.note_card(card(url="a.jpg", percent=100)) == [Progress(100), Picture("a.jpg")]
    assert gallery.note_card(card(url="a.jpg", percent=100)) == []


def test_a_picture_that_could_not_be_made_leaves_its_reason() -> None:
    """The answer's error says it if nothing else came."""
    gallery = Gallery()
    gallery.note_card(card(fault="rate_limit"))
    assert gallery.fault == "rate_limit"


def test_a_file_is_shown_where_the_text_refers_to_it_or_at_the_end() -> None:
    """Once, whichever comes first; without an address there is none."""
    gallery = Gallery()
    for url in ("a.pdf", "b.pdf", ""):
        gallery.keep_file(Card(url=url, title=url))
    assert gallery.show_file(Card(url="a.pdf", title="a.pdf")) == File("a.pdf", "a.pdf")
    assert gallery.show_file(Card(url="a.pdf", title="a.pdf")) is None
    assert gallery.rest() == [File("b.pdf", "b.pdf")]


def test_beyond_a_number_of_subjects_none_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more moderated ones than can be remembered, nothing is shown at all."""
    monkeypatch.setattr(gallery_module, "MOST_SUBJECTS", 1)
    gallery = Gallery()
    news: list[list[Event]] = [
        gallery.note_card(card(id=name, percent=None)) for name in ("1", "2", "2")
    ]
    assert news == [[Activity()]] * 3
    for name in ("1", "2"):
        gallery.note_card(card(id=name, url=f"{name}.jpg", moderated=True))
    assert gallery.note_card(card(id="3", url="3.jpg", percent=100))[-1:] != []
    gallery.conclude(["4.jpg"])
    assert gallery.rest() == []


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("data:image/png;base64," + base64.b64encode(png()).decode(), True),
        ("data:image/png;base64,****", False),
        ("data:text/html;base64," + base64.b64encode(png()).decode(), False),
        ("data:image/png;base64," + base64.b64encode(b"<html>").decode(), False),
    ],
)
def test_data_within_the_answer_is_shown_only_if_it_is_a_picture(data: str, shown: bool) -> None:
    """Whatever it calls itself."""
    gallery = Gallery()
    events = gallery.note_card(card(url=data, percent=100))
    assert (Picture(data) in events) is shown
    assert bool(gallery.fault) is not shown
