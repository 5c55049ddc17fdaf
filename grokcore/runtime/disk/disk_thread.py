"""Disk calls that may hang, made in threads; a cancelled task waits for them for a second at most.

A read or write that has begun is finished even if its task is cancelled, so that its outcome is
known and can be undone. A disk that hangs (a network file system, a dying drive) would then hold
the task forever, and with it the end of the server. So a cancelled task waits for PATIENCE_S, and
then abandons the work to the thread.
"""

from __future__ import annotations

import errno
import functools
import threading
from collections.abc import Awaitable, Callable
from typing import Generic, TypeAlias, TypeVar

import trio

__all__ = ["PATIENCE_S", "InThread", "clean_up_in_thread", "in_disk_thread", "own_thread"]

PATIENCE_S = 1.0
"""How long a cancelled task waits for its thread, and a clean-up for its end. Disks usually take
milliseconds.
"""

_T = TypeVar("_T")

InThread: TypeAlias = Callable[[Callable[[], _T]], Awaitable[_T]]
"""Awaits work that may block and returns its result; a cancelled call no longer waits for it.

Raises the work's exceptions.
"""


def own_thread() -> InThread[_T]:
    """Make an :data:`InThread` with a thread of its own, for one piece of work at a time.

    A disk that hangs then takes no thread from the rest of the server. Work that a cancelled call
    has left may still run.
    """
    limiter = trio.CapacityLimiter(1)
    return functools.partial(trio.to_thread.run_sync, abandon_on_cancel=True, limiter=limiter)


async def in_disk_thread(
    work: Callable[[], _T],
    *,
    limiter: trio.CapacityLimiter,
    undo: Callable[[_T | None], object] = lambda _: None,
    on_abandon: Callable[[], object] = lambda: None,
) -> _T:
    """Do *work* in a thread and return its result.

    A task cancelled before the work began skips it. A task cancelled later still gets the outcome
    if the work ends within PATIENCE_S. Otherwise the cancellation takes effect, and *undo* is
    called when the work has ended.

    :param undo: undoes the work, in its thread. Gets the result, or None if the work raised.
    :param on_abandon: called in the task when it abandons the work to the thread.
    :raises OSError: if the work does, or no thread can be had.
    """
    job = _Job(work, undo)
    patience, done = trio.CancelScope(shield=True), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_run, job, patience, done, limiter)
        try:
            await done.wait()
        except trio.Cancelled:  # raised again by the next checkpoint
            if job.skip():
                patience.cancel()
            else:
                patience.deadline = trio.current_time() + PATIENCE_S
    if job.abandon():
        if job.begun:
            on_abandon()
        await trio.lowlevel.checkpoint()  # raises Cancelled: only a cancelled task gets here
    return job.outcome()


async def clean_up_in_thread(work: Callable[[], object]) -> None:
    """Do *work* in a thread, even if cancelled; wait PATIENCE_S for it at most, and ignore errors.

    No shared limiter is used: calls that hang may hold all of its places.
    """
    job: _Job[object] = _Job(work, lambda _: None)
    with trio.move_on_after(PATIENCE_S, shield=True):
        await _run(job, trio.CancelScope(), trio.Event(), trio.CapacityLimiter(1))


async def _run(
    job: _Job[_T], patience: trio.CancelScope, done: trio.Event, limiter: trio.CapacityLimiter
) -> None:
    try:
        with patience:
            await trio.to_thread.run_sync(job, abandon_on_cancel=True, limiter=limiter)
    except RuntimeError:
        job.error = OSError(errno.EAGAIN, "no thread can be had")
    done.set()


class _Job(Generic[_T]):
    """Work for a thread, which its task may stop waiting for.

    :ivar begun: whether the thread has started it.
    :ivar error: the exception that the work raised, or the reason why it was not started.
    """

    def __init__(self, work: Callable[[], _T], undo: Callable[[_T | None], object]) -> None:
        self.begun = False
        self.error: BaseException | None = None
        self._work = work
        self._undo = undo
        self._lock = threading.Lock()
        self._results: list[_T] = []
        self._over = False
        self._abandoned = False

    def __call__(self) -> None:
        """Do the work, in the thread. Never raises."""
        with self._lock:
            if self._abandoned:
                return
            self.begun = True
        try:
            self._results.append(self._work())
        except BaseException as error:  # noqa: BLE001  raised again by outcome()
            self.error = error
        with self._lock:
            self._over = True
            abandoned = self._abandoned
        if abandoned:
            self._undo(self._results[0] if self._results else None)

    def skip(self) -> bool:
        """Prevent the work if the thread has not started it. Returns whether that was possible."""
        with self._lock:
            self._abandoned = not self.begun
            return self._abandoned

    def abandon(self) -> bool:
        """Stop waiting for the work. Returns False if its outcome is there already."""
        with self._lock:
            self._abandoned = not (self._over or self.error)
            return self._abandoned

    def outcome(self) -> _T:
        """Return the work's result, or raise its exception."""
        if self.error is not None:
            raise self.error
        return self._results[0]
