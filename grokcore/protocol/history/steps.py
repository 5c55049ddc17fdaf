"""Steps of time of one length, of which the last ones are kept in a ring."""

from __future__ import annotations

from attrs import define, frozen

__all__ = ["SPANS", "Span", "Steps"]


@frozen
class Span:
    """A time that is looked back at.

    :ivar step_s: length of a step in seconds. Steps begin at multiples of it since 1970.
    :ivar count: number of steps that are kept, the current one included.
    """

    name: str
    step_s: int
    count: int


SPANS = (Span("24h", 15 * 60, 96), Span("30d", 6 * 3600, 120))


@define
class Steps:
    """The kept steps of a span.

    :ivar newest: number of the newest step; step 0 began with 1970.
    :ivar slot: place of the newest step in the ring.
    """

    span: Span
    newest: int = 0
    slot: int = 0
    _unshifted: float = 0.0

    def reach(self, time: float) -> list[int]:
        """Make the step of *time* the newest, if it is later than that.

        :returns: the slots that new steps have taken, and whose figures must be cleared.
        """
        more = int(time) // self.span.step_s - self.newest
        if more <= 0:
            return []
        self.newest += more
        count = self.span.count
        taken = range(self.slot + 1, self.slot + 1 + min(more, count))
        self.slot = (self.slot + more) % count
        return [slot % count for slot in taken]

    def shift(self, seconds: float) -> None:
        """Move all steps by *seconds*, rounded to whole steps. The rest is kept for the next
        shift.
        """
        self._unshifted += seconds
        steps = round(self._unshifted / self.span.step_s)
        self._unshifted -= steps * self.span.step_s
        self.newest += steps
