"""Requests that ask Grok, counted against the limits of their key and among its figures."""

from __future__ import annotations

import functools

import trio

from ...errors import InvalidRequest
from ...protocol.key_allowance import KeyAllowance
from ...protocol.key_day import Use
from ..edge.lifetime import Lifetime
from ..services import Services
from .limit_headers import key_headers

__all__ = ["begin_asking"]


def begin_asking(services: Services, lifetime: Lifetime, answers: int = 1) -> None:
    """Count the request for its key until it is over, as so many as *answers* are asked for.
    Another call counts it anew.

    :raises KeyLimitExceeded: if a limit is reached; the request does not count then.
    :raises InvalidRequest: if the key may never ask for so many answers at once.
    """
    allowance = lifetime.caller.allowance
    use, lifetime.use = lifetime.use, None
    if use is not None:
        (allowance or lifetime.caller.day).withdraw(use)
    now, today = trio.current_time(), services.state.today()
    if allowance is None:
        use = lifetime.caller.day.begin(now, today, answers)
    else:
        _require_possible(allowance, answers)
        try:
            use = allowance.begin(now, today, answers)
        finally:
            left, tokens = allowance.left(now, today), allowance.tokens_left(today)
            lifetime.headers.update(key_headers(left, tokens))
    lifetime.use = use
    services.state.key_used()
    lifetime.on_last_byte(functools.partial(_end, services, lifetime, use))


def _require_possible(allowance: KeyAllowance, answers: int) -> None:
    if answers > 1 and allowance.most is not None and answers > allowance.most:
        raise InvalidRequest(
            f"Each choice counts as a request, and the key {allowance.name!r} may send "
            f"{allowance.most} at once: ask for fewer choices.",
            param="n",
        )


def _end(services: Services, lifetime: Lifetime, use: Use) -> None:
    """Count a request's end. One that got nothing, for no fault of its own, leaves the day."""
    trace, caller = lifetime.trace, lifetime.caller
    tokens_in, tokens_out = trace.tokens()
    if trace.broken and not tokens_out:
        caller.day.withdraw(use)
    else:
        caller.day.end(use, services.state.today(), tokens_in, tokens_out)
    if caller.allowance is not None:
        caller.allowance.end(use)
    services.state.key_used()
