"""A websocket as trio sees it, and its frames in the worker thread.

Until its upgrade is through, a websocket is a transfer like any other. Then libcurl reports the
transfer as done (``CONNECT_ONLY`` = 2), and the handle stays in the multi. From then on frames are
read and written here, whenever :mod:`~grokcore.runtime.transport.curl.sockets` finds the socket
ready.

Rules
-----
1. To the reader it is an exchange whose body has a line for each message; its pieces come as they
   arrive. A line break within a message becomes a space: in JSON it can only be white space. So the
   seam needs no second form for bodies.
2. A binary message is handed over like a text. Grok sends none; if it began to, leaving them out
   would make an answer look whole that is not.
3. Pings are answered by libcurl. What an unread buffer keeps back stays in TCP's window.
   Of what arrives without a pause, a turn takes :data:`MOST_PIECES` pieces, empty ones counted: no
   websocket holds the other transfers up.
4. An upgrade that is refused has a head and no body: libcurl does not read one.
"""

from __future__ import annotations

import struct
import time
from typing import ClassVar, Protocol

from curl_cffi import CurlECode, CurlError, CurlInfo
from curl_cffi._wrapper import ffi, lib

from ....errors import TransportFailure
from ..seam import Heartbeat, SocketClosed, UpstreamRequest
from .exchange import BUFFER_BYTES, CurlExchange, Desk
from .handle import WEBSOCKET, ProtocolOptions
from .outcome import parse_head, peer_of

__all__ = ["MAX_FRAME_BYTES", "CurlSocket", "Inbox"]

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""Of one frame (the bound of other clients of Grok's page: lanes with 16 to 32 MiB, August 2026).
"""

MOST_PIECES = 100
"""Pieces of frames that one turn takes; some 2 ms."""

NORMAL_CLOSURE = 1000
"""RFC 6455, section 7.4.1."""

_TEXT, _CONTINUES, _CLOSE, _PING, _PONG = 1, 4, 8, 16, 64


class Inbox:
    """The memory that libcurl writes a piece of a frame to; one for all websockets of a loop."""

    def __init__(self) -> None:
        self.buffer = ffi.new("char[]", BUFFER_BYTES)
        self.size = ffi.new("size_t*")
        self.frame = ffi.new("struct curl_ws_frame **")


class Watch(Protocol):
    """The websockets of a loop as one of them sees them.

    :ivar inbox: the memory that they share.
    """

    inbox: Inbox

    def add(self, socket: CurlSocket) -> None: ...
    def remove(self, socket: CurlSocket) -> None: ...
    def change(self) -> None: ...
    def hurry(self, socket: CurlSocket) -> None: ...


class CurlSocket(CurlExchange):
    """A websocket. The attributes above the line belong to the worker thread.

    :param watch: informed by the worker thread when this begins or ceases to wait for its socket.
    :ivar descriptor: of the socket; -1 until the upgrade is through.
    :ivar beat_at: when the next heartbeat is due, in the worker thread's seconds.
    """

    __slots__ = (
        *("beat_at", "blocked", "descriptor"),
        *("_heartbeat", "_outbox", "_sizes", "_watch", "_within", "_written"),
    )
    protocol: ClassVar[ProtocolOptions] = WEBSOCKET

    def __init__(
        self, request: UpstreamRequest, desk: Desk, heartbeat: Heartbeat | None, watch: Watch
    ) -> None:
        super().__init__(request, desk)
        self.descriptor = -1
        self.blocked = False
        self.beat_at = float("inf")
        self._heartbeat = heartbeat
        self._watch = watch
        self._written = 0
        self._sizes = ffi.new("size_t*")
        # ----
        self._outbox: list[bytes] = []  # an empty deque takes 600 bytes

    # Worker thread -------------------------------------------------------------------------------

    @property
    def _accepted(self) -> bool:
        return self._head_lines[0].split(None, 2)[1:2] == [b"101"]

    def outlive_transfer(self) -> bool:
        """Begin with frames: the upgrade is through. Some may have come with it.

        :raises CurlError: the connection ended without a response (libcurl calls that done, too:
            seen in 8.21), or its socket is not known.
        """
        assert self.curl is not None
        if not self._head_lines or not self._accepted:
            raise CurlError("no response", CurlECode.GOT_NOTHING)
        found = self.curl.getinfo(CurlInfo.ACTIVESOCKET)
        if not isinstance(found, int) or found < 0:
            raise CurlError("no socket", CurlECode.BAD_FUNCTION_ARGUMENT)
        self.descriptor = found
        if self._heartbeat is not None:
            self.beat_at = time.monotonic() + self._heartbeat.every_s
        self._desk.tell(self, parse_head(self._head_lines, peer_of(self.curl)))
        self._watch.add(self)
        return self.serve()

    def serve(self) -> bool:
        """Write and read frames.

        :raises CurlError: the connection broke, or a frame is too large.
        """
        if self.over or self.descriptor < 0:
            return True
        self._flush()
        return self._receive()

    def _receive(self) -> bool:
        """Take the frames that have arrived, as far as there is room, and as one turn may.

        Returns whether the websocket is still open.
        """
        assert self.curl is not None
        inbox = self._watch.inbox
        for _ in range(MOST_PIECES):
            if not self._has_room():
                return True
            code = lib.curl_ws_recv(
                self.curl._curl, inbox.buffer, BUFFER_BYTES, inbox.size, inbox.frame
            )
            if code == CurlECode.AGAIN:
                return True
            _check(code, "receive")
            frame, data = inbox.frame[0], bytes(ffi.buffer(inbox.buffer, inbox.size[0]))
            if frame.flags & _CLOSE:
                self.last_failure = self._closed_with(data)
                self.say_goodbye()
                return False
            if not frame.flags & (_PING | _PONG):
                self._take_piece(frame, data)
        self._watch.hurry(self)
        return True

    def _flush(self) -> None:
        """Write what waits to be sent, as far as the socket takes it."""
        if self.descriptor < 0 or self.curl is None:
            return
        was, self.blocked = self.blocked, False
        while self._outbox and not self.blocked:
            self._write(self._outbox[0])
            if not self.blocked:
                del self._outbox[0]
                self._written = 0
        if was is not self.blocked:
            self._watch.change()

    def beat(self) -> None:
        """Send a heartbeat.

        :raises CurlError: the connection broke.
        """
        assert self._heartbeat is not None
        self.beat_at = time.monotonic() + self._heartbeat.every_s
        if not self._outbox:  # a message shows the same
            self._outbox.append(self._heartbeat.message())
            self._flush()

    def resume(self) -> bool:
        if self.paused:
            self.paused = False
            self._watch.change()
        return self.serve()

    def end(self) -> None:
        super().end()
        self._watch.remove(self)

    @property
    def reusable(self) -> bool:
        return False  # its handle is set up for frames

    def is_failure(self, code: int) -> bool:
        # The upgrade was refused: its head says with what status.
        return code != CurlECode.HTTP_RETURNED_ERROR and super().is_failure(code)

    def say_goodbye(self) -> None:
        """Send a close frame, if the socket takes it at once."""
        if self.descriptor >= 0 and self.curl is not None and not self._written:
            code = struct.pack("!H", NORMAL_CLOSURE)
            lib.curl_ws_send(self.curl._curl, code, len(code), self._sizes, 0, _CLOSE)

    def _has_room(self) -> bool:
        self.paused = True  # before the reader's progress is looked at: it looks at this afterwards
        if self._received - self._taken < BUFFER_BYTES:
            self.paused = False
            return True
        self._watch.change()
        return False

    def _take_piece(self, frame: object, data: bytes) -> None:
        flags, left = frame.flags, frame.bytesleft  # type: ignore[attr-defined]
        if frame.offset + len(data) + left > MAX_FRAME_BYTES:  # type: ignore[attr-defined]
            self.objection = f"a frame is larger than {MAX_FRAME_BYTES // 2**20} MiB"
            raise CurlError(self.objection, CurlECode.TOO_LARGE)
        ends = left == 0 and not flags & _CONTINUES
        piece = data.replace(b"\n", b" ")
        if ends:
            piece += b"\n"
        self._received += len(piece)
        if piece:
            self._desk.tell(self, piece)

    def _write(self, message: bytes) -> None:
        assert self.curl is not None
        start = ffi.from_buffer(message)
        while True:
            left = len(message) - self._written
            code = lib.curl_ws_send(
                self.curl._curl, start + self._written, left, self._sizes, 0, _TEXT
            )
            self._written += self._sizes[0]
            if code == CurlECode.AGAIN:
                self.blocked = True
                return
            _check(code, "send")
            if self._written == len(message):
                return

    def _closed_with(self, data: bytes) -> TransportFailure | None:
        """The failure that a close frame stands for; None for a normal closure without a reason."""
        if len(data) < struct.calcsize("!H"):
            return SocketClosed(f"{self.request.who} closed the connection.")
        (code,), reason = struct.unpack("!H", data[:2]), data[2:].decode("utf-8", "replace")
        if code == NORMAL_CLOSURE and not reason:
            return None
        shown = "".join(char if char.isprintable() else " " for char in reason)
        words = f"{code}: {shown}" if shown else str(code)
        return SocketClosed(f"{self.request.who} closed the connection ({words}).", reason, code)

    # Trio thread ---------------------------------------------------------------------------------

    def send(self, *messages: bytes) -> None:
        """Have *messages* sent as text messages, after those before them.

        The worker thread looks for messages when the upgrade is through. It sets the descriptor
        first, so that one of both sides sees the other's news.
        """
        self._outbox.extend(messages)
        if self.descriptor >= 0:
            self._desk.ask_to_flush(self)


def _check(code: int, what: str) -> None:
    """:raises CurlError: libcurl refused."""
    if code == CurlECode.GOT_NOTHING:
        code = CurlECode.RECV_ERROR  # "nothing" is meant of a response, which there has been
    if code != CurlECode.OK:
        raise CurlError(f"websocket: {what} returned {code}", code)
