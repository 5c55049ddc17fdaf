"""The log: lines on stderr, as text or JSON; a repeated fault is logged once a minute.

A server writes them through an :class:`~grokcore.outlet.Outlet`, so that logging never waits for
the program that reads the log.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TextIO, cast

from attrs import define

from .config import GlobalConfig, LogFormat
from .languages.streams import plain_stream
from .outlet import Outlet

__all__ = [
    "FOLD_S",
    "FoldingHandler",
    "configure_logging",
    "drain_log",
    "stderr_without_waiting",
    "write_folded",
]

FOLD_S = 60.0
"""Time (seconds) for which further occurrences of a fault are only counted."""

FOLDS_AT_MOST = 200
"""Faults counted at the same time; one more, and the oldest count is logged early."""


def _stamp(record: logging.LogRecord, separator: str) -> str:
    """The local time of a record with milliseconds and its zone (RFC 3339)."""
    return datetime.fromtimestamp(record.created).astimezone().isoformat(separator, "milliseconds")


class _TextFormatter(logging.Formatter):
    """Formats a record as a line that begins with its time.

    :param worker: the number of this process among the server's workers; None for one alone.
    """

    def __init__(self, worker: int | None = None) -> None:
        which = "" if worker is None else f"[worker {worker}] "
        super().__init__(f"%(levelname)s {which}%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return f"{_stamp(record, ' ')} {super().format(record)}"


class _JsonFormatter(logging.Formatter):
    """Formats a record as a line with a JSON object.

    :param worker: as for the text.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = {} if worker is None else {"worker": worker}

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _stamp(record, "T"),
            "level": record.levelname,
            **self._worker,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


@define
class _Fold:
    """A fault that is being counted.

    The last message is kept and not its record, whose traceback would keep its frames alive.

    :ivar since: start of the count, on the handler's clock.
    :ivar count: occurrences since then, without the first, which was logged.
    :ivar last: message of the latest occurrence.
    """

    since: float
    level: int
    logger: str
    count: int = 0
    last: str = ""


class FoldingHandler(logging.StreamHandler[TextIO]):
    """Writes records, and folds repeated faults (warnings and worse).

    The first of a minute is written. At the minute's end the number of further ones follows, with
    the last message: ``again, 37 times in 60 s: …``. Faults are equal if their loggers and messages
    are; a record may name its kind itself, in ``extra={"fold": …}``.

    :param clock: returns seconds, of any origin.
    :ivar worker: the number of this process among the server's workers; None for one alone.
    """

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
        worker: int | None = None,
    ) -> None:
        super().__init__(stream)
        self.worker = worker
        self._clock = clock
        self._folds: dict[object, _Fold] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write or count a record."""
        try:
            first = record.levelno < logging.WARNING or self._is_first(record)
        except Exception:  # boundary: a faulty logging call must not fail its caller
            self.handleError(record)
            return
        if first:
            super().emit(record)

    def _is_first(self, record: logging.LogRecord) -> bool:
        """Return whether to write this fault; count it if not."""
        self.write_due()
        message = record.getMessage()
        key = (record.name, record.levelno, getattr(record, "fold", None) or message)
        fold = self._folds.get(key)
        if fold is not None:
            fold.count, fold.last = fold.count + 1, message
            return False
        if len(self._folds) >= FOLDS_AT_MOST:
            self._write_count(self._folds.pop(next(iter(self._folds))))
        self._folds[key] = _Fold(self._clock(), record.levelno, record.name)
        return True

    def write_due(self) -> None:
        """Write counts that are a minute old; forget faults that did not come again."""
        self.acquire()  # reentrant: emit holds it already
        try:
            now = self._clock()
            for key, fold in [
                (key, fold) for key, fold in self._folds.items() if now >= fold.since + FOLD_S
            ]:
                self._write_count(self._folds.pop(key))
                if fold.count:
                    self._folds[key] = _Fold(now, fold.level, fold.logger)
        finally:
            self.release()

    def close(self) -> None:
        """Write all counts."""
        while self._folds:
            self._write_count(self._folds.popitem()[1])
        super().close()

    def _write_count(self, fold: _Fold) -> None:
        if not fold.count:
            return
        seconds = max(1, round(self._clock() - fold.since))
        often = "once" if fold.count == 1 else f"{fold.count} times"
        message = f"again, {often} in {seconds} s: {fold.last}"
        record = logging.LogRecord(fold.logger, fold.level, "", 0, message, None, None)
        record.__dict__["fields"] = {"again": {"count": fold.count, "seconds": seconds}}
        super().emit(record)


def configure_logging(config: GlobalConfig, *, worker: int | None = None) -> None:
    """Send this process's log to stderr as configured.

    :param worker: the number of this process among the server's workers, which its lines name. Once
        given, it stays.
    """
    known = (handler.worker for handler in _folding_handlers())
    worker = next(known, None) if worker is None else worker
    handler = FoldingHandler(plain_stream(sys.stderr), worker=worker)
    if config.log_format is LogFormat.JSON:
        handler.setFormatter(_JsonFormatter(worker))
    else:
        handler.setFormatter(_TextFormatter(worker))
    logging.basicConfig(level=config.log_level, handlers=[handler], force=True)
    # At DEBUG these would log sockets and headers; the owner wants to see our own lines.
    for name in ("hypercorn", "quart", "h2", "hpack", "grokcore.http"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def write_folded() -> None:
    """Log the counts that are a minute old. To be called every few seconds."""
    for handler in _folding_handlers():
        handler.write_due()


@contextlib.contextmanager
def stderr_without_waiting(*, shared: bool = False) -> Iterator[None]:
    """Have a thread write all of this process's stderr, the log and the rest, within the block.

    At the end of the block the counted faults and the last lines are written, within CLOSE_S. If
    stderr is closed, everything is discarded.

    :param shared: whether other workers write there as well.
    """
    stderr = sys.stderr
    outlet = Outlet.over(stderr, notice=_dropped_line, shared=shared)
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
    """Wait until all logged lines are written, for *timeout_s* at most."""
    if isinstance(sys.stderr, Outlet):
        sys.stderr.drain(timeout_s)


def _dropped_line(count: int) -> str:
    """A line in the log's format about lines missing from it."""
    lines = "1 line was" if count == 1 else f"{count} lines were"
    words = f"the log could not be written for a while (not read, or no room): {lines} dropped here"
    record = logging.LogRecord(__name__, logging.WARNING, "", 0, words, None, None)
    formatted = next((handler.format(record) for handler in _folding_handlers()), words)
    return f"{formatted}\n"


def _folding_handlers() -> list[FoldingHandler]:
    return [
        handler for handler in logging.getLogger().handlers if isinstance(handler, FoldingHandler)
    ]
