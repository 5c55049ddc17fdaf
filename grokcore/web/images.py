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
from quart import Response, request

from ..config import ImageMode
from ..errors import InvalidRequest, RateLimitExceeded, UpstreamRefused
from ..protocol.conversation.events import Event, Finished, Picture, Text
from ..protocol.conversation.media import extension_of
from ..protocol.conversation.question import Question
from ..protocol.dialects.openai_images.request import (
    DEFAULT_MODEL,
    ImageRequest,
    Made,
    images_body,
    parse_image_request,
    resolve_model,
)
from ..protocol.grok_web.asset_requests import asset_place
from ..protocol.models import Model
from ..runtime.completion.gateway import Completion
from ..runtime.disk.media_cache import LargerThanCache
from ..runtime.gather import for_all
from ..runtime.lanes.grok_web.assets import Asset, AssetAccess
from .asking import Services, attached, begin_asking, chosen_model, describe, most_body_bytes, open_completion
from .edge import Lifetime
from .form import read_fields
from .public_url import public_base
from .reply import json_response

__all__ = ["image_response"]

SHOWN_WORDS = 300
"""Characters of what Grok said instead of a picture."""

_log = logging.getLogger(__name__)


async def image_response(services: Services, lifetime: Lifetime, *, editing: bool) -> Response:
    """The answer to the request at hand.

    :param editing: whether it is one for ``/images/edits``.
    :raises GrokApiError: there was no answer.
    """
    begin_asking(lifetime)
    parse = functools.partial(_parsed, request.headers.get("content-type", ""), editing=editing)
    asked = await services.state.bodies.parse(parse, most_body_bytes(services.state.config), lifetime)
    model = _model_that_draws(services, asked.model, lifetime)
    completion = await _open(services, model, asked, lifetime)
    refused: RateLimitExceeded | None = None
    try:
        pictures = await _drawn(completion, asked)
        deliver = functools.partial(_Delivery(services, asked).deliver, completion.asset_access, pictures)
        made = await completion.aside(deliver)
        return json_response(images_body(asked, made, int(time.time())))
    except RateLimitExceeded as error:
        refused = error
        raise
    finally:
        describe(services, completion, lifetime, refused)


def _parsed(content_type: str, body: bytes, *, editing: bool) -> ImageRequest:
    return parse_image_request(read_fields(content_type, body), editing=editing)


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


async def _drawn(completion: Completion, asked: ImageRequest) -> list[str]:
    """Grok's addresses of what it drew, as many as were asked for.

    :raises UpstreamRefused: it drew too few.
    """
    await completion.start()
    events: list[Event] = []
    while not events or not isinstance(events[-1], Finished):
        events += await completion.next_events()
    urls = [event.url for event in events if isinstance(event, Picture)]
    if len(urls) >= asked.n or (urls and asked.partial_ok):
        return urls[: asked.n]
    if urls:
        hint = "Send partial_ok to take what there is."
        raise UpstreamRefused(f"Grok made {len(urls)} of the {asked.n} pictures that were asked for. {hint}")
    words = "".join(event.text for event in events if isinstance(event, Text)).strip()
    raise UpstreamRefused("Grok made no picture.", said=words[:SHOWN_WORDS] or "nothing.")


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
