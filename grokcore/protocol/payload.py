"""What is sent to Grok for one question: the JSON body and the headers.

The body is the original project's, field for field (grok-protocol.md §2.1); the headers are those of a page's own request
that were found to matter (§1.2, plain-curl record of 2026-03-08). The browser's constants (``User-Agent``, ``sec-ch-ua``,
``Accept-Language``) come from curl's impersonation, so that they fit the TLS fingerprint.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import orjson
from attrs import field, frozen

from .models import Model

__all__ = ["CHAT_PATH", "ORIGIN", "Identity", "chat_body", "chat_headers"]

CHAT_PATH = "/rest/app-chat/conversations/new"

ORIGIN = "https://grok.com"
"""What the page sends as Origin, whatever mirror or simulator ``base_url`` names."""


@frozen
class Identity:
    """The browser values that a user copies, beside the session token.

    :ivar statsig_id: the value of ``x-statsig-id``, or one per request path (``"*"`` for the others): real values are
        bound to a path (recorded 2026-03-08).
    :ivar cf_clearance: the cookie's value, without its name; empty on an address that needs none.
    :ivar user_agent: empty for the impersonated browser's own.
    """

    statsig_id: str | dict[str, str] = field(repr=False)
    cf_clearance: str = field(default="", repr=False)
    user_agent: str = ""

    def statsig_for(self, path: str) -> str:
        """The value for a request to *path*; empty if none is configured for it."""
        if isinstance(self.statsig_id, str):
            return self.statsig_id
        return self.statsig_id.get(path, self.statsig_id.get("*", ""))


def chat_body(model: Model, message: str, *, temporary: bool, memory: bool) -> bytes:
    """The request body: UTF-8 JSON.

    :param message: the whole prompt (:mod:`grokcore.protocol.prompt`).
    :param temporary: keep the conversation out of the account's history.
    :param memory: let Grok use what it remembers of the account.
    """
    body: dict[str, Any] = {
        "temporary": temporary,
        **_model_fields(model),
        "message": message,
        "fileAttachments": [],
        "imageAttachments": [],
        "disableSearch": not model.search,
        "enableImageGeneration": True,
        "returnImageBytes": False,
        "returnRawGrokInXaiRequest": False,
        "enableImageStreaming": True,
        "imageGenerationCount": 2,
        "forceConcise": False,
        "toolOverrides": {},
        "enableSideBySide": True,
        "sendFinalMetadata": True,
        "isReasoning": False,
        "webpageUrls": [],
        "disableTextFollowUps": True,
        "responseMetadata": {} if model.mode_id else {"requestModelDetails": {"modelId": model.grok_model}},
        "disableMemory": not memory,
        "forceSideBySide": False,
        "isAsyncChat": False,
    }
    # A copy, because orjson's own bytes keep the 8 kB they were built in for as long as the stream lives.
    return b"%b" % orjson.dumps(body)


def _model_fields(model: Model) -> dict[str, str]:
    """Since 2026-03-23 a mode id takes the place of name and mode (§2.3)."""
    if model.mode_id:
        return {"modeId": model.mode_id}
    return {"modelName": model.grok_model, "modelMode": model.mode}


def chat_headers(identity: Identity, *, url: str, sso: str, request_id: str) -> list[tuple[str, str]]:
    """Headers of one request to Grok. An empty value takes a header of the impersonated browser out.

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
        ("Referer", f"{ORIGIN}/"),
        ("Sec-Fetch-Dest", "empty"),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Site", "same-origin"),
        # The impersonated browser's headers are those of a visit to a page; this is a call from one.
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
        # Client hints of another browser than the User-Agent's would contradict it; Grok does not ask for them (§1.2).
        headers.append(("User-Agent", identity.user_agent))
        headers += [("sec-ch-ua", ""), ("sec-ch-ua-mobile", ""), ("sec-ch-ua-platform", "")]
    return headers
