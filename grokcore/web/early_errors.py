"""Errors that are sent without the app: headers and body as ASGI wants them, the same as the app's
own.
"""

from __future__ import annotations

import secrets

from ..errors import GrokApiError
from ..protocol.dialects.one_line import on_one_line
from ..protocol.dialects.openai_errors import error_body

__all__ = ["new_request_id", "refusal"]


def new_request_id() -> str:
    """A name for one request, to find it in the log by."""
    return f"req_{secrets.token_hex(12)}"


def refusal(error: GrokApiError, request_id: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of a whole response that ends the connection."""
    body = on_one_line(error_body(error))
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("connection", "close"),
        ("x-request-id", request_id),
        *error.headers(),
    ]
    return [(name.encode(), value.encode()) for name, value in headers], body
