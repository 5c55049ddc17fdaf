"""Records: the state of an account over a restart, with wall-clock times.

The caller's clock is monotonic and starts anywhere; a record has seconds since 1970. *offset* is
the difference, wall clock minus the caller's. A record is read leniently, field by field: a value
that can't be meant counts as missing. Times that lie too far ahead (the clock was set back, or
wrong) are reduced to the longest cooling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..quota import Quota
from ..tokens import is_user_id
from ..waits import LONGEST_WAIT_S, believed_wait
from .account import EVIDENCE_APART_S, REFUSED_COOLING_S, Account
from .allowance import Allowance

__all__ = ["recall", "record_of", "replace"]

LONGEST_GROUP_NAME = 200
GROUPS_AT_MOST = 64
MODES_AT_MOST = 100
LONGEST_MODES_S = 86400.0

OLDEST_REFUSAL_S = 7 * 86400.0
"""Seconds. A first refusal counts as no longer ago than this."""


def record_of(account: Account, now: float, offset: float) -> dict[str, object]:
    """The record of an account, of JSON's types only; ``at`` is the time at which it is made."""
    record: dict[str, object] = {
        "id": account.entry.id,
        "at": round(now + offset, 3),
        "answered": account.answered,
        "used_at": _to_wall(account.last_used, offset),
        "cooling_until": _to_wall(account.cooling_until, offset),
        "first_refusal_at": None
        if account.first_refusal_at is None
        else _to_wall(account.first_refusal_at, offset),
        "refusals": account.refusals,
        "refusal": account.refusal,
        "refused_question": account.refused_question,
        "switched_off": account.switched_off,
        "user_id": account.learned_user_id,
        "refused_modes": dict(account.refused_modes),
        "modes_due_at": _to_wall(account.modes_due_at, offset),
        "allowances": {
            group: _allowance_record(allowance, offset)
            for group, allowance in account.allowances.items()
        },
    }
    return record


def recall(account: Account, record: Mapping[str, object], now: float, offset: float) -> None:
    """Restore a new account from its record."""
    times = _RecordTimes(record, now, offset, _made_at(record))
    account.answered = record.get("answered") is True
    account.switched_off = record.get("switched_off") is True
    user_id = record.get("user_id")
    account.learned_user_id = str(user_id) if is_user_id(user_id) else ""
    account.refused_modes = _modes(record.get("refused_modes"))
    account.modes_due_at = times.future("modes_due_at", LONGEST_MODES_S)
    account.last_used = times.past("used_at")
    account.cooling_until = times.future("cooling_until", REFUSED_COOLING_S[-1])
    account.refusals = _count(record.get("refusals"))
    refused_at = times.past("first_refusal_at")
    if account.refusals or refused_at > -math.inf:
        account.first_refusal_at = max(refused_at, now - OLDEST_REFUSAL_S)
        account.refusal = (
            _text(record.get("refusal"))
            or "Grok refused this session before the server was restarted."
        )
        account.refused_question = record.get("refused_question") is True
    if account.refusals:
        account.first_refusal_at = min(account.first_refusal_at or now, now - EVIDENCE_APART_S)
    allowances = record.get("allowances")
    for group, value in (
        list(allowances.items())[:GROUPS_AT_MOST] if isinstance(allowances, dict) else ()
    ):
        if isinstance(group, str) and isinstance(value, dict) and len(group) <= LONGEST_GROUP_NAME:
            account.allowances[group] = _recalled_allowance(
                _RecordTimes(value, now, offset, times.made_at)
            )


def replace(account: Account, record: Mapping[str, object], now: float, offset: float) -> None:
    """Replace the state of an account by its record, which another server has made. (The id of its
    user stays: such records have none.)
    """
    user_id, before = account.learned_user_id, account.allowances
    account.first_refusal_at, account.refusal = None, ""
    account.refused_question = account.on_trial = False
    account.slips, account.suspect_until = 0, -math.inf
    account.allowances = {}
    recall(account, record, now, offset)
    account.learned_user_id = user_id
    for group, allowance in before.items():  # loans and polls of them may be under way
        allowance.follow(account.allowances.get(group) or Allowance())
    account.allowances = {**account.allowances, **before}


def _allowance_record(allowance: Allowance, offset: float) -> dict[str, object]:
    quota = allowance.quota
    return {
        "cooling_until": _to_wall(allowance.cooling_until, offset),
        "strikes": allowance.strikes,
        "to_ask": allowance.demanded or allowance.polling,
        "quota": None
        if quota is None
        else {
            "left": quota.left,
            "balance": allowance.balance,
            "total": quota.total,
            "flat": quota.flat,
            "window_s": quota.window_s,
            "wait_s": quota.wait_s,
            "effort_waits": [list(wait) for wait in quota.effort_waits],
            "learned_at": _to_wall(allowance.learned_at, offset),
        },
    }


def _recalled_allowance(times: _RecordTimes) -> Allowance:
    allowance = Allowance()
    allowance.cooling_until = times.future("cooling_until", LONGEST_WAIT_S)
    allowance.strikes = min(_count(times.record.get("strikes")), 16)
    allowance.demanded = times.record.get("to_ask") is True
    value = times.record.get("quota")
    if not isinstance(value, dict):
        return allowance
    learned_at = _RecordTimes(value, times.now, times.offset, times.made_at).past("learned_at")
    left, total, window = value.get("left"), value.get("total"), _seconds(value.get("window_s"))
    if (
        learned_at == -math.inf
        or window is None
        or not isinstance(left, int)
        or isinstance(left, bool)
        or left < 0
    ):
        return allowance
    total = _count(total) or None
    waits = _effort_waits(value.get("effort_waits"))
    flat, wait = value.get("flat") is not False, _seconds(value.get("wait_s"))
    allowance.quota = Quota(left, total, window, flat, wait, waits)
    balance = value.get("balance")
    allowance.balance = (
        min(left, balance) if isinstance(balance, int) and not isinstance(balance, bool) else left
    )
    allowance.learned_at = allowance.polled_at = learned_at
    return allowance


class _RecordTimes:
    """The times in a record, on the caller's clock."""

    def __init__(
        self, record: Mapping[str, object], now: float, offset: float, made_at: float
    ) -> None:
        self.record = record
        self.made_at = made_at
        self.now = now
        self.offset = offset

    def past(self, name: str) -> float:
        """A time in the past; -inf if it is missing, or lies ahead."""
        at = self._read(name)
        return at if at <= self.now else -math.inf

    def future(self, name: str, longest: float) -> float:
        """A time that may lie ahead; -inf if it is missing. It is no further ahead than when the
        record was made, and at most *longest* seconds.
        """
        at = self._read(name)
        return min(at, self.now + min(longest, max(0.0, at + self.offset - self.made_at)))

    def _read(self, name: str) -> float:
        at = _number(self.record.get(name))
        return -math.inf if at is None else at - self.offset


def _made_at(record: Mapping[str, object]) -> float:
    """The time at which the record was made, by a wall clock that may have been wrong."""
    at = _number(record.get("at"))
    return -math.inf if at is None else at


def _to_wall(at: float, offset: float) -> float | None:
    return round(at + offset, 3) if math.isfinite(at) else None


def _number(value: object) -> float | None:
    """A finite number; None if *value* is something else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _count(value: object) -> int:
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
        else 0
    )


def _seconds(value: object) -> float | None:
    number = _number(value)
    return None if number is None else believed_wait(number)


def _effort_waits(value: object) -> tuple[tuple[int, float], ...]:
    pairs = (
        [pair for pair in value if isinstance(pair, list) and len(pair) == 2]
        if isinstance(value, list)
        else []
    )
    return tuple(
        (cost, wait)
        for first, second in pairs[:10]
        if (cost := _count(first)) and (wait := _seconds(second))
    )


def _text(value: object) -> str:
    return value[:1000] if isinstance(value, str) else ""


def _modes(value: object) -> dict[str, str]:
    listed = list(value.items())[:MODES_AT_MOST] if isinstance(value, dict) else []
    return {
        mode: _text(plan)
        for mode, plan in listed
        if isinstance(mode, str) and 0 < len(mode) <= LONGEST_GROUP_NAME
    }
