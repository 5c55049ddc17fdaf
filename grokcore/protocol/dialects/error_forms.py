"""The form of an error where no route is known to choose it: by the path that the client asked
for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import field, frozen

from ...errors import GrokApiError
from . import anthropic_errors, openai_errors
from .openai_responses.failures import reply_status

__all__ = [
    "ErrorForm",
    "ErrorReply",
    "anthropic_form",
    "error_form",
    "openai_form",
    "responses_form",
]


@frozen
class ErrorReply:
    """A response that is an error.

    :ivar status: a dialect may choose another than the error's own.
    :ivar body: JSON.
    :ivar headers: beside the content type.
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = field(factory=tuple)


ErrorForm: TypeAlias = Callable[[GrokApiError, str], ErrorReply]
"""An error and the request's id as a response."""


def openai_form(error: GrokApiError, _request_id: str) -> ErrorReply:
    """OpenAI's form, which does not name the request."""
    return ErrorReply(error.status, openai_errors.error_body(error), tuple(error.headers()))


def responses_form(error: GrokApiError, _request_id: str) -> ErrorReply:
    """OpenAI's form, with the statuses that clients of its Responses API need."""
    return ErrorReply(reply_status(error), openai_errors.error_body(error), tuple(error.headers()))


def anthropic_form(error: GrokApiError, request_id: str) -> ErrorReply:
    """Anthropic's form, with its status for an overload. Its clients report ``request-id``."""
    body = anthropic_errors.error_body(error, request_id)
    headers = (*error.headers(), (anthropic_errors.REQUEST_ID, request_id))
    return ErrorReply(anthropic_errors.error_status(error), body, headers)


def error_form(path: str) -> ErrorForm:
    """The form that clients of *path* read: Anthropic's for its Messages API, else OpenAI's.

    :param path: without ``/v1``.
    """
    match path.strip("/").partition("/")[0].lower():
        case "messages":
            return anthropic_form
        case "responses":
            return responses_form
        case _:
            return openai_form
