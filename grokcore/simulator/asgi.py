"""Playing scripts through ASGI, for every simulated service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

import trio

from .scripts import Cut, Script, Send, Wait

__all__ = ["Broken", "Receive", "Request", "SendFn", "answer", "live", "whole_body"]

Message: TypeAlias = Any
Receive: TypeAlias = Callable[[], Awaitable[Message]]
SendFn: TypeAlias = Callable[[Message], Awaitable[None]]


class Broken(Exception):
    """Raised into the ASGI server to break a connection off."""


class Request(Protocol):
    """A recorded request.

    :ivar outcome: ``"open"`` while it is answered; set to ``"complete"`` or ``"cut"``.
    """

    outcome: str


async def answer(
    script: Script, call: Request, receive: Receive, send: SendFn, date: str = ""
) -> None:
    """Play *script* for as long as the client stays.

    :param date: the ``Date`` of the response; empty to set none.
    :raises Broken: if the script breaks the connection off.
    """
    async with trio.open_nursery() as nursery:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch)
        await _play(script, call, send, date)
        nursery.cancel_scope.cancel()
    if call.outcome == "cut":
        raise Broken


async def live(receive: Receive, send: SendFn) -> None:
    """ASGI's start-up and shutdown, with nothing to do at either."""
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})


async def whole_body(receive: Receive) -> bytes | None:
    """The body of a request; None if the client left before its end."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return body


async def _play(script: Script, call: Request, send: SendFn, date: str) -> None:
    await trio.sleep(script.before)
    dated = (("date", date),) if date else ()
    headers = [(name.encode(), value.encode()) for name, value in (*script.headers, *dated)]
    await send({"type": "http.response.start", "status": script.status, "headers": headers})
    for step in script.steps:
        match step:
            case Send(data):
                await send({"type": "http.response.body", "body": data, "more_body": True})
            case Wait(seconds):
                await trio.sleep(seconds)
            case Cut():
                call.outcome = "cut"
                return
    call.outcome = "complete"
    with trio.CancelScope(shield=True):
        await send({"type": "http.response.body", "body": b"", "more_body": False})
