"""Refusals of xAI's own API: from a response or an error event to one leaf of the error family.

Theory
------
Both hosts answer JSON in one of several forms: ``error`` is a text, or an object with ``code``,
``type`` and ``message``, or all of it is flat. The status alone does not name the party at fault: a
wrong key is a 400 or a 401, a moderated question a 400 or a 403, an empty account a 402, 403 or
429. So words decide first, then the status (public issues of clients, gathered 2026-11).

Rules
-----
1. Nothing is raised, whatever a body holds.
2. xAI's words are quoted in one short line, without keys (:mod:`grokcore.protocol.upstream_words`).
3. ``x-should-retry`` is about the same question with the same credential. So it says nothing where
   the credential is at fault, and another may do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from ...errors import (
    AccessDenied,
    Blame,
    Challenge,
    CliOutdated,
    ContentPolicyViolation,
    ContextLengthExceeded,
    CreditsExhausted,
    GrokApiError,
    ModelGone,
    OfficialCredentialRejected,
    QuotaExhausted,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamUnavailable,
)
from ..lenient_json import loads
from ..models import LaneName
from ..pages import PAGE_MARKERS, is_challenge, is_html
from ..upstream_words import CLEANED_FROM_CHARS, cleaned
from ..waits import LONGEST_WAIT_S
from .waits import wait_named

__all__ = ["error_of_event", "refusal_of_response"]

_Leaf: TypeAlias = type[GrokApiError]

# Phrases, most specific first.
_MARKERS: list[tuple[re.Pattern[str], _Leaf]] = [
    (re.compile(pattern, re.IGNORECASE), leaf)
    for pattern, leaf in (
        (r"cli version\b.{0,100}\boutdated", CliOutdated),
        (
            (
                r"spending.?limit|all available credits|out of credits|no credits"
                r"|credits? exhausted|insufficient.(?:credits|funds|balance|quota)"
            ),
            CreditsExhausted,
        ),
        (
            (
                r"(?:incorrect|invalid) api.?key|invalid or expired credentials"
                r"|(?:api.?)?key .{0,40}(?:blocked|disabled|revoked|expired|deleted)"
            ),
            OfficialCredentialRejected,
        ),
        (
            (
                r"safety.?check|content.?(?:filter|policy|moderat)|usage guidelines"
                r"|violates? .{0,40}(?:polic|guideline)"
            ),
            ContentPolicyViolation,
        ),
        (r"free-usage-exhausted|rate.?limit|too many requests|resource.exhausted", QuotaExhausted),
        (
            r"context.?(?:length|window)|maximum prompt length|prompt (?:is )?too long",
            ContextLengthExceeded,
        ),
        (
            r"model.?not.?found|\bmodel\b.{0,120}(?:not exist|not found|retired|no longer)",
            ModelGone,
        ),
        (r"active grok subscription|permission.denied|access .{0,40}denied", AccessDenied),
        (r"overloaded|at capacity|heavy usage|service.unavailable", UpstreamOverloaded),
    )
]

_BY_STATUS: dict[int, _Leaf] = {
    401: OfficialCredentialRejected,
    402: CreditsExhausted,
    403: AccessDenied,
    408: UpstreamFailure,
    426: CliOutdated,
    429: QuotaExhausted,
    529: UpstreamOverloaded,
}

_NEVER_BY_WORDS = frozenset({401, 402, 410, 426})
"""Statuses that mean one thing, whatever is said with them."""

_ADVICE: dict[_Leaf, str] = {
    CreditsExhausted: "The credits or the spending limit of the account at xAI are used up.",
    QuotaExhausted: "The account has reached a limit of xAI's.",
    AccessDenied: "The account's plan at xAI does not include this.",
    ModelGone: "xAI does not have this model any more.",
    Challenge: (
        "A page came instead of an answer: Cloudflare, or a region block, does not trust this "
        "address."
    ),
    ContentPolicyViolation: "xAI moderated this content.",
    ContextLengthExceeded: "The conversation is too long for this model.",
    UpstreamOverloaded: "xAI is overloaded at the moment.",
    UpstreamFailure: "xAI failed to answer.",
    UpstreamUnavailable: "xAI failed to answer.",
    UpstreamRefused: "xAI refused the request.",
}

_CREDENTIAL_ADVICE = {
    LaneName.API: "xAI does not accept the API key: look at key, or key_file, in [api].",
    LaneName.CLI: "The session of xAI's CLI is over: run grok once, and sign in if it asks.",
}

_FREE_USAGE = "free-usage-exhausted"
_VERSION = re.compile(r"\b[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}\b")
_PROXY_AUTHENTICATION_REQUIRED = 407


def refusal_of_response(
    status: int, headers: Mapping[str, str], body: bytes, *, lane: LaneName
) -> GrokApiError:
    """The error that a response without an answer stands for.

    :param headers: names in lower case.
    :param body: the part that was read; see :data:`~grokcore.protocol.pages.REFUSAL_BODY_BYTES`.
    """
    if status == _PROXY_AUTHENTICATION_REQUIRED:
        return TransportFailure(
            "xAI could not be reached: the proxy refused with HTTP 407. It asks for a user and a "
            "password, or does not take those of proxy_url."
        )
    if is_html(headers, body) or (status == 403 and PAGE_MARKERS.search(body)):
        error = _refusal_of_page(status, headers, body, lane)
    else:
        code, message = _words_of_body(body)
        leaf = _leaf(status, f"{code} {message}")
        error = _made(leaf, f"HTTP {status}", message or code, lane)
        _note_wait(error, headers, f"{code} {message}")
    again = headers.get("x-should-retry", "").strip().lower()
    if again in ("true", "false") and error.blame is not Blame.TOKEN:
        error.amend(repeatable=again == "true")
    return error


def error_of_event(error: Any, *, lane: LaneName) -> GrokApiError:
    """The error for an ``error`` event, or for the ``error`` of a response that failed.

    :param error: an object with a code and a message, or a text.
    """
    code, message = _words_of(error)
    leaf = _leaf(_status_in(error), f"{code} {message}")
    made = _made(leaf, "in the stream", message or code, lane)
    _note_wait(made, {}, f"{code} {message}")
    return made


def _status_in(error: Any) -> int:
    """The HTTP status that an error in the stream names; 0 if it names none."""
    if not isinstance(error, dict):
        return 0
    inner = error.get("error")
    for value in (inner if isinstance(inner, dict) else {}, error):
        for status in (value.get("status"), value.get("code")):
            if isinstance(status, int) and 400 <= status < 600:
                return status
    return 0


def _refusal_of_page(
    status: int, headers: Mapping[str, str], body: bytes, lane: LaneName
) -> GrokApiError:
    if status == 403 or (status >= 400 and is_challenge(headers, body)):
        return _made(Challenge, f"HTTP {status}", None, lane)
    leaf = UpstreamOverloaded if status == 429 else UpstreamUnavailable
    error = _made(leaf, f"HTTP {status} with a page where JSON belongs", None, lane)
    error.amend(retry_after=wait_named(headers))
    return error


def _leaf(status: int, words: str) -> _Leaf:
    """*status* is 0 for an event that names none."""
    if status not in _NEVER_BY_WORDS and (not status or 400 <= status < 600):
        for pattern, leaf in _MARKERS:
            if pattern.search(words) and _fits(leaf, status):
                return leaf
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500:
        return UpstreamRefused
    if not status:
        refused = re.search(r"\binvalid[_ ]|\bunsupported|\bbad.request", words, re.IGNORECASE)
        return UpstreamRefused if refused else UpstreamFailure
    return UpstreamUnavailable


def _fits(leaf: _Leaf, status: int) -> bool:
    """Whether words may mean *leaf* at this status: a failure of xAI's is nobody else's
    fault, and a limit is a limit whatever its message mentions.
    """
    if status >= 500:
        return leaf is UpstreamOverloaded
    if status == 429:
        return leaf in (QuotaExhausted, CreditsExhausted)
    return True


def _words_of_body(body: bytes) -> tuple[str, str]:
    try:
        value = loads(body)
    except ValueError:
        return "", body[:CLEANED_FROM_CHARS].decode("utf-8", "replace")
    return _words_of(value)


def _words_of(value: Any) -> tuple[str, str]:
    """The code, or type, and the message of an error in any of its forms; bounded."""
    if not isinstance(value, dict):
        return "", value[:CLEANED_FROM_CHARS] if isinstance(value, str) else ""
    inner = value.get("error")
    if isinstance(inner, dict):
        return _words_of({"code": value.get("code"), **inner, "error": None})
    codes = [text for key in ("code", "type") if isinstance(text := value.get(key), str)]
    texts = (inner, value.get("message"), value.get("detail"))
    message = next((text for text in texts if isinstance(text, str) and text), "")
    return " ".join(codes)[:CLEANED_FROM_CHARS], message[:CLEANED_FROM_CHARS]


def _note_wait(error: GrokApiError, headers: Mapping[str, str], words: str) -> None:
    """Add the wait: of a free quota it is a day, else what the headers say."""
    if isinstance(error, QuotaExhausted) and _FREE_USAGE in words:
        error.amend(retry_after=LONGEST_WAIT_S)
    elif not isinstance(error, ContextLengthExceeded | UpstreamRefused):
        error.amend(retry_after=wait_named(headers))


def _made(leaf: _Leaf, where: str, message: object, lane: LaneName) -> GrokApiError:
    said = cleaned(message)
    told = f'xAI said ({where}): "{said}"' if said else f"xAI said nothing more ({where})."
    if leaf is OfficialCredentialRejected:
        begin = _CREDENTIAL_ADVICE[lane]
    elif leaf is CliOutdated:
        begin = _outdated(said)
    else:
        begin = _ADVICE[leaf]
    return leaf(f"{begin} {told}", param="model" if leaf is ModelGone else None)


def _outdated(said: str) -> str:
    wanted = _VERSION.findall(said)
    version = f"version {wanted[-1]} or later" if wanted else "a newer version"
    return (
        f"xAI wants {version} of its CLI: install that, or correct client_version in [cli], which "
        "is the version of the installed CLI."
    )
