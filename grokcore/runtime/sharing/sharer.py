"""The task that makes a server's steps at the table of a shared pool.

Rules
-----
1. Nothing of a request waits for the table. A request that finds no token makes the next step
   come at once, and waits in the pool's queue as ever.
2. A step that has no reply in time is made again. What the server owns it lends meanwhile, until
   its ownership ends.
3. At the end everything is given back, within :data:`BYE_S`.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable

import trio

from ...protocol.condition import SharedPool
from ...protocol.sharing.ownership import Ownership
from ...protocol.sharing.steps import Step
from ..pool.leases import TokenPool
from .table_seam import SharedTable, TableGone

__all__ = ["Sharer"]

STEP_S = 0.4
"""Pause between two steps, in seconds: two of them pass a token from one server to another, and
that shall take less than a second."""

STEP_S_PER_TOKEN = 0.0001
"""To look at a token for a step takes some microseconds."""

HURRY_S = 0.03
"""Least pause between two steps, however many requests wait."""

REPLY_S = 2.0
"""How long a step may take, at most. (A fifth of a token's time at the table, if that is less.)"""

FIRST_S = 2.0
"""How long the start of the server waits for its tokens."""

BYE_S = 1.0

_log = logging.getLogger(__name__)


class Sharer:
    """Makes steps while :meth:`run` runs.

    :param ttl_s: time of an ownership at the table. All servers of a pool have the same.
    :param clock: counts all time, that of a process which is stopped too; for tests.
    """

    def __init__(
        self,
        pool: TokenPool,
        table: SharedTable,
        *,
        ttl_s: float,
        max_in_flight: int,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._pool = pool
        self._table = table
        self._clock = clock or _uptime
        self._reply_s = min(REPLY_S, ttl_s / 5)
        self._hurried = trio.Event()
        self._shifts = 0
        self._stepped_at = 0.0
        self._told = ""
        server = secrets.token_hex(8)
        self.part = Ownership(pool.book, server, ttl_s, self._clock, max_in_flight)
        pool.on_change.append(self._look)
        table.on_wake = self._wake
        pool.pass_on = self._pass_on

    @property
    def state(self) -> SharedPool:
        """The state of this server's part, for the owner."""
        part = self.part
        part.expire()
        return SharedPool(
            self._table.name, part.owned, part.servers, part.gone, self._lent_for, part.young_for
        )

    @property
    def _lent_for(self) -> float:
        return max(0.0, self.part.ends_at - self._clock()) if self.part.owned else 0.0

    def shift(self, seconds: float) -> None:
        """Move all times earlier by *seconds* that trio's clock has missed."""
        self._shifts += 1
        self.part.shift(seconds)
        self._hurried.set()

    def stopping(self) -> None:
        """Note that the server stops: idle tokens are given back from now on."""
        self.part.stopping = True
        self._hurried.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Make steps until cancelled; then give everything back."""
        try:
            with trio.move_on_after(FIRST_S):
                while await self._step():
                    pass
            task_status.started()
            while True:
                await self._pause()
                while await self._step():
                    pass
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + BYE_S):
                await self._say_bye()

    async def _pause(self) -> None:
        pause_s = STEP_S + STEP_S_PER_TOKEN * len(self._pool.book.accounts)
        with trio.move_on_after(pause_s):
            await self._hurried.wait()
            await trio.sleep_until(self._stepped_at + HURRY_S)

    def _look(self) -> None:
        """Hurry if requests wait: another server may have a token for them."""
        if self._pool.waiting:
            self._hurried.set()

    def _wake(self) -> None:
        self._hurried.set()

    def _pass_on(self, key: str, action: str, group: str) -> None:
        if not self.part.has(key):
            self.part.pass_on(key, action, group)
            self._hurried.set()

    async def _step(self) -> bool:
        """Make one step; return whether the next should be made at once."""
        self._hurried = trio.Event()
        self._pool.look()
        self._stepped_at = trio.current_time()
        step, shifts = self.part.next_step(self._stepped_at, self._pool.needs), self._shifts
        sent_at = self._clock()
        again = await self._made(step, sent_at, shifts)
        self._tell()
        return again

    async def _made(self, step: Step, sent_at: float, shifts: int) -> bool:
        try:
            with trio.fail_after(self._reply_s):
                reply = await self._table.step(step)
        except TableGone as error:
            self.part.failed(step, str(error))
            return False
        except trio.TooSlowError:
            self.part.failed(step, f"{self._table.name} does not answer")
            return False
        self._pool.look()
        if shifts != self._shifts:  # nobody knows for how long the reply was on its way
            self.part.failed(step, "")
            return True
        again = self.part.made(step, reply, sent_at, trio.current_time())
        if reply.taken or reply.lost or reply.news or reply.tasks or step.give:
            self._pool.changed()
        return again

    async def _say_bye(self) -> None:
        step = self.part.last_step(trio.current_time())
        try:
            await self._table.step(step)
        except TableGone as error:
            _log.warning(
                "%s; the other servers get this one's tokens in %g s", error, self.part.ttl_s
            )

    def _tell(self) -> None:
        """Log that the table has gone or come back."""
        gone, part = self.part.gone, self.part
        if bool(gone) == bool(self._told):
            return
        if gone:
            _log.warning(
                "The tokens of the pool can't be shared out among its servers: %s. This server "
                "goes on with the %d that it has, for %.0f s at most.",
                *(gone, part.owned, self._lent_for),
            )
        else:
            _log.info(
                "The tokens of the pool are shared out again, by %s, after %.0f s.",
                *(self._table.name, self._clock() - part.gone_since),
            )
        self._told = gone


def _uptime() -> float:
    """Seconds of a clock that counts a stopped process's time and, on Linux, a machine's sleep."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
