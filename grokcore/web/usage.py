"""``GET /usage``: the limits of an API key, and what it has used of them.

A guest sees its own key. An owner sees all keys too, by their names.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import trio

from ..protocol.key_allowance import KeyAllowance
from ..protocol.key_day import Today
from .edge.auth import Caller
from .model_list import models_of
from .services import Services

__all__ = ["usage_report", "used_rows"]


def usage_report(services: Services, caller: Caller) -> dict[str, Any]:
    """The report for the holder of a key. Times are seconds from now, but for ``expires_at``. Each
    key's use is that at all workers.
    """
    state, now = services.state, trio.current_time()
    today = state.today()
    report = {
        "object": "usage",
        **_whole_row(services, caller, now, today),
        "day": {"date": today.day, "timezone": state.config.server.timezone},
    }
    if caller.allowance is None and not state.keys.empty:
        callers = dict.fromkeys(state.keys.callers.values())
        report["keys"] = [_whole_row(services, each, now, today) for each in callers]
    return report


def used_rows(services: Services) -> dict[str, Any]:
    """This worker's use of each key, by the key's name."""
    state, now = services.state, trio.current_time()
    today, keys = state.today(), state.keys
    callers = dict.fromkeys([keys.owner, *keys.callers.values()])
    return {caller.name: _used(caller, now, today) for caller in callers}


def _whole_row(services: Services, caller: Caller, now: float, today: Today) -> Mapping[str, Any]:
    return services.fellows.used(_row(services, caller, now, today))


def _row(services: Services, caller: Caller, now: float, today: Today) -> dict[str, Any]:
    ends = math.isfinite(caller.expires_at)
    return {
        "key": caller.name or None,
        "owner": caller.allowance is None,
        **_used(caller, now, today),
        "models": models_of(services, caller),
        "lanes": sorted(lane.value for lane in caller.lanes),
        "expires": caller.expires or None,
        "expires_at": math.ceil(caller.expires_at) if ends else None,
        "expired": services.state.wall.time() >= caller.expires_at,
    }


def _used(caller: Caller, now: float, today: Today) -> dict[str, Any]:
    allowance, day = caller.allowance, caller.day
    day.turn_to(today)
    ends_in = day.ends_in(today)
    return {
        "requests": {
            "minute": None if allowance is None else _minute(allowance, now),
            "day": _limit(allowance.per_day if allowance else 0, day.requests, ends_in),
            "at_once": None if allowance is None else _at_once(allowance),
        },
        "tokens": {
            "in": day.tokens_in,
            "out": day.tokens_out,
            **_limit(allowance.tokens_per_day if allowance else 0, day.tokens, ends_in),
        },
    }


def _minute(allowance: KeyAllowance, now: float) -> dict[str, Any]:
    used = allowance.in_minute(now)
    return _limit(allowance.rpm, used, allowance.minute_renewed_in(now))


def _at_once(allowance: KeyAllowance) -> dict[str, Any]:
    figures = _limit(allowance.concurrent, allowance.under_way, 0.0)
    return {name: figures[name] for name in ("limit", "used", "left")}


def _limit(limit: int, used: int, resets_in: float) -> dict[str, Any]:
    """The figures of one limit; 0 is none."""
    return {
        "limit": limit or None,
        "used": used,
        "left": max(0, limit - used) if limit else None,
        "resets_in": round(resets_in, 1),
    }
