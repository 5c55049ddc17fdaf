"""Tasks that write until cancelled, and then finish the write that has begun."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

__all__ = ["work_then_finish"]


async def work_then_finish(
    work: Callable[[], Awaitable[None]],
    finish: Callable[[], None],
    patience_s: float,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    too_late: Callable[[], None] = lambda: None,
) -> None:
    """Run *work*. On cancellation call *finish*, which asks it to end, instead of cancelling it.

    So a write under way ends before the last one begins, and a hanging disk does not hold up the
    server's end.

    :param patience_s: time (seconds) for finishing; then *work* is cancelled, and *too_late*
        called.
    """
    patience = trio.CancelScope(shield=True)

    async def patiently() -> None:
        with patience:
            await work()
        if patience.cancelled_caught:
            too_late()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(patiently)
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            patience.deadline = trio.current_time() + patience_s
            finish()
