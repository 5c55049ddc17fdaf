"""Background tasks of one request, awaited in portions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

__all__ = ["Background"]

_T = TypeVar("_T")


class Background(Generic[_T]):
    """A background task of one request that can be awaited with repeated deadlines.

    :param nursery: the request's.
    """

    def __init__(self, work: Callable[[], Awaitable[_T]], nursery: trio.Nursery) -> None:
        self._done = trio.Event()
        self._error: Exception | None = None
        self._results: list[_T] = []
        nursery.start_soon(self._run, work)

    @property
    def result(self) -> _T:
        """The return value of a task that has ended."""
        return self._results[0]

    async def _run(self, work: Callable[[], Awaitable[_T]]) -> None:
        try:
            self._results.append(await work())
        except Exception as error:  # boundary: `wait` raises it to the caller
            self._error = error
        self._done.set()

    async def wait(self, until: float) -> bool:
        """Wait until then (trio's time) at most; return whether the task has ended.

        :raises Exception: the task's own.
        """
        with trio.CancelScope(deadline=until):
            await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._done.is_set()
