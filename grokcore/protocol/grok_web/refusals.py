"""Refusals: from a response or an error object of Grok's to one leaf of the error family.

Theory
------
The same status means different things (grok-protocol.md §4.1, §4.7): a 403 can be the account's
fault, the request's, or that of the address it came from, and only the body shows which. So a
refusal is read in this order:

* *markers* that upstream puts into its messages: ``[WKE=…]`` and its own phrases;
* the shape of the body: HTML, or no body at all, is a page of Cloudflare's;
* the gRPC code;
* the status.

Rules
-----
1. A token is blamed only by an explicit marker, or by a 401 or 429 that is JSON or empty; an
   unknown 403 is not the token's fault.
2. Upstream's own words reach the client only cleaned and cut (:func:`cleaned`), never a page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from ...errors import (
    AntiBotRefusal,
    AttachmentModerated,
    AttachmentRefused,
    Challenge,
    ContentPolicyViolation,
    ContextLengthExceeded,
    CredentialsRejected,
    GrokApiError,
    QuotaExhausted,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamUnavailable,
)
from ..advice import advice
from ..lenient_json import loads
from ..pages import PAGE_MARKERS, REFUSAL_BODY_BYTES, is_challenge, is_html
from ..upstream_words import CLEANED_FROM_CHARS, cleaned
from ..waits import believed_wait

__all__ = [
    "REFUSAL_BODY_BYTES",
    "is_challenge",
    "is_html",
    "refusal_of_error_line",
    "refusal_of_response",
    "refusal_of_stream_error",
    "turns_away",
]

_Leaf: TypeAlias = type[GrokApiError]

# Phrases in upstream's messages, most specific first. Source: grok-protocol.md §4.1, with dates.
_MARKERS: list[tuple[re.Pattern[str], _Leaf]] = [
    (re.compile(pattern, re.IGNORECASE), leaf)
    for pattern, leaf in (
        (r"anti[-_ ]?bot|page is out of date", AntiBotRefusal),
        (
            r"blocked-user|user is blocked|account (is )?suspended|email-domain-rejected",
            CredentialsRejected,
        ),
        (
            r"invalid-credentials|bad-credentials|failed to look up session|session not found",
            CredentialsRejected,
        ),
        (r"token (revoked|expired)", CredentialsRejected),
        (r"content-moderated|content.?moderat|violates? .{0,40}polic", ContentPolicyViolation),
        (
            r"heavy usage|admission denied|load_shed|concurrency limit|model is not available",
            UpstreamOverloaded,
        ),
        (r"usage limit|too many requests|rate limit|quota", QuotaExhausted),
        (r"context length|prompt (is )?too long|beyond context", ContextLengthExceeded),
    )
]

# gRPC status codes in error objects (the REST layer is gRPC transcoding).
_BY_GRPC_CODE: dict[int, _Leaf] = {
    3: UpstreamRefused,
    5: UpstreamRefused,
    7: UpstreamRefused,
    8: QuotaExhausted,
    9: UpstreamRefused,
    12: UpstreamRefused,
    16: CredentialsRejected,
}

# Detail keys of a nested StreamError (grok-protocol.md §4.3). None: a tool's failure, which Grok
# itself answers around.
_BY_DETAIL: dict[str, _Leaf | None] = {
    "globalRateLimit": UpstreamOverloaded,
    "modelNotAvailable": UpstreamOverloaded,
    "systemKillSwitch": UpstreamOverloaded,
    "concurrencyLimit": UpstreamOverloaded,
    "usagePoolExhausted": QuotaExhausted,
    "usageLimitReached": QuotaExhausted,
    "beyondContextLength": ContextLengthExceeded,
    "userPromptTooLong": ContextLengthExceeded,
    "contentModerated": ContentPolicyViolation,
    "attachmentModerated": AttachmentModerated,
    "attachmentImageTooLarge": AttachmentRefused,
    "attachmentFileTooLarge": AttachmentRefused,
    "attachmentTooManyPages": AttachmentRefused,
    "attachmentLoadFailed": AttachmentRefused,
    "internalError": UpstreamFailure,
    "requestCancelled": UpstreamFailure,
    "renderToolFailed": None,
    "renderToolRateLimited": None,
    "renderPerMessageLimitExceeded": None,
    "toolCallFailed": None,
}

_ADVICE: dict[_Leaf, str] = {
    CredentialsRejected: f"Grok does not accept this session. {advice('no_valid_tokens')}",
    QuotaExhausted: "The Grok account has used up its allowance for this model.",
    Challenge: (
        "A page came instead of an answer: Cloudflare, or a region block, does not trust this "
        f"address. {advice('upstream_challenge')}"
    ),
    AntiBotRefusal: f"Grok's anti-bot rules refused the request. {advice('upstream_antibot')}",
    ContentPolicyViolation: "Grok moderated this content.",
    AttachmentModerated: "Grok moderated an attachment.",
    ContextLengthExceeded: "The conversation is too long for Grok.",
    AttachmentRefused: "Grok refused an attachment.",
    UpstreamOverloaded: "Grok is overloaded at the moment.",
    UpstreamFailure: "Grok failed to answer.",
    UpstreamUnavailable: "Grok failed to answer.",
    UpstreamRefused: "Grok refused the request.",
}

_PROXY_AUTHENTICATION_REQUIRED = 407
_PROXY_REFUSED = (
    "Grok could not be reached: the proxy refused with HTTP 407. It asks for a user and a "
    "password, or does not take "
    "those of proxy_url."
)
"""Only a proxy answers so (RFC 9110 §15.5.8); to libcurl it is an answer like any other where the
URL has no TLS.
"""


def refusal_of_response(status: int, headers: Mapping[str, str], body: bytes) -> GrokApiError:
    """The error that a response without an answer stands for.

    :param status: the HTTP status; 200 only when the body turned out to be a page.
    :param headers: names in lower case.
    :param body: the part that was read, at most :data:`REFUSAL_BODY_BYTES`.
    """
    if status == _PROXY_AUTHENTICATION_REQUIRED:
        return TransportFailure(_PROXY_REFUSED)
    if is_html(headers, body):
        return _refusal_of_page(status, headers, body)
    error = _error_object(body)
    if not error and status == 403 and PAGE_MARKERS.search(body):
        return _made(Challenge, "HTTP 403", body.decode("utf-8", "replace"), None)
    message = error.get("message")
    groks_own = bool(error) or not body.strip()
    leaf = _marked(f"{error.get('code')} {message}") or _by_status(
        status, body, groks_own=groks_own
    )
    if not error:
        message = body[:CLEANED_FROM_CHARS].decode("utf-8", "replace")
    return _made(leaf, f"HTTP {status}", message, _seconds(headers.get("retry-after")))


def refusal_of_error_line(error: Any) -> GrokApiError:
    """The error for a top-level ``{"error": {"code", "message", "details"}}`` line of a stream
    (§4.2).
    """
    if not isinstance(error, dict):
        error = {"message": error}
    message = error.get("message")
    leaf = _marked(f"{error.get('code')} {message}") or _BY_GRPC_CODE.get(
        _as_int(error.get("code")), UpstreamFailure
    )
    return _made(leaf, "in the stream", message, None)


def refusal_of_stream_error(error: Any) -> GrokApiError | None:
    """The error for a nested StreamError (§4.3), or None if it is only a tool's and the answer goes
    on.
    """
    if not isinstance(error, dict):
        return refusal_of_error_line(error)
    for key, leaf in _BY_DETAIL.items():
        if key in error:
            return (
                None if leaf is None else _made(leaf, "in the stream", error.get("message"), None)
            )
    return refusal_of_error_line(error)


def turns_away(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether this is a page by which Grok's edge refuses the way it was asked through, and nothing
    of Grok's own.
    """
    page = is_html(headers, body)
    return (status == 403 and page) or (status >= 400 and is_challenge(headers, body))


def _refusal_of_page(status: int, headers: Mapping[str, str], body: bytes) -> GrokApiError:
    if status == 403 or (status >= 400 and is_challenge(headers, body)):
        return _made(Challenge, f"HTTP {status}", None, None)
    if status == 429:
        return _made(
            UpstreamOverloaded, "HTTP 429 with a page", None, _seconds(headers.get("retry-after"))
        )
    return _made(UpstreamUnavailable, f"HTTP {status} with a page where JSON belongs", None, None)


def _by_status(status: int, body: bytes, *, groks_own: bool) -> _Leaf:
    """*groks_own*: the body is JSON or empty; plain text comes from a proxy, or is Cloudflare's
    ("error code: 1015").
    """
    if status == 403 and not body.strip():
        return Challenge
    if status == 401:
        return CredentialsRejected if groks_own else UpstreamUnavailable
    if status == 429:
        return QuotaExhausted if groks_own else UpstreamOverloaded
    return UpstreamRefused if 400 <= status < 500 else UpstreamUnavailable


def _error_object(body: bytes) -> dict[str, Any]:
    """The error in either frame: ``{"error": {…}}``, flat ``{"code", "message"}``, or ``{"code",
    "error": "text"}``.

    Empty if the body is not JSON.
    """
    try:
        value = loads(body)
    except ValueError:
        return {}
    inner = value.get("error", value) if isinstance(value, dict) else value
    if isinstance(inner, dict) and inner:
        return inner
    return {"code": value.get("code") if isinstance(value, dict) else None, "message": inner}


def _marked(text: str) -> _Leaf | None:
    return next((leaf for pattern, leaf in _MARKERS if pattern.search(text)), None)


def _made(leaf: _Leaf, where: str, message: object, retry_after: float | None) -> GrokApiError:
    said = cleaned(message)
    told = f'Grok said ({where}): "{said}"' if said else f"Grok said nothing more ({where})."
    return leaf(f"{_ADVICE[leaf]} {told}", retry_after=retry_after)


def _as_int(value: object) -> int:
    return value if isinstance(value, int) else -1


def _seconds(value: str | None) -> float | None:
    """A ``Retry-After`` in seconds; the date form has never been seen from Grok and is ignored."""
    if not (value and value.isascii() and value.isdigit()):
        return None
    return believed_wait(float(value)) if value.strip("0") else 0.0
