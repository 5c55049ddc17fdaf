"""A task that writes until it is cancelled, and then finishes what it has begun."""

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
    """Run *work*. On cancellation don't cancel it: call *finish* and let it end by itself.

    A write under way must end before the last one begins, and a hanging disk must not hold up the
    server's end.

    :param patience_s: how long finishing may take (seconds); *work* is cancelled then, and
        *too_late* called.
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
