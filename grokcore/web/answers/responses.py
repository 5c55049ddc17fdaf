"""``/v1/responses``: from a request and what it refers to, to a completion that may be kept."""

from __future__ import annotations

import functools
import time

import trio
from attrs import evolve, field, frozen

from ...protocol.dialects.dialect import Collector, StreamWriter
from ...protocol.dialects.openai_responses.dialect import ResponsesDialect
from ...protocol.dialects.openai_responses.keeping import attached_chars, stored_response
from ...protocol.dialects.openai_responses.references import resolved
from ...protocol.dialects.openai_responses.request import ResponsesRequest
from ...protocol.dialects.openai_responses.writers import AnswerWriter, EventWriter
from ...runtime.threads import in_thread
from ..edge.lifetime import Lifetime
from ..lending import borrowed
from ..services import Services
from .text_route import TextRoute

__all__ = ["ResponsesRoute", "with_references"]

LARGE_HISTORY_BYTES = 1024 * 1024
"""Bytes of stored items that are parsed in some 10 ms; more are parsed in a worker thread."""


def _dialect() -> ResponsesDialect:
    return ResponsesDialect(now=lambda: int(time.time()))


@frozen
class ResponsesRoute(TextRoute[ResponsesRequest, AnswerWriter]):
    """See :class:`~grokcore.web.answers.text_route.TextRoute`."""

    dialect: ResponsesDialect = field(factory=_dialect)

    async def completed(
        self, services: Services, asked: ResponsesRequest, lifetime: Lifetime
    ) -> ResponsesRequest:
        """The request with the stored responses and items that it refers to. Where its answer can't
        be kept it says so.
        """
        asked = await with_references(services, asked, lifetime)
        if services.state.responses.has_room(attached_chars(asked) or 1):
            return asked
        return evolve(asked, store=False, echo={**asked.echo, "store": False})

    def kept(
        self,
        services: Services,
        asked: ResponsesRequest,
        answer: Collector | StreamWriter,
        lifetime: Lifetime,
    ) -> None:
        """Keep the response, unless the client asked not to. One with too large pictures would not
        stay: its JSON is not made.
        """
        assert isinstance(answer, AnswerWriter | EventWriter)
        store = services.state.responses
        if asked.store and store.has_room(attached_chars(asked)):
            store.put(lifetime.caller.name, stored_response(asked, answer), trio.current_time())


async def with_references(
    services: Services, asked: ResponsesRequest, lifetime: Lifetime
) -> ResponsesRequest:
    """*asked* with the stored responses and items of its key that it refers to.

    :raises GrokApiError: if it refers to something that is not kept.
    """
    if not asked.refers:
        return asked
    shelf = services.state.responses.shelf(lifetime.caller.name, trio.current_time())
    lookup = shelf if services.fellows.alone else await borrowed(services.fellows, shelf, asked)
    resolve = functools.partial(resolved, asked, lookup)
    if services.state.responses.size > LARGE_HISTORY_BYTES:
        return await in_thread(resolve)
    return resolve()
