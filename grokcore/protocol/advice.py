"""Advice to the owner of the server on a failure: by its code, and for official lanes by its class.

The status page and ``check`` show it, and errors that Grok's refusals become end with it.
``docs/troubleshooting.md`` has the same at length, which a test verifies. Some classes share a code
with those of session tokens, but not the way out; those have advice of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import (
    AccessDenied,
    CliOutdated,
    CreditsExhausted,
    GrokApiError,
    ModelGone,
    OfficialCredentialRejected,
    SpendingCapReached,
)
from .models import LaneName

__all__ = ["ADVICE", "OFFICIAL_ADVICE", "advice", "advice_on", "rest_warning"]

ADVICE: Mapping[str, str] = {
    "no_tokens": "Add a token of this kind (tokens add), or enable one.",
    "no_valid_tokens": (
        "Sign in at grok.com again, and paste a request of that browser into python3 grok2api.py "
        "import-curl, or its sso cookie into tokens add; tokens check shows whether Grok takes it."
    ),
    "rate_limit_exceeded": "Wait until the allowance is back, or add another account's token.",
    "overloaded": (
        "Add tokens, or raise [pool] max_in_flight_per_token, queue_seconds or [server] "
        "max_streams."
    ),
    "shared_pool_unreachable": (
        "See that the Redis of [pool] share runs, and that this machine reaches it."
    ),
    "upstream_challenge": (
        "Open grok.com in your browser from this address (or through the same proxy), and paste a "
        "request of it (developer tools, Network, Copy as cURL) into python3 grok2api.py "
        "import-curl: address, User-Agent and cf_clearance belong together."
    ),
    "upstream_antibot": (
        "Over REST, Grok wants an x_statsig_id that its own page made: paste your browser's "
        "request to the same path (of chats and videos: /rest/app-chat/conversations/new; "
        "developer tools, Network, Copy as cURL) into python3 grok2api.py import-curl. Chats need "
        'none with [grok] web_lane = "socket", but uploads and videos go over REST all the same.'
    ),
    "upstream_refused": (
        "Grok's own words say why. If it is about the model, look at [models] in "
        "config.example.toml."
    ),
    "upstream_overloaded": "Nothing: Grok has too much to do. It passes.",
    "upstream_error": (
        "If it stays: is Grok up, and does the proxy work? The command check looks at the whole"
        " way."
    ),
    "upload_failed": (
        "If it stays: try a smaller file or another kind; the message has Grok's reason."
    ),
    "empty_upstream_response": (
        "If it stays: Grok may have changed; /health says what of its answers was not understood."
    ),
    "upstream_incomplete": "If it stays: something on the way cuts connections; a proxy mostly.",
    "tool_call_failed": (
        "If it happens often: python3 grok2api.py check --tools shows which form of calls your "
        "Grok keeps best ([grok] tool_form)."
    ),
    "invalid_structured_output": "If it happens often: make the schema simpler.",
    "timeout_first_response": (
        "If it stays: raise the model's first_response_timeout, or look at the proxy."
    ),
    "timeout_chunk": "If it stays: raise the model's chunk_timeout.",
    "timeout_total": "Raise the model's total_timeout if its answers take that long.",
    "content_policy_violation": "Nothing: Grok moderated the question or the answer.",
    "context_length_exceeded": 'Shorten the conversation, or set [grok] long_context = "file".',
    "invalid_attachment": "Send another kind of file.",
    "internal_error": (
        "A bug: the log has its traceback under the request's id. Please report it."
    ),
}

_BOTH = frozenset(LaneName)
_API, _CLI = frozenset({LaneName.API}), frozenset({LaneName.CLI})

OFFICIAL_ADVICE: tuple[tuple[type[GrokApiError], frozenset[LaneName], str], ...] = (
    (
        OfficialCredentialRejected,
        _API,
        "Make a key at console.x.ai, and put it into [api] key, or into the file of key_file.",
    ),
    (
        OfficialCredentialRejected,
        _CLI,
        "Run grok once, which renews the session; if it asks, sign in (grok login).",
    ),
    (
        CreditsExhausted,
        _API,
        "Buy credits at console.x.ai, or raise the team's spending limit there.",
    ),
    (CreditsExhausted, _CLI, "Wait for the next period, or buy more usage at grok.com."),
    (
        SpendingCapReached,
        _API,
        "Raise [api] daily_usd if you want to spend more, or wait for the day's end.",
    ),
    (
        AccessDenied,
        _BOTH,
        "Ask for another model (/v1/models lists them), or see at xAI what the plan includes.",
    ),
    (
        CliOutdated,
        _CLI,
        (
            "Update xAI's CLI (grok update), or put the version that it shows into [cli] "
            "client_version."
        ),
    ),
    (ModelGone, _BOTH, "Ask for another model; /v1/models lists what each lane has now."),
)
"""Advice by class and lane, where it differs from that by code."""


def advice(code: str) -> str:
    """The advice on failures of this *code*; empty if there is none."""
    return ADVICE.get(code, "")


def advice_on(error: GrokApiError, lane: LaneName | None = None) -> str:
    """The advice on a failure; empty if there is none.

    :param lane: the lane that failed; None if several did, or none was asked.
    """
    fitting = [
        words
        for leaf, lanes, words in OFFICIAL_ADVICE
        if isinstance(error, leaf) and (lane is None or lane in lanes)
    ]
    return " ".join(fitting) or advice(error.label)


def rest_warning(models: int) -> str:
    """The warning that so many models go over REST with the shipped ``x_statsig_id``; empty for
    none.
    """
    if not models:
        return ""
    subject = "1 model goes" if models == 1 else f"{models} models go"
    return (
        f"{subject} over REST with the shipped x_statsig_id, which Grok has refused since June "
        '2026: set web_lane = "socket", or paste a request of your own browser into python3 '
        "grok2api.py import-curl."
    )
