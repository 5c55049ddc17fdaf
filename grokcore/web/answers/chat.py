"""``/v1/chat/completions``: from a conversation to a completion, and delivery of its answer."""

from __future__ import annotations

from attrs import field, frozen
from quart import request

from ...protocol.dialects.openai_chat.dialect import ChatDialect
from ...protocol.dialects.openai_chat.request import ChatRequest
from ...protocol.dialects.openai_chat.writers import AnswerWriter
from ..delivery import Delivery
from ..edge.lifetime import Lifetime
from ..services import Services
from .answering import AskingRoute
from .choices import AnyCompletion
from .questions import open_answers

__all__ = ["ChatRoute"]


@frozen
class ChatRoute(AskingRoute[ChatRequest, AnswerWriter]):
    """See :class:`~grokcore.web.answers.answering.AskingRoute`."""

    dialect: ChatDialect = field(factory=ChatDialect)

    async def open(
        self, services: Services, asked: ChatRequest, lifetime: Lifetime
    ) -> AnyCompletion:
        """As many completions of the conversation as there are choices, as one."""
        return await open_answers(services, asked, lifetime, asked.choices)

    def delivery(self, services: Services) -> Delivery | None:
        """The delivery that ``[grok] image_mode`` asks for."""
        return services.deliveries.of_answer(services.state.config, request.scope)
