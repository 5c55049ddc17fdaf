"""Pictures as OpenAI's image routes give them: asked of Grok's chat, and given as content, as addresses, or both.

Rules
-----
1. What is given belongs to this request: the finished pictures of its own answer, no preview and nobody else's.
2. Fewer than asked for are an error, unless the request says otherwise. Moderated ones are never shown.
"""

from __future__ import annotations

import functools
import logging
import time

from attrs import frozen
from quart import request

from ..config import ImageMode
from ..errors import InvalidRequest
from ..protocol.conversation.media import extension_of
from ..protocol.conversation.question import Question
from ..protocol.dialects.openai_images.dialect import ImageCollector, ImageDialect
from ..protocol.dialects.openai_images.request import (
    DEFAULT_MODEL,
    ImageRequest,
    Made,
    resolve_model,
)
from ..protocol.grok_web.asset_requests import asset_place
from ..protocol.models import Model
from ..runtime.completion.gateway import Completion
from ..runtime.disk.media_cache import LargerThanCache
from ..runtime.gather import for_all
from ..runtime.lanes.grok_web.assets import Asset, AssetAccess
from .asking import Services, attached, chosen_model, open_completion
from .edge import Lifetime
from .form import read_fields
from .public_url import public_base

__all__ = ["ImageRoute"]

_log = logging.getLogger(__name__)


@frozen
class ImageRoute:
    """See :class:`~grokcore.web.answering.AskingRoute`."""

    dialect: ImageDialect

    @classmethod
    def of_request(cls, *, editing: bool) -> ImageRoute:
        """The route for the request at hand.

        :param editing: whether it is ``/images/edits``, where a picture must be sent.
        """
        read = functools.partial(read_fields, request.headers.get("content-type", ""))
        return cls(ImageDialect(editing, read))

    async def open(self, services: Services, asked: ImageRequest, lifetime: Lifetime) -> Completion:
        """A completion that asks for the pictures."""
        model = _model_that_draws(services, asked.model, lifetime)
        return await _open(services, model, asked, lifetime)

    def delivery(self, services: Services) -> None:
        """None: the pictures are fetched when it is known that there are enough."""

    async def finish(
        self, services: Services, asked: ImageRequest, collector: ImageCollector, completion: Completion
    ) -> None:
        """Fetch the pictures.

        :raises GrokApiError: if there are too few, or one can't be fetched whose content is wanted.
        """
        deliver = functools.partial(_Delivery(services, asked).deliver, completion.asset_access, collector.wanted())
        collector.give(await completion.aside(deliver), int(time.time()))


def _model_that_draws(services: Services, name: str, lifetime: Lifetime) -> Model:
    """:raises InvalidRequest: it makes videos; :raises GrokApiError: as :func:`chosen_model`."""
    known = services.state.config.models
    model = chosen_model(services, resolve_model(name, known), lifetime, suggest=lambda row: not row.video)
    if model.video:
        hint = f"Ask it with /v1/chat/completions, or leave model out here ({DEFAULT_MODEL})."
        raise InvalidRequest(f"{model.name} makes videos, not pictures. {hint}", param="model")
    return model


async def _open(services: Services, model: Model, asked: ImageRequest, lifetime: Lifetime) -> Completion:
    attachments = await attached(services, asked.sources, lifetime)
    assert model.limits is not None, "a configuration's table has its clocks resolved"
    question = Question(
        model,
        model.limits,
        asked.message,
        attachments,
        pictures=asked.n,
        asker=lifetime.caller.name,
        ignored=asked.ignored,
    )
    return open_completion(services, question, lifetime)


@frozen
class _Delivery:
    """From Grok's addresses to what the client gets."""

    services: Services
    asked: ImageRequest

    async def deliver(self, access: AssetAccess, urls: list[str]) -> list[Made]:
        """In their order.

        :raises GrokApiError: a picture could not be fetched whose content is wanted.
        """
        return await for_all(urls, functools.partial(self._made, access))

    async def _made(self, access: AssetAccess, url: str) -> Made:
        if not (self._content or self._kept):
            return Made(url=self._address(url))
        asset = await self.services.deliveries.fetcher().fetch(access, url)
        address = await self._link(asset, url) if "url" in self.asked.formats else ""
        return Made(asset.data if self._content else b"", address)

    @property
    def _content(self) -> bool:
        return "b64_json" in self.asked.formats

    @property
    def _kept(self) -> bool:
        """Whether addresses are this server's own: ``base64`` has no form of its own for an address."""
        grok = self.services.state.config.grok
        return (
            grok.image_mode is not ImageMode.URL and bool(grok.cache_mb) and self.services.deliveries.cache is not None
        )

    async def _link(self, asset: Asset, url: str) -> str:
        cache = self.services.deliveries.cache
        if not self._kept or cache is None:
            return self._address(url)
        try:
            name = await cache.put(asset.data, extension_of(asset.media_type))
        except (LargerThanCache, OSError) as error:
            _log.warning("a picture could not be kept, and has Grok's address: %s", error)
            return self._address(url)
        return f"{public_base(self.services.state.config.server, request.scope)}/media/{name}"

    def _address(self, url: str) -> str:
        """Grok's own, whole."""
        try:
            return asset_place(url, self.services.state.config.grok.assets_url).url
        except ValueError:
            return url
