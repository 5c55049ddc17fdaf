"""``/v1/chat/completions``: from a conversation to a completion, and delivery of its answer."""

from __future__ import annotations

from attrs import field, frozen
from quart import request

from ...protocol.dialects.openai_chat.dialect import ChatDialect
from ...protocol.dialects.openai_chat.request import ChatRequest
from ...protocol.dialects.openai_chat.writers import AnswerWriter
from ...runtime.completion.gateway import Completion
from ..delivery import Delivery
from ..edge.lifetime import Lifetime
from ..services import Services
from .answering import AskingRoute
from .questions import open_answer

__all__ = ["ChatRoute"]


@frozen
class ChatRoute(AskingRoute[ChatRequest, AnswerWriter]):
    """See :class:`~grokcore.web.answers.answering.AskingRoute`."""

    dialect: ChatDialect = field(factory=ChatDialect)

    async def open(self, services: Services, asked: ChatRequest, lifetime: Lifetime) -> Completion:
        """A completion for the conversation."""
        return await open_answer(services, asked, lifetime)

    def delivery(self, services: Services) -> Delivery | None:
        """The delivery that ``[grok] image_mode`` asks for."""
        return services.deliveries.of_answer(services.state.config, request.scope)
