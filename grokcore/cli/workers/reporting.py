"""Messages to systemd about a server of several workers; rules as for one process
(:mod:`grokcore.cli.reporting`), but the watchdog is fed only while all workers answer.
"""

from __future__ import annotations

import time

from ..reporting import SEND_S, STOP_MARGIN_S
from ..systemd import Notifier

__all__ = ["ParentReporter", "stop_seconds"]


class ParentReporter:
    """Reports on all workers together. Does nothing if the notifier is not open."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._unsent: tuple[str, ...] = ()  # lines of the last change of phase, if not yet sent
        self._sent_status = ""
        self._is_ready = self._is_stopping = False

    @property
    def watchdog_s(self) -> float | None:
        """Seconds within which systemd expects to hear that all is alive; None if it does not."""
        return self._notifier.watchdog_s if self._notifier.is_open else None

    def ready(self) -> None:
        """All workers answer."""
        self._is_ready = True
        self._enter("READY=1")

    def reloading(self) -> None:
        """A reload was requested. The time shows systemd whether it was after its last request."""
        if self._is_ready:
            self._enter("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def reloaded(self) -> None:
        """The requested reload is over at all workers."""
        if self._is_ready:
            self._enter("READY=1")

    def stopping(self, at_most_s: float) -> None:
        """The server is stopping, which may take *at_most_s* seconds."""
        self._enter("STOPPING=1", f"EXTEND_TIMEOUT_USEC={at_most_s * 1e6:.0f}")
        self._is_stopping = True

    def look(self, status: str, *, alive: bool) -> None:
        """Send all that systemd does not know yet.

        :param alive: whether all workers have answered, which feeds the watchdog.
        """
        lines = (*self._unsent, *([f"STATUS={status}"] if status != self._sent_status else []))
        if lines and self._notifier.is_open and self._notifier.send(*lines):
            self._unsent, self._sent_status = (), status
        if alive and self.watchdog_s is not None:
            self._notifier.send("WATCHDOG=1")

    def _enter(self, *assignments: str) -> None:
        if self._is_stopping:
            return
        self._unsent = assignments
        if self._notifier.is_open and self._notifier.send(*assignments, wait_s=SEND_S):
            self._unsent = ()


def stop_seconds(grace_s: float) -> float:
    """The most seconds that the stop of all workers takes."""
    return grace_s + STOP_MARGIN_S + KILL_MARGIN_S


KILL_MARGIN_S = 2.0
"""How long the parent waits beyond the time after which a worker ends itself."""
