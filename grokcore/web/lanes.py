"""The lanes in reports: which may answer, and for the owner why not, and what they cost."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from ..protocol.models import LaneName, LaneUse
from ..protocol.pool.desk_view import DeskState, DeskView
from ..runtime.completion.gateway import Gateway

__all__ = [
    "FAULTY_STATES",
    "desk_views",
    "lane_faults",
    "lane_row",
    "lanes_report",
    "public_lanes",
    "web_is_asked",
]

FAULTY_STATES = (DeskState.REFUSED, DeskState.NO_CREDENTIAL, DeskState.NO_MODELS)
"""States in which an official lane waits for its owner."""

_PUBLIC = frozenset({"state", "resumes_in"})


def desk_views(gateway: Gateway, now: float) -> list[DeskView]:
    """The official lanes as their owner sees them, the CLI's first."""
    return [desk.view(now) for desk in gateway.lending.desks]


def web_is_asked(gateway: Gateway) -> bool:
    """Whether session tokens are asked at all."""
    return all(desk.use is not LaneUse.ONLY for desk in gateway.lending.desks)


def lanes_report(views: Iterable[DeskView], web: str, next_reset: int | None) -> dict[str, Any]:
    """All lanes by their names, for the server's owner.

    :param web: the state of the session tokens, in one word.
    :param next_reset: seconds until the first of them is back.
    """
    tokens = {"state": web, "resumes_in": None if web == "ok" else next_reset}
    return {LaneName.WEB.value: tokens} | {view.lane.value: _reported(view) for view in views}


def _reported(view: DeskView) -> dict[str, Any]:
    budget, plan = view.budget, view.plan
    return {
        "state": view.state.value,
        "resumes_in": None if view.back_in is None else max(0, math.ceil(view.back_in)),
        "id": view.id,
        "open": view.open,
        "models": view.stock.models,
        "spent_usd": None if budget is None else round(budget.spent_usd, 6),
        "daily_usd": None if budget is None else budget.daily_usd,
        "day_ends_in": None if budget is None else math.ceil(budget.day_ends_in),
        "credits_used_percent": None if plan is None else plan.used_percent,
    }


def public_lanes(lanes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """*lanes* for clients without a key: without money and hashes."""
    return {
        lane: {name: value for name, value in facts.items() if name in _PUBLIC}
        for lane, facts in lanes.items()
    }


def lane_faults(views: Sequence[DeskView]) -> dict[str, str]:
    """Official lanes that wait for their owner, in words."""
    return {f"lane {view.lane.value}": view.why for view in views if view.state in FAULTY_STATES}


def lane_row(view: DeskView) -> dict[str, Any]:
    """An official lane for the status page. Times are seconds from now."""
    return attrs.asdict(view, value_serializer=lambda _, __, value: _plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    return round(value, 6) if isinstance(value, float) else value
