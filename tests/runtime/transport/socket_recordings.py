"""Recordings of websockets that play a script on a faked clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
from attrs import field, frozen

from grokcore.errors import TransportFailure
from grokcore.runtime.transport.recording import RecordingTransport
from grokcore.runtime.transport.seam import Heartbeat, SocketExchange, UpstreamRequest
from grokcore.simulator.scripts import Script
from tests.scenarios import run_on_fake_clock

from ..fakes import FakeSocket, FakeTransport

__all__ = ["REQUEST", "Conversation", "at_once", "read_all", "recorded_by"]

REQUEST = UpstreamRequest(
    "GET", "wss://grok.com/ws/mgw/?uid=u", (("Origin", "https://grok.com"),), b""
)


async def at_once(work: Callable[[], None]) -> None:
    """Write in this thread: a faked clock would jump past a real one."""
    work()
    await trio.lowlevel.checkpoint()


@frozen
class Conversation:
    """A transport that records, and the websockets below it.

    :ivar heard: pieces that the reader was given.
    """

    recorder: RecordingTransport
    inner: FakeTransport
    request: UpstreamRequest = REQUEST
    heard: list[bytes] = field(factory=list)

    def connect(self, heartbeat: Heartbeat | None = None) -> SocketExchange:
        return self.recorder.connect(self.request, heartbeat)

    @property
    def sockets(self) -> list[FakeSocket]:
        return [one for one in self.inner.exchanges if isinstance(one, FakeSocket)]


async def read_all(talk: Conversation, socket: SocketExchange | None = None) -> None:
    """Read a websocket until its end, of whatever kind, or for a minute; then close it."""
    socket = socket or talk.connect()
    with trio.move_on_after(60):
        try:
            await socket.head()
            while data := await socket.read():
                talk.heard.append(data)
        except TransportFailure:
            pass
    await socket.aclose()


def recorded_by(
    folder: Path,
    script: Script,
    talk: Callable[[Conversation], Awaitable[None]] = read_all,
    *,
    failure: TransportFailure | None = None,
    request: UpstreamRequest = REQUEST,
    in_thread: Callable[[Callable[[], None]], Awaitable[None]] = at_once,
) -> Conversation:
    """Run *talk* while a recorder runs, and end both.

    :param failure: raised at a cut of *script*.
    """
    found: list[Conversation] = []

    async def main() -> None:
        inner = FakeTransport([script], failure=failure)
        recorder = RecordingTransport(inner, folder, in_thread=in_thread)
        found.append(Conversation(recorder, inner, request))
        async with trio.open_nursery() as nursery:
            await nursery.start(recorder.run)
            await talk(found[0])
            nursery.cancel_scope.cancel()

    run_on_fake_clock(main)
    return found[0]
