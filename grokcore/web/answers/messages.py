"""``/v1/messages``: from a conversation to a completion, and ``/v1/messages/count_tokens``."""

from __future__ import annotations

from attrs import field, frozen
from quart import Response

from ...protocol.dialects.anthropic_messages.dialect import MessagesDialect
from ...protocol.dialects.anthropic_messages.request import MessagesRequest
from ...protocol.dialects.anthropic_messages.writers import MessageCollector
from ..edge.lifetime import current_lifetime
from ..responses import json_response
from ..services import Services
from .admission import most_body_bytes
from .questions import token_count
from .text_route import TextRoute

__all__ = ["MessagesRoute", "message_tokens"]


@frozen
class MessagesRoute(TextRoute[MessagesRequest, MessageCollector]):
    """See :class:`~grokcore.web.answers.text_route.TextRoute`."""

    dialect: MessagesDialect = field(factory=MessagesDialect)


async def message_tokens(services: Services) -> Response:
    """An estimate of the prompt that the request at hand would make.

    :raises GrokApiError: if the request is not valid.
    """
    lifetime, dialect = current_lifetime(), MessagesDialect()
    lifetime.error_form = dialect.error
    asked = await services.state.bodies.parse(
        dialect.parse, most_body_bytes(services.state.config), lifetime
    )
    return json_response({"input_tokens": await token_count(services, asked, lifetime)})
