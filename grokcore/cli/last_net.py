"""A thread that ends the process if the server does not stop in time.

If the event loop itself hangs, in a call that should not block, only another thread can act.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ..logs import drain_log

__all__ = ["LAST_LINES_S", "LastNet"]

LAST_LINES_S = 0.2
"""Seconds that a forced end leaves for writing the last log lines."""

_log = logging.getLogger(__name__)


class LastNet:
    """Ends the process by force if it still runs some time after a stop was requested.

    :param end: ends the process with an exit code; tests replace it.
    """

    def __init__(self, end: Callable[[int], object] = os._exit) -> None:
        self._end = end
        self._timer: threading.Timer | None = None

    def spread(self, seconds: float) -> None:
        """Allow the process *seconds* from now. Called once."""
        self._timer = threading.Timer(seconds, self._catch, [seconds])
        self._timer.daemon = True
        self._timer.start()

    def _catch(self, seconds: float) -> None:
        _log.critical(
            "the server has not stopped within %g s: something hangs, a disk perhaps; it is ended",
            seconds,
        )
        drain_log(LAST_LINES_S)
        self._end(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
