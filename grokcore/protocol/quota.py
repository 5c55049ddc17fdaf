"""What is left of an account's allowance, as a value: nothing here knows how Grok says it."""

from __future__ import annotations

from attrs import frozen

__all__ = ["DEFAULT_WINDOW_S", "Quota"]


DEFAULT_WINDOW_S = 7200.0
"""``windowSizeSeconds`` where it is missing: that of the paid accounts in all records; free ones
had 14 400 to 86 400.
"""


@frozen
class Quota:
    """What was left of one allowance when Grok answered.

    :ivar left: tokens of the budget, or questions; never negative.
    :ivar total: of how many; None if that was not said.
    :ivar window_s: after so many seconds the allowance is whole again, at the latest.
    :ivar flat: whether ``left`` counts questions.
    :ivar wait_s: seconds until there is something again; None unless Grok said so, which it does
        when nothing is left.
    :ivar effort_waits: the same for questions of some cost: ``(cost, seconds)``.
    """

    left: int
    total: int | None = None
    window_s: float = DEFAULT_WINDOW_S
    flat: bool = True
    wait_s: float | None = None
    effort_waits: tuple[tuple[int, float], ...] = ()

    def charge(self, cost: int) -> int:
        """What a question to a model of this *cost* takes from ``left``."""
        return 1 if self.flat else cost

    def stated_wait(self, cost: int) -> float | None:
        """Seconds, from the answer on, after which Grok says that a question of this *cost* can be
        asked again.
        """
        fitting = (
            [] if self.flat else [wait for effort, wait in self.effort_waits if effort >= cost]
        )
        return min(fitting) if fitting else self.wait_s

    def wait_for(self, cost: int) -> float:
        """The same, at the longest: what Grok does not say is over with its window."""
        told = self.stated_wait(cost)
        return self.window_s if told is None else told
