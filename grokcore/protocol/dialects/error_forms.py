"""The form of an error where no route is known to choose it: by the path that the client asked
for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ...errors import GrokApiError
from . import anthropic_errors, openai_errors

__all__ = ["ErrorForm", "error_form", "openai_form"]

ErrorForm: TypeAlias = Callable[[GrokApiError, str], bytes]
"""An error and the request's id as a JSON body."""


def openai_form(error: GrokApiError, _request_id: str) -> bytes:
    """OpenAI's form, which does not name the request."""
    return openai_errors.error_body(error)


def error_form(path: str) -> ErrorForm:
    """The form that clients of *path* read: Anthropic's for its Messages API, else OpenAI's.

    :param path: without ``/v1``.
    """
    first = path.strip("/").partition("/")[0].lower()
    return anthropic_errors.error_body if first == "messages" else openai_form
