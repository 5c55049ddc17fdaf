"""Headers of the status page's data."""

from __future__ import annotations

__all__ = ["DATA_HEADERS"]

DATA_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
