"""Requests for videos, in OpenAI's words and in xAI's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokcore.errors import AttachmentRefused, GrokApiError, InvalidRequest
from grokcore.protocol.conversation.attachments import Attachment
from grokcore.protocol.dialects.openai_images.sources import FormFile
from grokcore.protocol.dialects.openai_videos.request import (
    VideoTask,
    parse_video_request,
    video_request_body,
)

GENERATE, EDIT, EXTEND = VideoTask
PICTURE = Attachment(b"\x89PNG", "image/png", "a.png", "image")
URL = "data:image/png;base64,iVBORw0KGgo="
MP4 = "https://example.com/a.mp4"


def sent(fields: dict[str, Any], task: VideoTask = GENERATE) -> dict[str, Any]:
    """The body for xAI, without the model."""
    asked = parse_video_request(tuple(fields.items()), task)
    first, references = [PICTURE] * len(asked.first), [PICTURE] * len(asked.references)
    body: dict[str, Any] = json.loads(video_request_body(asked, "m", first, references))
    assert body.pop("model") == "m"
    return body


SENT = {"url": "data:image/png;base64,iVBORw=="}


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"prompt": "A"}, {"prompt": "A"}),
        ({"prompt": "A", "seconds": " 8 "}, {"prompt": "A", "duration": 8}),
        ({"prompt": "A", "duration": 5.0, "seconds": "8"}, {"prompt": "A", "duration": 5}),
        (
            {"prompt": "A", "size": "1920x1080"},
            {"prompt": "A", "aspect_ratio": "16:9", "resolution": "1080p"},
        ),
        (
            {"prompt": "A", "size": "1792x1024", "resolution": "480p"},
            {"prompt": "A", "aspect_ratio": "16:9", "resolution": "480p"},
        ),
        (
            {"prompt": "A", "size": "480x480"},
            {"prompt": "A", "aspect_ratio": "1:1", "resolution": "480p"},
        ),
        ({"prompt": "A", "size": "auto"}, {"prompt": "A"}),
        ({"input_reference": {"image_url": URL}}, {"image": SENT}),
        ({"prompt": "A", "image": {"url": URL}}, {"prompt": "A", "image": SENT}),
        (
            {"prompt": "A", "reference_images": [{"url": URL}, {"url": URL}]},
            {"prompt": "A", "reference_images": [SENT, SENT]},
        ),
        ({"prompt": "A", "user": "u", "odd": 1}, {"prompt": "A", "user": "u"}),
    ],
)
def test_a_request_is_xais(fields: dict[str, Any], body: dict[str, Any]) -> None:
    """Whichever of the two APIs the client knows."""
    assert sent(fields) == body


@pytest.mark.parametrize("video", [MP4, {"url": MP4}])
def test_a_video_on_the_web_is_passed_on(video: object) -> None:
    """xAI fetches it. An edit keeps the video's length."""
    fields = {"prompt": "A", "video": video, "seconds": 4}
    assert sent(fields, EDIT) == {"prompt": "A", "video": {"url": MP4}}
    assert sent(fields, EXTEND) == {"prompt": "A", "video": {"url": MP4}, "duration": 4}


def test_a_video_of_a_form_is_a_data_url() -> None:
    """As OpenAI's clients send it."""
    body = sent({"prompt": "A", "video": FormFile("a.mp4", b"ABC")}, EDIT)
    assert body["video"] == {"url": "data:video/mp4;base64,QUJD"}


@pytest.mark.parametrize(
    ("fields", "task", "param"),
    [
        ({}, GENERATE, "prompt"),
        ({"prompt": " "}, GENERATE, "prompt"),
        ({"prompt": 7}, GENERATE, "prompt"),
        ({"prompt": "x" * 1_000_001}, GENERATE, "prompt"),
        ({"prompt": "A", "model": 7}, GENERATE, "model"),
        ({"prompt": "A", "size": "big"}, GENERATE, "size"),
        ({"prompt": "A", "seconds": "some"}, GENERATE, "seconds"),
        ({"prompt": "A", "duration": 1.5}, GENERATE, "duration"),
        ({"prompt": "A", "duration": True}, GENERATE, "duration"),
        ({"prompt": "A", "duration": 0}, GENERATE, "duration"),
        ({"prompt": "A", "image": [URL, URL]}, GENERATE, "image[1]"),
        ({"prompt": "A", "video": MP4}, GENERATE, "video"),
        ({"prompt": "A"}, EDIT, "video"),
        ({"prompt": "A", "video": {"url": "file:///etc"}}, EDIT, "video"),
    ],
)
def test_what_cant_be_meant_is_refused_by_its_name(
    fields: dict[str, Any], task: VideoTask, param: str
) -> None:
    """Before anything is paid."""
    with pytest.raises(GrokApiError) as caught:
        sent(fields, task)
    assert (caught.value.status, caught.value.param) == (400, param)


def test_fields_without_effect_are_named() -> None:
    """So that nobody looks for an effect in the video."""
    asked = parse_video_request((("prompt", "A"), ("seed", 7), ("fps", None)), GENERATE)
    assert asked.ignored == ("seed",)


@pytest.mark.parametrize(
    ("fields", "usd"),
    [
        ({}, 8 * 0.08),
        ({"seconds": 4, "size": "1280x720"}, 4 * 0.14),
        ({"seconds": 1, "resolution": "4k"}, 0.25),
    ],
)
def test_the_likely_cost_is_not_below_the_true_one(fields: dict[str, Any], usd: float) -> None:
    """It is what the cap counts until the true one is known."""
    asked = parse_video_request(tuple({"prompt": "A", **fields}.items()), GENERATE)
    assert asked.likely_ticks == pytest.approx(usd * 10**10)


@given(
    st.dictionaries(
        st.sampled_from(["prompt", "model", "seconds", "size", "video", "image", "resolution"]),
        st.none() | st.integers() | st.text(max_size=9) | st.lists(st.text(max_size=3)),
    ),
    st.sampled_from(VideoTask),
)
def test_no_request_ends_in_a_fault_of_ours(fields: dict[str, Any], task: VideoTask) -> None:
    """It is one for xAI, or refused."""
    try:
        asked = parse_video_request(tuple(fields.items()), task)
    except (InvalidRequest, AttachmentRefused):
        return
    assert asked.likely_ticks > 0
