"""A video as clients read it. OpenAI's and xAI's objects differ in the words of ``status``, and go
together otherwise: each answer has the fields of both, and the words of the client that asks.
"""

from __future__ import annotations

from typing import Any

from ...conversation.made_media import VideoStage, VideoState
from .ids import PREFIX, NamedVideo
from .request import VideoRequest

__all__ = ["begun_video", "video_object"]

_FOR_OPENAI = {
    VideoStage.PENDING: "in_progress",
    VideoStage.DONE: "completed",
    VideoStage.FAILED: "failed",
    VideoStage.EXPIRED: "expired",
}

MODERATED = "xAI made the video and withholds it: its moderation objects to the content."


def begun_video(name: NamedVideo, asked: VideoRequest, model: str) -> dict[str, Any]:
    """The answer to a request for a video. xAI's clients read ``request_id``.

    :param model: xAI's name.
    """
    return {
        "id": f"{PREFIX}{name.rest}",
        "object": "video",
        "request_id": name.rest,
        "created_at": name.created,
        "status": "queued",
        "model": model,
        "progress": 0,
        "seconds": str(asked.seconds),
    }


def video_object(name: NamedVideo, state: VideoState) -> dict[str, Any]:
    """The answer to a question how a video stands. The words of ``status`` are OpenAI's for a name
    that begins as OpenAI's clients got it, else xAI's.
    """
    found: dict[str, Any] = {
        "id": f"{PREFIX}{name.rest}",
        "object": "video",
        "request_id": name.rest,
        "created_at": name.created,
        "status": _status(state, ours=name.ours),
        "model": state.model,
        "progress": state.progress,
        "error": _error(state),
    }
    if state.duration is not None:
        found["seconds"] = str(state.duration)
    if state.stage is VideoStage.DONE:
        found["video"] = {
            "url": state.url,
            "duration": state.duration,
            "respect_moderation": not state.moderated,
        }
    if state.cost_ticks is not None:
        found["usage"] = {"cost_in_usd_ticks": state.cost_ticks}
    return found


def _status(state: VideoState, *, ours: bool) -> str:
    if not ours:
        return state.stage.value
    if state.moderated:
        return "failed"
    waiting = state.stage is VideoStage.PENDING and not state.progress
    return "queued" if waiting else _FOR_OPENAI[state.stage]


def _error(state: VideoState) -> dict[str, str] | None:
    if state.moderated:
        return {"code": "content_policy_violation", "message": MODERATED}
    if state.stage is VideoStage.EXPIRED:
        return {"code": "expired", "message": "xAI has deleted the video."}
    if state.stage is VideoStage.FAILED:
        words = state.words or "xAI could not make the video."
        return {"code": state.fault or "internal_error", "message": words}
    return None
