"""An answer of the page's chat under way: a websocket and its handshake."""

from __future__ import annotations

from ....protocol.grok_socket.handshake import Handshake, Stage
from ....protocol.grok_socket.refusals import refusal_of_close, refusal_of_upgrade
from ...transport.seam import SocketClosed, SocketExchange
from .account_asker import SWITCHING_PROTOCOLS

__all__ = ["GrokSocketExchange"]


class GrokSocketExchange:
    """See :class:`~grokcore.runtime.lanes.lane.AnswerExchange`."""

    __slots__ = ("_early", "_handshake", "_socket", "aclose", "wait", "wake")

    def __init__(self, socket: SocketExchange, handshake: Handshake) -> None:
        self._socket = socket
        self._handshake = handshake
        self._early = b""
        self.wait = socket.wait
        self.wake = socket.wake
        self.aclose = socket.aclose
        socket.send(handshake.opening())

    async def accepted(self) -> None:
        """Wait for both acknowledgements, then ask.

        :raises GrokApiError: if the upgrade or the session was refused, or the connection ended.
        """
        head = await self._socket.head()
        if head.status != SWITCHING_PROTOCOLS:
            raise refusal_of_upgrade(head.status, head.headers, b"")
        while self._handshake.stage is Stage.OPENING:
            try:
                data = await self._socket.read()
            except SocketClosed as closed:
                raise refusal_of_close(closed.reason) or closed from None
            if not data:
                self._handshake.close()
            if messages := self._handshake.receive(data):
                self._socket.send(*messages)
            self._early += data
        if self._handshake.error is not None:
            raise self._handshake.error

    async def read(self) -> bytes:
        """See :meth:`~grokcore.runtime.lanes.lane.AnswerExchange.read`."""
        while (data := self.read_nowait()) is None:
            await self.wait()
        return data

    def read_nowait(self) -> bytes | None:
        """See :meth:`~grokcore.runtime.lanes.lane.AnswerExchange.read_nowait`."""
        if self._early:
            early, self._early = self._early, b""
            return early
        try:
            return self._socket.read_nowait()
        except SocketClosed as closed:
            raise refusal_of_close(closed.reason) or closed from None

    async def drain(self) -> None:
        """Nothing is read behind an answer: a websocket serves one question."""
