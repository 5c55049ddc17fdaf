"""A transfer as trio sees it, and its callbacks in the worker thread. See the theory of the
package.
"""

from __future__ import annotations

import zlib
from collections import deque
from typing import ClassVar, Protocol

import trio
from attrs import frozen
from curl_cffi import Curl, CurlECode, CurlInfo
from curl_cffi.curl import (
    CURL_WRITEFUNC_ERROR,
    CURL_WRITEFUNC_PAUSE,
    CURLPAUSE_CONT,
    CURLPAUSE_RECV,
)

from ....errors import TransportFailure
from ..seam import ResponseHead, UpstreamRequest
from .handle import HTTP, ProtocolOptions
from .outcome import parse_head, peer_of

__all__ = ["BUFFER_BYTES", "MAX_HEAD_BYTES", "MOST_OVERFLOW", "CurlExchange", "Desk", "News"]

BUFFER_BYTES = 64 * 1024
"""Decoded bytes of one response that may wait for their reader: some seconds of a fast model."""

PACKED_FROM = 4 * BUFFER_BYTES
"""Waiting bytes above which the next pieces are compressed. A reader that is at work does not lag
by so much.
"""

LIBCURL_PIECE = 16 * 1024
"""Bytes of the largest piece that libcurl hands over. It decodes 4 kB of a response at a time. When
it is held back meanwhile, it keeps the rest of these in memory, up to 64 MB. So a compressed
response is held back only with a smaller piece than this: the last one of its 4 kB."""

MOST_OVERFLOW = 5 * 1024 * 1024
"""Bytes of a compressed response that may wait because of that. Text shrinks to a twentieth, and
gzip makes 4.2 MB of 4 kB at most. A body that expands further is an attack."""

MOST_EXPANSION = 200
"""Highest ratio of decoded to sent bytes, beyond the first :data:`EXPANSION_FREE` bytes of a
compressed response.
"""

EXPANSION_FREE = 32 * 1024 * 1024

EXPANDS = "a few bytes of it expand to many MB"

MAX_HEAD_BYTES = 64 * 1024
"""Most bytes of response headers; curl's own cap is 300 kB."""


@frozen
class Packed:
    """A piece of the body that has to wait.

    Over HTTP/2, a response can't be held back below the window that the browser grants at the start
    of each stream: 6 MB. Changing that window would show that this is no browser. Lines of JSON
    shrink to a tenth.
    """

    content: bytes
    plain: bool

    @classmethod
    def of(cls, data: bytes) -> Packed:
        """*data*, compressed if that makes it smaller."""
        packed = zlib.compress(data, 1)
        return cls(packed, plain=False) if len(packed) < len(data) else cls(data, plain=True)

    def open(self) -> bytes:
        return self.content if self.plain else zlib.decompress(self.content)


News = ResponseHead | bytes | Packed | TransportFailure | None
"""The head, a piece of the body, a failure, or None for the end in good order."""

_REFUSED = int(CURL_WRITEFUNC_ERROR)  # the glue code takes any other number for success
_HELD_BACK = int(CURL_WRITEFUNC_PAUSE)


class Desk(Protocol):
    """The loop as an exchange sees it."""

    def tell(self, exchange: CurlExchange, news: News) -> None: ...
    def ask_to_resume(self, exchange: CurlExchange) -> None: ...
    def ask_to_abort(self, exchange: CurlExchange) -> None: ...
    def ask_to_flush(self, exchange: CurlExchange) -> None: ...
    def much_was_freed(self) -> None: ...


class CurlExchange:
    """See :class:`~grokcore.runtime.transport.seam.Exchange`. The attributes above the line belong
    to the worker thread.

    :cvar protocol: what its handle is set up for.
    :ivar over: whether the worker is done with it. Its callbacks must refuse everything then.
    :ivar objection: the reason of a callback that refused data; empty if none did.
    :ivar last_failure: the failure of an exchange that a step of its own ended; None if it ended in
        good order.
    """

    __slots__ = (  # a dict of so many attributes would take over a kilobyte
        *("curl", "kept", "last_failure", "objection", "over", "paused", "request"),
        *("_encoded", "_head_bytes", "_head_lines", "_multiplexed", "_received", "_stopped"),
        # ----
        *("_body", "_desk", "_ended", "_failure", "_head", "_lagged", "_reader", "_taken"),
    )
    protocol: ClassVar[ProtocolOptions] = HTTP

    def __init__(self, request: UpstreamRequest, desk: Desk) -> None:
        self.request = request
        self.curl: Curl | None = None
        self.paused = False
        self.over = False
        self.objection = ""
        self.last_failure: TransportFailure | None = None
        self.kept: object = None
        self._received = 0
        self._encoded = False
        self._multiplexed = False
        self._stopped = False
        self._head_lines: list[bytes] = []
        self._head_bytes = 0
        # ----
        self._taken = 0
        self._lagged = False
        self._desk = desk
        self._head: ResponseHead | None = None
        self._body: deque[bytes | Packed] = deque()
        self._ended = False
        self._failure: TransportFailure | None = None
        self._reader: trio.lowlevel.Task | None = None

    # Worker thread -------------------------------------------------------------------------------

    def on_header(self, line: bytes) -> int:
        """Take one header line from libcurl. Nothing is raised: a fault ends this transfer only."""
        try:
            return self._refuse("") if self.over else self._take_header(line)
        except Exception as error:  # boundary: C code is the caller
            return self._refuse(f"its head could not be taken ({type(error).__name__})")

    def on_data(self, data: bytes) -> int:
        """Take a piece of the body, or ask libcurl to hold it back. Nothing is raised, as above."""
        try:
            return self._refuse("") if self.over else self._take_data(data)
        except Exception as error:  # boundary: C code is the caller
            return self._refuse(f"it could not be taken ({type(error).__name__})")

    def resume(self) -> bool:
        """Go on receiving: the reader has caught up. Returns whether the exchange goes on.

        :raises CurlError: if data that libcurl had held back could not be handed over.
        """
        if self.curl is not None and self.paused:
            self.paused = self._stopped = False
            self.curl.pause(CURLPAUSE_CONT)
        return True

    def serve(self) -> bool:
        """Move what libcurl does not move by itself. Returns whether the exchange goes on.

        :raises CurlError: the connection broke.
        """
        return True

    def outlive_transfer(self) -> bool:
        """Go on without libcurl's transfer, which has ended in good order. Returns whether the
        exchange goes on.

        :raises CurlError: the connection can't be used.
        """
        return False

    def say_goodbye(self) -> None:
        """Announce the end of the exchange to the other side, if its protocol has a form for it."""

    def end(self) -> None:
        """Note that the worker is done with it."""
        self.over = True

    @property
    def reusable(self) -> bool:
        """Whether its handle may serve another request, and another's may serve it."""
        return self.request.impersonated

    def is_failure(self, code: int) -> bool:
        """Whether a transfer that ended with libcurl's *code* has failed."""
        return code != CurlECode.OK

    @property
    def answered(self) -> bool:
        """Whether a response has begun."""
        return bool(self._head_lines)

    def _take_header(self, line: bytes) -> int:
        self._head_bytes += len(line)
        if self._head_bytes > MAX_HEAD_BYTES:
            return self._refuse("its head is too long")
        if line.startswith(b"HTTP/"):
            self._head_lines = []
        if line not in (b"\r\n", b"\n"):
            self._head_lines.append(line)
            return len(line)
        head = parse_head(self._head_lines, peer_of(self.curl))
        if head.status >= 200:
            self._multiplexed = self._head_lines[0].startswith(b"HTTP/2")
            self._encoded = any(map(_names_encoding, self._head_lines))
            self._desk.tell(self, head)
        return len(line)

    def _take_data(self, data: bytes) -> int:
        self.paused = (
            True  # before the reader's progress is looked at: it looks at this after each read
        )
        unread = self._received - self._taken
        if unread < BUFFER_BYTES and not self._stopped:
            self.paused = False
        elif self._multiplexed and not self._encoded:
            self._stop_receiving()
            self._received += len(data)
            self._desk.tell(self, Packed.of(data) if unread >= PACKED_FROM else data)
            return len(data)
        elif not self._encoded or len(data) < LIBCURL_PIECE:
            return _HELD_BACK
        elif unread > MOST_OVERFLOW:
            return self._refuse(EXPANDS)
        self._received += len(data)
        if (
            self._encoded
            and self._received > EXPANSION_FREE
            and self._received > MOST_EXPANSION * self._sent()
        ):
            return self._refuse(EXPANDS)
        self._desk.tell(self, data)
        return len(data)

    def _stop_receiving(self) -> None:
        """Stop extending the window. The other side may still send as much as the browser's window
        of 6 MB allows.
        """
        if not self._stopped:
            assert self.curl is not None
            self._stopped = True
            self.curl.pause(CURLPAUSE_RECV)

    def _sent(self) -> int:
        """Bytes of the body that have come over the network."""
        found = self.curl.getinfo(CurlInfo.SIZE_DOWNLOAD_T) if self.curl is not None else 0
        return found if isinstance(found, int) else 0

    def _refuse(self, objection: str) -> int:
        self.objection = self.objection or objection
        return _REFUSED

    # Trio thread ---------------------------------------------------------------------------------

    def hear(self, news: News) -> None:
        """Take news from the worker thread. After the end there is none."""
        if self._ended:
            return
        if isinstance(news, (bytes, Packed)):
            self._body.append(news)
        elif isinstance(news, ResponseHead):
            self._head = news
        else:
            self._ended, self._failure = True, news
        self.wake()

    def break_off(self, failure: TransportFailure) -> None:
        """End at once, whatever the worker does, since its news could not be taken."""
        self._ended, self._failure = True, failure
        self.wake()

    async def head(self) -> ResponseHead:
        while self._head is None:
            if self._ended:
                raise self._failure or TransportFailure(
                    f"The connection ended before {self.request.who} answered."
                )
            await self.wait()
        return self._head

    def read_nowait(self) -> bytes | None:
        if not self._body:
            if self._failure is not None:
                raise self._failure
            return b"" if self._ended else None
        data = self._next_piece()
        self._taken += len(data)
        if self.paused:
            self._lagged = True
            if not self._body:
                self._desk.ask_to_resume(self)
        return data

    def _next_piece(self) -> bytes:
        """The waiting body, but not much more than a buffer's worth of it."""
        pieces, size = [], 0
        while self._body and size < BUFFER_BYTES:
            piece = self._body.popleft()
            pieces.append(piece if isinstance(piece, bytes) else piece.open())
            size += len(pieces[-1])
        return b"".join(pieces) if len(pieces) > 1 else pieces[0]

    async def read(self) -> bytes:
        while (data := self.read_nowait()) is None:
            await self.wait()
        return data

    async def wait(self) -> None:
        # There is one reader, once per token: this is a ParkingLot without the lot.
        assert self._reader is None, "an exchange has one reader"
        self._reader = trio.lowlevel.current_task()

        def stop_waiting(_: object) -> trio.lowlevel.Abort:
            self._reader = None
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(stop_waiting)

    def wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            trio.lowlevel.reschedule(reader)

    async def aclose(self) -> None:
        if not self._ended:
            self._desk.ask_to_abort(self)
        while not self._ended:
            await self.wait()
        self._body.clear()
        if self._lagged or self.paused:
            self._lagged = self.paused = False
            self._desk.much_was_freed()


def _names_encoding(line: bytes) -> bool:
    """Whether a header line makes libcurl decode the body; a head may have several."""
    name, _, value = line.lower().partition(b":")
    return name.strip() == b"content-encoding" and value.strip() not in (b"", b"identity")
