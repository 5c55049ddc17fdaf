"""The lifetime of one HTTP request: its state, tasks and resources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import cast

import trio
from quart import request

from ...protocol.dialects.error_forms import ErrorForm
from ...protocol.key_day import Use
from ..observing.trace import Trace
from .auth import Caller

__all__ = ["LIFETIME_KEY", "Lifetime", "current_lifetime"]

LIFETIME_KEY = "grok2api.lifetime"
"""Key of the lifetime in the ASGI scope."""


class Lifetime:
    """State and resources of one HTTP request; they live exactly as long as it does.

    :ivar trace: the record of the request.
    :ivar accepted: trio's time when the request's head had been read.
    :ivar request_id: the client's ``x-request-id`` if it is well-formed, else a new id.
    :ivar headers: headers of every response to this request, errors included.
    :ivar caller: the holder of the request's API key.
    :ivar use: the request's handle in the figures of its key; None before it is counted.
    :ivar accept_language: the client's ``Accept-Language``; empty if it sent none.
    :ivar body_arrived: whether the whole body had come when the app began.
    :ivar error_form: the error format of the dialect that answers; None until a handler sets it.
    """

    def __init__(self, trace: Trace, nursery: trio.Nursery) -> None:
        self.trace = trace
        self.accepted = trace.accepted
        self.request_id = trace.request_id
        self.headers: dict[str, str] = {"x-request-id": trace.request_id}
        self.caller = Caller()
        self.use: Use | None = None
        self.accept_language = ""
        self.error_form: ErrorForm | None = None
        self.body_arrived = False
        self.nursery = nursery
        self._closers: list[Callable[[], Awaitable[None]]] = []
        self._at_last_byte: list[Callable[[], None]] = []

    def identify(self, caller: Caller, *, asks: bool) -> None:
        """Note whose request it is, and whether it asks Grok."""
        self.caller = caller
        self.trace.key = caller.name
        self.trace.owned = caller.allowance is None
        self.trace.asks = asks

    def on_end(self, aclose: Callable[[], Awaitable[None]]) -> None:
        """Await *aclose* after the request and its tasks have ended. It must shield itself."""
        self._closers.append(aclose)

    def on_last_byte(self, fn: Callable[[], None]) -> None:
        """Call *fn* once: just before the last byte is sent, or after the client disconnected."""
        self._at_last_byte.append(fn)

    def last_byte(self) -> None:
        """Run the :meth:`on_last_byte` calls. A client with a complete answer may send its next
        request at once.
        """
        while self._at_last_byte:
            self._at_last_byte.pop()()

    async def aclose(self) -> None:
        """Close all resources, the last one first."""
        self.last_byte()
        while self._closers:
            await self._closers.pop()()


def current_lifetime() -> Lifetime:
    """The lifetime of the request that the calling handler answers."""
    return cast(Lifetime, cast(dict[str, object], request.scope)[LIFETIME_KEY])
