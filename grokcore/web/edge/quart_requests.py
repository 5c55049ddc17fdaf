"""Quart's side of a request, without tasks of its own.

Quart-Trio has a nursery with two tasks for each request: one waits for messages, the other makes
the answer, and whichever ends first cancels the other. Together they cost as much as a third of
Quart's own work. With an :class:`~grokcore.web.edge.inbox.Inbox`, messages come by themselves, and
the edge cancels the request when its client leaves.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from quart.wrappers import Request
from quart_trio.asgi import TrioASGIHTTPConnection

from .inbox import Message

__all__ = ["LISTEN_KEY", "Listen", "RequestConnection"]

LISTEN_KEY = "grok2api.listen"
"""Key, in the ASGI scope, of the function that is given a request's listener."""

Listen: TypeAlias = Callable[[Callable[[Message], None]], None]


class RequestConnection(TrioASGIHTTPConnection):
    """A request to the app; one whose messages don't come by themselves is Quart-Trio's."""

    async def __call__(self, receive: Any, send: Any) -> None:
        listen = cast(Listen | None, self.scope.get(LISTEN_KEY))
        if listen is None:
            await super().__call__(receive, send)
            return
        request = self._create_request_from_scope(send)
        listen(functools.partial(_take, request))
        await self._send_response(send, await self.app.handle_request(request))


def _take(request: Request, message: Message) -> None:
    """Pass a piece of the body on."""
    if message["type"] == "http.request":
        request.body.append(message.get("body", b""))
        if not message.get("more_body", False):
            request.body.set_complete()
