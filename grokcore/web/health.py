"""The report of the server's state: ``/health``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import trio

from .. import __version__
from ..protocol.condition import Condition, SharedPool
from ..protocol.pool.account import AccountState, Egress
from ..protocol.pool.book import Need
from ..protocol.pool.view import egress_label
from ..runtime.completion.gateway import Gateway
from .condition import egress_facts, reason_rows, status_word
from .lanes import desk_views, lane_faults, lanes_report, public_lanes, web_is_asked
from .observing.census import Census
from .state import ServerState

__all__ = ["health_report", "public_reasons", "public_report"]

EGRESSES_SHOWN = 100

_OWNERS = ("address", "failing")
"""Fields of an egress that only owners see."""

_ADDRESSED = ("challenge", "egress", "file", "shared_pool")
"""Matters whose subjects may be an address, or a file's name."""

_MAY_HOLD_VALUES = re.compile(r"""["'`“‘«]|://|@|=|[0-9]{3}|[^\s]{25}|[^\x00-\x7f]""")
_PLACE_IN_TEXT = re.compile(r"line [0-9]+|column [0-9]+")
_SETTING = re.compile(
    r"(?:[\w.-]{1,40}: )?\[[a-z_]{1,20}\] [a-z_]{1,40}(?=[:, ]|$)|[\w.-]{1,40}(?=: )"
)


def health_report(
    gateway: Gateway,
    state: ServerState,
    census: Census,
    condition: Condition,
    shared: SharedPool | None = None,
) -> dict[str, Any]:
    """The body of ``/health`` for the owner, without secrets and notes. Times are seconds from
    now.
    """
    now = state.wall.look().now
    counts, next_reset, egresses = census.take(now)
    drift, passed_over, book = gateway.drift, gateway.drift.counters, gateway.pool.book
    views = desk_views(gateway, now)
    web = _web_status(gateway, state, counts)
    resets_in = _seconds_until(next_reset, now)
    return {
        "status": status_word(condition, draining=state.draining),
        "reasons": reason_rows(condition),
        "version": __version__,
        "tokens": {**counts, "disabled": book.disabled},
        "sharing": _sharing(shared),
        "next_reset": resets_in,
        "lanes": lanes_report(views, web, resets_in),
        "egress": [_egress(egress, now) for egress in egresses[:EGRESSES_SHOWN]],
        "open": gateway.open_count,
        "waiting": gateway.pool.waiting,
        "overload": {
            group or "all": _seconds_until(now + left, now)
            for group, left in book.overload.paused(now).items()
        },
        "faults": state.all_faults() | lane_faults(views),
        "warnings": state.warnings(),
        "upstream": {
            "junk_lines": passed_over.junk_lines,
            "unknown_keys": drift.unknown_keys,
            "odd_values": passed_over.odd_values,
            "late_thoughts": passed_over.late_thoughts,
            "other_side": passed_over.other_side,
            "refused_models": dict(drift.refused_models),
        },
    }


def _sharing(shared: SharedPool | None) -> dict[str, Any] | None:
    if shared is None:
        return None
    return {
        "owned": shared.owned,
        "servers": shared.servers,
        "reached": not shared.gone,
        "table": shared.table,
    }


def public_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """*report* for clients without an owner's key: faults in fewer words, no money, no addresses
    of proxies.
    """
    return {
        **report,
        "reasons": public_reasons(report["reasons"]),
        "faults": public_faults(report["faults"]),
        "lanes": public_lanes(report["lanes"]),
        "sharing": report["sharing"] and {**report["sharing"], "table": ""},
        "egress": [
            {name: value for name, value in egress.items() if name not in _OWNERS}
            for egress in report["egress"]
        ],
    }


def public_reasons(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Reasons for clients without a key: subjects that are no models are left out, as they may be
    addresses.
    """
    return [
        {
            **row,
            "subject": row["subject"] if row["matter"] not in _ADDRESSED else "",
            "words": _public(row["words"]),
        }
        for row in rows
    ]


def public_faults(faults: Mapping[str, str]) -> dict[str, str]:
    """*faults* for clients without a key: without values of settings, addresses, or contents of
    files.

    A text that may hold one is cut after the place that it names (``config.toml: [grok]
    proxy_url``).
    """
    return {name: _public(words) for name, words in faults.items()}


def _public(words: str) -> str:
    if not _MAY_HOLD_VALUES.search(_PLACE_IN_TEXT.sub("", words)):
        return words
    place = _SETTING.match(words)
    return f"{place[0] if place else 'It'} is at fault; the log says more."


def _web_status(gateway: Gateway, state: ServerState, counts: dict[str, int]) -> str:
    """The state of the session tokens. One that is used up for a model may serve another."""
    if not web_is_asked(gateway):
        return "off"
    if not sum(counts.values()):
        return "no_tokens"
    if counts[AccountState.OK] or counts[AccountState.UNKNOWN]:
        return "ok"
    book, now = gateway.pool.book, trio.current_time()
    served = any(book.hopeless(Need(model), now) is None for model in state.config.models.values())
    return "ok" if served else "no_usable_tokens"


def _egress(egress: Egress, now: float) -> dict[str, Any]:
    paused, facts = egress.paused_until > now, egress_facts(egress, now)
    return {
        "name": egress_label(egress.proxy_url),
        "address": facts.address,
        "failing": [facts.failing, facts.attempts],
        "state": "paused" if paused else "open",
        "resumes_in": _seconds_until(egress.paused_until, now) if paused else None,
    }


def _seconds_until(at: float | None, now: float) -> int | None:
    return None if at is None else max(0, math.ceil(at - now))
