"""The image routes as a dialect: pictures are collected, counted and given whole."""

from __future__ import annotations

import orjson
import pytest

from grokcore.errors import AttachmentRefused, ModelNotFound, UpstreamRefused
from grokcore.protocol.conversation.events import Event, Finished, Picture, Text, Thinking
from grokcore.protocol.dialects.dialect import AnswerHead
from grokcore.protocol.dialects.openai_errors import error_body
from grokcore.protocol.dialects.openai_images.dialect import (
    SHOWN_WORDS,
    ImageCollector,
    ImageDialect,
)
from grokcore.protocol.dialects.openai_images.request import Made
from grokcore.protocol.dialects.openai_images.sources import Fields
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle

HEAD = AnswerHead("0123456789abcdef01234567", 1_700_000_000, 7, Style(ThinkingStyle.HIDDEN))
ADDRESSES = [f"https://assets.example.com/{name}.jpg" for name in "abc"]
PICTURES: list[Event] = [Picture(url) for url in ADDRESSES]


def read(body: bytes) -> Fields:
    """The fields of a JSON body."""
    return tuple(orjson.loads(body).items())


DIALECT = ImageDialect(editing=False, read=read)


def collector(events: list[Event], **fields: object) -> ImageCollector:
    """A collector that got *events* for a request with these fields."""
    asked = DIALECT.parse(orjson.dumps({"prompt": "a cat", **fields}))
    found = DIALECT.collector(asked, HEAD)
    found.add([*events, Finished()])
    return found


def test_no_more_pictures_are_fetched_than_were_asked_for() -> None:
    """Grok makes two at least; each is fetched from its own address."""
    assert collector(PICTURES).wanted() == ADDRESSES[:1]
    assert collector(PICTURES, n=2).wanted() == ADDRESSES[:2]


def test_too_few_pictures_are_an_error_unless_the_client_takes_fewer() -> None:
    """The message gives both numbers, and the field that makes do with less."""
    with pytest.raises(UpstreamRefused, match=r"made 3 of the 4 pictures .* Send partial_ok"):
        collector(PICTURES, n=4).wanted()
    assert collector(PICTURES, n=4, partial_ok=True).wanted() == ADDRESSES


@pytest.mark.parametrize(
    ("words", "shown"),
    [([], "nothing."), ([" I ", "won't. "], "I won't."), (["x" * 1000], "x" * SHOWN_WORDS)],
    ids=["none", "some", "many"],
)
def test_words_instead_of_a_picture_are_shown(words: list[str], shown: str) -> None:
    """They are Grok's reason, in bounds; its thinking is none. partial_ok asks for one at least."""
    events: list[Event] = [Thinking("hm"), *map(Text, words)]
    with pytest.raises(UpstreamRefused) as caught:
        collector(events, partial_ok=True).wanted()
    assert str(caught.value) == f"Grok made no picture. It said: {shown}"


def test_the_body_holds_what_was_given() -> None:
    """With the time at which the pictures were there, and no tokens for the server's counters."""
    found = collector(PICTURES)
    found.give([Made(url="https://me.example.com/media/a.jpg", data=b"")], 1_700_000_050)
    body = orjson.loads(found.body())
    assert body["created"] == 1_700_000_050
    assert body["data"] == [{"url": "https://me.example.com/media/a.jpg"}]
    assert found.usage() == {"prompt_tokens": 0, "completion_tokens": 0}


def test_edits_need_a_picture_and_nothing_is_streamed() -> None:
    """Errors have OpenAI's form."""
    with pytest.raises(AttachmentRefused):
        ImageDialect(editing=True, read=read).parse(b'{"prompt":"a cat"}')
    assert DIALECT.stream(DIALECT.parse(b'{"prompt":"a cat"}'), HEAD) is None
    error = ModelNotFound("No such model.", param="model")
    assert DIALECT.error(error, "req_1").body == error_body(error)


def test_names_of_the_lane_stand_behind_those_of_the_request() -> None:
    """For the response header."""
    asked = DIALECT.parse(orjson.dumps({"prompt": "a cat", "zzz": 1}))
    assert DIALECT.ignored(asked, ["b", "a"]) == (*asked.ignored, "a", "b")
    assert "zzz" in asked.ignored
