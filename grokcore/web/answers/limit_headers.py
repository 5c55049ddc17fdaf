"""Response headers with the remaining allowance."""

from __future__ import annotations

import math

import trio

from ...errors import QuotaExhausted, RateLimitExceeded
from ...protocol.key_allowance import KeyLeft
from ...protocol.models import Model
from ...protocol.pool.book import Need
from ...runtime.completion.gateway import Gateway

__all__ = ["key_headers", "limit_headers"]

LIMIT, REMAINING, RESET = (
    f"x-ratelimit-{what}-requests" for what in ("limit", "remaining", "reset")
)


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
