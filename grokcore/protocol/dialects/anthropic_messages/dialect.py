"""Anthropic's Messages as a dialect."""

from __future__ import annotations

from collections.abc import Collection

from attrs import evolve, frozen

from ....errors import ContentPolicyViolation, GrokApiError
from ...conversation.events import End, Finished
from ...conversation.question import last_words
from ..dialect import AnswerHead
from ..error_forms import ErrorReply, anthropic_form
from ..fields import header_names
from ..rendering import Style, ThinkingStyle
from .content import MessageHead
from .request import MessagesRequest, parse_messages_request
from .writers import EventWriter, MessageCollector

__all__ = ["MessagesDialect"]

SEARCH_WORDS = "Perform a web search for the query: "
"""The beginning of Claude Code's requests for a search (2.1.332)."""

MOST_QUERY_CHARS = 200


@frozen
class MessagesDialect:
    """See :class:`~grokcore.protocol.dialects.dialect.Dialect`."""

    def parse(self, body: bytes) -> MessagesRequest:
        """Validate a body; errors are those of :func:`parse_messages_request`."""
        return parse_messages_request(body)

    def collector(self, asked: MessagesRequest, head: AnswerHead) -> MessageCollector:
        """A collector for a ``message``."""
        return MessageCollector(_message_head(asked, head))

    def stream(self, asked: MessagesRequest, head: AnswerHead) -> EventWriter | None:
        """A writer of events, if a stream is wanted."""
        return EventWriter(_message_head(asked, head)) if asked.stream else None

    def ignored(self, asked: MessagesRequest, unsent: Collection[str]) -> tuple[str, ...]:
        """Names of both, sorted and bounded."""
        return header_names({*asked.ignored, *unsent})

    def error(self, error: GrokApiError, request_id: str) -> ErrorReply:
        """Anthropic's error object."""
        return anthropic_form(error, request_id)

    def soften(self, error: GrokApiError) -> Finished | None:
        """A refusal for what moderation blocked. Claude Code would repeat a 400 five times, and ask
        Grok each time.
        """
        if isinstance(error, ContentPolicyViolation):
            return Finished(End.REFUSAL, error.message)
        return None


def _message_head(asked: MessagesRequest, head: AnswerHead) -> MessageHead:
    return MessageHead(
        head.nonce,
        asked.model,
        head.prompt_tokens,
        _style(asked, head.style),
        head.request_id,
        _query(asked) if asked.search_blocks else None,
    )


def _style(asked: MessagesRequest, style: Style) -> Style:
    """The owner's style; the client decides about thinking, unless the owner hides it."""
    shown = asked.thinking and style.thinking is not ThinkingStyle.HIDDEN
    thinking = ThinkingStyle.REASONING_CONTENT if shown else ThinkingStyle.HIDDEN
    return evolve(style, thinking=thinking, links=True)


def _query(asked: MessagesRequest) -> str:
    """The user's last words, which are the query if Grok names none."""
    said = next((message.text for message in last_words(asked.messages)), "")
    return said.removeprefix(SEARCH_WORDS)[:MOST_QUERY_CHARS]
