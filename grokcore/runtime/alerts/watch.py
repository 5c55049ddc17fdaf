"""The look at the server's condition every some seconds."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

import trio
from attrs import frozen

from ...protocol.alerts.alert import Alert
from ...protocol.alerts.book import AlertBook
from ...protocol.alerts.message import Words, message_of
from ...protocol.condition import Condition
from .sender import AlertSender

__all__ = ["AlertWatch"]

LOOK_S = 5.0
"""Pause between two looks, in seconds."""

_log = logging.getLogger(__name__)


@frozen
class AlertWatch:
    """Shows the condition to the book, and has due alerts sent.

    :ivar condition: returns the condition of the moment; None while nothing shall be alerted.
    :ivar now: returns the time in seconds since 1970.
    :ivar words: how the alerts are put.
    :ivar on_settled: called when there is something to save.
    """

    book: AlertBook
    sender: AlertSender
    condition: Callable[[], Condition | None]
    now: Callable[[], float]
    words: Words
    on_settled: Callable[[], None]

    async def run(self) -> None:
        """Look and send until cancelled. Alerts that are under way then count as not sent."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.sender.run)
                while True:
                    self._look()
                    await trio.sleep(LOOK_S)
        finally:
            self.book.take_back()

    def _look(self) -> None:
        try:
            condition = self.condition()
            due = () if condition is None else self.book.look(condition, self.now())
            for alert in due:
                settle = functools.partial(self._settle, alert)
                self.sender.put(message_of(alert, self.words), settle)
        except Exception:  # boundary: a bug of the alerts must not end the server
            _log.exception("a bug kept alerts from being sent")

    def _settle(self, alert: Alert, *, delivered: bool) -> None:
        self.book.settle(alert, delivered=delivered)
        self.on_settled()
