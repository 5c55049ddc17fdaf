"""``/v1/chat/completions``."""

from __future__ import annotations

from attrs import field, frozen

from ...protocol.dialects.openai_chat.dialect import ChatDialect
from ...protocol.dialects.openai_chat.request import ChatRequest
from ...protocol.dialects.openai_chat.writers import AnswerWriter
from .text_route import TextRoute

__all__ = ["ChatRoute"]


@frozen
class ChatRoute(TextRoute[ChatRequest, AnswerWriter]):
    """See :class:`~grokcore.web.answers.text_route.TextRoute`."""

    dialect: ChatDialect = field(factory=ChatDialect)
