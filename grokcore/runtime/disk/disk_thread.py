"""Work on a disk that may hang: in a thread, with its outcome known, and never longer than somebody
can wait.

A read or write that was begun is finished, also when its task is cancelled, so that its outcome is
known and can be undone. A disk that hangs (a network file system, a dying drive) would then hold
the task for good, and the end of the server with it. So a cancelled task waits a while, and leaves
the rest to the thread.
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
"""How long (seconds) a cancelled task waits for the thread, and a clean-up for its end. Disks take
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
    lost: Callable[[_T | None], object] = lambda _: None,
    left: Callable[[], object] = lambda: None,
) -> _T:
    """Do *work* in a thread and return its outcome.

    Cancelled before it began, it is not done. Cancelled afterwards, its outcome comes back all the
    same if there is one within PATIENCE_S. Else the task goes on (with its cancellation), and
    *lost* is called when the work has ended.

    :param lost: undoes the work, in its thread; with what it returned, None if it raised.
    :param left: called in the task when the work is left to the thread.
    :raises OSError: also if no thread can be had.
    """
    job = _Job(work, lost)
    patience, done = trio.CancelScope(shield=True), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_run, job, patience, done, limiter)
        try:
            await done.wait()
        except trio.Cancelled:  # it comes again at the next occasion
            if job.skip():
                patience.cancel()
            else:
                patience.deadline = trio.current_time() + PATIENCE_S
    if job.leave():
        if job.begun:
            left()
        await trio.lowlevel.checkpoint()  # raises: only a cancelled task comes here
    return job.outcome()


async def clean_up_in_thread(work: Callable[[], object]) -> None:
    """Do *work* in a thread, also if cancelled; wait PATIENCE_S for it at most. What it raises is
    lost.

    It takes no place of a limiter: work that hangs has them all, perhaps.
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
    """Work that a thread does, and a task may leave to it.

    :ivar begun: the thread has it.
    :ivar error: what went wrong.
    """

    def __init__(self, work: Callable[[], _T], lost: Callable[[_T | None], object]) -> None:
        self.begun = False
        self.error: BaseException | None = None
        self._work = work
        self._lost = lost
        self._lock = threading.Lock()
        self._results: list[_T] = []
        self._over = False
        self._left = False

    def __call__(self) -> None:
        """Do it, in the thread. Never raises."""
        with self._lock:
            if self._left:
                return
            self.begun = True
        try:
            self._results.append(self._work())
        except BaseException as error:  # noqa: BLE001  it is raised where the outcome is asked for
            self.error = error
        with self._lock:
            self._over = True
            left = self._left
        if left:
            self._lost(self._results[0] if self._results else None)

    def skip(self) -> bool:
        """Have it not done at all. Whether that was possible: the thread had not begun."""
        with self._lock:
            self._left = not self.begun
            return self._left

    def leave(self) -> bool:
        """Wait for it no longer. Whether that leaves something: False if there is an outcome."""
        with self._lock:
            self._left = not (self._over or self.error)
            return self._left

    def outcome(self) -> _T:
        """What the work returned; raises what it raised."""
        if self.error is not None:
            raise self.error
        return self._results[0]
