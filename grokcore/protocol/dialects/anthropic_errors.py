"""Errors as Anthropic's clients read them: ``{"type": "error", "error": {type, message},
"request_id"}``.
"""

from __future__ import annotations

import orjson

from ...errors import GrokApiError

__all__ = ["error_body"]

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}
"""Anthropic's types by HTTP status; any other status is an ``api_error``."""


def error_body(error: GrokApiError, request_id: str) -> bytes:
    """The error as JSON.

    :param request_id: the request's name in this server's log.
    """
    inner = {"type": _TYPES.get(error.status, "api_error"), "message": error.message}
    return orjson.dumps({"type": "error", "error": inner, "request_id": request_id})
