"""Errors as OpenAI's clients read them: ``{"error": {message, type, param, code}}``."""

from __future__ import annotations

from typing import Any

import orjson

from ...errors import GrokApiError

__all__ = ["error_body", "error_object", "error_type"]

_TYPES = {
    429: "requests",
    501: "invalid_request_error",  # the client asked for a route that this server lacks
}
"""Types of the statuses that break the rule of :func:`error_type`."""


def error_type(status: int) -> str:
    """OpenAI's ``type`` of an error with this HTTP status: the client's fault below 500, the
    server's from there on.
    """
    return _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")


def error_object(error: GrokApiError) -> dict[str, Any]:
    """The object that holds the error: always these four keys, ``message`` always a string."""
    kind = error_type(error.status)
    return {
        "error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}
    }


def error_body(error: GrokApiError) -> bytes:
    """:func:`error_object` as JSON."""
    return orjson.dumps(error_object(error))
