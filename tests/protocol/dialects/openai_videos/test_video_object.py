"""A video as OpenAI's and as xAI's clients read it."""

from __future__ import annotations

import pytest
from attrs import evolve

from grokcore.protocol.conversation.made_media import VideoStage, VideoState
from grokcore.protocol.dialects.openai_videos.ids import video_name
from grokcore.protocol.dialects.openai_videos.request import VideoTask, parse_video_request
from grokcore.protocol.dialects.openai_videos.video_object import (
    MODERATED,
    begun_video,
    video_object,
)

NAME = video_name("r", 5, "", "secret")
DONE = VideoState(VideoStage.DONE, 100, "m", "https://example.com/a.mp4", 6, cost_ticks=9)
FAILED = VideoState(VideoStage.FAILED, fault="invalid_argument", words="No.")


@pytest.mark.parametrize(
    ("state", "openais", "xais"),
    [
        (VideoState(VideoStage.PENDING), "queued", "pending"),
        (VideoState(VideoStage.PENDING, 5), "in_progress", "pending"),
        (DONE, "completed", "done"),
        (evolve(DONE, url="", moderated=True), "failed", "done"),
        (FAILED, "failed", "failed"),
        (VideoState(VideoStage.EXPIRED), "expired", "expired"),
    ],
)
def test_each_client_reads_its_own_words(state: VideoState, openais: str, xais: str) -> None:
    """Told apart by the form of the name that each of them got."""
    assert video_object(NAME, state)["status"] == openais
    assert video_object(evolve(NAME, ours=False), state)["status"] == xais


def test_a_whole_video_has_the_fields_of_both() -> None:
    """Its address, its length and its cost."""
    found = video_object(NAME, DONE)
    assert found["video"] == {"url": DONE.url, "duration": 6, "respect_moderation": True}
    assert found["usage"] == {"cost_in_usd_ticks": 9}
    assert (found["seconds"], found["created_at"], found["error"]) == ("6", 5, None)
    assert found["id"] == f"video_{found['request_id']}"


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (FAILED, {"code": "invalid_argument", "message": "No."}),
        (evolve(DONE, moderated=True), {"code": "content_policy_violation", "message": MODERATED}),
    ],
)
def test_a_failure_is_told_in_words(state: VideoState, error: object) -> None:
    """xAI's, if it has some."""
    assert video_object(NAME, state)["error"] == error


def test_a_failure_without_words_gets_some() -> None:
    """Clients show them."""
    bare = video_object(NAME, VideoState(VideoStage.FAILED))["error"]
    assert bare == {"code": "internal_error", "message": "xAI could not make the video."}


def test_a_begun_video_has_both_names() -> None:
    """Each kind of client reads its own."""
    asked = parse_video_request((("prompt", "A"),), VideoTask.GENERATE)
    found = begun_video(NAME, asked, "m")
    assert (found["id"], found["request_id"]) == (f"video_{NAME.rest}", NAME.rest)
    assert (found["status"], found["seconds"], found["model"]) == ("queued", "8", "m")
