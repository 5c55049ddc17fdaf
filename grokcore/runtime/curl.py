"""The transport: libcurl's *multi* interface, driven by one worker thread.

This is the only module that imports curl_cffi.

Theory
------
One thread runs the loop ``perform`` → collect → ``poll``; all transfers live in it, so a hundred streams cost one thread
and share connections. The trio side talks to it through a queue of commands and ``curl_multi_wakeup``, the one multi
function that may be called from another thread. The loop talks back by appending to a queue of news and asking trio to
read it (``run_sync_soon``) unless it has been asked already: everything that has arrived until trio gets to it is handed
over at once, and the busier the server is, the larger are its batches.

::

    trio thread                                   worker thread
    -----------                                   -------------
    open()     -- start --------------------->    add_handle
    read()     <- head, data, end (batched) --    callbacks
               -- resume (after back-pressure) ->    easy_pause
    aclose()   -- abort --------------------->    remove_handle, handle kept for reuse
               <- end -------------------------

Rules
-----
1. A libcurl handle is touched by the worker thread only, from creation to cleanup.
2. An exchange's buffer holds at most about :data:`BUFFER_BYTES`: above that the transfer pauses, and TCP's own window
   holds upstream back. ``_received`` is written by the worker only and ``_taken`` by trio only, so neither needs a lock.
3. curl's own timeouts are a net under trio's clocks: they are set well above them.
4. Names of curl_cffi that are private are listed in :data:`PRIVATE_NAMES` and checked at the start.
5. A request that is not impersonated has a handle and a connection of its own, which are thrown away afterwards.
"""

from __future__ import annotations

import functools
import importlib.metadata
import ipaddress
import math
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import trio
from attrs import frozen
from curl_cffi import Curl, CurlECode, CurlError, CurlInfo, CurlMOpt, CurlOpt
from curl_cffi._wrapper import ffi, lib
from curl_cffi.curl import CURL_WRITEFUNC_ERROR, CURL_WRITEFUNC_PAUSE, CURLPAUSE_CONT
from curl_cffi.requests.impersonate import BrowserTypeLiteral, resolve_latest_browser_type

from ..errors import ConfigError, TransportFailure
from .transport import ResponseHead, UpstreamRequest

__all__ = [
    "CurlExchange",
    "CurlFailure",
    "CurlSettings",
    "CurlTransport",
    "browser_shown",
    "browsers_known",
    "check_library",
]

BUFFER_BYTES = 256 * 1024
"""Bytes of one response that may wait for their reader. At 200 bytes a line that is a minute of a fast model."""

UPLOAD_BUFFER_BYTES = 16 * 1024
"""libcurl keeps its upload buffer, 64 kB unless told otherwise, for as long as the answer lasts. A question is a few kB."""

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

TRANSFER_NET_S = 24 * 3600
"""Bound for a whole transfer. No answer may take that long, but a slow client may: while it is slow, no clock runs."""

POLL_MS = 60_000
"""How long the loop sleeps when nothing happens; commands wake it."""

SUPPORTED_LIBRARY = "0.16"

PRIVATE_NAMES = (
    "curl_multi_init",
    "curl_multi_cleanup",
    "curl_multi_setopt",
    "curl_multi_add_handle",
    "curl_multi_remove_handle",
    "curl_multi_perform",
    "curl_multi_poll",
    "curl_multi_wakeup",
    "curl_multi_info_read",
    "curl_multi_strerror",
    "_curl_easy_setopt",
)

_CURLMSG_DONE = 1
_CURL_HTTP_VERSION_1_1 = 2
_GOOD_ORDER = 0


@frozen
class CurlSettings:
    """What is the same for all requests.

    :ivar impersonate: a browser that curl_cffi knows; ``"chrome"`` is its newest.
    :ivar ca_file: PEM file of trusted authorities; empty for the usual ones.
    """

    impersonate: str = "chrome"
    ca_file: str = ""


def check_library(settings: CurlSettings) -> None:
    """Make sure that the installed curl_cffi has what this module uses.

    :raises ConfigError: naming the version, the missing function, or the setting at fault.
    """
    version = importlib.metadata.version("curl_cffi")
    missing = [name for name in PRIVATE_NAMES if not hasattr(lib, name)]
    if missing or not version.startswith(f"{SUPPORTED_LIBRARY}."):
        lacking = f" (missing: {', '.join(missing)})" if missing else ""
        raise ConfigError(f"curl_cffi {version} is installed; this version needs {SUPPORTED_LIBRARY}.*{lacking}")
    if settings.ca_file and not Path(settings.ca_file).is_file():
        raise ConfigError(f"[grok] ca_file: there is no file {settings.ca_file}")
    curl = Curl()
    try:
        if curl.impersonate(_browser(settings)) != _GOOD_ORDER:
            raise ConfigError(f"[grok] impersonate: curl_cffi {version} does not know {settings.impersonate!r}")
    finally:
        curl.close()


class CurlFailure(TransportFailure):
    """A transfer that libcurl gave up.

    :ivar curl_code: libcurl's number for why.
    :ivar proxy_status: the HTTP status with which a proxy refused to connect to Grok; 0 if none did.
    """

    def __init__(self, message: str, *, curl_code: int = 0, proxy_status: int = 0) -> None:
        super().__init__(message)
        self.curl_code = curl_code
        self.proxy_status = proxy_status


def browser_shown(settings: CurlSettings) -> str:
    """The browser whose handshake is shown, by curl_cffi's name for it and with its version."""
    return _browser(settings)


def browsers_known() -> tuple[str, ...]:
    """All that could be shown. Names without a version stand for the newest of their kind."""
    return tuple(map(str, get_args(BrowserTypeLiteral)))


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
        head = _parse_head(self._head_lines, _peer(self.curl))
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
        self._browser, self._ca_file = _browser(settings), settings.ca_file

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
        curl = self._idle.pop() if self._idle and keep else _new_handle()
        try:
            self._configure(curl, exchange)
        except CurlError as error:
            self._recycle(curl, keep=keep)
            self.tell(exchange, TransportFailure(f"The request could not be made ({_plain(error)})."))
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
            failure = None if code == _GOOD_ORDER else _failure(code, exchange)
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

    def _configure(self, curl: Curl, exchange: CurlExchange) -> None:
        request = exchange.request
        if request.impersonated:
            curl.impersonate(self._browser)
        _set_way(curl, exchange)
        for option, value in (
            (CurlOpt.URL, request.url),
            (CurlOpt.CUSTOMREQUEST, request.method),
            (CurlOpt.NOSIGNAL, 1),
            (CurlOpt.QUICK_EXIT, 1),
            (CurlOpt.PROTOCOLS_STR, "http,https"),
            (CurlOpt.FOLLOWLOCATION, 0),
            # Set even when empty: libcurl would otherwise take a proxy from the environment.
            (CurlOpt.PROXY, request.proxy_url),
            (CurlOpt.SUPPRESS_CONNECT_HEADERS, 1),
            (CurlOpt.UPLOAD_BUFFERSIZE, UPLOAD_BUFFER_BYTES),
            (CurlOpt.ACCEPT_ENCODING, "gzip, deflate, br, zstd"),
            (CurlOpt.CONNECTTIMEOUT_MS, int(request.connect_net_s * 1000)),
            (CurlOpt.TIMEOUT_MS, TRANSFER_NET_S * 1000),
            (CurlOpt.PIPEWAIT, 1),
            (CurlOpt.FRESH_CONNECT, int(request.fresh)),
            (CurlOpt.HTTPHEADER, [_header_line(name, value) for name, value in request.headers] + [b"Expect:"]),
            # Set anew on every use: with the callback of an earlier one libcurl would call into freed memory.
            (CurlOpt.HEADERFUNCTION, exchange.on_header),
            (CurlOpt.WRITEFUNCTION, exchange.on_data),
        ):
            curl.setopt(option, value)
        if request.body:
            curl.setopt(CurlOpt.POSTFIELDS, request.body)
            curl.setopt(CurlOpt.POSTFIELDSIZE_LARGE, len(request.body))
        if not request.impersonated:
            _make_plain(curl)
        elif request.url.startswith("http:"):
            # Without TLS the impersonated browser's HTTP/2 would become an "Upgrade: h2c", which no browser sends.
            curl.setopt(CurlOpt.HTTP_VERSION, _CURL_HTTP_VERSION_1_1)
        if self._ca_file:
            curl.setopt(CurlOpt.CAINFO, self._ca_file)
            curl.setopt(CurlOpt.PROXY_CAINFO, self._ca_file)
        curl._ensure_cacert()


def _browser(settings: CurlSettings) -> str:
    """The name libcurl has for it: ``"chrome"`` is curl_cffi's alias for its newest."""
    return str(resolve_latest_browser_type(settings.impersonate))  # type: ignore[no-untyped-call]


def _new_handle() -> Curl:
    curl = Curl()
    curl._ws_recv_buffer = None  # 128 kB that only websockets need; nothing else notices
    return curl


def _make_plain(curl: Curl) -> None:
    """Let nothing that belongs to Grok's connections be used for this request, nor the other way round."""
    for option, value in (
        (CurlOpt.FRESH_CONNECT, 1),
        (CurlOpt.FORBID_REUSE, 1),
        (CurlOpt.SSL_SESSIONID_CACHE, 0),
        # Others' requests could join an HTTP/2 connection while it lasts.
        (CurlOpt.HTTP_VERSION, _CURL_HTTP_VERSION_1_1),
    ):
        curl.setopt(option, value)


def _set_way(curl: Curl, exchange: CurlExchange) -> None:
    """Set where the connection goes. Always, so that no address is left over from the handle's request before.

    libcurl takes no copy of the list. This one is Python's own: it lives as long as the exchange, and needs no freeing.
    """
    way = ffi.NULL
    if exchange.request.connect_to:
        text = ffi.new("char[]", _way(exchange.request.connect_to))
        way = ffi.new("struct curl_slist *", {"data": text, "next": ffi.NULL})
        exchange.way = (way, text)
    curl._check_error(lib._curl_easy_setopt(curl._curl, CurlOpt.CONNECT_TO, way), "set the way")


def _way(address: str) -> bytes:
    """``HOST:PORT:ADDRESS:PORT`` with an empty host and ports: any host at this address, and at the URL's port."""
    shown = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    return f"::{shown}:".encode()


def _peer(curl: Curl | None) -> str:
    found = curl.getinfo(CurlInfo.PRIMARY_IP) if curl is not None else b""
    return found.decode("ascii", "replace") if isinstance(found, bytes) else ""


def _header_line(name: str, value: str) -> bytes:
    """``Name: value``; ``Name:`` takes the header out."""
    return f"{name}: {value}".encode() if value else f"{name}:".encode()


def _parse_head(lines: list[bytes], peer: str) -> ResponseHead:
    status = lines[0].split(None, 2)[1:2] if lines else []
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return ResponseHead(int(status[0]) if status and status[0].isdigit() else 0, headers, peer)


# What a failed transfer is called (libcurl error codes). Anything else is "the connection broke".
_WHAT_FAILED: dict[int, str] = {
    CurlECode.COULDNT_RESOLVE_PROXY: "the proxy's name could not be resolved",
    CurlECode.COULDNT_RESOLVE_HOST: "the host name could not be resolved",
    CurlECode.COULDNT_CONNECT: "no connection could be made",
    CurlECode.OPERATION_TIMEDOUT: "the connection timed out",
    CurlECode.SSL_CONNECT_ERROR: "the TLS handshake failed",
    CurlECode.PEER_FAILED_VERIFICATION: "the server's certificate is not trusted",
    CurlECode.PROXY: "the proxy refused",
    CurlECode.HTTP2: "the HTTP/2 connection failed",
    CurlECode.HTTP2_STREAM: "the HTTP/2 stream was reset",
    CurlECode.PARTIAL_FILE: "the response was cut off",
    CurlECode.GOT_NOTHING: "the server closed without a response",
}


def _failure(code: int, exchange: CurlExchange) -> CurlFailure:
    who, proxy_status = exchange.request.who, _proxy_status(exchange.curl)
    what = _WHAT_FAILED.get(code, "the connection broke")
    if proxy_status:  # libcurl counts it as "no connection could be made", like a proxy that is not there
        what = f"the proxy refused with HTTP {proxy_status}"
    outcome = f"{who}'s answer was lost" if exchange.answered else f"{who} could not be reached"
    return CurlFailure(f"{outcome}: {what} (curl error {code}).", curl_code=code, proxy_status=proxy_status)


def _proxy_status(curl: Curl | None) -> int:
    """What a proxy answered to CONNECT, unless that was a yes."""
    status = curl.getinfo(CurlInfo.HTTP_CONNECTCODE) if curl is not None else 0
    return status if isinstance(status, int) and status >= 300 else 0


def _plain(error: CurlError) -> str:
    """An error without the value that caused it: that may be a proxy URL with its password."""
    return f"curl error {int(error.code)}"
