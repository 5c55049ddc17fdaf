"""The daily cap of a paid lane, kept for all servers of a shared pool together.

Rules
-----
1. An answer is entered before it begins. Without the table none begins: nobody knows what the
   others spend.
2. Its end is reported as soon as the table can be reached, until the table has it. An end that is
   reported twice counts once.
3. What the lane knows of its spending is what the ledger said last.
"""

from __future__ import annotations

import functools
import logging
import math
import secrets
import time
from collections import deque
from collections.abc import Callable

import trio
from attrs import frozen

from ...protocol.pool.spending import Spending
from ...protocol.sharing.ledger import Ledger
from ..pool.official_seams import Calendar
from .table_seam import SharedTable, TableGone

__all__ = ["SharedLedger"]

AGAIN_S = 0.5
"""Seconds after which it is worth asking again for room under the cap: another server's answer may
have ended."""

ANSWER_S = 2.0
"""How long an answer's beginning waits for the table."""

RETRY_S = 1.0

LOOK_S = 5.0
"""Pause between two looks at what other servers have spent."""

BYE_S = 1.0

_log = logging.getLogger(__name__)


@frozen
class _End:
    """An end to report: of the answer *entry*, or the correction of an earlier one's cost."""

    entry: str = ""
    ticks: int | None = None
    corrected: int = 0


class SharedLedger:
    """A lane's ledger at the table. :meth:`run` has to be running.

    :param name: returns the name of the lane's credential, which is a hash: servers with keys of
        their own have caps of their own. Empty while there is none.
    :param spending: the lane's, which follows the ledger.
    :ivar fault: why no answer can be entered; empty if one can.
    :ivar again_at: trio's time from which it is worth asking again for room; -inf if it is now.
    """

    def __init__(
        self,
        table: SharedTable,
        name: Callable[[], str],
        spending: Spending,
        calendar: Calendar,
        *,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._table = table
        self._name = name
        self._spending = spending
        self._calendar = calendar
        self._on_change = on_change
        self._ends: deque[_End] = deque()
        self._marked = trio.Event()
        self.fault = ""
        self.again_at = -math.inf

    async def begin(self, model: str) -> str:
        """Enter an answer of *model*; returns its entry, or an empty text if it may not begin."""
        entry, entered = secrets.token_hex(8), False
        try:
            entered = await self._entered(entry, model)
        finally:
            if not entered:  # it may be there all the same: the reply was lost, or not waited for
                self.end(entry, 0)
        return entry if entered else ""

    async def _entered(self, entry: str, model: str) -> bool:
        day, _ = self._calendar()
        began = False

        def enter(ledger: Ledger) -> None:
            nonlocal began
            began = ledger.begin(entry, model, day, time.time())

        try:
            with trio.fail_after(ANSWER_S):
                await self._change(enter)
        except TableGone as error:
            self._failed(str(error))
        except trio.TooSlowError:
            self._failed(f"{self._table.name} does not answer")
        else:
            self.fault = ""
            self.again_at = -math.inf if began else trio.current_time() + AGAIN_S
            return began
        return False

    def end(self, entry: str, ticks: int | None) -> None:
        """Report the end of an answer, with its cost in ticks; None if that is not known."""
        self._ends.append(_End(entry, ticks))
        self._marked.set()

    def correct(self, counted: int, cost: int) -> None:
        """Report that *cost* counts in place of the *counted* cost of an earlier answer."""
        self._ends.append(_End(ticks=cost, corrected=counted))
        self._marked.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Report ends until cancelled; then those that are left, for a moment."""
        try:
            task_status.started()
            while True:
                if not await self._reported():
                    await trio.sleep(RETRY_S)
                with trio.move_on_after(LOOK_S):
                    await self._marked.wait()
        finally:
            if self._ends:
                with trio.CancelScope(shield=True, deadline=trio.current_time() + BYE_S):
                    await self._reported()
            if self._ends:
                _log.warning(
                    "The other servers do not know of the ends of %d paid answers. Such answers "
                    "count with their expected cost.",
                    len(self._ends),
                )

    async def _reported(self) -> bool:
        """Report the ends so far, and look what the others have spent; return whether that was
        possible.
        """
        self._marked = trio.Event()
        ends = tuple(self._ends)

        def report(ledger: Ledger) -> None:
            for end in ends:
                if end.entry:
                    ledger.end(end.entry, end.ticks)
                else:
                    ledger.spending.correct(end.corrected, end.ticks or 0)

        try:
            await self._change(report)
        except TableGone as error:
            self._failed(str(error))
            return False
        self.fault = ""
        for _ in ends:
            self._ends.popleft()
        return True

    def _failed(self, why: str) -> None:
        self.fault = why
        self._marked.set()

    async def _change(self, act: Callable[[Ledger], None]) -> None:
        update = functools.partial(self._updated, act)
        name = self._name()
        if not name:
            return  # there is no credential, so nothing is spent
        text = await self._table.change(f"spending:{name}", update)
        if self._spending.follow(Ledger.read(text, self._spending.cap, time.time()).spending):
            self._on_change()

    def _updated(self, act: Callable[[Ledger], None], text: str) -> str:
        ledger = Ledger.read(text, self._spending.cap, time.time())
        if ledger.new:
            ledger.spending.follow(self._spending)
        act(ledger)
        return ledger.text
