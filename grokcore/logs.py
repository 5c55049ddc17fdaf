"""The log: lines on stderr, as text or JSON."""

from __future__ import annotations

import json
import logging
import sys

from .config import GlobalConfig, LogFormat

__all__ = ["configure_logging"]


class _JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure_logging(config: GlobalConfig) -> None:
    """Send this process's log to stderr as configured."""
    handler = logging.StreamHandler(sys.stderr)
    if config.log_format is LogFormat.JSON:
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=config.log_level, handlers=[handler], force=True)
    # Libraries at DEBUG tell of sockets and headers; ours is what a person asks for.
    for name in ("hypercorn", "quart", "h2", "hpack", "grokcore.http"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
