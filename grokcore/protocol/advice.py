"""Advice to the owner of the server on a failure, by its code.

The status page and ``check`` show it. ``docs/troubleshooting.md`` has the same at length, which a
test verifies.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ADVICE", "advice"]

ADVICE: Mapping[str, str] = {
    "no_tokens": "Add a token of this kind (tokens add), or enable one.",
    "no_valid_tokens": (
        "Sign in at grok.com again and add the fresh sso cookie (tokens add); tokens check "
        "shows whether Grok takes each."
    ),
    "rate_limit_exceeded": "Wait until the allowance is back, or add another account's token.",
    "overloaded": (
        "Add tokens, or raise [pool] max_in_flight_per_token, queue_seconds or [server] "
        "max_streams."
    ),
    "upstream_challenge": (
        "Open grok.com in your browser from this address (or through the same proxy), and copy "
        "its cf_clearance and User-Agent into [grok]; the three belong together."
    ),
    "upstream_antibot": (
        "Copy x-statsig-id from your browser's own request to Grok into [grok] x_statsig_id, "
        "with its User-Agent and cf_clearance."
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


def advice(code: str) -> str:
    """The advice on failures of this *code*; empty if there is none."""
    return ADVICE.get(code, "")
