"""The rest of an account's allowance, as a value apart from Grok's wire."""

from __future__ import annotations

from attrs import frozen

__all__ = ["DEFAULT_WINDOW_S", "Quota"]


DEFAULT_WINDOW_S = 7200.0
"""Seconds, where ``windowSizeSeconds`` is missing: the window of paid accounts in all records. Free
ones had 14 400 to 86 400.
"""


@frozen
class Quota:
    """Grok's answer to a poll of one allowance.

    :ivar left: questions, or tokens of a budget if not *flat*; never negative.
    :ivar total: the most that *left* can be; None if Grok did not send it.
    :ivar window_s: seconds after which the allowance is whole again, at the latest.
    :ivar flat: whether ``left`` counts questions.
    :ivar wait_s: seconds until *left* is above zero again; None unless Grok sent it, which it does
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
        """The part of ``left`` that a question to a model of this *cost* takes."""
        return 1 if self.flat else cost

    def stated_wait(self, cost: int) -> float | None:
        """Seconds from the answer until a question of this *cost* can be asked again; None if Grok
        did not send them.
        """
        fitting = (
            [] if self.flat else [wait for effort, wait in self.effort_waits if effort >= cost]
        )
        return min(fitting) if fitting else self.wait_s

    def wait_for(self, cost: int) -> float:
        """The same at the longest: a wait that Grok did not send ends with the window."""
        stated = self.stated_wait(cost)
        return self.window_s if stated is None else stated
