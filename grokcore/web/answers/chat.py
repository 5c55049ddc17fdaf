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
from .admission import chosen_model, open_completion, require_served
from .chat_question import chat_question

__all__ = ["ChatRoute"]


@frozen
class ChatRoute:
    """See :class:`~grokcore.web.answers.answering.AskingRoute`."""

    dialect: ChatDialect = field(factory=ChatDialect)

    async def open(self, services: Services, asked: ChatRequest, lifetime: Lifetime) -> Completion:
        """A completion for the conversation. One that is too long for a prompt is uploaded as a
        text file.
        """
        lifetime.trace.stream = asked.stream
        model = chosen_model(services, asked.model, lifetime)
        require_served(services, model, lifetime)
        question = await chat_question(services, asked, model, lifetime)
        return await open_completion(services, question, lifetime)

    def delivery(self, services: Services) -> Delivery | None:
        """The delivery that ``[grok] image_mode`` asks for."""
        return services.deliveries.of_answer(services.state.config, request.scope)

    async def finish(
        self,
        services: Services,
        asked: ChatRequest,
        collector: AnswerWriter,
        completion: Completion,
    ) -> None:
        """Do nothing: media were delivered with their events."""
