"""``/v1/messages``: from a conversation to a completion, and ``/v1/messages/count_tokens``."""

from __future__ import annotations

from attrs import field, frozen
from quart import Response, request

from ...protocol.conversation.question import Question
from ...protocol.dialects.anthropic_messages.dialect import MessagesDialect
from ...protocol.dialects.anthropic_messages.request import MessagesRequest
from ...protocol.dialects.anthropic_messages.writers import MessageCollector
from ...runtime.completion.gateway import Completion
from ...runtime.lanes.lane import rendered
from ..delivery import Delivery
from ..edge.lifetime import Lifetime, current_lifetime
from ..responses import json_response
from ..services import Services
from .admission import chosen_model, most_body_bytes
from .answering import AskingRoute
from .questions import open_answer

__all__ = ["MessagesRoute", "token_count"]


@frozen
class MessagesRoute(AskingRoute[MessagesRequest, MessageCollector]):
    """See :class:`~grokcore.web.answers.answering.AskingRoute`."""

    dialect: MessagesDialect = field(factory=MessagesDialect)

    async def open(
        self, services: Services, asked: MessagesRequest, lifetime: Lifetime
    ) -> Completion:
        """A completion for the conversation."""
        return await open_answer(services, asked, lifetime)

    def delivery(self, services: Services) -> Delivery | None:
        """The delivery that ``[grok] image_mode`` asks for."""
        return services.deliveries.of_answer(services.state.config, request.scope)


async def token_count(services: Services) -> Response:
    """An estimate of the prompt that the request at hand would make. Grok is not asked, and nothing
    is fetched.

    :raises GrokApiError: if the request is not valid.
    """
    lifetime, dialect = current_lifetime(), MessagesDialect()
    lifetime.error_form = dialect.error
    asked = await services.state.bodies.parse(
        dialect.parse, most_body_bytes(services.state.config), lifetime
    )
    model = chosen_model(services, asked.model, lifetime)
    assert model.limits is not None, "a configuration's table has its clocks resolved"
    question = Question(
        model,
        model.limits,
        asked.messages,
        search=asked.search,
        toolbox=asked.toolbox,
        bounds=asked.bounds,
        asker=lifetime.caller.name,
    )
    counted = (await rendered(services.gateway.lane, question)).rendering
    return json_response({"input_tokens": counted.prompt_tokens})
