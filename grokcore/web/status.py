"""What is told of the server's state: ``/health``, and the headers that say how much is left."""

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
"""Counting a pool of 10 000 takes some 15 ms."""

EGRESSES_SHOWN = 100


_MAY_HOLD_VALUES = re.compile(r"""["'`“‘«]|://|@|=|[0-9]{3}|[^\s]{25}|[^\x00-\x7f]""")
_PLACE_IN_TEXT = re.compile(r"line [0-9]+|column [0-9]+")
_SETTING = re.compile(
    r"(?:[\w.-]{1,40}: )?\[[a-z_]{1,20}\] [a-z_]{1,40}(?=[:, ]|$)|[\w.-]{1,40}(?=: )"
)


class Census:
    """What has to be counted token by token. Anybody may ask for it, so a large pool is not counted
    each time.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._taken_at = -math.inf
        self._counts: dict[str, int] = {}
        self._next_reset: float | None = None
        self._egresses: list[Egress] = []

    def take(self, now: float) -> tuple[dict[str, int], float | None, list[Egress]]:
        """Tokens by state, when the first is back, and the ways to Grok; of a large pool a second
        old at most.
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
    """The body of ``/health``: no secret, no note, no proxy's address. Times are seconds from
    now.
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
    """What is at fault, for readers without a key: no value of a setting, no address, no content of
    a file.

    Words that may hold one are cut behind the place that they name (``config.toml: [grok]
    proxy_url``).
    """
    return {name: _public(words) for name, words in faults.items()}


def _public(words: str) -> str:
    if not _MAY_HOLD_VALUES.search(_PLACE_IN_TEXT.sub("", words)):
        return words
    place = _SETTING.match(words)
    return f"{place[0] if place else 'It'} is at fault; the log says more."


def _status(gateway: Gateway, state: ServerState, counts: dict[str, int]) -> str:
    """``ok`` while any model of the table could be answered; a token that is used up for one may
    serve another.
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
    """How many questions to *model* are known to be left, over all tokens that may be asked.

    :param error: the refusal that is being sent: whatever is counted, nothing is left then.
    :returns: ``x-ratelimit-*`` headers; none of what is not known. The reset is when the first
        token's allowance is whole again, in the form of OpenAI's (``1h59m30s``).
    """
    now = trio.current_time()
    left = gateway.pool.book.left(Need(model), now)
    found: dict[str, str] = {}
    # Nothing left of what is known would be a lie while there are tokens of which it is not known.
    if left is not None and (left.remaining or left.complete):
        found[LIMIT] = str(left.total)
        found[REMAINING] = str(left.remaining)
        found[RESET] = _duration(left.renewed_at - now)
    if error is not None and not isinstance(
        error, QuotaExhausted
    ):  # that is one token's word; others may have some left
        found[REMAINING] = "0"
        if error.retry_after is not None:
            found[RESET] = _duration(error.retry_after)
    return found


def key_headers(left: KeyLeft | None) -> dict[str, str]:
    """What an API key has left of its own requests per minute, in the same headers; none without
    such a limit.
    """
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
