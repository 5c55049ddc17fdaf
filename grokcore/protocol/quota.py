"""What Grok says an account has left: the answer of ``POST /rest/rate-limits``.

Two systems exist side by side (grok-protocol.md §4.5):

* a **budget** of tokens, from which a question takes its model's cost (1 or 4); seen for grok-3 until late 2025;
* a **flat** number of questions, of which each takes one, whatever the model costs; seen for all else.

The answer is read leniently: a field that is missing, null, negative (-1 is the original's "never asked") or of another
type is unknown, and an answer that holds no number at all says nothing.
"""

from __future__ import annotations

from typing import Any

import orjson
from attrs import frozen

from .lenient_json import loads
from .waits import believed_wait

__all__ = ["DEFAULT_WINDOW_S", "RATE_LIMITS_PATH", "Quota", "parse_quota", "rate_limits_body"]

RATE_LIMITS_PATH = "/rest/rate-limits"

DEFAULT_WINDOW_S = 7200.0
"""``windowSizeSeconds`` where it is missing: that of the paid accounts in all records; free ones had 14 400 to 86 400."""

MOST = 2**31 - 1
"""The counters are int32 (grpc-gateway, grok-protocol.md preamble); more can't be meant."""

LONGEST_NUMBER = len("9223372036854775807")


@frozen
class Quota:
    """What was left of one allowance when Grok answered.

    :ivar left: tokens of the budget, or questions; never negative.
    :ivar total: of how many; None if that was not said.
    :ivar window_s: after so many seconds the allowance is whole again, at the latest.
    :ivar flat: whether ``left`` counts questions.
    :ivar wait_s: seconds until there is something again; None unless Grok said so, which it does when nothing is left.
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

    def told_wait(self, cost: int) -> float | None:
        """Seconds, from the answer on, after which Grok says that a question of this *cost* can be asked again."""
        fitting = [] if self.flat else [wait for effort, wait in self.effort_waits if effort >= cost]
        return min(fitting) if fitting else self.wait_s

    def wait_for(self, cost: int) -> float:
        """The same, at the longest: what Grok does not say is over with its window."""
        told = self.told_wait(cost)
        return self.window_s if told is None else told


def rate_limits_body(group: str) -> bytes:
    """The request's body; *group* is a model's rate-limit name, since March 2026 a mode id."""
    return orjson.dumps({"requestKind": "DEFAULT", "modelName": group})


def parse_quota(body: bytes) -> Quota | None:
    """The answer in *body* (JSON); None if it holds no number that could be meant."""
    try:
        answer = loads(body)
    except ValueError:
        return None
    if not isinstance(answer, dict):
        return None
    window = _seconds(answer.get("windowSizeSeconds")) or DEFAULT_WINDOW_S
    wait = _seconds(answer.get("waitTimeSeconds"))
    # Zero of zero is how a system writes that it is not the one in force.
    left, total = _count(answer.get("remainingTokens")), _count(answer.get("totalTokens"))
    efforts = [effort for name in ("low", "high") if isinstance(effort := answer.get(f"{name}EffortRateLimits"), dict)]
    if left is not None and (left or total):
        return Quota(left, total or None, window, flat=False, wait_s=wait, effort_waits=_effort_waits(efforts))
    left, total = _count(answer.get("remainingQueries")), _count(answer.get("totalQueries"))
    if left is not None and (left or total or wait):
        return Quota(left, total or None, window, flat=True, wait_s=wait)
    return _derived(efforts, window, wait)


def _derived(efforts: list[dict[str, Any]], window: float, wait: float | None) -> Quota | None:
    """What the two efforts say of a budget that is not told itself."""
    lefts = [
        (_count(effort.get("cost")) or 1) * questions
        for effort in efforts
        if (questions := _count(effort.get("remainingQueries"))) is not None
    ]
    if not lefts:
        return None
    return Quota(max(lefts), None, window, flat=False, wait_s=wait, effort_waits=_effort_waits(efforts))


def _effort_waits(efforts: list[dict[str, Any]]) -> tuple[tuple[int, float], ...]:
    return tuple(
        (cost, wait)
        for effort in efforts
        if (cost := _count(effort.get("cost"))) and (wait := _seconds(effort.get("waitTimeSeconds")))
    )


def _count(value: object) -> int | None:
    """A whole number from 0 to :data:`MOST`; int64 come as strings from this kind of API."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST else None


def _seconds(value: object) -> float | None:
    """A positive number of seconds, up to a day."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= LONGEST_NUMBER:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return believed_wait(value)
