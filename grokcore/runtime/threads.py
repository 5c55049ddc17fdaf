"""Work of a request in a worker thread, or a refusal if the system has no thread left."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import trio

from ..errors import Overloaded

__all__ = ["RETRY_S", "in_thread"]

RETRY_S = 1.0
"""``Retry-After`` of that refusal, in seconds. Threads become free as other work ends."""

_T = TypeVar("_T")


async def in_thread(
    work: Callable[[], _T],
    *,
    limiter: trio.CapacityLimiter | None = None,
    abandon_on_cancel: bool = False,
) -> _T:
    """Do *work* in a thread and return its result; the parameters are those of
    :func:`trio.to_thread.run_sync`.

    :raises Overloaded: if the system gives this process no further thread.
    """
    begun = False

    def begin() -> _T:
        nonlocal begun
        begun = True
        return work()

    try:
        return await trio.to_thread.run_sync(
            begin, limiter=limiter, abandon_on_cancel=abandon_on_cancel
        )
    except RuntimeError:
        if begun:
            raise
        message = (
            "This server can't have another thread at the moment (a limit of its process "
            "or of the machine)."
        )
        raise Overloaded(message, retry_after=RETRY_S) from None
