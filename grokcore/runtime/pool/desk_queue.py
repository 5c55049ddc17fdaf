"""The questions that wait for a desk.

Theory
------
Questions with the same prospects stand in one line. Room at a desk wakes only the first of each
line; when it leaves, it wakes the next. So the cost of a change grows with the lines, and not with
the waiters. If a line waits in vain, all of it is woken, to get its error.

Rules
-----
1. The first of a line is the one that has waited longest; it keeps its place until it leaves.
2. News that comes while a waiter does not sleep is kept for it.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

import trio
from attrs import frozen

__all__ = ["DeskQueue", "Prospect", "Waiter"]

_T = TypeVar("_T")


@frozen
class Prospect:
    """The outlook of a line.

    :ivar opens: the time at which its first may be served: ``-inf`` for now, ``inf`` for unknown.
    :ivar in_vain: whether waiting at this desk alone would not help.
    """

    opens: float
    in_vain: bool = False


class Waiter:
    """A question that waits, at one or more desks.

    :ivar elsewhere: whether it waits for a session token too, and so never in vain.
    """

    def __init__(self) -> None:
        self.elsewhere = False
        self._news = False
        self._scope: trio.CancelScope | None = None

    async def sleep(self, wait: Callable[[], Awaitable[_T]], until: float) -> _T | None:
        """Await *wait*; None if there is news before it ends, or at *until* (trio's time)."""
        news, self._news = self._news, False
        if news:
            return None
        scope = self._scope = trio.CancelScope(deadline=until)
        try:
            with scope:
                return await wait()
        finally:
            self._scope = None
        return None

    def wake(self) -> None:
        """Give it news."""
        if self._scope is None:
            self._news = True
        else:
            self._scope.cancel()

    def wake_at(self, time: float) -> None:
        """Wake it at *time* at the latest, if it sleeps."""
        if self._scope is not None:
            self._scope.deadline = min(self._scope.deadline, time)


class _Line:
    def __init__(self, prospect: Callable[[], Prospect]) -> None:
        self.prospect = prospect
        self.waiters: dict[Waiter, None] = {}

    @property
    def first(self) -> Waiter:
        return next(iter(self.waiters))

    def room(self) -> None:
        opens = self.prospect().opens
        if opens == -math.inf:
            self.first.wake()
        else:
            self.first.wake_at(opens)

    def changed(self) -> None:
        self.room()
        if self.prospect().in_vain:
            for waiter in self.waiters:
                if not waiter.elsewhere:
                    waiter.wake()


class DeskQueue:
    """The lines of one desk."""

    def __init__(self) -> None:
        self._lines: dict[Hashable, _Line] = {}

    def __len__(self) -> int:
        return sum(len(line.waiters) for line in self._lines.values())

    def join(self, name: Hashable, waiter: Waiter, prospect: Callable[[], Prospect]) -> None:
        """Put *waiter* at the end of the line of this name."""
        line = self._lines.setdefault(name, _Line(prospect))
        line.waiters[waiter] = None
        if line.first is not waiter:
            line.room()

    def leave(self, name: Hashable, waiter: Waiter) -> None:
        """Take *waiter* out of its line; the next one is woken if there is room."""
        line = self._lines[name]
        was_first = line.first is waiter
        del line.waiters[waiter]
        if not line.waiters:
            del self._lines[name]
        elif was_first:
            line.room()

    def is_behind(self, name: Hashable, waiter: Waiter | None) -> bool:
        """Whether others stand in that line before *waiter*, or before a newcomer (None)."""
        line = self._lines.get(name)
        return line is not None and line.first is not waiter

    def room(self) -> None:
        """Wake the first of each line that may be served."""
        for line in self._lines.values():
            line.room()

    def changed(self) -> None:
        """Wake as :meth:`room`, and all that wait in vain."""
        for line in self._lines.values():
            line.changed()

    def wake_all(self) -> None:
        """Wake everybody: the lines' prospects have changed altogether."""
        for line in self._lines.values():
            for waiter in line.waiters:
                waiter.wake()
