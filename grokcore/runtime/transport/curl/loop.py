"""The worker thread's loop: all transfers in one libcurl *multi*. See the theory of the package.

Rules
-----
1. No fault of one exchange ends the loop. Every command, callback and ended transfer is handled
   under a catch that fails this exchange alone, whatever was raised: libcurl's refusals, text that
   can't be encoded, lack of memory.
2. Each return code is looked at: a transfer that libcurl has not taken would otherwise never end.
3. A handle that could not be put in order is closed; a handle that libcurl won't let go is kept,
   untouched, until the end.
4. Calls for all transfers (``perform``, ``poll``) may fail a few times in a row. After that the
   loop ends; trio's side then fails the open exchanges (:meth:`Loop.close`), and a new loop begins.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias, TypeVar

import trio
from curl_cffi import Curl, CurlError, CurlMOpt
from curl_cffi._wrapper import ffi, lib

from ....errors import TransportFailure
from .exchange import CurlExchange, News
from .handle import HandleSetup, configure, new_handle
from .library import CurlSettings, browser_shown
from .outcome import failure_of, words_for
from .sockets import Sockets
from .websocket import CurlSocket

__all__ = ["Loop"]

GATHER_S = 0.001
"""How long lines may gather under load, in seconds. Waking a thread costs more than handling a
line. At 50 streams of 50 lines a second this saved a fifth of the CPU per line. It added half a
millisecond to the median lag."""

STREAMS_PER_CONNECTION = 1000
"""Upper bound for HTTP/2 streams on one connection. libcurl's default of 100 made the second
hundred of 200 streams wait for the first; the server's own limit still holds."""

KEPT_CONNECTIONS = 256

IDLE_HANDLES = 64
"""Most easy handles kept for reuse (about 7 kB each without the websocket buffer)."""

POLL_MS = 60_000
"""How long the loop sleeps when nothing happens, in milliseconds; commands wake it."""

MOST_STUMBLES = 8
"""Passes in a row that may fail before the loop ends."""

STUMBLE_S = 0.001
"""Pause after a pass that failed, in seconds; doubled for each in a row. All pauses together are a
quarter of a second.
"""

ENDED = "The connection to Grok was lost: this server's transport failed and is started anew."

_CURLMSG_DONE = 1
_GOOD_ORDER = 0

_Exchange = TypeVar("_Exchange", bound=CurlExchange)

_Command: TypeAlias = tuple[Callable[[CurlExchange], None], CurlExchange]

_log = logging.getLogger(__name__)


class Loop:
    """The worker thread's side. The methods under "Called from trio" apart, all run in it.

    :ivar sockets: the websockets that are through their upgrade.
    :ivar freed: set when an exchange is closed whose reader had lagged far behind.
    """

    def __init__(self, settings: CurlSettings, token: trio.lowlevel.TrioToken) -> None:
        self.adopt(settings)
        self.freed = trio.Event()
        self.sockets = Sockets()
        self._token = token
        self._commands: deque[_Command] = deque()
        self._news: deque[tuple[CurlExchange, News]] = deque()
        self._delivery_asked_for = False
        self._delivered_at = -math.inf
        self._active: dict[object, CurlExchange] = {}
        self._idle: list[Curl] = []
        self._stuck: list[tuple[Curl, CurlExchange]] = []
        self._running = True
        self._running_handles, self._ready, self._queued = (
            ffi.new("int*"),
            ffi.new("int*"),
            ffi.new("int*"),
        )
        self._multi = lib.curl_multi_init()
        for option, value in (
            (CurlMOpt.MAX_CONCURRENT_STREAMS, STREAMS_PER_CONNECTION),
            (CurlMOpt.MAXCONNECTS, KEPT_CONNECTIONS),
            (CurlMOpt.QUICK_EXIT, 1),
        ):
            # The number itself in the place of a pointer: the glue code passes on what it gets.
            # (With a pointer to a long, as for easy handles, libcurl reads the address, finds it
            # out of range and keeps its default: seen in 0.16.3.)
            lib.curl_multi_setopt(self._multi, option, ffi.cast("void*", value))

    @property
    def under_way(self) -> int:
        return len(self._active)

    # Called from trio ----------------------------------------------------------------------------

    def begin(self, exchange: CurlExchange) -> None:
        """Have a request made. The exchange is always notified of its end, also when the loop has
        ended.
        """
        if self._multi is None:
            exchange.hear(TransportFailure(ENDED))
        else:
            self._command(self._start, exchange)

    def ask_to_resume(self, exchange: CurlExchange) -> None:
        self._command(self._resume, exchange)

    def ask_to_abort(self, exchange: CurlExchange) -> None:
        self._command(self._abort, exchange)

    def ask_to_flush(self, exchange: CurlExchange) -> None:
        self._command(self._serve, exchange)

    def much_was_freed(self) -> None:
        self.freed.set()

    def stop(self) -> None:
        """End the loop; transfers that are still there are aborted by :meth:`close`."""
        self._running = False
        self._wake()

    def adopt(self, settings: CurlSettings) -> None:
        """Use *settings* for later requests. A request that is being made meanwhile may get some of
        both.
        """
        self._setup = HandleSetup(browser_shown(settings), settings.ca_file)

    def close(self, why: str = "The request was given up by this server.") -> None:
        """Fail the open exchanges, and free everything. The worker thread must have ended.

        :param why: the message of those failures.
        """
        left = [*self._active.values(), *(exchange for _, exchange in self._commands)]
        self._commands.clear()
        for exchange in left:
            self._end(exchange, TransportFailure(why))
        self._deliver()
        multi, self._multi = self._multi, None
        for curl in self._idle:
            _close(curl)
        with contextlib.suppress(Exception):
            lib.curl_multi_cleanup(multi)
        for curl, _ in self._stuck:  # libcurl has let go of them only now
            _close(curl)
        self._idle, self._stuck = [], []

    def _command(self, action: Callable[[CurlExchange], None], exchange: CurlExchange) -> None:
        if self._multi is not None:
            self._commands.append((action, exchange))
            self._wake()

    def _wake(self) -> None:
        for _ in range(2):
            # The command is in the queue; at worst it waits for the next pass.
            with contextlib.suppress(Exception):
                if lib.curl_multi_wakeup(self._multi) == _GOOD_ORDER:
                    return

    def _deliver(self) -> None:
        # First the flag, then the queue: news that comes in between asks for another delivery, at
        # worst an idle one.
        self._delivery_asked_for = False
        while self._news:
            exchange, news = self._news.popleft()
            try:
                exchange.hear(news)
            # boundary: news of other exchanges must come through, and trio must go on
            except Exception as error:
                _log.error("news of a request was lost: %s", _kind(error))  # values may be secret
                with contextlib.suppress(Exception):
                    exchange.break_off(_failure(exchange, error))
                self.ask_to_abort(exchange)

    # Worker thread -------------------------------------------------------------------------------

    def tell(self, exchange: CurlExchange, news: News) -> None:
        """Queue news for trio."""
        self._news.append((exchange, news))

    def work(self) -> None:
        """The loop; ends after :meth:`stop`.

        :raises Exception: if libcurl's loop failed several times in a row.
        """
        stumbles = 0
        while self._running:
            try:
                self._pass()
                stumbles = 0
            # boundary: one failed pass is no reason to end all transfers
            except Exception as error:
                stumbles += 1
                if stumbles > MOST_STUMBLES:
                    raise
                _log.warning("a pass of the transport failed: %s", _kind(error))
                time.sleep(STUMBLE_S * 2**stumbles / 2)

    def _pass(self) -> None:
        while self._commands:
            self._obey(*self._commands.popleft())
        _check(lib.curl_multi_perform(self._multi, self._running_handles), "perform")
        self._collect()
        self._serve_sockets()
        self._announce()
        if self._running and not self._commands:
            self._poll()

    def _poll(self) -> None:
        """Wait for news of any socket, a command, or the next heartbeat."""
        array, count = self.sockets.array()
        next_beat_s = max(0.0, self.sockets.next_beat - time.monotonic()) if count else math.inf
        for_ms = 0 if self.sockets.hurried else int(min(POLL_MS, next_beat_s * 1000 + 1))
        _check(lib.curl_multi_poll(self._multi, array, count, for_ms, self._ready), "poll")

    def _announce(self) -> None:
        """Ask trio to read the news, unless it has been asked already."""
        if not self._news or self._delivery_asked_for:
            return
        self._delivery_asked_for = True
        try:
            self._token.run_sync_soon(self._deliver)
        except BaseException:
            self._delivery_asked_for = False
            raise
        self._catch_breath()

    def _catch_breath(self) -> None:
        """Let some lines gather, if they come so densely that each would wake both threads."""
        now = time.monotonic()
        if now - self._delivered_at < 2 * GATHER_S and self._running:
            time.sleep(GATHER_S)
        self._delivered_at = now

    def _obey(self, action: Callable[[_Exchange], None], exchange: _Exchange) -> None:
        try:
            action(exchange)
        except Exception as error:  # boundary: the command failed for this exchange alone
            self._end(exchange, _failure(exchange, error))

    def _start(self, exchange: CurlExchange) -> None:
        """Hand a request to libcurl."""
        # A plain client's handle is always a new one: a browser's keeps its headers through a reset
        # (seen in 0.16.3).
        reusable = self._idle and exchange.reusable
        curl = exchange.curl = self._idle.pop() if reusable else new_handle()
        exchange.kept = configure(
            curl,
            exchange.request,
            exchange.protocol,
            self._setup,
            exchange.on_header,
            exchange.on_data,
        )
        self._active[curl._curl] = exchange
        _check(lib.curl_multi_add_handle(self._multi, curl._curl), "add")

    def _resume(self, exchange: CurlExchange) -> None:
        """The reader has caught up."""
        self._step(exchange, exchange.resume)

    def _serve(self, exchange: CurlExchange) -> None:
        self._step(exchange, exchange.serve)

    def _outlive_transfer(self, exchange: CurlExchange) -> None:
        self._step(exchange, exchange.outlive_transfer)

    def _step(self, exchange: CurlExchange, step: Callable[[], bool]) -> None:
        """Take a step of an exchange, and end it if it does not go on."""
        try:
            if not step():
                self._end(exchange, exchange.last_failure)
        except CurlError as error:
            self._end(exchange, _outcome(exchange, int(error.code)))

    def _abort(self, exchange: CurlExchange) -> None:
        """Take a transfer out, whatever it is doing: a name look-up, a handshake, a silent
        stream.
        """
        if not exchange.over:
            exchange.say_goodbye()
        self._end(exchange, TransportFailure("The request was given up by this server."))

    def _collect(self) -> None:
        """End the exchanges whose transfers have ended."""
        while (message := lib.curl_multi_info_read(self._multi, self._queued)) != ffi.NULL:
            if message.msg != _CURLMSG_DONE:
                continue
            exchange, code = self._active.get(message.easy_handle), int(message.data.result)
            if exchange is None:
                continue  # it is one that libcurl would not let go
            if code == _GOOD_ORDER:
                self._obey(self._outlive_transfer, exchange)
            else:
                self._end(exchange, _outcome(exchange, code))

    def _serve_sockets(self) -> None:
        for socket in self.sockets.with_news():
            self._obey(self._serve, socket)
        for socket in self.sockets.due(time.monotonic()):
            self._obey(CurlSocket.beat, socket)

    def _end(self, exchange: CurlExchange, failure: TransportFailure | None) -> None:
        """Let go of an exchange, and notify it. Whatever happens to its handle, this is its end."""
        curl, exchange.curl = exchange.curl, None
        if exchange.over:
            return
        exchange.end()
        try:
            if curl is not None:
                self._put_away(curl, keep=exchange.reusable)
        # boundary: the handle is lost, the exchange has its end all the same
        except Exception as error:
            _log.warning("a request's handle could not be put away: %s", _kind(error))
            self._discard(curl, exchange)
        finally:
            self.tell(exchange, failure)

    def _put_away(self, curl: Curl, *, keep: bool) -> None:
        """Take a handle out of the multi, and make it ready for another request or close it."""
        _check(lib.curl_multi_remove_handle(self._multi, curl._curl), "remove")
        self._active.pop(curl._curl, None)
        curl.clean_handles_and_buffers()
        if keep and len(self._idle) < IDLE_HANDLES:
            curl.reset()
            self._idle.append(curl)
        else:
            curl.close()

    def _discard(self, curl: Curl | None, exchange: CurlExchange) -> None:
        """Get rid of a handle in an unknown state: close it if libcurl has let it go, else keep it
        until the end.

        libcurl might still call or read objects of the exchange, so that is kept as well.
        """
        if curl is None:
            return
        self._active.pop(curl._curl, None)
        with contextlib.suppress(Exception):
            _check(lib.curl_multi_remove_handle(self._multi, curl._curl), "remove")
            curl.close()
            return
        self._stuck.append((curl, exchange))


def _close(curl: Curl) -> None:
    with contextlib.suppress(Exception):
        curl.close()


def _check(code: int, what: str) -> None:
    """Check a return code.

    :raises CurlError: if libcurl's multi refused.
    """
    if code != _GOOD_ORDER:
        raise CurlError(f"curl multi: {what} returned {code}", code)


def _outcome(exchange: CurlExchange, code: int) -> TransportFailure | None:
    """The failure to report for a transfer that ended with this *code*; None if it did not fail."""
    if not exchange.is_failure(code):
        return None
    try:
        return failure_of(
            code,
            exchange.request.who,
            exchange.curl,
            exchange.objection,
            answered=exchange.answered,
        )
    except Exception as error:  # boundary: the reason is lost, the end is not
        return _failure(exchange, error)


def _failure(exchange: CurlExchange, error: Exception) -> TransportFailure:
    """The failure to report for an error on this side. The error's text may hold the value at
    fault, and is not shown.
    """
    if not exchange.answered:
        return TransportFailure(f"The request could not be made ({_kind(error)}).")
    return TransportFailure(
        f"{exchange.request.who}'s answer was lost: it could not be taken ({_kind(error)})."
    )


def _kind(error: Exception) -> str:
    return words_for(error) if isinstance(error, CurlError) else type(error).__name__
