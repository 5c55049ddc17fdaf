"""The end of a server that does not end: a thread that waits for it, and then ends the process.

Whatever hangs (the loop itself, in a call that should not wait) can't be asked any more; only
another thread can act.
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
"""How long an end by force leaves for the lines of the log that are not yet written."""

_log = logging.getLogger(__name__)


class LastNet:
    """Ends the process by force if it is still there some time after it was asked to stop.

    :param end: what ends it, with the exit code; of tests.
    """

    def __init__(self, end: Callable[[int], object] = os._exit) -> None:
        self._end = end
        self._timer: threading.Timer | None = None

    def spread(self, seconds: float) -> None:
        """From now on there are so many seconds. Done once."""
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
