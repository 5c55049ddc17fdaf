"""What systemd is told of a running server, and when.

Rules
-----
1. ``READY=1`` is sent when the port answers, and again when a reload that SIGHUP asked for is over.
   After ``STOPPING=1`` it never is.
2. The watchdog is fed by a task of the server's own loop, and by nothing else: a loop that is stuck
   is not alive.
3. Nothing here wakes up the process more often than the watchdog does, unless something has
   changed.
"""

from __future__ import annotations

import contextlib
import enum
import math
import time
from collections.abc import Iterator

import trio

from ..protocol.pool.account import State
from .assembly import Server
from .systemd import Notifier

__all__ = ["Reporter", "status_line"]

STATUS_EVERY_S = 1.0
"""Changes are told no more often than this."""

STATUS_S_PER_TOKEN = 0.001
"""The same, for large pools: counting a token takes some 2 µs, in which nothing else is done."""

LOOK_AGAIN_S = 10.0
"""While answers are under way. The pool's ``on_change`` follows a token's return, not a client's
last byte.
"""

FEEDS_PER_INTERVAL = 3
"""sd_watchdog_enabled(3) recommends two; with three the first one that is lost or late does no
harm.
"""

STOP_MARGIN_S = 10.0
"""How long stopping may take at most, beside ``grace_seconds``: last words, transfers that are
aborted, what is saved.
"""

_WORDS = {
    State.OK: "ok",
    State.UNKNOWN: "not used yet",
    State.COOLING: "cooling",
    State.INVALID: "invalid",
}


class _Phase(enum.Enum):
    """The server's life as systemd sees it."""

    STARTING = enum.auto()
    SERVING = enum.auto()
    RELOADING = enum.auto()
    STOPPING = enum.auto()


class Reporter:
    """Reports on one server. Does nothing at all if the notifier has nobody to tell."""

    def __init__(self, notifier: Notifier, server: Server) -> None:
        self._notifier = notifier
        self._server = server
        self._phase = _Phase.STARTING
        self._changed = trio.Event()
        self._told = ""

    # What happens --------------------------------------------------------------------------------

    def ready(self) -> None:
        """The port answers."""
        if self._phase is _Phase.STARTING:
            self._enter(_Phase.SERVING, "READY=1")

    def reloading(self) -> None:
        """A reload was asked for. (systemd has to know whether that was before or after it asked
        last.)
        """
        if self._phase in (_Phase.SERVING, _Phase.RELOADING):
            self._enter(
                _Phase.RELOADING, "RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}"
            )

    def reloaded(self) -> None:
        """Files have been read, and whatever reload was asked for is over."""
        if self._phase is _Phase.RELOADING:
            self._enter(_Phase.SERVING, "READY=1")
        self._changed.set()  # another file may be at fault, or none any more

    def stopping(self) -> None:
        """The signal to stop was taken. A ``grace_seconds`` above the unit's TimeoutStopSec is made
        room for.
        """
        at_most = self._server.state.config.server.grace_seconds + STOP_MARGIN_S
        self._enter(_Phase.STOPPING, "STOPPING=1", f"EXTEND_TIMEOUT_USEC={at_most * 1e6:.0f}")

    def _enter(self, phase: _Phase, *assignments: str) -> None:
        self._phase = phase
        self._changed.set()  # somebody has to look after what is owed
        if self._notifier.is_open:
            self._told = self._status()
            self._notifier.tell(*assignments, f"STATUS={self._told}")

    # What goes on --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the status up to date and feed the watchdog, from :meth:`ready` on until
        cancelled.
        """
        if self._notifier.is_open:
            with self._listening():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._keep_status)
                    if self._notifier.watchdog_s is not None:
                        nursery.start_soon(
                            self._feed_watchdog, self._notifier.watchdog_s / FEEDS_PER_INTERVAL
                        )

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        listeners, listener = self._server.pool.on_change, self._on_change
        listeners.append(listener)
        try:
            yield
        finally:
            listeners.remove(listener)

    def _on_change(self) -> None:
        self._changed.set()

    async def _feed_watchdog(self, every_s: float) -> None:
        while True:
            self._notifier.mention("WATCHDOG=1")
            await trio.sleep(every_s)

    async def _keep_status(self) -> None:
        true_until = -math.inf
        while True:
            with trio.CancelScope(deadline=true_until):
                await self._changed.wait()
            self._changed = trio.Event()
            status = self._status()
            if status != self._told:
                self._told = status if self._notifier.mention(f"STATUS={status}") else ""
            true_until = trio.current_time() + self._true_for_s()
            await trio.sleep(
                max(STATUS_EVERY_S, STATUS_S_PER_TOKEN * len(self._server.pool.book.accounts))
            )

    def _true_for_s(self) -> float:
        """How long what systemd knows stays true, if nothing is heard of a change."""
        if not (self._notifier.catch_up() and self._told):
            return STATUS_EVERY_S
        now = trio.current_time()
        next_reset = self._server.pool.book.next_reset(now)
        return min(
            math.inf if next_reset is None else next_reset - now,
            LOOK_AGAIN_S if self._server.gateway.open_count else math.inf,
        )

    def _status(self) -> str:
        line = status_line(self._server)
        return f"stopping; {line}" if self._phase is _Phase.STOPPING else line


def status_line(server: Server) -> str:
    """The pool in a line: ``3 tokens ok, 1 cooling; 2 answers under way``. There is nothing secret
    in it.
    """
    book = server.pool.book
    counts = {
        _WORDS.get(state, state): count for state, count in book.counts(trio.current_time()).items()
    }
    parts = [_tokens({**counts, "disabled": book.disabled})]
    under_way = server.gateway.open_count
    if under_way:
        parts.append(f"{under_way} {'answer' if under_way == 1 else 'answers'} under way")
    faults = server.state.all_faults()
    if faults:
        parts.append(f"at fault, see the log: {', '.join(faults)}")
    return "; ".join(parts)


def _tokens(counts: dict[str, int]) -> str:
    """The first count says of what it is one."""
    some = [(count, word) for word, count in counts.items() if count]
    if not some:
        return "no tokens"
    (first, word), *others = some
    noun = "token" if first == 1 else "tokens"
    return ", ".join([f"{first} {noun} {word}", *(f"{count} {word}" for count, word in others)])
