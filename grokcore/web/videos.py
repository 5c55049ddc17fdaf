"""``/videos``: videos that xAI's API makes, for OpenAI's clients and for xAI's.

Rules
-----
1. Nothing is kept of a video here but its cost until it is known. Its name says whose it is
   (:mod:`grokcore.protocol.dialects.openai_videos.ids`).
2. A guest sees the videos of its own key. An owner sees all, by xAI's own ids as well.
3. A video's content comes from the cache if there is one, else straight from xAI's site.
"""

from __future__ import annotations

import time

import orjson
from quart import Response, request

from ..errors import (
    ContentPolicyViolation,
    GrokApiError,
    InvalidRequest,
    ModelNotFound,
    NotImplementedHere,
    PermissionDenied,
    VideoNotFound,
    VideoNotReady,
)
from ..protocol.conversation.made_media import VideoStage, VideoState
from ..protocol.dialects.error_forms import openai_form
from ..protocol.dialects.openai_videos.ids import NamedVideo, parse_video_name, video_name
from ..protocol.dialects.openai_videos.request import (
    SORA,
    VideoTask,
    parse_video_request,
    video_request_body,
)
from ..protocol.dialects.openai_videos.video_object import MODERATED, begun_video, video_object
from ..protocol.models import LaneName, LaneUse
from ..runtime.disk.media_cache import LargerThanCache, MediaCache
from .answers.admission import attached, most_body_bytes
from .answers.form import read_fields
from .answers.key_use import begin_asking
from .edge.lifetime import Lifetime, current_lifetime
from .media import media_response
from .media_maker import MediaContent, MediaMaker
from .responses import SteppedBody, json_response, stepped_response
from .services import Services
from .topics import VIDEO

__all__ = ["begin_video", "show_content", "show_video"]

SHOWN_NAME = 100


async def begin_video(services: Services, task: VideoTask) -> Response:
    """``POST /videos``, ``/videos/generations``, ``/videos/edits`` and ``/videos/extensions``.

    :raises GrokApiError: if no video was begun.
    """
    lifetime = current_lifetime()
    maker = _maker(services, lifetime)
    begin_asking(services, lifetime)
    content_type = request.headers.get("content-type", "")
    asked = await services.state.bodies.parse(
        lambda body: parse_video_request(read_fields(content_type, body), task),
        most_body_bytes(services.state.config),
        lifetime,
    )
    model = _model(maker, asked.model, lifetime)
    if asked.ignored:
        lifetime.headers["x-grok2api-ignored"] = ", ".join(asked.ignored)
    pictures = await attached(services, (*asked.first, *asked.references), lifetime)
    count = len(asked.first)
    body = video_request_body(asked, model, pictures[:count], pictures[count:])
    until = lifetime.accepted + services.state.config.pool.queue_seconds
    request_id = await maker.begin_video(
        task.value, model, body, likely_ticks=asked.likely_ticks, until=until
    )
    name = video_name(request_id, int(time.time()), lifetime.caller.name, maker.secret())
    return json_response(orjson.dumps(begun_video(name, asked, model)))


async def show_video(services: Services, name: str) -> Response:
    """``GET /videos/{id}``. For a name without OpenAI's prefix, status and words are xAI's.

    :raises GrokApiError: if there is no such video, or xAI can't be asked.
    """
    maker = _maker(services, current_lifetime())
    found = _named(maker, name, current_lifetime())
    state = await _looked(services, maker, found.request_id)
    pending = state.stage is VideoStage.PENDING and not found.ours
    return json_response(orjson.dumps(video_object(found, state)), 202 if pending else 200)


async def show_content(services: Services, name: str) -> Response:
    """``GET /videos/{id}/content``.

    :raises VideoNotReady: if the video is not made.
    :raises GrokApiError: if there is no such video, or it can't be fetched.
    """
    lifetime = current_lifetime()
    maker = _maker(services, lifetime)
    if request.args.get("variant", "video") != "video":
        raise InvalidRequest("xAI makes the video alone: leave variant out.", param="variant")
    found = _named(maker, name, lifetime)
    state = await _looked(services, maker, found.request_id)
    _require_content(state)
    cache = services.deliveries.cache
    if cache is not None and services.state.config.grok.cache_mb:
        kept = await _kept(maker, found, state, cache)
        if kept:
            method, headers = request.method, request.headers
            return await media_response(cache, kept, method, headers, lifetime)
    return await _straight(maker, state.url, lifetime)


async def _looked(services: Services, maker: MediaMaker, request_id: str) -> VideoState:
    """How a video stands. Its end is passed on to the worker that began it and counts its cost."""
    state = await maker.look(request_id)
    if state.stage is not VideoStage.PENDING:
        end = {"stage": state.stage.value, "fault": state.fault, "cost": state.cost_ticks}
        await services.fellows.ask(VIDEO, {"id": request_id, **end})
    return state


# Admission --------------------------------------------------------------------------------------


def _maker(services: Services, lifetime: Lifetime) -> MediaMaker:
    """The maker of videos, for a key that may use it.

    :raises NotImplementedHere: if videos are not offered.
    :raises PermissionDenied: if the key may not use the paid lane.
    """
    lifetime.error_form = openai_form
    maker = services.media_maker()
    if maker is None or maker.use is LaneUse.OFF:
        raise NotImplementedHere(
            "Videos need a key of xAI's API: the owner can set key and images = true in [api]. "
            "Without one, /v1/chat/completions makes videos with grok-imagine-0.9."
        )
    if LaneName.API not in lifetime.caller.lanes:
        raise PermissionDenied(
            f"The key {lifetime.caller.name!r} may not use the paid lane: its entry in [[keys]] "
            'does not have "api" in lanes.'
        )
    lifetime.headers["x-grok2api-lane"] = LaneName.API.value
    return maker


def _model(maker: MediaMaker, name: str, lifetime: Lifetime) -> str:
    models = maker.video_models
    model = models[0] if models and (not name or SORA.fullmatch(name)) else name
    if model not in models:
        raise ModelNotFound(
            f"The model {model[:SHOWN_NAME]!r} makes no videos here. There are: "
            f"{', '.join(models)}.",
            param="model",
        )
    lifetime.trace.model = model
    lifetime.caller.require_model(model)
    return model


def _named(maker: MediaMaker, name: str, lifetime: Lifetime) -> NamedVideo:
    """The video of this name.

    :raises VideoNotFound: if it can be none, or is not this key's.
    """
    found, caller = parse_video_name(name), lifetime.caller
    owner = caller.allowance is None
    if found is None or not (owner or found.belongs_to(caller.name, maker.secret())):
        raise VideoNotFound(f"There is no video {name[:SHOWN_NAME]!r} of this key.")
    return found


def _require_content(state: VideoState) -> None:
    match state.stage:
        case VideoStage.PENDING:
            raise VideoNotReady(f"The video is being made ({state.progress} %). Ask again.")
        case VideoStage.FAILED:
            raise VideoNotReady("xAI could not make the video.", said=state.words)
        case VideoStage.EXPIRED:
            raise VideoNotFound("xAI has deleted the video.")
    if not state.url:
        raise ContentPolicyViolation(MODERATED)


# Contents ---------------------------------------------------------------------------------------


async def _kept(maker: MediaMaker, found: NamedVideo, state: VideoState, cache: MediaCache) -> str:
    """The video's name in the cache; empty if it can't be kept."""
    try:
        return await maker.save(found.request_id, state.url, cache)
    except (LargerThanCache, OSError):
        return ""


async def _straight(maker: MediaMaker, url: str, lifetime: Lifetime) -> Response:
    """The content as it arrives, of unknown length."""
    content = await maker.open(url)
    lifetime.on_end(content.aclose)  # nothing may be awaited before this
    headers = {"content-type": content.media_type, "x-content-type-options": "nosniff"}
    if request.method == "HEAD":
        return Response(b"", headers=headers)
    return stepped_response(_Arriving(content), headers)


class _Arriving(SteppedBody):
    """A content under way, for Quart to iterate over."""

    def __init__(self, content: MediaContent) -> None:
        self._content = content

    async def __anext__(self) -> bytes:
        try:
            piece = await self._content.read()
        except GrokApiError as error:  # the headers were sent: only a cut shows the client
            raise EOFError("a video broke off while it was passed on") from error
        if not piece:
            raise StopAsyncIteration
        return piece
