"""Topics of questions between workers."""

from __future__ import annotations

__all__ = ["DROP", "FIGURES", "HISTORY", "ITEM", "MEDIA", "METRICS", "RESPONSE", "VIDEO"]

FIGURES = "figures"
"""Answered with the figures of one worker."""

METRICS = "metrics"
"""Answered with all metrics of a worker."""

HISTORY = "history"
"""Answered with the record of its history, as a JSON text."""

MEDIA = "media"
"""Asks for a file of the media cache; answered with its path, or None."""

RESPONSE = "response"
"""Asks for a kept response of a key; answered with it, or None."""

ITEM = "item"
"""Asks for a kept item of a key; answered with it, or None."""

DROP = "drop"
"""Has a kept response of a key deleted; answered with whether there was one, or None."""

VIDEO = "video"
"""Passes on how a video has ended, for the worker that has counted its cost; answered with None."""
