"""The log: lines on stderr, as text or JSON; a fault that comes again and again is told once a
minute.

A server writes them through an :class:`~grokcore.outlet.Outlet`: nothing that is logged waits for
who reads the log.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

from attrs import define

from .config import GlobalConfig, LogFormat
from .outlet import Outlet

__all__ = [
    "FOLD_S",
    "FoldingHandler",
    "configure_logging",
    "drain_log",
    "stderr_without_waiting",
    "tell_folded",
]

FOLD_S = 60.0
"""For so long (seconds) the same fault is only counted."""

FOLDS_AT_MOST = 200
"""Faults that are counted at once; beyond, the one that began first is told early."""


class _JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


@define
class _Fold:
    """One fault: since when it is counted, how often it came since it was told, and its last words.

    Words, not a record: a record's traceback would keep alive whatever its frames refer to.
    """

    since: float
    level: int
    logger: str
    count: int = 0
    last: str = ""


class FoldingHandler(logging.StreamHandler[TextIO]):
    """Writes records, and folds faults (warnings and worse): of the same within a minute the first
    is written, and at the minute's end how many more there were, in the last one's words: ``(x37 in
    60 s)``.

    The same are those of one logger with equal words; a record may name its kind itself, in
    ``extra={"fold": …}``.

    :param clock: seconds, of any origin.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._clock = clock
        self._folds: dict[object, _Fold] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, or count it."""
        try:
            first = record.levelno < logging.WARNING or self._is_first(record)
        except Exception:  # boundary: a faulty call of the log must not fail who made it
            self.handleError(record)
            return
        if first:
            super().emit(record)

    def _is_first(self, record: logging.LogRecord) -> bool:
        """Whether this fault is to be written; if not, it has been counted."""
        self.tell_due()
        words = record.getMessage()
        key = (record.name, record.levelno, getattr(record, "fold", None) or words)
        fold = self._folds.get(key)
        if fold is not None:
            fold.count, fold.last = fold.count + 1, words
            return False
        if len(self._folds) >= FOLDS_AT_MOST:
            self._tell(self._folds.pop(next(iter(self._folds))))
        self._folds[key] = _Fold(self._clock(), record.levelno, record.name)
        return True

    def tell_due(self) -> None:
        """Write what has been counted for a minute; what did not come again is forgotten."""
        self.acquire()  # it may be held already: by emit
        try:
            now = self._clock()
            for key, fold in [
                (key, fold) for key, fold in self._folds.items() if now >= fold.since + FOLD_S
            ]:
                self._tell(self._folds.pop(key))
                if fold.count:
                    self._folds[key] = _Fold(now, fold.level, fold.logger)
        finally:
            self.release()

    def close(self) -> None:
        """Write all that has been counted."""
        while self._folds:
            self._tell(self._folds.popitem()[1])
        super().close()

    def _tell(self, fold: _Fold) -> None:
        if not fold.count:
            return
        seconds = max(1, round(self._clock() - fold.since))
        told = f"(x{fold.count} in {seconds} s) {fold.last}"
        super().emit(logging.LogRecord(fold.logger, fold.level, "", 0, told, None, None))


def configure_logging(config: GlobalConfig) -> None:
    """Send this process's log to stderr as configured."""
    handler = FoldingHandler(sys.stderr)
    if config.log_format is LogFormat.JSON:
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=config.log_level, handlers=[handler], force=True)
    # Libraries at DEBUG tell of sockets and headers; ours is what a person asks for.
    for name in ("hypercorn", "quart", "h2", "hpack", "grokcore.http"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def tell_folded() -> None:
    """Have the log write which faults have been counted for a minute. To be called now and then."""
    for handler in _folding_handlers():
        handler.tell_due()


@contextlib.contextmanager
def stderr_without_waiting() -> Iterator[None]:
    """Have a thread write all that this process says on stderr, the log and everything else, until
    the block ends.

    At its end the counted faults and the last lines are written, within CLOSE_S. A stderr that is
    closed takes everything.
    """
    stderr = sys.stderr
    outlet = Outlet.over(stderr, notice=_dropped_line)
    outlet.start()
    sys.stderr = cast("TextIO", outlet)
    try:
        yield
    finally:
        for handler in _folding_handlers():
            handler.close()
        sys.stderr = stderr
        outlet.finish()


def drain_log(timeout_s: float) -> None:
    """Wait until what has been logged is written, for so long (seconds) at most."""
    if isinstance(sys.stderr, Outlet):
        sys.stderr.drain(timeout_s)


def _dropped_line(count: int) -> str:
    """A line of the log, in its format, about lines that are missing from it."""
    lines = "1 line was" if count == 1 else f"{count} lines were"
    words = f"the log could not be written for a while (not read, or no room): {lines} dropped here"
    record = logging.LogRecord(__name__, logging.WARNING, "", 0, words, None, None)
    formatted = next((handler.format(record) for handler in _folding_handlers()), words)
    return f"{formatted}\n"


def _folding_handlers() -> list[FoldingHandler]:
    return [
        handler for handler in logging.getLogger().handlers if isinstance(handler, FoldingHandler)
    ]
