"""A scripted transport without sockets or threads, for tests on a faked clock (which would jump
past real threads).
"""

from __future__ import annotations

from collections import deque

import trio
from attrs import define, field

from grokcore.errors import TransportFailure
from grokcore.runtime.transport.seam import Heartbeat, ResponseHead, UpstreamRequest
from grokcore.simulator.scripts import Cut, Script, Send, Wait


@define(eq=False)
class FakeExchange:
    """Plays a script of the simulator on trio's clock. Waits may be cancelled and repeated, as the
    seam demands.
    """

    request: UpstreamRequest
    script: Script
    opened_at: float = field(factory=trio.current_time)
    closed_at: float | None = None
    _woken: trio.lowlevel.ParkingLot = field(init=False, factory=trio.lowlevel.ParkingLot)
    _pieces: deque[tuple[float, bytes | TransportFailure | None]] = field(init=False)
    _has_head: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        at = self.opened_at + self.script.before
        self._pieces = deque()
        for step in self.script.steps:
            match step:
                case Send(data):
                    self._pieces.append((at, data))
                case Wait(seconds):
                    at += seconds
                case Cut():
                    self._pieces.append((at, TransportFailure("cut by script")))
        self._pieces.append((at, None))

    async def head(self) -> ResponseHead:
        await trio.sleep_until(self.opened_at + self.script.before)
        if not self._has_head and isinstance(self._pieces[0][1], TransportFailure):
            raise self._pieces[0][1]
        self._has_head = True
        return ResponseHead(self.script.status, dict(self.script.headers))

    def read_nowait(self) -> bytes | None:
        found = b""
        while self._due() and isinstance(self._pieces[0][1], bytes):
            found += self._pieces.popleft()[1]  # type: ignore[operator]
        if found or not self._due():
            return found or None
        if isinstance(self._pieces[0][1], TransportFailure):
            raise self._pieces[0][1]
        return b""

    async def read(self) -> bytes:
        while (found := self.read_nowait()) is None:
            await self.wait()
        return found

    async def wait(self) -> None:
        with trio.CancelScope(deadline=self._pieces[0][0]):
            await self._woken.park()

    def wake(self) -> None:
        self._woken.unpark_all()

    def _due(self) -> bool:
        return self._pieces[0][0] <= trio.current_time()

    async def aclose(self) -> None:
        if self.closed_at is None:
            self.closed_at = trio.current_time()
        await trio.lowlevel.checkpoint()


@define(eq=False)
class FakeSocket(FakeExchange):
    """A websocket that plays a script, whose pieces are those of its lines.

    :ivar failure: raised in place of each cut of the script.
    """

    heartbeat: Heartbeat | None = None
    failure: TransportFailure | None = None
    sent: list[bytes] = field(factory=list)

    def read_nowait(self) -> bytes | None:
        try:
            return super().read_nowait()
        except TransportFailure:
            if self.failure is None:
                raise
            raise self.failure from None

    def send(self, *messages: bytes) -> None:
        self.sent.extend(messages)


@define(eq=False)
class FakeSockets:
    """Gives the scripts to websockets one after the other, the last one for ever."""

    scripts: list[Script]
    sockets: list[FakeSocket] = field(factory=list)

    def connect(self, request: UpstreamRequest, heartbeat: Heartbeat | None) -> FakeSocket:
        script = self.scripts[min(len(self.sockets), len(self.scripts) - 1)]
        self.sockets.append(FakeSocket(request, script))
        return self.sockets[-1]


@define(eq=False)
class FakeTransport:
    """Plays the scripts one after the other, the last one for ever."""

    scripts: list[Script]
    exchanges: list[FakeExchange] = field(factory=list)
    failure: TransportFailure | None = None

    def open(self, request: UpstreamRequest) -> FakeExchange:
        self.exchanges.append(FakeExchange(request, self._next_script()))
        return self.exchanges[-1]

    def connect(self, request: UpstreamRequest, heartbeat: Heartbeat | None) -> FakeSocket:
        socket = FakeSocket(request, self._next_script(), heartbeat=heartbeat, failure=self.failure)
        self.exchanges.append(socket)
        return socket

    def _next_script(self) -> Script:
        return self.scripts[min(len(self.exchanges), len(self.scripts) - 1)]

    @property
    def all_closed(self) -> bool:
        return all(exchange.closed_at is not None for exchange in self.exchanges)
