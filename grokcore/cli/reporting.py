"""Messages to systemd about a running server.

Rules
-----
1. ``READY=1`` is sent when the port answers, and again when a reload that SIGHUP requested is over;
   never after ``STOPPING=1``.
2. Only a task of the server's own loop feeds the watchdog: a loop that is stuck is not alive.
3. A change of phase that a busy systemd did not take is sent again, unless another has followed.
4. Without a change, nothing here wakes the process more often than the watchdog does.
"""

from __future__ import annotations

import contextlib
import enum
import math
import time
from collections.abc import Iterator

import trio

from ..protocol.condition import Condition, Health
from ..protocol.pool.account import AccountState
from .assembly import Server
from .systemd import Notifier

__all__ = ["Reporter", "status_line"]

STATUS_EVERY_S = 1.0
"""Shortest time between two status messages."""

STATUS_S_PER_TOKEN = 0.001
"""The same for large pools: counting takes some 2 µs a token, and holds up the loop."""

LOOK_AGAIN_S = 10.0
"""Age at which the status is checked while answers are under way. The pool's ``on_change`` reports
a token's return, not a client's last byte.
"""

FEEDS_PER_INTERVAL = 3
"""sd_watchdog_enabled(3) recommends two. With three, a message that is lost or late does no harm.
"""

STOP_MARGIN_S = 10.0
"""How long stopping may take beyond ``grace_seconds``: error events, aborted transfers, saving."""

SEND_S = 0.1
"""How long a change of phase waits for a systemd that is busy. The loop waits with it."""

_WORDS: dict[str, str] = {
    AccountState.OK: "ok",
    AccountState.UNKNOWN: "not used yet",
    AccountState.COOLING: "cooling",
    AccountState.INVALID: "invalid",
}


class _Phase(enum.Enum):
    """The server's life as systemd sees it."""

    STARTING = enum.auto()
    SERVING = enum.auto()
    RELOADING = enum.auto()
    STOPPING = enum.auto()


class Reporter:
    """Reports on one server. Does nothing if the notifier is not open."""

    def __init__(self, notifier: Notifier, server: Server) -> None:
        self._notifier = notifier
        self._server = server
        self._phase = _Phase.STARTING
        self._unsent: tuple[str, ...] = ()  # lines of the last change of phase, if not yet sent
        self._sent_status = ""
        self._changed = trio.Event()

    # Changes of phase ----------------------------------------------------------------------------

    def ready(self) -> None:
        """The port answers."""
        if self._phase is _Phase.STARTING:
            self._enter(_Phase.SERVING, "READY=1")

    def reloading(self) -> None:
        """A reload was requested. The time shows systemd whether it was after its last request."""
        if self._phase in (_Phase.SERVING, _Phase.RELOADING):
            self._enter(
                _Phase.RELOADING, "RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}"
            )

    def reloaded(self) -> None:
        """The files were read, and a requested reload is over."""
        if self._phase is _Phase.RELOADING:
            self._enter(_Phase.SERVING, "READY=1")
        self._changed.set()  # a fault in a file may have come or gone

    def stopping(self) -> None:
        """The server is stopping. Asks for time, as ``grace_seconds`` may exceed TimeoutStopSec."""
        at_most = self._server.state.config.server.grace_seconds + STOP_MARGIN_S
        self._enter(_Phase.STOPPING, "STOPPING=1", f"EXTEND_TIMEOUT_USEC={at_most * 1e6:.0f}")

    def _enter(self, phase: _Phase, *assignments: str) -> None:
        self._phase = phase
        self._unsent = assignments
        self._changed.set()  # wakes the task that sends again what a busy manager does not take
        self._send_news(wait_s=SEND_S)

    def _send_news(self, *, wait_s: float = 0.0) -> bool:
        """Send what systemd does not know yet: the change of phase, the status.

        :returns: False if systemd was busy: it still does not know.
        """
        if not self._notifier.is_open:
            return True
        status = self._status()
        if not self._unsent and status == self._sent_status:
            return True
        if not self._notifier.send(*self._unsent, f"STATUS={status}", wait_s=wait_s):
            return False
        self._unsent, self._sent_status = (), status
        return True

    # While serving -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the status up to date and feed the watchdog until cancelled."""
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
            self._notifier.send("WATCHDOG=1")
            await trio.sleep(every_s)

    async def _keep_status(self) -> None:
        while True:
            self._changed = trio.Event()
            valid_until = self._valid_until() if self._send_news() else -math.inf
            pause_s = STATUS_S_PER_TOKEN * len(self._server.pool.book.accounts)
            await trio.sleep(max(STATUS_EVERY_S, pause_s))
            with trio.CancelScope(deadline=valid_until):
                await self._changed.wait()

    def _valid_until(self) -> float:
        """When the status may change without a call of the listener, on trio's clock."""
        now = trio.current_time()
        next_reset = self._server.pool.book.next_reset(now)
        healthy = self._server.services.condition().health is Health.OK
        return min(
            math.inf if next_reset is None else next_reset,
            now + LOOK_AGAIN_S if self._server.gateway.open_count or not healthy else math.inf,
        )

    def _status(self) -> str:
        line = status_line(self._server)
        return f"stopping; {line}" if self._phase is _Phase.STOPPING else line


def status_line(server: Server) -> str:
    """The server in a line: ``3 tokens ok, 1 cooling; 2 answers under way``, behind its condition
    if that is not ok. Contains no secret.
    """
    book = server.pool.book
    counts = {
        _WORDS.get(state, state): count for state, count in book.counts(trio.current_time()).items()
    }
    parts = [*_trouble(server.services.condition()), _tokens({**counts, "disabled": book.disabled})]
    under_way = server.gateway.open_count
    if under_way:
        parts.append(f"{under_way} {'answer' if under_way == 1 else 'answers'} under way")
    faults = server.state.all_faults()
    if faults:
        parts.append(f"at fault, see the log: {', '.join(faults)}")
    return "; ".join(parts)


def _trouble(condition: Condition) -> list[str]:
    """``degraded (used up: grok-4.1)``; nothing if all is well. The words of a reason change with
    every second, so they are left out.
    """
    if condition.health is Health.OK:
        return []
    worst = condition.reasons[0]
    matter = worst.matter.value.replace("_", " ")
    return [
        f"{condition.health.value} ({matter}: {worst.subject})"
        if worst.subject
        else f"{condition.health.value} ({matter})"
    ]


def _tokens(counts: dict[str, int]) -> str:
    """The counts that are not zero; only the first one names tokens."""
    some = [(count, word) for word, count in counts.items() if count]
    if not some:
        return "no tokens"
    (first, word), *others = some
    noun = "token" if first == 1 else "tokens"
    return ", ".join([f"{first} {noun} {word}", *(f"{count} {word}" for count, word in others)])
