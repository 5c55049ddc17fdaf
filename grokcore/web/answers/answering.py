"""The handler of all routes that ask Grok: admit, parse, ask, answer in the route's dialect."""

from __future__ import annotations

import functools
import secrets
import time
from typing import Generic, Protocol, TypeVar

from quart import Response

from ...config import Config
from ...errors import GrokApiError
from ...protocol.dialects.dialect import AnswerHead, Collector, Dialect, StreamWriter
from ...protocol.dialects.rendering import Style
from ...runtime.completion.gateway import Completion
from ..delivery import Delivery
from ..edge.lifetime import Lifetime, current_lifetime
from ..responses import json_response, stepped_response
from ..services import Services
from .admission import begin_asking, described, most_body_bytes
from .event_stream import EventStream, collect
from .masking import mask_settings

__all__ = ["STREAM_HEADERS", "AskingRoute", "answer"]

STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    # nginx and Caddy would otherwise collect a stream before passing it on.
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}

_Request = TypeVar("_Request")
_Collector = TypeVar("_Collector", bound=Collector)


class AskingRoute(Protocol, Generic[_Request, _Collector]):
    """The parts of a route that do I/O, and so can't be its dialect's."""

    @property
    def dialect(self) -> Dialect[_Request, _Collector]:
        """The route's dialect."""

    async def open(self, services: Services, asked: _Request, lifetime: Lifetime) -> Completion:
        """Choose the model, fetch the attachments, and make a completion.

        :raises GrokApiError: if the request can't be served.
        """

    def delivery(self, services: Services) -> Delivery | None:
        """Delivery of the answer's media while it arrives; None keeps Grok's addresses."""

    async def finish(
        self, services: Services, asked: _Request, collector: _Collector, completion: Completion
    ) -> None:
        """Complete a collected answer before its body is made.

        :raises GrokApiError: if the answer can't be completed.
        """


async def answer(services: Services, route: AskingRoute[_Request, _Collector]) -> Response:
    """Answer the request at hand.

    :raises GrokApiError: if there is no answer.
    """
    lifetime, dialect = current_lifetime(), route.dialect
    lifetime.error_form = dialect.error
    begin_asking(lifetime)
    asked = await services.state.bodies.parse(
        dialect.parse, most_body_bytes(services.state.config), lifetime
    )
    completion = await route.open(services, asked, lifetime)
    with described(services, completion, lifetime, functools.partial(dialect.ignored, asked)):
        config = services.state.config
        head = _head(config, completion)
        writer = dialect.stream(asked, head)
        if writer is not None:
            return await _streamed(config, completion, writer, route.delivery(services))
        collector = dialect.collector(asked, head)
        lifetime.trace.usage = collector.usage
        await collect(completion, collector, route.delivery(services))
        await route.finish(services, asked, collector, completion)
        return json_response(collector.body())


def _head(config: Config, completion: Completion) -> AnswerHead:
    style = Style(config.grok.thinking, citations=config.grok.citations)
    return AnswerHead(secrets.token_hex(12), int(time.time()), completion.prompt_tokens, style)


async def _streamed(
    config: Config, completion: Completion, writer: StreamWriter, delivery: Delivery | None
) -> Response:
    lifetime = current_lifetime()

    def fail(error: GrokApiError) -> None:
        mask_settings(error, config)
        lifetime.trace.fail(error)

    body = EventStream(
        completion,
        writer,
        lifetime.nursery,
        heartbeat_s=config.server.heartbeat_seconds,
        delivery=delivery,
        on_failure=fail,
    )
    await body.begin(lifetime.accepted + config.server.hold_seconds)
    lifetime.trace.usage = writer.usage
    return stepped_response(body, STREAM_HEADERS)
