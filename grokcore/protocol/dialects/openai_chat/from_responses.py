"""Bodies of the Responses API that a client sends to chat completions, and wants answered in the
latter's form.

Cursor sends such bodies to a base URL of the user's own (LiteLLM's documentation of its Cursor
endpoint, 2026-10; codex-lb#833).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....errors import InvalidRequest
from ..fields import flag_field, object_field
from ..openai_responses.request import parse_responses_fields
from .request import ChatRequest

__all__ = ["parse_responses_body"]


def parse_responses_body(fields: Mapping[str, Any]) -> ChatRequest:
    """Validate the object that such a body holds.

    :raises InvalidRequest: with the path of the field at fault in ``param``; also if the request
        refers to a stored response or item, since chat completions are not stored.
    :raises AttachmentRefused: a message has a part that can't be passed on.
    """
    asked = parse_responses_fields(fields)
    if asked.refers:
        raise InvalidRequest(
            "Chat completions know no stored responses: send the whole input, or use "
            "/v1/responses.",
            param="previous_response_id" if asked.previous else "input",
        )
    options = object_field(fields, "stream_options")
    return ChatRequest(
        model=asked.model,
        messages=asked.messages,
        stream=asked.stream,
        ignored=tuple(name for name in asked.ignored if name != "stream_options"),
        search=asked.search,
        toolbox=asked.toolbox,
        bounds=asked.bounds,
        extras=asked.extras,
        include_usage=flag_field(options, "include_usage", "stream_options.") or False,
    )
