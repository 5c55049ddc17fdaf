"""Returning freed memory to the system."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["give_back"]


def give_back() -> None:
    """Return freed blocks that the C library keeps between others. Takes about a millisecond.

    glibc does so on request; other C libraries have no such function.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
