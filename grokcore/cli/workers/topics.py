"""Topics of the channel between the parent and a worker that concern the processes themselves."""

from __future__ import annotations

__all__ = ["END", "PING", "READY", "RELOAD", "RELOADED", "STOP"]

PING = "ping"
"""Asked by the parent; answered with the worker's figures."""

STOP = "stop"
"""A notice to a worker, with the signal's number: stop, and let answers under way finish."""

END = "end"
"""A notice to a worker, with the signal's number: end at once."""

RELOAD = "reload"
"""A notice to a worker: read the files again."""

READY = "ready"
"""A worker's notice, with its warnings: it serves."""

RELOADED = "reloaded"
"""A worker's notice: the reload that was requested is over."""
