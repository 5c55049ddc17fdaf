"""The request to Grok for one question: the JSON body and the headers.

The body is the original project's, field for field (grok-protocol.md §2.1); the headers are those
of a page's own request that were found to matter (§1.2, 2026-03-08). The browser's constants
(``User-Agent``, ``sec-ch-ua``, ``Accept-Language``) come from curl's impersonation, so that they
fit the TLS fingerprint.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson
from attrs import frozen

from ..lenient_json import loads
from ..models import Model
from .identity import ORIGIN, Identity

__all__ = [
    "CHAT_PATH",
    "POST_PATH",
    "UPLOAD_PATH",
    "UploadedFile",
    "chat_body",
    "chat_headers",
    "post_body",
    "post_id",
    "upload_body",
    "uploaded_file",
    "video_body",
]

CHAT_PATH = "/rest/app-chat/conversations/new"
UPLOAD_PATH = "/rest/app-chat/upload-file"
POST_PATH = "/rest/media/post/create"

VIDEO_MODEL = "grok-3"
"""``modelName`` of all video requests of the original project, and of the page's own until 2026."""


@frozen
class UploadedFile:
    """A file at Grok's: *id* for the payload, *uri* its path below the assets host (may be
    empty).
    """

    id: str
    uri: str


def chat_body(
    model: Model,
    message: str,
    *,
    temporary: bool,
    memory: bool,
    files: Sequence[str] = (),
    pictures: int = 2,
    search: bool = True,
    draw: bool = True,
) -> bytes:
    """The request body: UTF-8 JSON.

    :param message: the whole prompt (:mod:`grokcore.protocol.grok_web.prompt`).
    :param files: ids of uploaded pictures and files (``fileMetadataId``).
    :param pictures: number of pictures, if one is asked for.
    :param search: whether Grok may search.
    :param draw: whether Grok may make pictures.
    :param temporary: keep the conversation out of the account's history.
    :param memory: let Grok use what it remembers of the account.
    """
    body: dict[str, Any] = {
        "temporary": temporary,
        **_model_fields(model),
        "message": message,
        "fileAttachments": list(files),
        "imageAttachments": [],
        "disableSearch": not search,
        "enableImageGeneration": draw,
        "returnImageBytes": False,
        "returnRawGrokInXaiRequest": False,
        "enableImageStreaming": True,
        "imageGenerationCount": pictures,
        "forceConcise": False,
        "toolOverrides": {} if draw else _overrides(search=search),
        "enableSideBySide": True,
        "sendFinalMetadata": True,
        "isReasoning": False,
        "webpageUrls": [],
        "disableTextFollowUps": True,
        "responseMetadata": {}
        if model.mode_id
        else {"requestModelDetails": {"modelId": model.grok_model}},
        "disableMemory": not memory,
        "forceSideBySide": False,
        "isAsyncChat": False,
    }
    # A copy, because orjson's own bytes keep the 8 kB they were built in for as long as the stream
    # lives.
    return b"%b" % orjson.dumps(body)


def _overrides(*, search: bool) -> dict[str, bool]:
    """Grok's own tools, switched off beside those of the client (grok-protocol.md §2.1).

    :param search: leaves those that search.
    """
    searching = () if search else ("webSearch", "xSearch", "xMediaSearch", "trendsSearch")
    return dict.fromkeys(("imageGen", *searching, "xPostAnalyze"), False)


def upload_body(data: bytes, media_type: str, name: str) -> bytes:
    """The body that uploads a file (§1.4): base64 within JSON."""
    content = base64.b64encode(data).decode("ascii")
    return orjson.dumps({"fileName": name, "fileMimeType": media_type, "content": content})


def uploaded_file(body: bytes) -> UploadedFile | None:
    """The file that the answer to an upload names; None if it names no file."""
    try:
        answer = loads(body)
    except ValueError:
        return None
    found = answer.get("fileMetadata", answer) if isinstance(answer, dict) else None
    file_id = found.get("fileMetadataId") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(file_id, str) or not file_id:
        return None
    uri = found.get("fileUri")
    return UploadedFile(file_id, uri if isinstance(uri, str) else "")


def post_body(media_url: str = "", prompt: str = "") -> bytes:
    """The body that makes the Imagine post of a video (§1.5): of a picture, or of words alone."""
    if media_url:
        return orjson.dumps({"mediaType": "MEDIA_POST_TYPE_IMAGE", "mediaUrl": media_url})
    return orjson.dumps({"mediaType": "MEDIA_POST_TYPE_VIDEO", "prompt": prompt})


def post_id(body: bytes) -> str:
    """The id of the post that an answer names; empty if it names none."""
    try:
        answer = loads(body)
    except ValueError:
        return ""
    post = answer.get("post") if isinstance(answer, dict) else None
    found = post.get("id") if isinstance(post, dict) else None
    return found if isinstance(found, str) else ""


def video_body(message: str, *, temporary: bool, files: Sequence[str]) -> bytes:
    """The body that asks for a video (§2.4, 2025-09): five keys, and the mode as a flag at the end
    of the message.
    """
    body = {
        "temporary": temporary,
        "modelName": VIDEO_MODEL,
        "message": message,
        "fileAttachments": list(files),
        "toolOverrides": {"videoGen": True},
    }
    return b"%b" % orjson.dumps(body)


def _model_fields(model: Model) -> dict[str, str]:
    """The keys that name the model. Since 2026-03-23 a mode id replaces name and mode (§2.3)."""
    if model.mode_id:
        return {"modeId": model.mode_id}
    return {"modelName": model.grok_model, "modelMode": model.mode}


def chat_headers(
    identity: Identity, *, url: str, sso: str, request_id: str, referer: str = f"{ORIGIN}/"
) -> list[tuple[str, str]]:
    """Headers of one request to Grok. An empty value removes a header of the impersonated browser.

    :param sso: the session token; it is the value of both cookies, ``sso`` and ``sso-rw``.
    :param request_id: a fresh uuid4.
    """
    cookie = f"sso={sso}; sso-rw={sso}"
    if identity.cf_clearance:
        cookie += f"; cf_clearance={identity.cf_clearance}"
    headers = [
        ("Accept", "*/*"),
        ("Content-Type", "application/json"),
        ("Origin", ORIGIN),
        ("Referer", referer),
        ("Sec-Fetch-Dest", "empty"),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Site", "same-origin"),
        # The impersonated browser's headers are those of a visit to a page; this is a call from a
        # page.
        ("Sec-Fetch-User", ""),
        ("Upgrade-Insecure-Requests", ""),
        ("Priority", "u=1, i"),
        ("x-xai-request-id", request_id),
        ("Cookie", cookie),
    ]
    statsig = identity.statsig_for(urlsplit(url).path)
    if statsig:
        headers.append(("x-statsig-id", statsig))
    if identity.user_agent:
        # Client hints of another browser than the User-Agent's would contradict it; Grok does not
        # ask for them (§1.2).
        headers.append(("User-Agent", identity.user_agent))
        headers += [("sec-ch-ua", ""), ("sec-ch-ua-mobile", ""), ("sec-ch-ua-platform", "")]
    return headers
