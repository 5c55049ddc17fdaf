"""Errors as Anthropic's clients read them: ``{"type": "error", "error": {type, message},
"request_id"}``. The error has ``details`` where the SDKs look for them.

A client decides by the status and ``x-should-retry`` whether it asks again. Claude Code repeats a
529 for a while, and compacts the conversation by itself if a message begins with ``prompt is too
long`` (tried with 2.1.332, 2026-11).
"""

from __future__ import annotations

from typing import Any

import orjson

from ...errors import (
    ContextLengthExceeded,
    GrokApiError,
    Overloaded,
    ShuttingDown,
    UpstreamOverloaded,
)

__all__ = ["REQUEST_ID", "THREAD", "error_body", "error_status"]

REQUEST_ID = "request-id"
"""The response header with the request's name in the log."""

THREAD = "thread"
"""The request field of message threads, which a server would remember."""

OVERLOADED = 529
"""Anthropic's own status: the service is overloaded for the moment."""

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    OVERLOADED: "overloaded_error",
}
"""Anthropic's types by HTTP status."""

_DETAILS = {THREAD: {"error_code": "thread_unsupported_request", "unsupported": [THREAD]}}
"""Details by the request field at fault. At these, anthropic-python's tool runner goes on without a
thread (2.14, ``lib/threads``).
"""


def error_status(error: GrokApiError) -> int:
    """The HTTP status of the response."""
    overloaded = isinstance(error, Overloaded | ShuttingDown | UpstreamOverloaded)
    return OVERLOADED if overloaded else error.status


def error_body(error: GrokApiError, request_id: str) -> bytes:
    """The error as JSON.

    :param request_id: the request's name in this server's log.
    """
    status = error_status(error)
    other = "invalid_request_error" if status < 500 else "api_error"
    inner: dict[str, Any] = {"type": _TYPES.get(status, other), "message": _message(error)}
    if error.param in _DETAILS:
        inner["details"] = _DETAILS[error.param]
    return orjson.dumps({"type": "error", "error": inner, "request_id": request_id})


def _message(error: GrokApiError) -> str:
    if not isinstance(error, ContextLengthExceeded):
        return error.message
    if error.excess is None:
        return f"prompt is too long: {error.message}"
    tokens, most = error.excess
    return f"prompt is too long: {tokens} tokens > {most} maximum. {error.message}"
