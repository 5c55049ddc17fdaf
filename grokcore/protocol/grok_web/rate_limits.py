"""The rest of an account's allowance: the answer of ``POST /rest/rate-limits``.

Two systems exist side by side (grok-protocol.md §4.5):

* a **budget** of tokens, from which a question takes its model's cost (1 or 4); seen for grok-3
  until late 2025;
* a **flat** number of questions, of which each takes one, whatever the model costs; seen for all
  else.

The answer is read leniently. A field that is missing, null, negative (-1 is the original's "never
asked") or of another type is unknown. An answer without any number says nothing.
"""

from __future__ import annotations

from typing import Any

import orjson

from ..lenient_json import loads
from ..quota import DEFAULT_WINDOW_S, Quota
from ..waits import believed_wait
from .payload import CHAT_PATH, POST_PATH, UPLOAD_PATH

__all__ = ["RATE_LIMITS_PATH", "STATSIG_PATHS", "parse_quota", "rate_limits_body"]

RATE_LIMITS_PATH = "/rest/rate-limits"

STATSIG_PATHS = (CHAT_PATH, RATE_LIMITS_PATH, UPLOAD_PATH, POST_PATH)
"""Paths of requests with ``x-statsig-id``."""


MOST = 2**31 - 1
"""The counters are int32 (grok-protocol.md §0); more can't be meant."""


LONGEST_NUMBER = len("9223372036854775807")


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
    efforts = [
        effort
        for name in ("low", "high")
        if isinstance(effort := answer.get(f"{name}EffortRateLimits"), dict)
    ]
    if left is not None and (left or total):
        return Quota(
            left,
            total or None,
            window,
            flat=False,
            wait_s=wait,
            effort_waits=_effort_waits(efforts),
        )
    left, total = _count(answer.get("remainingQueries")), _count(answer.get("totalQueries"))
    if left is not None and (left or total or wait):
        return Quota(left, total or None, window, flat=True, wait_s=wait)
    return _derived(efforts, window, wait)


def _derived(efforts: list[dict[str, Any]], window: float, wait: float | None) -> Quota | None:
    """The budget as derived from the two efforts, where the answer does not name it."""
    lefts = [
        (_count(effort.get("cost")) or 1) * questions
        for effort in efforts
        if (questions := _count(effort.get("remainingQueries"))) is not None
    ]
    if not lefts:
        return None
    return Quota(
        max(lefts), None, window, flat=False, wait_s=wait, effort_waits=_effort_waits(efforts)
    )


def _effort_waits(efforts: list[dict[str, Any]]) -> tuple[tuple[int, float], ...]:
    return tuple(
        (cost, wait)
        for effort in efforts
        if (cost := _count(effort.get("cost")))
        and (wait := _seconds(effort.get("waitTimeSeconds")))
    )


def _count(value: object) -> int | None:
    """A whole number from 0 to :data:`MOST`; int64 come as strings from this kind of API."""
    if (
        isinstance(value, str)
        and value.isascii()
        and value.isdigit()
        and len(value) <= LONGEST_NUMBER
    ):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST
        else None
    )


def _seconds(value: object) -> float | None:
    """A positive number of seconds, up to a day."""
    if (
        isinstance(value, str)
        and value.isascii()
        and value.isdigit()
        and len(value) <= LONGEST_NUMBER
    ):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return believed_wait(value)
