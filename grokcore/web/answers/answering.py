"""The handler of all routes that ask Grok: admit, parse, ask, answer in the route's dialect."""

from __future__ import annotations

import functools
import secrets
import time
from typing import Protocol, TypeVar

from quart import Response

from ...config import Config
from ...errors import GrokApiError
from ...protocol.dialects.dialect import AnswerHead, Collector, Dialect, StreamWriter
from ...protocol.dialects.rendering import Style
from ..delivery import Delivery
from ..edge.lifetime import Lifetime, current_lifetime
from ..observing.trace import Trace
from ..responses import json_response, stepped_response
from ..services import Services
from .admission import described, most_body_bytes
from .choices import AnyCompletion
from .event_stream import EventStream, collect
from .key_use import begin_asking
from .masking import mask_settings

__all__ = ["STREAM_HEADERS", "AskingRoute", "answer", "answer_asked"]

STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    # nginx and Caddy would otherwise collect a stream before passing it on.
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
}

_Request = TypeVar("_Request")
_Collector = TypeVar("_Collector", bound=Collector)


class AskingRoute(Protocol[_Request, _Collector]):
    """The parts of a route that do I/O, and so can't be its dialect's."""

    @property
    def dialect(self) -> Dialect[_Request, _Collector]:
        """The route's dialect."""

    async def completed(
        self,
        services: Services,  # noqa: ARG002 - for routes whose requests refer to others
        asked: _Request,
        lifetime: Lifetime,  # noqa: ARG002
    ) -> _Request:
        """The request with all that it refers to. As a rule it refers to nothing.

        :raises GrokApiError: if it refers to something that is not there.
        """
        return asked

    async def open(self, services: Services, asked: _Request, lifetime: Lifetime) -> AnyCompletion:
        """Choose the model, fetch the attachments, and make a completion.

        :raises GrokApiError: if the request can't be served.
        """

    def delivery(self, services: Services) -> Delivery | None:
        """Delivery of the answer's media while it arrives; None keeps Grok's addresses."""

    async def finish(
        self,
        services: Services,  # noqa: ARG002 - for routes whose answers are not complete
        asked: _Request,  # noqa: ARG002
        collector: _Collector,  # noqa: ARG002
        completion: AnyCompletion,  # noqa: ARG002
    ) -> None:
        """Complete a collected answer before its body is made. As a rule it is complete.

        :raises GrokApiError: if the answer can't be completed.
        """
        return

    def kept(
        self,
        services: Services,  # noqa: ARG002 - for routes that keep answers
        asked: _Request,  # noqa: ARG002
        answer: Collector | StreamWriter,  # noqa: ARG002
        lifetime: Lifetime,  # noqa: ARG002
    ) -> None:
        """Keep a whole answer if later requests may refer to it. Called before its end is sent."""
        return


async def answer(services: Services, route: AskingRoute[_Request, _Collector]) -> Response:
    """Answer the request at hand.

    :raises GrokApiError: if there is no answer.
    """
    lifetime, dialect = current_lifetime(), route.dialect
    lifetime.error_form = dialect.error
    begin_asking(services, lifetime)
    asked = await services.state.bodies.parse(
        dialect.parse, most_body_bytes(services.state.config), lifetime
    )
    return await answer_asked(services, route, asked)


async def answer_asked(
    services: Services, route: AskingRoute[_Request, _Collector], asked: _Request
) -> Response:
    """Answer a request that was admitted and parsed.

    :raises GrokApiError: if there is no answer.
    """
    lifetime, dialect = current_lifetime(), route.dialect
    asked = await route.completed(services, asked, lifetime)
    completion = await route.open(services, asked, lifetime)
    with described(services, completion, lifetime, functools.partial(dialect.ignored, asked)):
        head = _head(services.state.config, completion)
        writer = dialect.stream(asked, head)
        if writer is not None:
            return await _streamed(services, route, asked, completion, writer)
        return await _collected(services, route, asked, completion, head)


def _head(config: Config, completion: AnyCompletion) -> AnswerHead:
    style = Style(config.grok.thinking, citations=config.grok.citations)
    return AnswerHead(
        secrets.token_hex(12),
        int(time.time()),
        completion.prompt_tokens,
        style,
        completion.request_id,
    )


async def _collected(
    services: Services,
    route: AskingRoute[_Request, _Collector],
    asked: _Request,
    completion: AnyCompletion,
    head: AnswerHead,
) -> Response:
    lifetime = current_lifetime()
    collector = route.dialect.collector(asked, head)
    lifetime.trace.usage = collector.usage
    try:
        await collect(completion, collector, route.delivery(services))
    except GrokApiError as error:
        end = route.dialect.soften(error)
        if end is None:
            raise
        _note_failure(services.state.config, lifetime.trace, error)
        collector.add([end])
    await route.finish(services, asked, collector, completion)
    route.kept(services, asked, collector, lifetime)
    return json_response(collector.body())


async def _streamed(
    services: Services,
    route: AskingRoute[_Request, _Collector],
    asked: _Request,
    completion: AnyCompletion,
    writer: StreamWriter,
) -> Response:
    lifetime, config = current_lifetime(), services.state.config
    body = EventStream(
        completion,
        writer,
        lifetime.nursery,
        heartbeat_s=config.server.heartbeat_seconds,
        delivery=route.delivery(services),
        soften=route.dialect.soften,
        on_failure=functools.partial(_note_failure, config, lifetime.trace),
        on_whole=functools.partial(route.kept, services, asked, writer, lifetime),
    )
    await body.begin(lifetime.accepted + config.server.hold_seconds)
    lifetime.trace.usage = writer.usage
    return stepped_response(body, STREAM_HEADERS)


def _note_failure(config: Config, trace: Trace, error: GrokApiError) -> None:
    mask_settings(error, config)
    trace.fail(error)
