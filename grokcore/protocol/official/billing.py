"""The credits of a CLI session: the answer of ``GET /billing?format=credits``.

Amounts of money are objects ``{"val": …}``, in US cents. Fields whose value is 0 are left out, as
in all JSON that is made of protocol buffers. An account without credits has a monthly limit instead
(observed by peers, 2026-10).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ..lenient_json import loads
from .moments import moment_of, number_of, object_of

__all__ = ["CREDITS_PATH", "Credits", "parse_billing"]

CREDITS_PATH = "/billing?format=credits"

MOST_WORD_CHARS = 60


@frozen
class Credits:
    """The use of a period's credits.

    :ivar percent_used: of the period's credits; None if it is unknown.
    :ivar period: ``weekly`` or ``monthly``; empty if none is named.
    :ivar period_start: *period_end*: seconds since 1970.
    :ivar on_demand_cap: *on_demand_used*, *prepaid*: US cents; None if they are unknown.
    """

    percent_used: float | None = None
    period: str = ""
    period_start: float | None = None
    period_end: float | None = None
    on_demand_cap: float | None = None
    on_demand_used: float | None = None
    prepaid: float | None = None


def parse_billing(body: bytes) -> Credits | None:
    """The credits that an answer (JSON) describes; None if it describes none."""
    try:
        answer = object_of(loads(body))
    except ValueError:
        return None
    config = object_of(answer.get("config")) or answer
    period = object_of(config.get("currentPeriod"))
    found = Credits(
        _percent(config, begun=bool(period)),
        _period(period.get("type")),
        moment_of(period.get("start")) or moment_of(config.get("billingPeriodStart")),
        moment_of(period.get("end")) or moment_of(config.get("billingPeriodEnd")),
        _amount(config.get("onDemandCap")),
        _amount(config.get("onDemandUsed")),
        _amount(config.get("prepaidBalance")),
    )
    return None if found == Credits() else found


def _percent(config: Mapping[str, Any], *, begun: bool) -> float | None:
    """The share that is used, of credits or else of a monthly limit.

    :param begun: whether there is a period; a percentage that is missing is then 0.
    """
    percent = _amount(config.get("creditUsagePercent"))
    if percent is not None:
        return percent
    limit, used = _amount(config.get("monthlyLimit")), _amount(config.get("used"))
    if limit:
        return 100 * (used or 0.0) / limit
    return 0.0 if begun else None


def _amount(value: object) -> float | None:
    number = number_of(value)
    return None if number is None or number < 0 else number


def _period(value: object) -> str:
    """``USAGE_PERIOD_TYPE_WEEKLY`` as ``weekly``."""
    word = value[:MOST_WORD_CHARS] if isinstance(value, str) else ""
    word = word.lower().removeprefix("usage_period_type_")
    return word if word.isascii() and word.isalpha() and word != "unspecified" else ""
