"""Routes whose answers are words, in whatever dialect."""

from __future__ import annotations

from typing import Protocol, TypeVar

from quart import request

from ...protocol.dialects.ask import Ask
from ...protocol.dialects.dialect import Collector
from ..delivery import Delivery
from ..edge.lifetime import Lifetime
from ..services import Services
from .answering import AskingRoute
from .choices import AnyCompletion
from .questions import open_answer

__all__ = ["TextRoute"]

_Request = TypeVar("_Request", bound=Ask)
_Collector = TypeVar("_Collector", bound=Collector)


class TextRoute(AskingRoute[_Request, _Collector], Protocol[_Request, _Collector]):
    """See :class:`~grokcore.web.answers.answering.AskingRoute`."""

    async def open(self, services: Services, asked: _Request, lifetime: Lifetime) -> AnyCompletion:
        """A completion for the conversation."""
        return await open_answer(services, asked, lifetime)

    def delivery(self, services: Services) -> Delivery | None:
        """The delivery that ``[grok] image_mode`` asks for."""
        return services.deliveries.of_answer(services.state.config, request.scope)
