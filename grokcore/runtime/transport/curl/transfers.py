"""The transport as the rest of the program sees it. It keeps a worker thread with a loop."""

from __future__ import annotations

import contextlib
import functools
import logging

import trio

from ....errors import Overloaded
from ...freed_memory import give_back, keep_large_blocks_apart
from ...threads import in_thread
from ..seam import Heartbeat, UpstreamRequest
from .exchange import CurlExchange
from .library import CurlSettings
from .loop import ENDED, Loop
from .websocket import CurlSocket

__all__ = ["CurlTransport"]

MOST_DEATHS = 3
"""Most ends of a loop within :data:`DEATHS_S` (seconds) before the server gives up."""

DEATHS_S = 60.0

FAREWELL_S = 2.0
"""Time that open streams have for their error events, in seconds, before the server ends with the
transport.
"""

GIVE_BACK_AFTER_S = 1.0
"""How long freed buffers are collected, in seconds, before they are returned to the system."""

_log = logging.getLogger(__name__)


class CurlTransport:
    """Makes requests over libcurl. :meth:`run` has to be running while it is used."""

    def __init__(self, settings: CurlSettings) -> None:
        self._settings = settings
        self._loop: Loop | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Drive the transfers until cancelled; open transfers are aborted then.

        A loop that ends by itself has failed its transfers, and another begins.

        :raises RuntimeError: if loops keep ending.
        """
        keep_large_blocks_apart()
        deaths: list[float] = []
        while True:
            loop = self._loop = Loop(self._settings, trio.lowlevel.current_trio_token())
            if not deaths:
                task_status.started()
            error = await _drive(loop)
            _log.error("the transport failed: its requests were ended", exc_info=error)
            now = trio.current_time()
            deaths = [at for at in deaths if now - at < DEATHS_S] + [now]
            if len(deaths) > MOST_DEATHS:
                await trio.sleep(FAREWELL_S)
                raise RuntimeError("the transport keeps failing; see the log") from error

    def adopt(self, settings: CurlSettings) -> None:
        """Use *settings* for later requests. The caller has passed them to
        :func:`.library.check_library`.
        """
        self._settings = settings
        if self._loop is not None:
            self._loop.adopt(settings)

    def open(self, request: UpstreamRequest) -> CurlExchange:
        """Begin *request*; nothing is waited for."""
        assert self._loop is not None, "CurlTransport.run() is not running"
        exchange = CurlExchange(request, self._loop)
        self._loop.begin(exchange)
        return exchange

    def connect(self, request: UpstreamRequest, heartbeat: Heartbeat | None) -> CurlSocket:
        """Begin a websocket; nothing is waited for."""
        assert self._loop is not None, "CurlTransport.run() is not running"
        socket = CurlSocket(request, self._loop, heartbeat, self._loop.sockets)
        self._loop.begin(socket)
        return socket

    @property
    def under_way(self) -> int:
        """Transfers that libcurl holds at the moment."""
        return self._loop.under_way if self._loop else 0


async def _drive(loop: Loop) -> Exception | None:
    """Run a loop in a thread until cancelled. If the loop ends by itself, close it and return its
    error.
    """
    failure: Exception | None = None

    async def work() -> None:
        nonlocal failure
        # A limiter of its own: this thread lives as long as the server and must not take a place
        # that file and DNS calls wait for.
        in_thread = functools.partial(
            trio.to_thread.run_sync, loop.work, limiter=trio.CapacityLimiter(1)
        )
        try:
            await in_thread()
        except Exception as error:  # boundary: a loop that ended is replaced
            failure = error
        nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            nursery.start_soon(_give_back_what_is_freed, loop)
            try:
                await trio.sleep_forever()
            finally:
                loop.stop()
    finally:
        if failure is None:
            loop.close()
        else:
            loop.close(ENDED)
    return failure


async def _give_back_what_is_freed(loop: Loop) -> None:
    """Return buffers to the system a moment after readers that lagged are gone."""
    while True:
        await loop.freed.wait()
        await trio.sleep(GIVE_BACK_AFTER_S)
        loop.freed = trio.Event()
        with contextlib.suppress(Overloaded):
            await in_thread(give_back, abandon_on_cancel=True)
