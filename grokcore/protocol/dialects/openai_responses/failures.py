"""Errors as clients of the Responses API take them.

Codex 0.171 repeats requests whatever ``x-should-retry`` says (tried with its defaults, 2026-11): 30
times after a status of 500 or more, six times after an error within a stream. Each time would be a
question to Grok. So a failure that no repeat can mend has the status 400 before the
stream, and within it a code at which Codex gives up.
"""

from __future__ import annotations

from typing import Any

from ....errors import GrokApiError
from ..openai_errors import error_object

__all__ = ["error_event", "failed_error", "reply_status"]

_FINAL = "invalid_prompt"
"""A code of OpenAI's at which Codex shows the message and does not repeat the request."""

_KNOWN_FINAL = frozenset({"content_policy_violation", "context_length_exceeded", "model_not_found"})
"""Codes of ours at which Codex does not repeat the request either."""

_ABSENT = 501
"""The status of a route that this server lacks."""


def reply_status(error: GrokApiError) -> int:
    """The HTTP status of the response that is *error*."""
    if error.status >= 500 and error.status != _ABSENT and not error.should_retry:
        return 400
    return error.status


def error_event(error: GrokApiError) -> dict[str, Any]:
    """The ``error`` event without its number. The SDKs read the inner object, Zed too; OpenAI's
    API reference has the outer keys.
    """
    inner = {**error_object(error)["error"], "code": error.label}
    outer = {key: inner[key] for key in ("code", "message", "param")}
    return {"type": "error", **outer, "error": inner}


def failed_error(error: GrokApiError) -> dict[str, str]:
    """``error`` of a failed Response object, which is what Codex reads. A code that it does not
    know begins the message instead.
    """
    if error.should_retry or error.label in _KNOWN_FINAL:
        return {"code": error.label, "message": error.message}
    return {"code": _FINAL, "message": f"{error.label}: {error.message}"}
