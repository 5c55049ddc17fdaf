"""Refusals over the websocket: which leaf each of them is, and whose fault that makes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import (
    AntiBotRefusal,
    AttachmentRefused,
    Challenge,
    ContentPolicyViolation,
    ContextLengthExceeded,
    CredentialsRejected,
    GrokApiError,
    IncompleteAnswer,
    ModeNotIncluded,
    QuotaExhausted,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamUnavailable,
)
from grokcore.protocol.grok_socket.refusals import (
    PAID_MODES,
    is_passing,
    refusal_of_close,
    refusal_of_error,
    refusal_of_failure,
    refusal_of_stream_error,
    refusal_of_upgrade,
)
from grokcore.protocol.grok_web.refusals import refusal_of_response
from grokcore.simulator import lines

from ..strategies import json_values

JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html; charset=UTF-8"}
SIGN_IN = {"location": "https://accounts.x.ai/sign-in?redirect=grok-com"}
OUT_OF_DATE = {"error": {"code": 7, "message": "This page is out of date. Reload to continue."}}

UPGRADES: list[tuple[str, int, dict[str, str], Any, type[GrokApiError]]] = [
    ("dead session", 401, JSON, lines.ERROR_401, CredentialsRejected),
    ("dead session, no body", 401, {}, "", CredentialsRejected),
    ("a proxy's 401", 401, {}, "Unauthorized", UpstreamUnavailable),
    ("sign-in", 307, SIGN_IN, "", CredentialsRejected),
    ("sign-in, moved for good", 308, SIGN_IN, "", CredentialsRejected),
    ("another redirect", 302, {"location": "https://example.com/"}, "", UpstreamUnavailable),
    ("a redirect to nowhere", 302, {"location": "http://[x"}, "", UpstreamUnavailable),
    ("a redirect without a place", 302, {}, "", UpstreamUnavailable),
    ("anti-bot", 403, JSON, lines.ERROR_403_ANTIBOT, AntiBotRefusal),
    ("page out of date", 403, JSON, OUT_OF_DATE, AntiBotRefusal),
    ("JSON that nobody has read", 403, JSON, "", AntiBotRefusal),
    ("blocked user", 403, JSON, lines.ERROR_403_BLOCKED, CredentialsRejected),
    ("challenge", 403, HTML, lines.PAGE_CHALLENGE, Challenge),
    ("empty 403", 403, {}, "", Challenge),
    ("403 of Grok's own, not read", 403, JSON, "", AntiBotRefusal),
    ("challenge, not read", 403, HTML, "", Challenge),
    (
        "challenge to a client of JSON, not read",
        403,
        JSON | {"cf-mitigated": "challenge"},
        "",
        Challenge,
    ),
    ("another 403", 403, JSON, {"error": {"code": 7, "message": "no"}}, UpstreamRefused),
    ("no such place", 404, JSON, {"code": 5, "message": "Not Found"}, UpstreamRefused),
    ("a proxy's user", 407, {}, "", TransportFailure),
    ("used up", 429, JSON, lines.ERROR_429, QuotaExhausted),
    ("Cloudflare's 429", 429, {}, "error code: 1015", UpstreamOverloaded),
    ("a page of an error", 502, HTML, "<html>Bad gateway</html>", UpstreamUnavailable),
    ("no upgrade at all", 200, JSON, "{}", UpstreamUnavailable),
]


@pytest.mark.parametrize("case", UPGRADES, ids=lambda case: case[0])
def test_a_refused_upgrade_is_read_by_its_words(
    case: tuple[str, int, dict[str, str], Any, type[GrokApiError]],
) -> None:
    """Status, headers and body together, as on the REST lane."""
    _, status, headers, body, leaf = case
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    assert type(refusal_of_upgrade(status, headers, data)) is leaf


def test_a_429_of_the_upgrade_has_its_wait() -> None:
    """The pool cools the token for as long."""
    body = json.dumps(lines.ERROR_429).encode()
    error = refusal_of_upgrade(429, JSON | {"retry-after": "120"}, body)
    assert error.retry_after == 120


def test_an_out_of_date_page_is_anti_bot_on_the_rest_lane_too() -> None:
    """Videos still go that way."""
    assert type(refusal_of_response(403, JSON, json.dumps(OUT_OF_DATE).encode())) is AntiBotRefusal


@pytest.mark.parametrize(
    "error",
    [
        refusal_of_upgrade(403, JSON, json.dumps(lines.ERROR_403_ANTIBOT).encode()),
        refusal_of_error({"code": "anti_bot", "message": "Nope."}),
        refusal_of_error("Request rejected by anti-bot rules."),
    ],
)
def test_the_advice_is_the_websocket_s(error: GrokApiError) -> None:
    """This lane sends no ``x-statsig-id``, so nobody is asked to copy one."""
    assert type(error) is AntiBotRefusal
    assert "statsig" not in error.message
    assert "cf_clearance" in error.message


STREAM_ERRORS: list[tuple[Any, type[GrokApiError] | None]] = [
    # Details, in both spellings, as key, kind, code or reason.
    ({"message": "x", "usageLimitReached": {}}, QuotaExhausted),
    ({"usage_limit_reached": {}}, QuotaExhausted),
    ({"kind": "usage_limit_reached"}, QuotaExhausted),
    ({"kind": "STREAM_ERROR_KIND_USAGE_LIMIT_REACHED"}, QuotaExhausted),
    ({"kind": "usagePoolExhausted"}, QuotaExhausted),
    ({"details": {"reason": "usage-pool-exhausted"}}, QuotaExhausted),
    ({"details": {"details": {"globalRateLimit": True}}}, UpstreamOverloaded),
    ({"globalRateLimit": None, "usageLimitReached": {}}, QuotaExhausted),
    ({"code": "concurrency_limit"}, UpstreamOverloaded),
    ({"kind": "modelNotAvailable"}, UpstreamOverloaded),
    ({"kind": "content_moderated"}, ContentPolicyViolation),
    ({"kind": "beyond_context_length"}, ContextLengthExceeded),
    ({"kind": "attachment_file_too_large"}, AttachmentRefused),
    ({"kind": "internal_error"}, UpstreamFailure),
    ({"kind": "tool_call_failed"}, None),
    ({"renderToolFailed": {"failedCount": 1}}, None),
    # Words of the websocket.
    ({"code": "anti_bot"}, AntiBotRefusal),
    ({"code": "rate_limited"}, QuotaExhausted),
    ({"code": "rate_limit_exceeded", "message": "x"}, QuotaExhausted),
    ({"code": "unauthenticated"}, CredentialsRejected),
    ({"code": "unauthorized", "message": "x"}, UpstreamFailure),
    ({"code": "overloaded"}, UpstreamOverloaded),
    ({"code": "context_length_exceeded"}, ContextLengthExceeded),
    ({"code": "content_filter"}, ContentPolicyViolation),
    ({"code": "requires_upgrade"}, ModeNotIncluded),
    # Messages and numbers.
    ({"message": "Too many requests"}, QuotaExhausted),
    ({"message": "This page is out of date."}, AntiBotRefusal),
    ({"message": "Upgrade to SuperGrok to use Heavy."}, ModeNotIncluded),
    ({"message": "Heavy requires a SuperGrok plan."}, ModeNotIncluded),
    ({"message": "Expert is not available on your plan."}, ModeNotIncluded),
    ({"error": "heavy usage"}, UpstreamOverloaded),
    ({"details": {"message": "User is blocked"}}, CredentialsRejected),
    ({"details": {"message": 5}}, UpstreamFailure),
    ({"code": 8, "message": "x"}, QuotaExhausted),
    ({"code": 16}, CredentialsRejected),
    ({"code": "conversation_not_found"}, UpstreamFailure),
    ({}, UpstreamFailure),
    ("Too many requests", QuotaExhausted),
    (None, UpstreamFailure),
]


@pytest.mark.parametrize(("error", "leaf"), STREAM_ERRORS, ids=lambda case: str(case)[:50])
def test_an_error_is_known_by_its_words(error: Any, leaf: type[GrokApiError] | None) -> None:
    """Wherever they stand; None if the answer goes on."""
    found = refusal_of_stream_error(error)
    assert (None if found is None else type(found)) is leaf
    assert type(refusal_of_error(error)) is (leaf or UpstreamFailure)


@pytest.mark.parametrize("mode", sorted(PAID_MODES))
def test_a_model_that_is_not_there_for_a_free_account_reads_so(mode: str) -> None:
    """In modes that are part of a plan; elsewhere the model is down."""
    error = {"kind": "model_not_available"}
    assert type(refusal_of_stream_error(error, mode=mode)) is ModeNotIncluded
    assert type(refusal_of_stream_error(error, mode="fast")) is UpstreamOverloaded


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"code": "rate_limited", "retry_after": 30}, 30),
        ({"kind": "usageLimitReached", "retryAfterSeconds": "45"}, 45),
        ({"usageLimitReached": {"waitTimeSeconds": 7200}}, 7200),
        ({"code": "rate_limited", "details": {"retry_after_ms": 1500}}, 1.5),
        ({"code": "rate_limited", "retry_after": 10**9}, None),
        ({"code": "rate_limited", "retry_after": True}, None),
        ({"code": "rate_limited", "retry_after": "soon"}, None),
        ({"code": "rate_limited", "a": {"b": {"c": {"d": {"retry_after": 5}}}}}, None),
        ({"code": "rate_limited", "retry_after": -1, "details": {"retry_after": 9}}, 9),
    ],
)
def test_a_wait_is_found_where_it_stands(error: Any, seconds: float | None) -> None:
    """A wait that can't be meant is none."""
    found = refusal_of_error(error)
    assert type(found) is QuotaExhausted
    assert found.retry_after == seconds


FAILURES: list[tuple[dict[str, Any], str, bool, type[GrokApiError]]] = [
    ({"status": "failed", "status_details": {"reason": "stream_error"}}, "heavy", False, ModeNotIncluded),
    ({"status": "failed"}, "expert", False, ModeNotIncluded),
    ({"status": "failed", "status_details": {"reason": "stream_error"}}, "heavy", True, UpstreamFailure),
    ({"status": "failed", "status_details": {"reason": "stream_error"}}, "auto", False, UpstreamFailure),
    ({"status": "failed", "status_details": {"reason": "rate_limited"}}, "heavy", False, QuotaExhausted),
    ({"status": "failed", "status_details": {"error": {"code": "anti_bot"}}}, "auto", False, AntiBotRefusal),
    ({"status": "failed", "error": {"message": "heavy usage"}}, "auto", False, UpstreamOverloaded),
    ({"status": "failed", "status_details": {"reason": "tool_call_failed"}}, "auto", True, UpstreamFailure),
    ({"status": "incomplete", "incomplete_details": {"reason": "max"}}, "auto", True, IncompleteAnswer),
    ({"status": "cancelled"}, "auto", True, IncompleteAnswer),
    ({}, "auto", True, IncompleteAnswer),
    ({"status": ["x"], "status_details": "x"}, "auto", True, IncompleteAnswer),
]  # fmt: skip


@pytest.mark.parametrize(("response", "mode", "begun", "leaf"), FAILURES)
def test_a_failed_response_says_why(
    response: dict[str, Any], mode: str, begun: bool, leaf: type[GrokApiError]
) -> None:
    """A free account that asks for a mode of a plan gets no more than "stream_error"."""
    error = refusal_of_failure(response, mode=mode, begun=begun, before=None)
    assert type(error) is leaf


def test_an_earlier_error_is_the_reason() -> None:
    """Grok says why first, and then only that the response failed."""
    before = QuotaExhausted("used up")
    response = {"status": "failed", "status_details": {"reason": "stream_error"}}
    assert refusal_of_failure(response, mode="heavy", begun=False, before=before) is before


def test_the_words_of_a_failure_reach_the_client() -> None:
    """Cleaned, and with what to do."""
    response = {"status": "failed", "status_details": {"reason": "stream_error"}}
    error = refusal_of_failure(response, mode="heavy", begun=False, before=None)
    assert error.message == (
        "The Grok account's plan does not include this model. Ask for another one, or add a token "
        "of an account whose plan has it. Grok said nothing more (failed, stream_error)."
    )
    error = refusal_of_error({"code": "anti_bot", "message": "sso=secret <b>no</b>"})
    assert error.message.endswith('Grok said (in the stream): "sso=… no"')


@pytest.mark.parametrize(
    ("severity", "passing"),
    [
        ("STREAM_ERROR_SEVERITY_FATAL", False),
        ("STREAM_ERROR_SEVERITY_WARNING", True),
        ("NON_FATAL", True),
        ("info", True),
        ("UNRECOVERABLE", False),
        (None, False),
        (5, False),
    ],
)
def test_an_error_that_calls_itself_harmless_is_no_end(severity: Any, passing: bool) -> None:
    """Whatever names no such severity is an end."""
    assert is_passing({"severity": severity}) is passing
    assert is_passing("text") is False


@pytest.mark.parametrize(
    ("reason", "leaf"),
    [
        ("", None),
        (None, None),
        ("bye", None),
        ("rate_limited", QuotaExhausted),
        ("Session not found", CredentialsRejected),
        ("anti_bot", AntiBotRefusal),
    ],
)
def test_the_reason_of_a_close_may_explain_it(
    reason: object, leaf: type[GrokApiError] | None
) -> None:
    """Most closes say nothing."""
    error = refusal_of_close(reason)
    assert (None if error is None else type(error)) is leaf


@settings(deadline=None, max_examples=200)
@given(json_values, st.sampled_from(["", "fast", "heavy"]))
def test_any_error_is_some_leaf(value: Any, mode: str) -> None:
    """Errors of any shape end in our family."""
    assert isinstance(refusal_of_error(value, mode=mode), GrokApiError)
    assert isinstance(refusal_of_close(value), GrokApiError | None)
    response = {"status": "failed", "status_details": value, "error": value}
    error = refusal_of_failure(response, mode=mode, begun=False, before=None)
    assert isinstance(error, GrokApiError)
