"""A websocket on the server's side, by wsproto."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import trio
from attrs import define, field
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

__all__ = ["MAX_HEAD_BYTES", "Peer"]

MAX_HEAD_BYTES = 64 * 1024


@define(eq=False)
class Peer:
    """A connection whose client asks for a websocket.

    :ivar head: the raw head of the upgrade, as far as it has been read.
    :ivar client: the client's port.
    :ivar tunnelled: it came through the tunnel of a proxy.
    """

    stream: trio.abc.Stream
    head: bytes = b""
    client: int = 0
    tunnelled: bool = False
    _ws: WSConnection = field(factory=lambda: WSConnection(ConnectionType.SERVER))
    _waiting: deque[Event] = field(factory=deque)
    _text: str = ""
    _sending: trio.Lock = field(factory=trio.Lock)

    async def request(self) -> Request:
        """Wait for the upgrade.

        :raises trio.BrokenResourceError: the client left.
        """
        while b"\r\n\r\n" not in self.head:
            data = await self.stream.receive_some()
            if not data:
                raise trio.BrokenResourceError
            self.head += data
        self._ws.receive_data(self.head)
        request = next(self._ws.events())
        assert isinstance(request, Request)
        return request

    async def accept(self) -> None:
        """Take the upgrade that was waited for."""
        await self.send(AcceptConnection())

    async def refuse(
        self, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        """Refuse the upgrade that was waited for."""
        fields = [(name.encode(), value.encode()) for name, value in headers]
        await self.send(
            RejectConnection(status_code=status, headers=fields, has_body=True),
            RejectData(data=body),
        )

    async def send(self, *events: Event) -> None:
        """Send frames.

        :raises trio.BrokenResourceError: the client has left, or closed.
        """
        async with self._sending:
            try:
                data = self.frames(*events)
            except LocalProtocolError as error:
                raise trio.BrokenResourceError from error
            await self.stream.send_all(data)

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are: frames that wsproto would not make."""
        await self.stream.send_all(data)

    def frames(self, *events: Event) -> bytes:
        """The bytes of frames, for :meth:`send_raw`."""
        return b"".join(self._ws.send(event) for event in events)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End in good order: the client's close frame is waited for, and its leaving."""
        await self.send(CloseConnection(code, reason or None))
        await self.until_left()

    async def until_left(self) -> None:
        """Wait until the client has left."""
        while await self.next() is not None:
            pass

    async def next(self) -> Event | None:
        """Wait for the next event, messages whole; None once the client has left."""
        while not self._waiting:
            try:
                data = await self.stream.receive_some()
                if not data:
                    return None
                self._ws.receive_data(bytes(data))
                self._waiting.extend(self._whole(self._ws.events()))
            except (trio.BrokenResourceError, RemoteProtocolError):
                return None
        return self._waiting.popleft()

    def _whole(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if not isinstance(event, TextMessage):
                yield event
                continue
            self._text += event.data
            if event.message_finished:
                yield TextMessage(data=self._text)
                self._text = ""
