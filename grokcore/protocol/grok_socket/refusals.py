"""Refusals over the websocket: from an upgrade's response or an event to one leaf of the error
family.

Theory
------
A refused upgrade is an HTTP response, and is read like any other of grok.com's. Within the
websocket an error comes in three events (grok-protocol.md §8.6): ``error``, ``stream_error``, and
``response.done`` with another status than ``completed``. They name the same causes as the REST
stream does, in another spelling, at one of several places. So their *words* are gathered first: a
``kind``, a ``code``, a ``reason``, keys of details. Words of the websocket alone have a table here;
all others are left to :mod:`grokcore.protocol.grok_web.refusals`, in its spelling.

Rules
-----
1. A word decides before the message does, and the message before a number.
2. A token is blamed only by an explicit word, as on the REST lane.
3. A wait is taken from where it stands, and believed up to a day.
4. Nothing is raised, whatever an event holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from ...errors import (
    AntiBotRefusal,
    ContentPolicyViolation,
    ContextLengthExceeded,
    CredentialsRejected,
    GrokApiError,
    IncompleteAnswer,
    ModeNotIncluded,
    QuotaExhausted,
    UpstreamFailure,
    UpstreamOverloaded,
)
from ..advice import advice
from ..grok_web.refusals import (
    refusal_of_error_line,
    refusal_of_response,
)
from ..grok_web.refusals import refusal_of_stream_error as refusal_of_rest_error
from ..upstream_words import cleaned
from ..waits import believed_wait

__all__ = [
    "PAID_MODES",
    "is_passing",
    "refusal_of_close",
    "refusal_of_error",
    "refusal_of_failure",
    "refusal_of_stream_error",
    "refusal_of_upgrade",
]

_Leaf: TypeAlias = type[GrokApiError]

PAID_MODES = frozenset({"expert", "heavy", "build"})
"""Modes that some plans don't include (grok-protocol.md §8.7)."""

SIGN_IN_HOST = "accounts.x.ai"
"""Host to which grok.com sends a browser without a session."""

# Words of the websocket, letters and digits only (grok-protocol.md §8.6). All others have the REST
# lane's meaning.
_BY_WORD: dict[str, _Leaf] = {
    "antibot": AntiBotRefusal,
    "pageoutofdate": AntiBotRefusal,
    "unauthenticated": CredentialsRejected,
    "invalidcredentials": CredentialsRejected,
    **dict.fromkeys(
        ("ratelimit", "ratelimited", "ratelimitexceeded", "toomanyrequests", "quotaexceeded"),
        QuotaExhausted,
    ),
    "resourceexhausted": QuotaExhausted,
    **dict.fromkeys(("overloaded", "unavailable", "serviceunavailable"), UpstreamOverloaded),
    **dict.fromkeys(("contextlengthexceeded", "prompttoolong"), ContextLengthExceeded),
    **dict.fromkeys(("contentfilter", "contentpolicy", "moderated"), ContentPolicyViolation),
    **dict.fromkeys(
        ("requiresupgrade", "upgraderequired", "subscriptionrequired", "modenotallowed"),
        ModeNotIncluded,
    ),
}

_ADVICE: dict[_Leaf, str] = {
    AntiBotRefusal: (
        # This lane sends no x-statsig-id, but the values that a challenge asks for.
        f"Grok's anti-bot rules refused the request. {advice('upstream_challenge')} A new address "
        "can help too."
    ),
    CredentialsRejected: f"Grok does not accept this session. {advice('no_valid_tokens')}",
    QuotaExhausted: "The Grok account has used up its allowance for this model.",
    UpstreamOverloaded: "Grok is overloaded at the moment.",
    ContextLengthExceeded: "The conversation is too long for Grok.",
    ContentPolicyViolation: "Grok moderated this content.",
    ModeNotIncluded: (
        "The Grok account's plan does not include this model. Ask for another one, or add a "
        "token of an account whose plan has it."
    ),
}

_NO_PLAN = re.compile(
    r"upgrade (?:your|to)\b|requires? (?:an? )?(?:super ?grok|premium|subscription|upgrade)"
    r"|not (?:available|included) (?:on|in|for|with) your (?:plan|account|subscription|tier)",
    re.IGNORECASE,
)

_PASSING = re.compile(r"warn|info|non.?fatal", re.IGNORECASE)

_WORD_KEYS = ("kind", "code", "reason", "type", "error_type")
_CAUSE_KEYS = ("status_details", "incomplete_details", "error")
_DETAIL_KEYS = ("details", *_CAUSE_KEYS)
_PREFIX = re.compile(r"^(?:STREAM_)?(?:ERROR_)?KIND_")
_PLAIN = re.compile(r"[^a-z0-9]")

_WAITS_S = (
    *("retry_after", "retryAfter", "retry_after_seconds", "retryAfterSeconds"),
    *("wait_time_seconds", "waitTimeSeconds"),
)
_WAITS_MS = ("retry_after_ms", "retryAfterMs")

MOST_WORDS = 40
MOST_WORD_CHARS = 100


def refusal_of_upgrade(status: int, headers: Mapping[str, str], body: bytes) -> GrokApiError:
    """The error for an upgrade that was answered by anything but 101.

    :param headers: names in lower case.
    :param body: a part of the body; see
        :data:`~grokcore.protocol.grok_web.refusals.REFUSAL_BODY_BYTES`.
    """
    if 300 <= status < 400 and _redirect_host(headers) == SIGN_IN_HOST:
        return _made(CredentialsRejected, None, where=f"HTTP {status}, to the page of the sign-in")
    # libcurl reads no body of a refused upgrade: JSON that nobody has read is Grok's own refusal,
    # and no page of Cloudflare's.
    groks = "json" in headers.get("content-type", "").lower() and "cf-mitigated" not in headers
    unread = status == 403 and not body and groks
    error = refusal_of_response(status, headers, body)
    if unread or isinstance(error, AntiBotRefusal):
        return _made(AntiBotRefusal, None, where=f"HTTP {status}")
    return error


def refusal_of_error(error: Any, *, mode: str = "") -> GrokApiError:
    """The error for an ``error`` event, in whose ``error`` a code and a message stand."""
    return refusal_of_stream_error(error, mode=mode) or UpstreamFailure(
        "A tool of Grok's failed, and the answer with it."
    )


def refusal_of_stream_error(error: Any, *, mode: str = "") -> GrokApiError | None:
    """The error for a ``stream_error``; None if only a tool failed and the answer goes on.

    :param mode: the mode that was asked for, if known.
    """
    if not isinstance(error, dict):
        return _adapted(refusal_of_error_line(error), {"message": error})
    words = list(_words(error))[:MOST_WORDS]
    message = _message(error)
    leaf = next((leaf for word in words if (leaf := _BY_WORD.get(_plain(word)))), None)
    if leaf is None and _NO_PLAN.search(message):
        leaf = ModeNotIncluded
    if leaf is None and mode in PAID_MODES and "modelnotavailable" in map(_plain, words):
        leaf = ModeNotIncluded
    if leaf is not None:
        return _adapted(_made(leaf, message), error)
    shaped: dict[str, Any] = {_camel(word): {} for word in words}
    found = refusal_of_rest_error(shaped | {"code": error.get("code"), "message": message})
    return None if found is None else _adapted(found, error)


def is_passing(error: Any) -> bool:
    """Whether a ``stream_error`` calls itself no end of the answer."""
    severity = error.get("severity") if isinstance(error, dict) else None
    return isinstance(severity, str) and _PASSING.search(severity[:MOST_WORD_CHARS]) is not None


def refusal_of_failure(
    response: Mapping[str, Any], *, mode: str, begun: bool, before: GrokApiError | None
) -> GrokApiError:
    """The error for a response that is done with another status than ``completed``.

    :param mode: the mode that was asked for, if known.
    :param begun: whether anything of the answer has come.
    :param before: the error that a passing ``stream_error`` stood for.
    """
    if before is not None:
        return before
    cause = {key: response.get(key) for key in _CAUSE_KEYS}
    status = cleaned(response.get("status")) or "without a status"
    reason = _reason(cause)
    words = {_plain(word) for word in _words(cause)}
    if mode in PAID_MODES and not begun and words <= {"streamerror"}:
        return _made(ModeNotIncluded, None, where=f"{status}, {reason}")
    if status in ("incomplete", "cancelled", "without a status"):
        return IncompleteAnswer(f"Grok ended its answer before it was complete ({reason}).")
    error = refusal_of_stream_error(cause, mode=mode)
    if error is None or type(error) is UpstreamFailure:
        return UpstreamFailure(f"Grok's answer failed ({reason}).")
    return error


def refusal_of_close(reason: object) -> GrokApiError | None:
    """The error that the reason of a close stands for; None if it explains nothing."""
    if not isinstance(reason, str) or not reason:
        return None
    error = refusal_of_error({"message": reason, "reason": reason})
    return None if type(error) is UpstreamFailure else error


def _words(error: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Words that name a cause: values of certain keys, and keys that are flags or hold details."""
    for key in _WORD_KEYS:
        value = error.get(key)
        if isinstance(value, str) and value:
            yield value[:MOST_WORD_CHARS]
    for key, value in error.items():
        if key in _DETAIL_KEYS:
            if isinstance(value, dict) and depth < 3:
                yield from _words(value, depth + 1)
        elif value is True or isinstance(value, dict):
            yield key[:MOST_WORD_CHARS]


def _reason(cause: Mapping[str, Any]) -> str:
    for detail in cause.values():
        if isinstance(detail, dict):
            for key in ("reason", "message", "code"):
                if reason := cleaned(detail.get(key)):
                    return reason
    return "no reason given"


def _message(error: Mapping[str, Any]) -> str:
    for key in ("message", "detail", "error"):
        value = error.get(key)
        if isinstance(value, str) and value:
            return value
    inner = next((value for key in _DETAIL_KEYS if isinstance(value := error.get(key), dict)), None)
    found = inner.get("message") if inner else None
    return found if isinstance(found, str) else ""


def _plain(word: str) -> str:
    return _PLAIN.sub("", _PREFIX.sub("", word).lower())


def _camel(word: str) -> str:
    """A word in the REST lane's spelling: ``USAGE_LIMIT_REACHED`` is ``usageLimitReached``."""
    first, *others = _PREFIX.sub("", word).replace("-", "_").split("_")
    if not others:
        return word
    return first.lower() + "".join(other.capitalize() for other in others)


def _made(leaf: _Leaf, message: object, *, where: str = "in the stream") -> GrokApiError:
    said = cleaned(message)
    quoted = f'Grok said ({where}): "{said}"' if said else f"Grok said nothing more ({where})."
    return leaf(f"{_ADVICE[leaf]} {quoted}")


def _adapted(error: GrokApiError, source: Mapping[str, Any]) -> GrokApiError:
    """*error* with the websocket's advice, and with the wait that *source* names."""
    if isinstance(error, AntiBotRefusal):
        error = _made(AntiBotRefusal, _message(source))
    error.amend(retry_after=_wait(source))
    return error


def _wait(error: Mapping[str, Any], depth: int = 0) -> float | None:
    """Seconds to wait, from the error or its details."""
    for keys, unit in ((_WAITS_S, 1.0), (_WAITS_MS, 0.001)):
        for key in keys:
            seconds = _number(error.get(key))
            if seconds is not None and (wait := believed_wait(seconds * unit)) is not None:
                return wait
    inner = [value for value in error.values() if isinstance(value, dict)] if depth < 3 else []
    return next((wait for value in inner[:MOST_WORDS] if (wait := _wait(value, depth + 1))), None)


def _number(value: object) -> float | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return float(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _redirect_host(headers: Mapping[str, str]) -> str:
    """The host that a redirect leads to; empty if it can't be read."""
    try:
        return urlsplit(headers.get("location", "")).hostname or ""
    except ValueError:
        return ""
