"""Requests for videos: OpenAI's ``/videos`` and xAI's ``/videos/generations``, ``/edits`` and
``/extensions`` (docs.x.ai, REST reference of videos, 2026-11).

Rules
-----
1. A field is passed on, or named in :attr:`VideoRequest.ignored`; none is passed over.
2. xAI's parameters go on as they are; xAI judges their values. ``seconds`` and ``size`` are
   OpenAI's.
3. A video on the web is not fetched here; xAI does that.
"""

from __future__ import annotations

import base64
import enum
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from attrs import field, frozen

from ....errors import AttachmentRefused, InvalidRequest
from ...conversation.attachment_part import AttachmentPart
from ...conversation.attachments import Attachment
from ...conversation.usage import TICKS_PER_USD
from ..fields import header_names
from ..openai_images.official import data_url
from ..openai_images.sources import Fields, FormFile, holds_picture, is_absent, sources_of
from ..picture_shapes import VIDEO_RATIOS, nearest_ratio, sides_of

__all__ = ["SORA", "VideoRequest", "VideoTask", "parse_video_request", "video_request_body"]


class VideoTask(enum.Enum):
    """The kinds of requests; the values are the ends of their paths."""

    GENERATE = "generations"
    EDIT = "edits"
    EXTEND = "extensions"


SORA = re.compile(r"(?:[a-z0-9_.-]{1,40}/)?sora(?:-\d[a-z0-9.-]{0,40})?", re.IGNORECASE)
"""Names of OpenAI's models, for which xAI's stand here."""

MOST_PROMPT_CHARS = 1_000_000

_PASSED = frozenset(
    {"aspect_ratio", "resolution", "user", "output", "generate_audio", "reference_audios"}
)
_OWN = frozenset({"model", "prompt", "duration", "seconds", "size", "video"})

_REFERENCE = re.compile(r"reference_?images?(?:_urls?)?(?:\W.*)?", re.DOTALL)
_WEB_OR_DATA = re.compile(r"(?:https?://|data:video/)[!-~]+", re.IGNORECASE)

DEFAULT_SECONDS = {VideoTask.GENERATE: 8, VideoTask.EDIT: 9, VideoTask.EXTEND: 6}
"""The length that xAI makes if none is named (an edit keeps its video's, at most 8.7 s)."""

DEAREST = {"480p": 0.08, "720p": 0.14, "1080p": 0.25}
"""US dollars for a second by the resolution, of the dearest model (docs.x.ai, models, 2026-11)."""


@frozen
class VideoRequest:
    """A validated request.

    :ivar model: as the client wrote it; empty if it named none.
    :ivar passed: xAI's parameters by their names, without model, prompt and pictures.
    :ivar seconds: the length that is asked for, or xAI's default.
    :ivar first: the picture that the video begins with; at most one.
    :ivar references: pictures whose things are to be seen in the video.
    :ivar ignored: names of the parameters without effect, safe to put into a header.
    """

    task: VideoTask
    model: str
    prompt: str = field(repr=False)
    passed: Mapping[str, Any] = field(repr=False)
    seconds: int
    first: tuple[AttachmentPart, ...]
    references: tuple[AttachmentPart, ...]
    ignored: tuple[str, ...]

    @property
    def likely_ticks(self) -> int:
        """The highest cost by the published prices, in 1e-10 USD."""
        usd = DEAREST.get(self.passed.get("resolution", "480p"), DEAREST["1080p"])
        return int(self.seconds * usd * TICKS_PER_USD)


def parse_video_request(fields: Fields, task: VideoTask) -> VideoRequest:
    """Validate a request.

    :raises InvalidRequest: with the field at fault in ``param``.
    :raises AttachmentRefused: if a picture can't be used.
    """
    given = {name: value for name, value in fields if not is_absent(value)}
    pictures = [(name, value) for name, value in fields if holds_picture(name)]
    first = sources_of([pair for pair in pictures if not _REFERENCE.fullmatch(pair[0])])
    references = sources_of([pair for pair in pictures if _REFERENCE.fullmatch(pair[0])])
    if len(first) > 1:
        raise AttachmentRefused("A video begins with one picture at most.", param=first[1].path)
    seconds = _seconds(given)
    passed = {name: given[name] for name in _PASSED & given.keys()} | _video(given, task)
    if seconds is not None and task is not VideoTask.EDIT:
        passed["duration"] = seconds
    others = [name for name in given if name not in _PASSED | _OWN and not holds_picture(name)]
    return VideoRequest(
        task,
        _model(given.get("model")),
        _prompt(given, needed=not first),
        _shaped(passed, _string(given, "size")),
        seconds or DEFAULT_SECONDS[task],
        first,
        references,
        header_names(others),
    )


def video_request_body(
    asked: VideoRequest,
    model: str,
    first: Sequence[Attachment],
    references: Sequence[Attachment],
) -> bytes:
    """The request to xAI.

    :param model: xAI's name.
    :param first: the pictures of ``asked.first``, loaded; *references* likewise.
    """
    body: dict[str, Any] = {"model": model, **asked.passed}
    if asked.prompt:
        body["prompt"] = asked.prompt
    if first:
        body["image"] = {"url": data_url(first[0])}
    if references:
        body["reference_images"] = [{"url": data_url(one)} for one in references]
    return orjson.dumps(body)


def _shaped(passed: Mapping[str, Any], size: str) -> dict[str, Any]:
    """*passed* with the shape that *size* asks for, unless it names one."""
    sides = sides_of(size)
    if sides is None:
        if size and size.lower() != "auto":
            raise InvalidRequest("size must be like 1280x720.", param="size")
        return dict(passed)
    short = min(sides)
    resolution = "1080p" if short >= 1080 else "720p" if short >= 720 else "480p"
    shape = {"aspect_ratio": nearest_ratio(*sides, VIDEO_RATIOS), "resolution": resolution}
    return {**shape, **passed}


def _video(given: Mapping[str, Any], task: VideoTask) -> dict[str, Any]:
    """The video that is edited or extended, in xAI's form."""
    value = given.get("video")
    if task is VideoTask.GENERATE:
        if value is not None:
            raise InvalidRequest("Send a video to /v1/videos/edits.", param="video")
        return {}
    if isinstance(value, FormFile):
        return {"video": {"url": f"data:video/mp4;base64,{base64.b64encode(value.data).decode()}"}}
    found = value.get("url") if isinstance(value, dict) else value
    if isinstance(found, str) and _WEB_OR_DATA.fullmatch(found):
        return {"video": {"url": found}}
    raise InvalidRequest(
        'video is required: a file, or an https: or data: URL, as {"url": …}.', param="video"
    )


def _seconds(given: Mapping[str, Any]) -> int | None:
    name = "duration" if "duration" in given else "seconds"
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,4}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise InvalidRequest(f"{name} must be a number of seconds.", param=name)
    return value


def _model(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise InvalidRequest("model must be a string.", param="model")
    return (value or "").strip()


def _prompt(given: Mapping[str, Any], *, needed: bool) -> str:
    prompt = _string(given, "prompt")
    if needed and not prompt.strip():
        raise InvalidRequest("prompt is required and must be a string.", param="prompt")
    if len(prompt) > MOST_PROMPT_CHARS:
        raise InvalidRequest("prompt is too long.", param="prompt")
    return prompt


def _string(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string.", param=name)
    return value
