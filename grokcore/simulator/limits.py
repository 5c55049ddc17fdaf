"""Allowances of simulated accounts, in both of Grok's systems (grok-protocol.md §4.5), counted when
a question begins.
"""

from __future__ import annotations

from typing import Any

from attrs import define

__all__ = ["UNLIMITED", "Limit"]

UNLIMITED: dict[str, Any] = {"windowSizeSeconds": 7200, "remainingQueries": 40, "totalQueries": 40}
"""The constant remainder that an account without a limit of its own reports."""


@define
class Limit:
    """An account's allowance for one group of models.

    :ivar flat: a number of questions; else a budget of tokens from which each question takes its
        cost.
    :ivar wait_s: the reported time until a spent allowance is back; 0 reports none.
    """

    total: int
    left: int
    flat: bool = True
    window_s: int = 7200
    wait_s: int = 0

    def take(self, cost: int) -> bool:
        """Count a question of this *cost*. Returns whether the account may ask it."""
        charge = 1 if self.flat else cost
        if self.left < charge:
            return False
        self.left -= charge
        return True

    def answer(self) -> dict[str, Any]:
        """The answer of ``rate-limits``, with the keys of the recorded ones in their order."""
        wait = {"waitTimeSeconds": self.wait_s} if self.wait_s and not self.left else {}
        if self.flat:
            return {
                "windowSizeSeconds": self.window_s,
                "remainingQueries": self.left,
                **wait,
                "totalQueries": self.total,
                "lowEffortRateLimits": None,
                "highEffortRateLimits": None,
            }
        return {
            "windowSizeSeconds": self.window_s,
            "remainingQueries": 0,
            **wait,
            "totalQueries": 0,
            "remainingTokens": self.left,
            "totalTokens": self.total,
            "lowEffortRateLimits": {"cost": 1, **wait, "remainingQueries": self.left},
            "highEffortRateLimits": {"cost": 4, **wait, "remainingQueries": self.left // 4},
        }
