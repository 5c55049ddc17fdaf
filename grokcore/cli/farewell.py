"""The log's lines on the stop of a server: why, for how long it ran, and what became of answers."""

from __future__ import annotations

import logging
import signal

import trio
from attrs import define

from ..errors import ShuttingDown
from ..web.observing.trace import Trace
from .assembly import Server
from .tokens.states import duration

__all__ = ["Farewell"]

_log = logging.getLogger(__name__)


@define
class Farewell:
    """Counts the answers that end after the stop was requested.

    :ivar why: the name of the signal; empty before there is one.
    """

    _server: Server
    why: str = ""
    _finished: int = 0
    _cut: int = 0
    _left: int = 0

    def begin(self, received: int) -> None:
        """Log that a signal has requested the stop."""
        self.why = signal.Signals(received).name
        self._server.state.on_request_end.append(self._request_ended)
        under_way, grace = self._server.gateway.open_count, self._grace_s
        if under_way:
            words = "%s: stopping; answers under way: %d, which have %g s to end"
            _log.info(words, self.why, under_way, grace)
        else:
            _log.info("%s: stopping; no answer is under way", self.why)

    def hurried(self, received: int) -> None:
        """Log that a second signal ends the process."""
        under_way = self._server.gateway.open_count
        name = signal.Signals(received).name
        _log.warning("%s again: the process ends at once; answers cut: %d", name, under_way)

    def end(self) -> None:
        """Log that the server has stopped."""
        ran = duration(trio.current_time() - self._server.state.started_at)
        ends = {
            "finished": self._finished,
            "cut": self._cut,
            "left by their clients": self._left,
        }
        told = ", ".join(f"{count} {end}" for end, count in ends.items() if count)
        words = f"; last answers: {told}" if told else ""
        _log.info("stopped by %s after %s%s", self.why, ran, words)

    @property
    def _grace_s(self) -> float:
        return self._server.state.config.server.grace_seconds

    def _request_ended(self, trace: Trace) -> None:
        if trace.completion is None:
            return  # it was refused, or asked for something else
        if isinstance(trace.error, ShuttingDown):
            self._cut += 1
        elif trace.complete:
            self._finished += 1
        else:
            self._left += 1
