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

LIMIT = "x-ratelimit-limit-requests"
REMAINING = "x-ratelimit-remaining-requests"
RESET = "x-ratelimit-reset-requests"
TOKENS = (
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
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


def key_headers(left: KeyLeft | None, tokens: KeyLeft | None = None) -> dict[str, str]:
    """The same headers for an API key's own limits; none without such a limit.

    :param left: of the requests per minute and per day, the limit that is nearest.
    :param tokens: the rest of the day's tokens, before this answer.
    """
    return _headers((LIMIT, REMAINING, RESET), left) | _headers(TOKENS, tokens)


def _headers(names: tuple[str, str, str], left: KeyLeft | None) -> dict[str, str]:
    if left is None:
        return {}
    values = str(left.limit), str(left.remaining), _duration(left.renewed_in)
    return dict(zip(names, values, strict=True))


def _duration(seconds: float) -> str:
    whole = max(0, math.ceil(seconds))
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "m"), (whole % 60, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
