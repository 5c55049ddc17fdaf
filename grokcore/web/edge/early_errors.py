"""Errors that are sent without the app, in the same form as its own: headers and body for ASGI."""

from __future__ import annotations

import secrets

from ...errors import GrokApiError
from ...protocol.dialects.error_forms import ErrorForm, openai_form
from ...protocol.dialects.one_line import on_one_line

__all__ = ["new_request_id", "refusal"]


def new_request_id() -> str:
    """A random id by which a request can be found in the log."""
    return f"req_{secrets.token_hex(12)}"


def refusal(
    error: GrokApiError, request_id: str, form: ErrorForm = openai_form
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body of a complete response that closes the connection.

    :param form: the error's form; OpenAI's where the path is not known.
    """
    reply = form(error, request_id)
    body = on_one_line(reply.body)
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("connection", "close"),
        ("x-request-id", request_id),
        *reply.headers,
    ]
    return reply.status, [(name.encode(), value.encode()) for name, value in headers], body
