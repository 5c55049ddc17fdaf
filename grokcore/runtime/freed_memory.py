"""Requests to the C library: to return freed memory, and to keep large blocks out of its heaps."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

__all__ = ["LARGE_BLOCK_BYTES", "give_back", "keep_large_blocks_apart"]

LARGE_BLOCK_BYTES = 128 * 1024
"""glibc's own first bound. libcurl's buffers for a websocket are that large."""

_M_MMAP_THRESHOLD = -3


def give_back() -> None:
    """Return freed blocks that the C library keeps between others. Takes about a millisecond.

    glibc does so on request; other C libraries have no such function.
    """
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def keep_large_blocks_apart() -> bool:
    """Have each block of :data:`LARGE_BLOCK_BYTES` and more mapped by itself.

    glibc begins so, but raises that bound whenever such a block is freed (mallopt(3)). Later blocks
    come from its heaps then, and are cleared there: they occupy all of their memory at once. A
    mapping occupies the pages that are written to. libcurl has two buffers of 128 kB for each
    websocket, and writes 4 kB of each as a rule. An open answer takes 92 kB with this, and 114 kB
    without.

    Returns whether the C library has such a setting.
    """
    set_option = _glibc("mallopt")
    return set_option is not None and bool(set_option(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES))


def _glibc(name: str) -> Callable[..., int] | None:
    """A function of the C library, if that is glibc."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
