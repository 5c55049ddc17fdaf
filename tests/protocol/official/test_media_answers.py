"""xAI's answers to requests for pictures and videos, whole, odd and damaged."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore.errors import UpstreamFailure
from grokcore.protocol.conversation.made_media import (
    Drawing,
    DrawnPicture,
    VideoStage,
    VideoState,
)
from grokcore.protocol.official.media_answers import (
    parse_begun_video,
    parse_drawing,
    parse_video,
)

URL = "https://example.com/1.jpg"

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def test_pictures_keep_their_order_and_the_cost() -> None:
    """And what xAI made of the prompt."""
    data = [
        {"url": URL, "revised_prompt": "A cat"},
        {"b64_json": "QUJD", "mime_type": "image/png", "url": URL},
        {"url": "file:///etc/passwd"},
        "odd",
    ]
    body = as_json({"data": data, "usage": {"cost_in_usd_ticks": 7}})
    pictures = (DrawnPicture(URL, prompt="A cat"), DrawnPicture("", "QUJD", "image/png"))
    assert parse_drawing(body) == Drawing(pictures, 7)


@pytest.mark.parametrize("cost", [None, True, -1, "7", 10**17])
def test_a_cost_that_cant_be_meant_is_unknown(cost: object) -> None:
    """It must never count as nothing."""
    body = as_json({"data": [{"url": URL}], "usage": {"cost_in_usd_ticks": cost}})
    assert parse_drawing(body).cost_ticks is None


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"data": []}', b'{"data": 7}', b"{}"])
def test_an_answer_without_its_main_part_is_the_upstreams_fault(body: bytes) -> None:
    """And no fault of ours."""
    for parse in (parse_drawing, parse_begun_video):
        with pytest.raises(UpstreamFailure):
            parse(body)


def test_a_begun_video_has_an_id_that_can_stand_in_a_path() -> None:
    """Another one would ask for another address of xAI's."""
    assert parse_begun_video(b'{"request_id": "a3d1008e-4544"}') == "a3d1008e-4544"
    for odd in ("../files", "", "a b", 7):
        with pytest.raises(UpstreamFailure):
            parse_begun_video(as_json({"request_id": odd}))


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"status": "pending", "progress": 40}, VideoState(VideoStage.PENDING, 40)),
        ({"status": "pending", "progress": 250}, VideoState(VideoStage.PENDING, 99)),
        ({"status": "a new word"}, VideoState(VideoStage.PENDING)),
        ({}, VideoState(VideoStage.PENDING)),
        ({"video": {"url": URL}}, VideoState(VideoStage.DONE, 100, url=URL)),
        (
            {"status": "done", "model": "m", "video": {"url": URL, "duration": 6}},
            VideoState(VideoStage.DONE, 100, "m", URL, 6),
        ),
        (
            {"status": "done", "video": {"url": "", "duration": 6}},
            VideoState(VideoStage.DONE, 100, duration=6, moderated=True),
        ),
        (
            {"status": "done", "video": {"url": "javascript:1"}},
            VideoState(VideoStage.DONE, 100),
        ),
        (
            {"status": "failed", "error": {"code": "internal_error", "message": "<b>No\n"}},
            VideoState(VideoStage.FAILED, fault="internal_error", words="No"),
        ),
        ({"status": "failed", "error": {"code": "?!"}}, VideoState(VideoStage.FAILED)),
        ({"status": "expired"}, VideoState(VideoStage.EXPIRED)),
    ],
)
def test_each_stage_of_a_video_is_read(answer: object, state: VideoState) -> None:
    """Also in words to come."""
    assert parse_video(as_json(answer)) == state


@given(ANY_JSON)
def test_whatever_comes_is_an_answer_or_the_upstreams_failure(value: object) -> None:
    """No answer of xAI's may end in a fault of ours."""
    fields = ("data", "video", "error", "usage", "status", "progress", "request_id")
    for body in (as_json(value), as_json(dict.fromkeys(fields, value)), as_json({"data": [value]})):
        for parse in (parse_drawing, parse_begun_video, parse_video):
            try:
                parse(body)
            except UpstreamFailure:
                continue
