"""The waits of one completion: each ends when a clock is due, or when the completion is
interrupted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from ...errors import EmptyAnswer, GrokApiError
from ...protocol.clocks import Clocks

__all__ = ["Waits"]

_T = TypeVar("_T")


class Waits:
    """Waits, of which one at a time is under way.

    :ivar clocks: of the completion.
    :ivar interruption: the error that the completion was interrupted with.
    """

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self.interruption: GrokApiError | None = None
        self._scope: trio.CancelScope | None = None

    def interrupt(self, error: GrokApiError) -> None:
        """End with *error* the wait that is under way, or else the next one."""
        self.interruption = error
        if self._scope is not None:
            self._scope.cancel()

    async def under_clocks(self, fn: Callable[[], Awaitable[_T]]) -> _T:
        """Await *fn*, which waits for Grok.

        :raises GrokApiError: if a clock was due, or the completion was interrupted.
        """
        if self.interruption is not None:
            raise self.interruption
        with trio.CancelScope(deadline=self.clocks.deadline) as self._scope:
            return await fn()
        raise (
            self.interruption
            or self.clocks.expired()
            or EmptyAnswer("Grok's answer has nothing in it.")
        )

    async def aside(self, fn: Callable[[], Awaitable[_T]]) -> _T:
        """Await *fn* with all clocks stopped: it is our work, not Grok's.

        :raises GrokApiError: if the completion was interrupted.
        """
        if self.interruption is None:
            began = trio.current_time()
            try:
                with trio.CancelScope() as self._scope:
                    return await fn()
            finally:
                self.clocks.exclude(trio.current_time() - began)
        assert self.interruption is not None
        raise self.interruption
