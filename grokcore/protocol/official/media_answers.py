"""xAI's answers to requests for pictures and videos (docs.x.ai, REST reference of images and
videos, 2026-11).

Rules
-----
1. A field that can't be meant counts as missing. An answer without its main part is a failure of
   the upstream.
2. xAI's words are quoted in one short line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...errors import UpstreamFailure
from ..conversation.made_media import Drawing, DrawnPicture, VideoStage, VideoState
from ..lenient_json import loads
from ..upstream_words import cleaned

__all__ = ["parse_begun_video", "parse_drawing", "parse_video"]

MOST_TICKS = 10**16
"""Bound of a cost: a million dollars."""

_REQUEST_ID = re.compile("[A-Za-z0-9._-]{1,200}")
"""Ids that can stand in a path. xAI's are UUIDs."""

_CODE = re.compile("[a-z_]{1,60}")

_URL = re.compile("https?://[!-~]{1,8000}")


def parse_drawing(body: bytes) -> Drawing:
    """The pictures of an answer.

    :raises UpstreamFailure: if there are none.
    """
    answer = _object(body)
    data = answer.get("data")
    listed = data if isinstance(data, list) else []
    pictures = tuple(filter(None, map(_picture, listed)))
    if not pictures:
        raise UpstreamFailure("xAI's answer holds no picture.")
    return Drawing(pictures, _cost(answer))


def parse_begun_video(body: bytes) -> str:
    """XAI's id of a video that it has begun to make.

    :raises UpstreamFailure: if there is none.
    """
    found = _object(body).get("request_id")
    if not isinstance(found, str) or not _REQUEST_ID.fullmatch(found):
        raise UpstreamFailure("xAI's answer holds no id of the video.")
    return found


def parse_video(body: bytes) -> VideoState:
    """A video as it stands. A stage that is not known yet counts as pending.

    :raises UpstreamFailure: if *body* is no JSON object.
    """
    answer = _object(body)
    video, error = _inner(answer, "video"), _inner(answer, "error")
    url, code = _text(video, "url"), _text(error, "code")
    stage = _stage(answer, url)
    done = stage is VideoStage.DONE
    return VideoState(
        stage,
        100 if done else min(_number(answer, "progress") or 0, 99),
        _text(answer, "model")[:100],
        url if _URL.fullmatch(url) else "",
        _number(video, "duration"),
        done and not url,
        code if _CODE.fullmatch(code) else "",
        cleaned(_text(error, "message")),
        _cost(answer),
    )


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        answer = loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise UpstreamFailure("xAI's answer is no JSON object.")
    return answer


def _picture(item: object) -> DrawnPicture | None:
    if not isinstance(item, dict):
        return None
    url, content = _text(item, "url"), _text(item, "b64_json")
    if not content and not _URL.fullmatch(url):
        return None
    prompt = _text(item, "revised_prompt")
    return DrawnPicture("" if content else url, content, _text(item, "mime_type")[:100], prompt)


def _stage(answer: Mapping[str, Any], url: str) -> VideoStage:
    """The stage; of an answer without one, whether there is a video (early versions of the API)."""
    named = _text(answer, "status")
    found = next((stage for stage in VideoStage if stage.value == named), None)
    if found is None:
        return VideoStage.DONE if url and not named else VideoStage.PENDING
    return found


def _inner(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def _number(value: Mapping[str, Any], name: str) -> int | None:
    found = value.get(name)
    if (
        isinstance(found, bool)
        or not isinstance(found, int | float)
        or not 0 <= found <= MOST_TICKS
    ):
        return None
    return int(found)


def _cost(answer: Mapping[str, Any]) -> int | None:
    return _number(_inner(answer, "usage"), "cost_in_usd_ticks")
