"""Removal of secret settings from error messages."""

from __future__ import annotations

from ...config import Config
from ...errors import GrokApiError

__all__ = ["mask_settings"]

MASKED_CHARS = 8
"""Shortest setting that is masked; shorter ones may be ordinary words of a message."""


def mask_settings(error: GrokApiError, config: Config) -> None:
    """Remove settings that were sent to Grok or xAI from a message in which Grok may echo them."""
    statsig = config.grok.x_statsig_id
    values = [statsig] if isinstance(statsig, str) else [*statsig.values()]
    clearance = config.grok.cf_clearance
    keys = (config.grok.api_key, config.api.key)
    for value in (*values, clearance, clearance.partition("=")[2], *keys):
        if len(value) >= MASKED_CHARS:
            error.redact(value)
