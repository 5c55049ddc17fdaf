"""OpenAI's image routes: pictures that Grok's chat draws, returned as content, as addresses, or
both.

Rules
-----
1. A response holds only finished pictures of this request's own answer: no previews, and nothing of
   other requests.
2. Fewer pictures than requested are an error, unless the request allows them. Moderated pictures
   are never shown.
"""

from __future__ import annotations

import functools
import time

from attrs import frozen
from quart import request

from ...errors import InvalidRequest, NoTokens, NoValidTokens, RateLimitExceeded
from ...protocol.conversation.enclosures import Enclosed
from ...protocol.conversation.messages import Message
from ...protocol.conversation.question import Question, Task
from ...protocol.dialects.openai_images.dialect import ImageCollector, ImageDialect
from ...protocol.dialects.openai_images.request import DEFAULT_MODEL, ImageRequest, resolve_model
from ...protocol.models import LaneName, Model
from ...runtime.completion.gateway import Completion
from ...runtime.gather import for_all
from ..edge.lifetime import Lifetime
from ..services import Services
from .admission import attached, chosen_model, open_completion, require_served
from .answering import AskingRoute
from .choices import AnyCompletion
from .form import read_fields

__all__ = ["ImageRoute"]

DRAWING = frozenset({LaneName.WEB})
"""Lanes whose answers have pictures; xAI's API draws by a route of its own."""


@frozen
class ImageRoute(AskingRoute[ImageRequest, ImageCollector]):
    """See :class:`~grokcore.web.answers.answering.AskingRoute`."""

    dialect: ImageDialect

    @classmethod
    def of_request(cls, *, editing: bool) -> ImageRoute:
        """The route for the current request.

        :param editing: whether it is ``/images/edits``, where the request must have a picture.
        """
        read = functools.partial(read_fields, request.headers.get("content-type", ""))
        return cls(ImageDialect(editing, read))

    async def open(self, services: Services, asked: ImageRequest, lifetime: Lifetime) -> Completion:
        """A completion that asks for the pictures."""
        model = _model_that_draws(services, asked.model, lifetime)
        try:
            require_served(services, model, lifetime, DRAWING)
        except (NoTokens, NoValidTokens, RateLimitExceeded) as error:
            if services.paid_pictures_are_off and LaneName.API in lifetime.caller.lanes:
                error.amend(advice="xAI's API can draw, too: set [api] images = true.")
            raise
        return await _open(services, model, asked, lifetime)

    def delivery(self, services: Services) -> None:
        """Do nothing: the pictures are fetched at the end, once there are enough of them."""

    async def finish(
        self,
        services: Services,
        asked: ImageRequest,
        collector: ImageCollector,
        completion: AnyCompletion,
    ) -> None:
        """Fetch the pictures.

        :raises GrokApiError: if there are too few, or one must be fetched and can't be.
        """
        delivery = services.deliveries.of_pictures(services.state.config, request.scope)
        make = functools.partial(delivery.picture, completion, formats=asked.formats)
        made = await completion.aside(functools.partial(for_all, collector.wanted(), make))
        collector.give(made, int(time.time()))


def _model_that_draws(services: Services, name: str, lifetime: Lifetime) -> Model:
    """The model that an image request names.

    :raises InvalidRequest: if it makes videos.
    :raises GrokApiError: as :func:`chosen_model`.
    """
    name = resolve_model(name, services.state.config.models)
    model = chosen_model(services, name, lifetime, suggest=lambda row: not row.video)
    if model.video:
        hint = f"Ask it with /v1/chat/completions, or leave model out here ({DEFAULT_MODEL})."
        raise InvalidRequest(f"{model.name} makes videos, not pictures. {hint}", param="model")
    return model


async def _open(
    services: Services, model: Model, asked: ImageRequest, lifetime: Lifetime
) -> Completion:
    attachments = await attached(services, asked.sources, lifetime)
    assert model.limits is not None, "a configuration's table has its clocks resolved"
    question = Question(
        model,
        model.limits,
        (Message("user", asked.prompt, asked.sources),),
        Enclosed.needed(attachments),
        Task.PICTURES,
        pictures=asked.n,
        asker=lifetime.caller.name,
        lanes=lifetime.caller.lanes & DRAWING,
    )
    return await open_completion(services, question, lifetime)
