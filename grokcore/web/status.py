"""Reports of the server's state: ``/health``, and the headers with the remaining allowance."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import trio

from .. import __version__
from ..errors import QuotaExhausted, RateLimitExceeded
from ..protocol.key_allowance import KeyLeft
from ..protocol.models import Model
from ..protocol.pool.account import AccountState, Egress
from ..protocol.pool.book import Need
from ..protocol.pool.view import egress_label
from ..runtime.completion.gateway import Gateway
from .state import ServerState

__all__ = ["Census", "health_report", "key_headers", "limit_headers", "public_faults"]

LIMIT, REMAINING, RESET = (
    f"x-ratelimit-{what}-requests" for what in ("limit", "remaining", "reset")
)

COUNTED_AT_ONCE = 500
"""Tokens in a pool that is counted for each report; counting 10 000 takes some 15 ms."""

EGRESSES_SHOWN = 100


_MAY_HOLD_VALUES = re.compile(r"""["'`“‘«]|://|@|=|[0-9]{3}|[^\s]{25}|[^\x00-\x7f]""")
_PLACE_IN_TEXT = re.compile(r"line [0-9]+|column [0-9]+")
_SETTING = re.compile(
    r"(?:[\w.-]{1,40}: )?\[[a-z_]{1,20}\] [a-z_]{1,40}(?=[:, ]|$)|[\w.-]{1,40}(?=: )"
)


class Census:
    """Figures that require a count of all tokens. Reports need no key, so a large pool is not
    counted for each of them.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._taken_at = -math.inf
        self._counts: dict[str, int] = {}
        self._next_reset: float | None = None
        self._egresses: list[Egress] = []

    def take(self, now: float) -> tuple[dict[str, int], float | None, list[Egress]]:
        """Tokens by state, the time at which the first is back, and the egresses; for a large pool
        up to a second old.
        """
        book = self._gateway.pool.book
        if now >= self._taken_at + (1.0 if len(book.accounts) > COUNTED_AT_ONCE else 0.0):
            self._taken_at = now
            self._counts, self._next_reset, self._egresses = (
                book.counts(now),
                book.next_reset(now),
                book.egresses(),
            )
        return self._counts, self._next_reset, self._egresses


def health_report(gateway: Gateway, state: ServerState, census: Census) -> dict[str, Any]:
    """The body of ``/health``, without secrets, notes or addresses of proxies. Times are seconds
    from now.
    """
    now = state.wall.look().now
    counts, next_reset, egresses = census.take(now)
    drift, passed_over, book = gateway.drift, gateway.drift.counters, gateway.pool.book
    faults = state.all_faults()
    return {
        "status": _status(gateway, state, counts),
        "version": __version__,
        "tokens": {**counts, "disabled": book.disabled},
        "next_reset": _seconds_until(next_reset, now),
        "egress": [_egress(egress, now) for egress in egresses[:EGRESSES_SHOWN]],
        "open": gateway.open_count,
        "waiting": gateway.pool.waiting,
        "overload": {
            group or "all": _seconds_until(now + left, now)
            for group, left in book.overload.paused(now).items()
        },
        "faults": faults,
        "upstream": {
            "junk_lines": passed_over.junk_lines,
            "unknown_keys": drift.unknown_keys,
            "odd_values": passed_over.odd_values,
            "late_thoughts": passed_over.late_thoughts,
            "other_side": passed_over.other_side,
            "refused_models": dict(drift.refused_models),
        },
    }


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


def _status(gateway: Gateway, state: ServerState, counts: dict[str, int]) -> str:
    """The status in one word: ``ok`` while at least one model can be answered. A token that is used
    up for one model may serve another.
    """
    if state.draining:
        return "draining"
    if not sum(counts.values()):
        return "no_tokens"
    if counts[AccountState.OK] or counts[AccountState.UNKNOWN]:
        return "ok"
    book, now = gateway.pool.book, trio.current_time()
    served = any(book.hopeless(Need(model), now) is None for model in state.config.models.values())
    return "ok" if served else "no_usable_tokens"


def _egress(egress: Egress, now: float) -> dict[str, Any]:
    paused = egress.paused_until > now
    return {
        "name": egress_label(egress.proxy_url),
        "state": "paused" if paused else "open",
        "resumes_in": _seconds_until(egress.paused_until, now) if paused else None,
    }


def _seconds_until(at: float | None, now: float) -> int | None:
    return None if at is None else max(0, math.ceil(at - now))


def limit_headers(
    gateway: Gateway, model: Model, error: RateLimitExceeded | None = None
) -> dict[str, str]:
    """``x-ratelimit-*`` headers with the known remaining questions to *model*, over all its tokens.

    :param error: the refusal that is being sent; its response reports that nothing is left.
    :returns: the headers whose values are known. The reset is the time until the first token's
        allowance is full again, in OpenAI's format (``1h59m30s``).
    """
    now = trio.current_time()
    left = gateway.pool.book.left(Need(model), now)
    headers: dict[str, str] = {}
    # Don't report 0 while the allowance of some tokens is unknown.
    if left is not None and (left.remaining or left.complete):
        headers[LIMIT] = str(left.total)
        headers[REMAINING] = str(left.remaining)
        headers[RESET] = _duration(left.renewed_at - now)
    # QuotaExhausted concerns one token; others may have some left.
    if error is not None and not isinstance(error, QuotaExhausted):
        headers[REMAINING] = "0"
        if error.retry_after is not None:
            headers[RESET] = _duration(error.retry_after)
    return headers


def key_headers(left: KeyLeft | None) -> dict[str, str]:
    """The same headers for an API key's own requests per minute; none without such a limit."""
    if left is None:
        return {}
    return {
        LIMIT: str(left.limit),
        REMAINING: str(left.remaining),
        RESET: _duration(left.renewed_in),
    }


def _duration(seconds: float) -> str:
    whole = max(0, math.ceil(seconds))
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
