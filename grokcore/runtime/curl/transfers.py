"""Transfers: the trio side, the worker thread's side, and what they share. See the theory of the package."""

from __future__ import annotations

import functools
import math
import time
from collections import deque
from collections.abc import Callable

import trio
from curl_cffi import Curl, CurlError, CurlMOpt
from curl_cffi._wrapper import ffi, lib
from curl_cffi.curl import CURL_WRITEFUNC_ERROR, CURL_WRITEFUNC_PAUSE, CURLPAUSE_CONT

from ...errors import TransportFailure
from ..transport import ResponseHead, UpstreamRequest
from .handle import configure, failure_of, new_handle, parse_head, peer_of, words_for
from .library import CurlSettings, browser_shown

__all__ = ["CurlExchange", "CurlTransport"]

BUFFER_BYTES = 256 * 1024
"""Bytes of one response that may wait for their reader. At 200 bytes a line that is a minute of a fast model."""

GATHER_S = 0.001
"""How long lines may gather under load (seconds). Waking a thread costs more than handling a line; at 50 streams of 50
lines a second this took CPU per line down by a fifth and put half a millisecond on the median lag."""

MAX_HEAD_BYTES = 64 * 1024
"""Bytes of response headers; curl's own cap is 300 kB."""

STREAMS_PER_CONNECTION = 1000
"""Upper bound for HTTP/2 streams on one connection. libcurl's default of 100 made the second hundred of 200 streams wait
for the first; the server's own limit still holds."""

KEPT_CONNECTIONS = 256

IDLE_HANDLES = 64
"""Easy handles kept for reuse (about 7 kB each without the websocket buffer)."""

POLL_MS = 60_000
"""How long the loop sleeps when nothing happens; commands wake it."""

_CURLMSG_DONE = 1
_GOOD_ORDER = 0


class CurlExchange:
    """One transfer, seen from trio. The attributes above the line belong to the worker thread."""

    def __init__(self, request: UpstreamRequest, loop: _Loop) -> None:
        self.request = request
        self.curl: Curl | None = None
        self.paused = False
        self.cancelled = False
        self.way: object = None
        self._received = 0
        self._head_lines: list[bytes] = []
        self._head_bytes = 0
        # ----
        self._taken = 0
        self._loop = loop
        self._head: ResponseHead | None = None
        self._body: list[bytes] = []
        self._ended = False
        self._failure: TransportFailure | None = None
        self._reader: trio.lowlevel.Task | None = None

    # Worker thread -------------------------------------------------------------------------------------------------

    def on_header(self, line: bytes) -> int:
        """One header line, as libcurl hands it over."""
        self._head_bytes += len(line)
        if self._head_bytes > MAX_HEAD_BYTES:
            return int(CURL_WRITEFUNC_ERROR)  # the glue code takes any other number for success
        if line.startswith(b"HTTP/"):
            self._head_lines = []
        if line not in (b"\r\n", b"\n"):
            self._head_lines.append(line)
            return len(line)
        head = parse_head(self._head_lines, peer_of(self.curl))
        if head.status >= 200:
            self._loop.tell(self, head)
        return len(line)

    def on_data(self, data: bytes) -> int:
        """A piece of the body; asks libcurl to hold back while the reader lags behind."""
        self.paused = True
        if self._received - self._taken >= BUFFER_BYTES:
            return int(CURL_WRITEFUNC_PAUSE)
        self.paused = False
        self._received += len(data)
        self._loop.tell(self, data)
        return len(data)

    @property
    def answered(self) -> bool:
        """Whether a response has begun."""
        return bool(self._head_lines)

    # Trio thread ---------------------------------------------------------------------------------------------------

    def hear(self, news: ResponseHead | bytes | TransportFailure | None) -> None:
        """News from the worker: the head, a piece of the body, a failure, or None for the end."""
        if isinstance(news, bytes):
            self._body.append(news)
        elif isinstance(news, ResponseHead):
            self._head = news
        else:
            self._ended, self._failure = True, news
        self.wake()

    async def head(self) -> ResponseHead:
        while self._head is None:
            if self._ended:
                raise self._failure or TransportFailure(f"The connection ended before {self.request.who} answered.")
            await self.wait()
        return self._head

    def read_nowait(self) -> bytes | None:
        if not self._body:
            if self._failure is not None:
                raise self._failure
            return b"" if self._ended else None
        data = b"".join(self._body) if len(self._body) > 1 else self._body[0]
        self._body.clear()
        self._taken += len(data)
        if self.paused:
            self._loop.command(functools.partial(self._loop.resume, self))
        return data

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
            self._loop.command(functools.partial(self._loop.abort, self))
        while not self._ended:
            await self.wait()
        self._body.clear()


class CurlTransport:
    """All requests. :meth:`run` has to be running while it is used."""

    def __init__(self, settings: CurlSettings) -> None:
        self._settings = settings
        self._loop: _Loop | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Drive the transfers until cancelled; what is under way then is aborted."""
        loop = self._loop = _Loop(self._settings, trio.lowlevel.current_trio_token())
        # A limiter of its own: this thread lives as long as the server and must not take a place that file and DNS calls
        # wait for.
        thread = functools.partial(trio.to_thread.run_sync, loop.work, limiter=trio.CapacityLimiter(1))
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(thread)
                task_status.started()
                try:
                    await trio.sleep_forever()
                finally:
                    loop.command(loop.stop)
        finally:
            loop.close()

    def adopt(self, settings: CurlSettings) -> None:
        """Make requests with these from now on; they must have passed :func:`check_library`."""
        self._settings = settings
        if self._loop is not None:
            self._loop.adopt(settings)

    def open(self, request: UpstreamRequest) -> CurlExchange:
        """Begin *request*; nothing is waited for."""
        assert self._loop is not None, "CurlTransport.run() is not running"
        exchange = CurlExchange(request, self._loop)
        self._loop.command(functools.partial(self._loop.start, exchange))
        return exchange

    @property
    def under_way(self) -> int:
        """Transfers that libcurl holds at the moment."""
        return self._loop.under_way if self._loop else 0


class _Loop:
    """The worker thread's side. The methods under "Called from trio" apart, all run in it."""

    def __init__(self, settings: CurlSettings, token: trio.lowlevel.TrioToken) -> None:
        self.adopt(settings)
        self._token = token
        self._commands: deque[Callable[[], None]] = deque()
        self._news: deque[tuple[CurlExchange, ResponseHead | bytes | TransportFailure | None]] = deque()
        self._delivery_asked_for = False
        self._delivered_at = -math.inf
        self._active: dict[object, CurlExchange] = {}
        self._idle: list[Curl] = []
        self._running = True
        self._multi = lib.curl_multi_init()
        for option, value in (
            (CurlMOpt.MAX_CONCURRENT_STREAMS, STREAMS_PER_CONNECTION),
            (CurlMOpt.MAXCONNECTS, KEPT_CONNECTIONS),
            (CurlMOpt.QUICK_EXIT, 1),
        ):
            # The number itself in the place of a pointer: the glue code passes on what it gets. (With a pointer to a long,
            # as for easy handles, libcurl reads the address, finds it out of range and keeps its default: seen in 0.16.3.)
            lib.curl_multi_setopt(self._multi, option, ffi.cast("void*", value))

    @property
    def under_way(self) -> int:
        return len(self._active)

    # Called from trio ----------------------------------------------------------------------------------------------

    def command(self, action: Callable[[], None]) -> None:
        """Have *action* run in the worker thread, soon."""
        if self._multi is not None:
            self._commands.append(action)
            lib.curl_multi_wakeup(self._multi)

    def adopt(self, settings: CurlSettings) -> None:
        """What the next request is made with; a request that is being made at this very moment may get some of each."""
        self._browser, self._ca_file = browser_shown(settings), settings.ca_file

    def close(self) -> None:
        """The worker thread has ended: tell the last news and free everything."""
        self._deliver()
        for curl in self._idle:
            curl.close()
        self._idle.clear()
        lib.curl_multi_cleanup(self._multi)
        self._multi = None

    def _deliver(self) -> None:
        # First the flag, then the queue: news that comes in between asks for another delivery, at worst an idle one.
        self._delivery_asked_for = False
        while self._news:
            exchange, news = self._news.popleft()
            exchange.hear(news)

    # Worker thread -------------------------------------------------------------------------------------------------

    def tell(self, exchange: CurlExchange, news: ResponseHead | bytes | TransportFailure | None) -> None:
        """Queue news for trio."""
        self._news.append((exchange, news))

    def work(self) -> None:
        """The loop; ends after :meth:`stop`."""
        running, ready = ffi.new("int*"), ffi.new("int*")
        while self._running:
            while self._commands:
                self._commands.popleft()()
            lib.curl_multi_perform(self._multi, running)
            self._collect()
            if self._news and not self._delivery_asked_for:
                self._delivery_asked_for = True
                self._token.run_sync_soon(self._deliver)
                self._catch_breath()
            if self._running and not self._commands:
                lib.curl_multi_poll(self._multi, ffi.NULL, 0, POLL_MS, ready)

    def _catch_breath(self) -> None:
        """Let some lines gather, if they come so densely that each would wake both threads."""
        now = time.monotonic()
        if now - self._delivered_at < 2 * GATHER_S and self._running:
            time.sleep(GATHER_S)
        self._delivered_at = now

    def start(self, exchange: CurlExchange) -> None:
        """Hand a request to libcurl."""
        keep = exchange.request.impersonated
        curl = self._idle.pop() if self._idle and keep else new_handle()
        try:
            exchange.way = configure(
                curl, exchange.request, self._browser, self._ca_file, exchange.on_header, exchange.on_data
            )
        except CurlError as error:
            self._recycle(curl, keep=keep)
            self.tell(exchange, TransportFailure(f"The request could not be made ({words_for(error)})."))
            return
        exchange.curl = curl
        self._active[curl._curl] = exchange
        lib.curl_multi_add_handle(self._multi, curl._curl)

    def resume(self, exchange: CurlExchange) -> None:
        """The reader has caught up."""
        if exchange.curl is not None and exchange.paused:
            exchange.paused = False
            exchange.curl.pause(CURLPAUSE_CONT)

    def abort(self, exchange: CurlExchange) -> None:
        """Take a transfer out, whatever it is doing: a name look-up, a handshake, a silent stream."""
        if exchange.curl is not None:
            self._release(exchange)
            self.tell(exchange, TransportFailure("The request was given up by this server."))

    def stop(self) -> None:
        """End the loop; transfers that are still there are aborted."""
        for exchange in list(self._active.values()):
            self.abort(exchange)
        self._running = False

    def _collect(self) -> None:
        """Tell of the transfers that have ended."""
        queued = ffi.new("int*")
        while (message := lib.curl_multi_info_read(self._multi, queued)) != ffi.NULL:
            if message.msg != _CURLMSG_DONE:
                continue
            exchange, code = self._active[message.easy_handle], message.data.result
            failure: TransportFailure | None = None
            if code != _GOOD_ORDER:
                failure = failure_of(code, exchange.request.who, exchange.curl, answered=exchange.answered)
            self._release(exchange)
            self.tell(exchange, failure)

    def _release(self, exchange: CurlExchange) -> None:
        curl, exchange.curl = exchange.curl, None
        assert curl is not None
        del self._active[curl._curl]
        lib.curl_multi_remove_handle(self._multi, curl._curl)
        self._recycle(curl, keep=exchange.request.impersonated)

    def _recycle(self, curl: Curl, *, keep: bool) -> None:
        # A plain client's handle is always a new one: a browser's keeps its headers through a reset (seen in 0.16.3).
        curl.clean_handles_and_buffers()
        curl.reset()
        if keep and len(self._idle) < IDLE_HANDLES:
            self._idle.append(curl)
        else:
            curl.close()
