"""Taking secret settings out of error messages."""

from __future__ import annotations

from ..config import Config
from ..errors import GrokApiError

__all__ = ["mask_settings"]

MASKED_CHARS = 8
"""Shorter settings may be ordinary words of a message."""


def mask_settings(error: GrokApiError, config: Config) -> None:
    """Take what was sent to Grok out of a message in which Grok echoes it."""
    statsig = config.grok.x_statsig_id
    values = [statsig] if isinstance(statsig, str) else [*statsig.values()]
    clearance = config.grok.cf_clearance
    for value in (*values, clearance, clearance.partition("=")[2], config.grok.api_key):
        if len(value) >= MASKED_CHARS:
            error.redact(value)
