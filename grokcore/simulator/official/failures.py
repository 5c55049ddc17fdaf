"""Failures of the two services, in their words, each by a name.

The words are those of reports of 2026; xAI writes ``{"code": …, "error": …}`` with texts for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from attrs import evolve

from .. import lines
from ..scripts import CUT, HANG, Script, Send, error, page

__all__ = [
    "REFUSALS",
    "expired_session",
    "invalid",
    "no_key",
    "no_model",
    "not_found",
    "outdated",
    "refusal",
    "wrong_key",
]

TEAM = "00000000-0000-4000-8000-000000000000"

INVALID = "Client specified an invalid argument"
DENIED = "The caller does not have permission to execute the specified operation"
EXHAUSTED = "Some resource has been exhausted"


def refusal(status: int, code: str, said: str, headers: tuple[tuple[str, str], ...] = ()) -> Script:
    """A refusal in xAI's form."""
    return error(status, {"code": code, "error": said}, headers)


def invalid(said: str) -> Script:
    """A request that is not taken as it is."""
    return refusal(400, INVALID, said)


def wrong_key(key: str, status: int = 400) -> Script:
    """A key that is not known. The API says 400 (docs.x.ai, debugging errors; reports of 2026)."""
    said = (
        f"Incorrect API key provided: {key[:2]}***{key[-2:]}. "
        "You can obtain an API key from https://console.x.ai."
    )
    return refusal(status, INVALID, said)


def no_key() -> Script:
    """No ``Authorization`` at all."""
    return refusal(401, "unauthenticated:no-credentials", "No credentials provided")


def expired_session() -> Script:
    """A token of a session of the CLI that has run out, or is not known."""
    return refusal(401, "unauthenticated", "Invalid or expired credentials (auth_kind=bearer)")


def outdated(version: str = "(none)") -> Script:
    """A version of the CLI that the proxy does not take any more."""
    said = f"CLI version {version} is outdated, please update to 0.1.202 or later"
    return refusal(426, "upgrade-required", said)


def not_found(said: str = "Not found.") -> Script:
    """Something that is not there."""
    return refusal(404, "Some requested entity was not found", said)


def no_model(name: str) -> Script:
    """A model that is not there, or not for this team."""
    said = f"The model {name} does not exist or your team {TEAM} does not have access to it."
    return not_found(said)


def _limited(name: str = "retry-after", value: str = "7") -> Script:
    said = f"Too many requests for team {TEAM}: 480 requests per minute (actual/limit: 481/480)."
    counts = (
        ("x-ratelimit-limit-requests", "480"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-limit-tokens", "4000000"),
        ("x-ratelimit-remaining-tokens", "1200"),
    )
    return refusal(429, EXHAUSTED, said, ((name, value), *counts))


def _spent(status: int, code: str) -> Script:
    said = (
        f"Your team {TEAM} has either used all available credits or reached its monthly spending "
        "limit. To continue making API requests, please purchase more credits or raise your "
        "spending limit."
    )
    return refusal(status, code, said)


def _html(status: int) -> Script:
    html = f"<!DOCTYPE html><html><head><title>{status}: Bad gateway</title></head></html>"
    return page(status, html)


def _retry(script: Script, value: str) -> Script:
    return evolve(script, headers=(*script.headers, ("x-should-retry", value)))


def _unavailable() -> Script:
    said = "The service is currently unavailable"
    return refusal(503, "The service is currently unavailable", said)


REFUSALS: Mapping[str, Callable[[], Script]] = MappingProxyType(
    {
        "wrong_key": lambda: wrong_key("xai-simulated"),
        "no_key": no_key,
        "expired_session": expired_session,
        "out_of_credits": lambda: refusal(
            402, "personal-team-blocked:spending-limit", "You have used all your credits."
        ),
        "spending_limit": lambda: _spent(429, EXHAUSTED),
        "spending_limit_403": lambda: _spent(403, "permission-denied"),
        "access_denied": lambda: refusal(
            403, "permission-denied", "Access to the chat endpoint is denied."
        ),
        "no_subscription": lambda: refusal(
            403, DENIED, "You do not have an active Grok subscription."
        ),
        "no_model": lambda: no_model("grok-gone"),
        "outdated": outdated,
        "free_quota": lambda: refusal(
            429,
            "subscription:free-usage-exhausted",
            "You've used all the included free usage for model grok-4.5-build-free for now. Usage "
            "resets over a rolling 24-hour window - tokens (actual/limit): 1065554/1000000.",
        ),
        "rate_limited": _limited,
        "rate_limited_date": lambda: _limited("retry-after", "Wed, 01 Jan 2031 00:00:00 GMT"),
        "rate_limited_bare": lambda: refusal(429, EXHAUSTED, "Too many requests."),
        "live_search_gone": lambda: refusal(
            410, "Gone", "Live search is deprecated. Please switch to the Agent Tools API."
        ),
        "object_error": lambda: error(
            400, {"error": {"code": "invalid-argument", "message": "An error as an object."}}
        ),
        "moderated": lambda: error(
            400,
            {
                "code": INVALID,
                "error": "Generated image rejected by content moderation.",
                "usage": {"cost_in_usd_ticks": 200_000_000},
            },
        ),
        "too_long": lambda: invalid(
            "This model's maximum prompt length is 500000 but the request contains 500001 tokens."
        ),
        "server_error": lambda: refusal(500, "Internal error", "Internal server error"),
        "unavailable": _unavailable,
        "no_retry": lambda: _retry(_unavailable(), "false"),
        "please_retry": lambda: _retry(invalid("A passing fault."), "true"),
        "overloaded": lambda: refusal(529, "overloaded", "The model is at capacity."),
        "bad_gateway": lambda: _html(502),
        "timed_out": lambda: _html(524),
        "challenge": lambda: page(403, lines.PAGE_CHALLENGE),
        "empty_error": lambda: Script((), 500, ()),
        "not_json": lambda: Script((Send(b"upstream connect error"),), 503, ()),
        "redirect": lambda: Script((), 302, (("location", "/elsewhere"),)),
        "hang": lambda: evolve(_unavailable(), before=HANG.seconds),
        "reset": lambda: Script((CUT,), 200, (("content-type", "text/event-stream"),)),
    }
)
"""Refusals of a whole request."""
