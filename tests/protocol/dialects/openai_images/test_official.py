"""OpenAI's image requests for xAI's API, and its answers for OpenAI's clients."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grokcore.errors import InvalidRequest
from grokcore.protocol.conversation.attachments import Attachment
from grokcore.protocol.conversation.made_media import Drawing, DrawnPicture
from grokcore.protocol.dialects.openai_images.official import drawing_answer, drawing_request
from grokcore.protocol.dialects.openai_images.request import (
    Made,
    model_named,
    parse_image_request,
)

MODEL = "grok-imagine-image"
PICTURE = Attachment(b"\x89PNG", "image/png", "a.png", "image")


def sent(count: int = 0, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body for xAI without what all have, and the parameters that are not in it."""
    asked = parse_image_request(
        tuple({"prompt": "A cat", **fields}.items()), editing=False, official=True
    )
    request = drawing_request(asked, MODEL, [PICTURE] * count, inline=False)
    body = json.loads(request.body)
    assert body.pop("prompt") == "A cat"
    assert (body.pop("model"), body.pop("response_format")) == (MODEL, "url")
    return body, request.unused


@pytest.mark.parametrize(
    ("fields", "body", "unused"),
    [
        ({}, {"n": 1}, ()),
        ({"n": 10, "user": "u"}, {"n": 10, "user": "u"}, ()),
        ({"size": "1536x1024"}, {"n": 1, "aspect_ratio": "3:2"}, ()),
        (
            {"size": "2048x2048"},
            {"n": 1, "aspect_ratio": "1:1", "resolution": "2k"},
            (),
        ),
        (
            {"size": "1536x1024", "aspect_ratio": "auto", "resolution": "1k"},
            {"n": 1, "aspect_ratio": "auto", "resolution": "1k"},
            (),
        ),
        ({"size": "auto"}, {"n": 1}, ()),
        ({"size": "large"}, {"n": 1}, ("size",)),
        ({"model": MODEL, "quality": "low"}, {"n": 1, "quality": "low"}, ()),
        ({"model": "gpt-image-1", "quality": "low"}, {"n": 1}, ("quality",)),
    ],
)
def test_parameters_are_passed_on_or_named(fields: Any, body: Any, unused: Any) -> None:
    """None of them is lost without a word."""
    assert sent(**fields) == (body, unused)


def test_pictures_are_data_urls() -> None:
    """One alone keeps its shape, as xAI wants it."""
    url = {"url": "data:image/png;base64,iVBORw=="}
    assert sent(1, size="512x512") == ({"n": 1, "image": url}, ("size",))
    body, _ = sent(2)
    assert body == {"n": 1, "images": [url, url]}


def test_a_parameter_that_is_no_text_is_refused() -> None:
    """Before anything is paid."""
    for odd in (["x"], "x" * 501):
        with pytest.raises(InvalidRequest) as caught:
            sent(user=odd)
        assert caught.value.param == "user"


def test_the_model_can_be_known_before_the_rest() -> None:
    """It decides on the lane, which decides on the rest."""
    assert model_named((("n", "odd"), ("model", " dall-e-3 "))) == "dall-e-3"
    assert model_named(()) == ""


def test_an_answer_has_what_xai_said_of_it() -> None:
    """The revised prompts by their pictures, and the cost, if it is known."""
    drawing = Drawing((DrawnPicture("https://example.com/1", prompt="B"), DrawnPicture("x")), 5)
    made = (Made(url="https://example.com/1"), Made(b"A"))
    body = drawing_answer(drawing, made, 7, 3)
    assert body["data"] == [
        {"url": "https://example.com/1", "revised_prompt": "B"},
        {"b64_json": "QQ=="},
    ]
    assert (body["created"], body["usage"]["cost_in_usd_ticks"]) == (7, 5)
    unknown = drawing_answer(Drawing(drawing.pictures), made, 7, 3)
    assert "cost_in_usd_ticks" not in unknown["usage"]
