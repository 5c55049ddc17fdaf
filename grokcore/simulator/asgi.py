"""Recording requests and playing scripts through ASGI, for every simulated service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import trio
from attrs import define, field

from .scripts import Cut, Script, Send, Wait

__all__ = ["Broken", "Receive", "Request", "ScriptedService", "SendFn"]

Message: TypeAlias = Any
Receive: TypeAlias = Callable[[], Awaitable[Message]]
SendFn: TypeAlias = Callable[[Message], Awaitable[None]]


class Broken(Exception):
    """Raised into the ASGI server to break a connection off."""


class Request(Protocol):
    """A recorded request.

    :ivar outcome: ``"open"`` while it is answered; set to ``"complete"``, ``"cut"`` or
        ``"aborted"``.
    :ivar ended_at: trio's time.
    """

    outcome: str
    ended_at: float


_Request = TypeVar("_Request", bound=Request)


@define(eq=False)
class ScriptedService(Generic[_Request]):
    """A service that records each request and plays a script for it.

    :ivar calls: the requests so far; which ones is the service's matter.
    :ivar date: the ``Date`` of every response; empty for the true one. To be set before serving.
    """

    calls: list[_Request] = field(factory=list)
    date: str = ""
    _changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    def recorded(self, scope: Any, body: bytes) -> _Request:
        """Record a request."""
        raise NotImplementedError

    def script_for(self, call: _Request) -> Script:
        """The answer to a request."""
        raise NotImplementedError

    @property
    def open_calls(self) -> list[_Request]:
        """The *calls* under way."""
        return [call for call in self.calls if call.outcome == "open"]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for *condition*, which is checked whenever a request begins or ends."""
        while not condition():
            await self._changed.park()

    async def __call__(self, scope: Any, receive: Receive, send: SendFn) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
            return
        body = await whole_body(receive)
        if body is None:
            return
        call = self.recorded(scope, body)
        self._changed.unpark_all()
        try:
            await answer(self.script_for(call), call, receive, send, self.date)
        finally:
            call.ended_at = trio.current_time()
            call.outcome = "aborted" if call.outcome == "open" else call.outcome
            self._changed.unpark_all()


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
