"""Errors that are sent without the app, in the same form as its own: headers and body for ASGI."""

from __future__ import annotations

import secrets

from ...errors import GrokApiError
from ...protocol.dialects.one_line import on_one_line
from ...protocol.dialects.openai_errors import error_body

__all__ = ["new_request_id", "refusal"]


def new_request_id() -> str:
    """A random id by which a request can be found in the log."""
    return f"req_{secrets.token_hex(12)}"


def refusal(error: GrokApiError, request_id: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of a complete response that closes the connection."""
    body = on_one_line(error_body(error))
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("connection", "close"),
        ("x-request-id", request_id),
        *error.headers(),
    ]
    return [(name.encode(), value.encode()) for name, value in headers], body
