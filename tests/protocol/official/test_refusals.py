"""Refusals of xAI's own API: which leaf each is, with its wait, and without any key."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import (
    AccessDenied,
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
from grokcore.protocol.models import LaneName
from grokcore.protocol.official.refusals import error_of_event, refusal_of_response

from ..strategies import json_values

HTML = {"content-type": "text/html"}
KEY = "xai-" + "k" * 80
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2ln"


def refused(
    status: int,
    body: Any = "",
    headers: dict[str, str] | None = None,
    lane: LaneName = LaneName.API,
) -> GrokApiError:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return refusal_of_response(status, headers or {}, data, lane=lane)


CASES: list[tuple[int, Any, type[GrokApiError]]] = [
    (400, {"error": "Incorrect API key provided: xa***"}, OfficialCredentialRejected),
    (400, {"error": {"message": "This model's maximum prompt length is 9"}}, ContextLengthExceeded),
    (400, {"code": "context_length_exceeded", "error": "too much"}, ContextLengthExceeded),
    (400, {"error": "Content violates usage guidelines."}, ContentPolicyViolation),
    (403, {"error": "Failed check: SAFETY_CHECK_TYPE_X"}, ContentPolicyViolation),
    (400, {"error": "Argument not supported: x"}, UpstreamRefused),
    (404, {"error": "The model grok-x does not exist"}, ModelGone),
    (404, {"error": {"code": "model_not_found"}}, ModelGone),
    (404, {"error": "no such route"}, UpstreamRefused),
    (410, {"error": "The model is retired: not found"}, UpstreamRefused),
    (413, "too large", UpstreamRefused),
    (415, {}, UpstreamRefused),
    (422, {"detail": "missing field"}, UpstreamRefused),
    (401, "Invalid or expired credentials (auth_kind=bearer)", OfficialCredentialRejected),
    (401, "", OfficialCredentialRejected),
    (402, {"code": "personal-team-blocked:spending-limit", "error": "no"}, CreditsExhausted),
    (403, {"error": "Your team has used all available credits"}, CreditsExhausted),
    (429, {"error": "Your team has reached its monthly spending limit"}, CreditsExhausted),
    (
        403,
        {"code": "permission-denied", "error": "Access to the chat endpoint is denied"},
        AccessDenied,
    ),
    (403, {"error": "You do not have an active Grok subscription"}, AccessDenied),
    (403, {"error": "The API key is disabled"}, OfficialCredentialRejected),
    (403, {"error": "Your API key has been blocked due to a leak"}, OfficialCredentialRejected),
    (403, {"error": "no"}, AccessDenied),
    (403, "Just a moment...", Challenge),
    (408, "", UpstreamFailure),
    (407, "", TransportFailure),
    (426, {"error": "no"}, CliOutdated),
    (400, {"error": "CLI version 0.1.1 is outdated"}, CliOutdated),
    (429, {"error": "Too many requests about the context window"}, QuotaExhausted),
    (429, "error code: 1015", QuotaExhausted),
    (500, {"error": "rate limit of the database"}, UpstreamUnavailable),
    (503, {"error": "The service is overloaded"}, UpstreamOverloaded),
    (529, "", UpstreamOverloaded),
    (302, "", UpstreamUnavailable),
    (500, [1], UpstreamUnavailable),
    (500, {"error": {"error": {"error": {}}}}, UpstreamUnavailable),
]


@pytest.mark.parametrize(("status", "body", "leaf"), CASES)
def test_words_decide_before_the_status(status: int, body: Any, leaf: type[GrokApiError]) -> None:
    """Each party has its own failures; both lanes read them alike."""
    for lane in (LaneName.API, LaneName.CLI):
        assert type(refused(status, body, lane=lane)) is leaf


@pytest.mark.parametrize(
    ("status", "headers", "leaf"),
    [
        (403, HTML, Challenge),
        (503, HTML | {"cf-mitigated": "challenge"}, Challenge),
        (503, HTML, UpstreamUnavailable),
        (429, HTML | {"retry-after": "7"}, UpstreamOverloaded),
        (200, HTML, UpstreamUnavailable),
    ],
)
def test_a_page_is_no_word_of_xais(
    status: int, headers: dict[str, str], leaf: type[GrokApiError]
) -> None:
    """It is Cloudflare's, and is never quoted."""
    error = refused(status, "<html>API key blocked</html>", headers)
    assert type(error) is leaf
    assert "blocked" not in error.message
    assert error.retry_after == (7.0 if status == 429 else None)


def test_each_lane_is_told_what_its_owner_can_do() -> None:
    """A key is another thing than a session."""
    assert "[api]" in refused(401).message
    assert "run grok" in refused(401, lane=LaneName.CLI).message


def test_an_outdated_cli_is_told_which_version_is_wanted() -> None:
    """And where it is set."""
    words = {"error": "CLI version (none) is outdated, 0.1.202 or later is wanted"}
    message = refused(426, words, lane=LaneName.CLI).message
    assert "version 0.1.202 or later" in message
    assert "client_version" in message
    assert "a newer version" in refused(426).message


def test_a_model_that_is_gone_is_named_as_the_field() -> None:
    """The client's model is at fault."""
    assert refused(404, {"error": "model not found"}).param == "model"


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"retry-after": "12"}, {"error": "rate limit"}, 12.0),
        ({"x-ratelimit-reset-requests": "6m0s"}, {"error": "rate limit"}, 360.0),
        ({"retry-after": "1"}, {"code": "subscription:free-usage-exhausted"}, 86400.0),
        ({}, {"error": "rate limit"}, None),
    ],
)
def test_a_limit_names_its_wait(headers: dict[str, str], body: Any, wait: float | None) -> None:
    """The free quota's is a day."""
    error = refused(429, body, headers)
    assert (type(error), error.retry_after) == (QuotaExhausted, wait)


def test_a_refused_question_has_no_wait() -> None:
    """Waiting does not make it better."""
    assert refused(400, {"error": "no"}, {"retry-after": "5"}).retry_after is None


@pytest.mark.parametrize(("said", "may"), [("true", True), ("FALSE", False), ("x", True)])
def test_xais_own_word_on_a_retry_counts(said: str, may: bool) -> None:
    """But not where another credential may do."""
    assert refused(500, "", {"x-should-retry": said}).may_repeat is may
    assert refused(429, "", {"x-should-retry": said}).may_repeat is True


@pytest.mark.parametrize(
    "words",
    [f"Incorrect API key provided: {KEY}", f"bad {KEY}", f"Bearer {JWT}", f"no {JWT}!",
     f"Bearer {'t' * 40}"],
)  # fmt: skip
def test_no_message_quotes_a_key(words: str) -> None:
    """Upstream echoes keys, whole or in part."""
    for message in (
        refused(400, {"error": words}).message,
        refused(403, words).message,
        error_of_event({"message": words}, lane=LaneName.API).message,
    ):
        assert not any(secret in message for secret in (KEY, "kkkk", JWT, "eyJhb", "tttt"))
    assert "xa***" not in refused(400, {"error": "Incorrect API key provided: xa***"}).message


@pytest.mark.parametrize(
    ("error", "leaf"),
    [
        ({"code": "rate_limit_exceeded", "message": "no"}, QuotaExhausted),
        ({"code": "server_error"}, UpstreamFailure),
        ({"code": "invalid_prompt", "message": "no"}, UpstreamRefused),
        ({"error": {"code": 429, "message": "no"}}, QuotaExhausted),
        ({"status": 401}, OfficialCredentialRejected),
        ({"code": 7}, UpstreamFailure),
        ({"message": "violates our policy"}, ContentPolicyViolation),
        ("overloaded", UpstreamOverloaded),
        (None, UpstreamFailure),
    ],
)
def test_an_error_in_the_stream_is_read_by_its_words(error: Any, leaf: type[GrokApiError]) -> None:
    """A number in it is an HTTP status."""
    assert type(error_of_event(error, lane=LaneName.CLI)) is leaf


@settings(deadline=None)
@given(st.integers(100, 599), json_values | st.binary(), json_values)
def test_nothing_raises_and_messages_are_short(status: int, body: Any, error: Any) -> None:
    """Whatever a body holds."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    made = refusal_of_response(status, {}, data, lane=LaneName.API)
    assert len(made.message) < 700
    assert "\n" not in made.message
    error_of_event(error, lane=LaneName.CLI)
    error_of_event({"error": error, "code": error, "message": error}, lane=LaneName.CLI)
