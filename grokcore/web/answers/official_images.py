"""OpenAI's image routes, drawn by Grok's web sessions or by xAI's API.

Rules
-----
1. xAI's own names of image models go to its API, if it is offered and the key may use the lane.
2. Other names of image models, and requests without a name, go to the web sessions. They go to
   xAI's API if it comes first, or if no web session can draw: that is judged before anything is
   drawn, and never afterwards.
3. Paid pictures are answered with, even if there are fewer than were asked for.
"""

from __future__ import annotations

import base64
import binascii
import functools
import time

import orjson
import trio
from attrs import frozen
from quart import Response, request

from ...errors import UpstreamFailure
from ...protocol.conversation.made_media import Drawing, DrawnPicture
from ...protocol.conversation.media import sniff
from ...protocol.conversation.usage import estimate
from ...protocol.dialects.error_forms import openai_form
from ...protocol.dialects.openai_images.official import drawing_answer, drawing_request
from ...protocol.dialects.openai_images.request import (
    DEFAULT_MODEL,
    FORMATS,
    ImageRequest,
    Made,
    model_named,
    parse_image_request,
    resolve_model,
)
from ...protocol.dialects.openai_images.sources import Fields
from ...protocol.media_types import UNKNOWN_TYPE
from ...protocol.models import LaneName, LaneUse
from ...protocol.pool.book import Need
from ...runtime.gather import for_all
from ...runtime.lanes.lane import Asset
from ..delivery import Delivery
from ..edge.lifetime import Lifetime, current_lifetime
from ..media_maker import MediaMaker
from ..responses import json_response
from ..services import Services
from .admission import attached, most_body_bytes
from .answering import answer_asked
from .form import read_fields
from .images import ImageRoute
from .key_use import begin_asking

__all__ = ["draw"]

_CONTENT_NAMES = ("gpt-image", "chatgpt-image")
"""Beginnings of OpenAI's names for models that answer with contents by default."""


@frozen
class _Choice:
    """The choice of xAI's model, as it stood when the request came.

    :ivar known: names of the model table, which come first.
    :ivar own: xAI's names that the key may use.
    :ivar aliases: whether other names of image models mean xAI's, too.
    """

    known: frozenset[str] = frozenset()
    own: tuple[str, ...] = ()
    aliases: bool = False

    def model(self, name: str) -> str:
        """XAI's name of the model that draws; empty if the web sessions do."""
        if name in self.own:
            return name
        alias = not name or (name not in self.known and resolve_model(name, ()) == DEFAULT_MODEL)
        return self.own[0] if self.own and self.aliases and alias else ""


async def draw(services: Services, *, editing: bool) -> Response:
    """Answer ``/images/generations`` or ``/images/edits``.

    :raises GrokApiError: if there is no answer.
    """
    lifetime, maker = current_lifetime(), services.media_maker()
    lifetime.error_form = openai_form
    begin_asking(services, lifetime)
    choice = _choice(services, maker, lifetime)
    read = functools.partial(read_fields, request.headers.get("content-type", ""))

    def parse(body: bytes) -> tuple[ImageRequest, str]:
        fields: Fields = read(body)
        model = choice.model(model_named(fields))
        return parse_image_request(fields, editing=editing, official=bool(model)), model

    asked, model = await services.state.bodies.parse(
        parse, most_body_bytes(services.state.config), lifetime
    )
    if maker is not None and model:
        return await _drawn(services, maker, asked, model, lifetime)
    return await answer_asked(services, ImageRoute.of_request(editing=editing), asked)


def _choice(services: Services, maker: MediaMaker | None, lifetime: Lifetime) -> _Choice:
    caller = lifetime.caller
    if maker is None or maker.use is LaneUse.OFF or LaneName.API not in caller.lanes:
        return _Choice()
    own = tuple(name for name in maker.picture_models if caller.may_use(name))
    before = maker.use is not LaneUse.OVERFLOW
    known = frozenset(services.state.config.models)
    return _Choice(known, own, before or not _web_can_draw(services, lifetime))


def _web_can_draw(services: Services, lifetime: Lifetime) -> bool:
    """Whether a web session can draw now, or soon."""
    model, caller = services.models.get(DEFAULT_MODEL), lifetime.caller
    if model is None or LaneName.WEB not in caller.lanes:
        return False
    need = Need(model, asker=caller.name, lanes=caller.lanes)
    return services.gateway.pool.book.hopeless(need, trio.current_time()) is None


async def _drawn(
    services: Services, maker: MediaMaker, asked: ImageRequest, model: str, lifetime: Lifetime
) -> Response:
    """Have xAI's API draw, and deliver."""
    lifetime.trace.model = model
    lifetime.headers["x-grok2api-lane"] = LaneName.API.value
    delivery = services.deliveries.of_pictures(services.state.config, request.scope)
    formats = _formats(asked, delivery)
    inline = formats != ("url",) or delivery.cache is not None
    pictures = await attached(services, asked.sources, lifetime)
    sent = drawing_request(asked, model, pictures, inline=inline)
    ignored = (*asked.ignored, *sent.unused)
    if ignored:
        lifetime.headers["x-grok2api-ignored"] = ", ".join(ignored)
    until = lifetime.accepted + services.state.config.pool.queue_seconds
    drawing = await maker.draw(model, sent.body, editing=bool(pictures), until=until)
    made = await _made(drawing, delivery, formats)
    body = drawing_answer(drawing, made, int(time.time()), estimate(asked.prompt))
    return json_response(orjson.dumps(body))


def _formats(asked: ImageRequest, delivery: Delivery) -> tuple[str, ...]:
    """The formats of the answer. Of a client that names none, both, if this server can give an
    address of its own; else that which the model's makers are known for.
    """
    if asked.formats != FORMATS or delivery.cache is not None:
        return asked.formats
    contents = asked.model.rpartition("/")[2].lower().startswith(_CONTENT_NAMES)
    return ("b64_json",) if contents else ("url",)


async def _made(drawing: Drawing, delivery: Delivery, formats: tuple[str, ...]) -> tuple[Made, ...]:
    return tuple(await for_all(drawing.pictures, functools.partial(_one, delivery, formats)))


async def _one(delivery: Delivery, formats: tuple[str, ...], picture: DrawnPicture) -> Made:
    """A picture in the *formats*; one that can't be kept is given as its content."""
    if not picture.content:
        return Made(url=picture.url)
    try:
        data = base64.b64decode(picture.content, validate=True)
    except binascii.Error:
        raise UpstreamFailure("xAI's answer holds no picture that can be read.") from None
    url = ""
    if "url" in formats:
        url = await delivery.link(Asset(data, sniff(data) or UNKNOWN_TYPE), "")
    return Made(data if "b64_json" in formats or not url else b"", url)
