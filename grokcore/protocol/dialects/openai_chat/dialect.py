"""OpenAI's chat completions as a dialect."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from attrs import frozen

from ....errors import GrokApiError
from ..dialect import AnswerHead
from ..error_forms import ErrorReply, openai_form
from ..fields import header_names
from ..json_body import json_object
from .request import ChatRequest, parse_chat_fields
from .writers import AnswerWriter, ChatHead, ChunkWriter

__all__ = ["ChatDialect", "is_responses_shaped"]


@frozen
class ChatDialect:
    """See :class:`~grokcore.protocol.dialects.dialect.Dialect`."""

    def parse(self, body: bytes) -> ChatRequest:
        """Validate a body, also one of the Responses API; errors are those of
        :func:`~grokcore.protocol.dialects.openai_chat.request.parse_chat_request`.
        """
        fields = json_object(body)
        if is_responses_shaped(fields):
            # Late, since a server does without its memory until a client sends such a body.
            from .from_responses import parse_responses_body

            return parse_responses_body(fields)
        return parse_chat_fields(fields)

    def collector(self, asked: ChatRequest, head: AnswerHead) -> AnswerWriter:
        """A collector for a ``chat.completion``."""
        return AnswerWriter(_chat_head(asked, head))

    def stream(self, asked: ChatRequest, head: AnswerHead) -> ChunkWriter | None:
        """A writer of ``chat.completion.chunk`` objects, if a stream is wanted."""
        if not asked.stream:
            return None
        return ChunkWriter(_chat_head(asked, head), include_usage=asked.include_usage)

    def ignored(self, asked: ChatRequest, unsent: Collection[str]) -> tuple[str, ...]:
        """Names of both, sorted and bounded."""
        return header_names({*asked.ignored, *unsent})

    def error(self, error: GrokApiError, request_id: str) -> ErrorReply:
        """OpenAI's error object."""
        return openai_form(error, request_id)

    def soften(self, error: GrokApiError) -> None:
        """None: clients of OpenAI's want every error."""


def is_responses_shaped(fields: Mapping[str, Any]) -> bool:
    """Whether a body is a Responses request, whatever route it was sent to. Cursor posts such
    bodies to chat completions (2026).
    """
    return fields.get("input") is not None and fields.get("messages") is None


def _chat_head(asked: ChatRequest, head: AnswerHead) -> ChatHead:
    return ChatHead(
        f"chatcmpl-{head.nonce}",
        head.created,
        asked.model,
        head.prompt_tokens,
        head.style,
        choices=asked.choices,
        legacy_calls=asked.legacy_calls,
    )
