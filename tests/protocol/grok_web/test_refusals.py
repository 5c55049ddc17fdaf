"""Refusals: the body says what is meant and whom it concerns, not the status alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import (
    AntiBotRefusal,
    AttachmentModerated,
    AttachmentRefused,
    Blame,
    Challenge,
    ContentPolicyViolation,
    ContextLengthExceeded,
    CredentialsRejected,
    GrokApiError,
    QuotaExhausted,
    TransportFailure,
    UpstreamFailure,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamUnavailable,
)
from grokcore.protocol.dialects.openai_errors import error_object
from grokcore.protocol.grok_web.payload import CHAT_PATH
from grokcore.protocol.grok_web.refusals import (
    is_html,
    refusal_of_error_line,
    refusal_of_response,
    refusal_of_stream_error,
    turns_away,
)
from grokcore.simulator import lines

from ..strategies import json_values

JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html; charset=UTF-8", "server": "cloudflare"}
NGINX = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"


@frozen
class Refusal:
    """A response without an answer, and the leaf that it stands for."""

    name: str
    status: int
    body: object
    leaf: type[GrokApiError]
    headers: dict[str, str] = field(factory=lambda: JSON)

    @property
    def data(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


def grpc(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "details": []}


REFUSALS = [
    # The account.
    Refusal("401", 401, lines.ERROR_401, CredentialsRejected),
    Refusal("401, other words", 401, {"error": grpc(16, "Unauthenticated")}, CredentialsRejected),
    Refusal("401, empty", 401, "", CredentialsRejected, {}),
    Refusal("400 with the words of a dead cookie", 400, grpc(3, "[WKE=unauthenticated:invalid-credentials]"), CredentialsRejected),
    Refusal("403 blocked, flat", 403, lines.ERROR_403_BLOCKED, CredentialsRejected),
    Refusal("403 blocked, framed", 403, {"error": lines.ERROR_403_BLOCKED}, CredentialsRejected),
    Refusal("403 blocked, as on other hosts", 403, {"code": "unauthorized:blocked-user", "error": "User is blocked"}, CredentialsRejected),
    Refusal("403 bad-credentials", 403, grpc(7, "bad-credentials"), CredentialsRejected),
    Refusal("403 email domain", 403, grpc(7, "[WKE=email-domain-rejected]"), CredentialsRejected),
    Refusal("401 gone", 401, grpc(16, "Session not found"), CredentialsRejected),
    Refusal("403 suspended", 403, grpc(7, "Account suspended"), CredentialsRejected),
    Refusal("403 revoked", 403, grpc(7, "Token revoked"), CredentialsRejected),
    Refusal("403 expired", 403, grpc(7, "Token expired"), CredentialsRejected),
    Refusal("429", 429, lines.ERROR_429, QuotaExhausted),
    Refusal("429, flat", 429, lines.ERROR_429["error"], QuotaExhausted),
    # Nobody, or the load.
    Refusal("429 heavy usage", 429, lines.ERROR_429_HEAVY, UpstreamOverloaded),
    Refusal("429 with a page", 429, NGINX.format("429 Too Many Requests"), UpstreamOverloaded, HTML),
    Refusal("503 admission", 503, grpc(8, "Admission denied by a controller: load_shed_probability=0.8"), UpstreamOverloaded),
    Refusal("500", 500, grpc(13, "internal"), UpstreamUnavailable),
    Refusal("502 page", 502, NGINX.format("502 Bad Gateway"), UpstreamUnavailable, HTML),
    Refusal("504 text", 504, "upstream request timeout", UpstreamUnavailable, {"content-type": "text/plain"}),
    Refusal("503 empty", 503, "", UpstreamUnavailable, {}),
    Refusal("302", 302, "", UpstreamUnavailable, {"location": "https://grok.com/login"}),
    Refusal("302 page", 302, NGINX.format("302 Found"), UpstreamUnavailable, HTML),
    Refusal("200 page", 200, "<!DOCTYPE html><html>Grok</html>", UpstreamUnavailable, HTML),
    Refusal("401 page", 401, NGINX.format("401 Authorization Required"), UpstreamUnavailable, HTML),
    # The way to Grok.
    Refusal("403 challenge", 403, lines.PAGE_CHALLENGE, Challenge, HTML),
    Refusal("403 challenge without a content type", 403, lines.PAGE_CHALLENGE, Challenge, {}),
    Refusal("503 challenge", 503, lines.PAGE_CHALLENGE, Challenge, HTML),
    Refusal("429 challenge", 429, lines.PAGE_CHALLENGE, Challenge, HTML),
    Refusal("503 mitigated", 503, "<html></html>", Challenge, {**HTML, "cf-mitigated": "challenge"}),
    Refusal("403 nginx", 403, NGINX.format("403 Forbidden"), Challenge, HTML),
    Refusal("403 region page", 403, "<p>This service is not available in your region.</p>", Challenge, HTML),
    Refusal("403 empty", 403, "", Challenge, {}),
    Refusal("403 blank", 403, " \r\n", Challenge, {}),
    Refusal("403 anti-bot", 403, lines.ERROR_403_ANTIBOT, AntiBotRefusal),
    Refusal("403 anti-bot, flat", 403, lines.ERROR_403_ANTIBOT["error"], AntiBotRefusal),
    # The request.
    Refusal("403 moderated", 403, lines.ERROR_403_MODERATED, ContentPolicyViolation),
    Refusal("400", 400, grpc(3, "bad request"), UpstreamRefused),
    Refusal("403 in JSON, nobody knows why", 403, grpc(7, "PERMISSION_DENIED"), UpstreamRefused),
    Refusal("403 in JSON, of an odd shape", 403, ["no"], UpstreamRefused),
    Refusal("404 model", 404, grpc(5, "Model not found"), UpstreamRefused),
    Refusal("404 post", 404, grpc(5, "Source post not found [WKE=imagine:invalid-parent-post]"), UpstreamRefused),
    Refusal("404 page", 404, NGINX.format("404 Not Found"), UpstreamUnavailable, HTML),
    Refusal("a proxy's 407", 407, "", TransportFailure, {}),
    Refusal("a proxy's 407 with a page", 407, NGINX.format("407 Proxy Authentication Required"), TransportFailure, HTML),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name)
def test_a_refusal_is_read_from_what_it_says(case: Refusal) -> None:
    """Markers first, then the shape of the body, then the code, and the status last
    (grok-protocol.md §4.7).
    """
    error = refusal_of_response(case.status, case.headers, case.data)
    assert type(error) is case.leaf
    assert f"HTTP {case.status}" in error.message
    assert "<" not in error.message


@pytest.mark.parametrize(("status", "body"), [(401, b"Proxy says no"), (429, b"error code: 1015")])
def test_a_status_without_words_of_groks_blames_no_token(status: int, body: bytes) -> None:
    """Only an explicit marker, or a 401 that is JSON or empty, may cost a token."""
    assert (
        refusal_of_response(status, {"content-type": "text/plain"}, body).blame is not Blame.TOKEN
    )


@settings(deadline=None, max_examples=100)
@given(
    st.integers(200, 599).filter(lambda status: status not in (401, 429)), json_values | st.text()
)
def test_an_unknown_refusal_blames_no_token(status: int, body: object) -> None:
    """An unknown 403 is nobody's fault, and neither is any other without a marker."""
    text = json.dumps(body) if not isinstance(body, str) else body
    assert refusal_of_response(status, JSON, text.encode()).blame is not Blame.TOKEN


@settings(deadline=None, max_examples=80)
@given(
    st.integers(100, 599),
    st.sampled_from([JSON, HTML, {}]),
    st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()),
)
def test_any_response_is_some_leaf(status: int, headers: dict[str, str], body: bytes) -> None:
    """Nothing upstream answers is an exception of another family."""
    error = refusal_of_response(status, headers, body)
    assert isinstance(error, GrokApiError)
    json.dumps(error_object(error), ensure_ascii=False).encode()
    error.headers()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("12", 12.0),
        ("0", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("-5", None),
        ("NaN", None),
        ("1e300", None),
        ("86400", 86400.0),
        ("86401", 86400.0),
        ("31536000", 86400.0),
        ("99999999999", None),
        ("9" * 400, None),
        ("000", 0.0),
        ("1.5", None),
        ("²", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_seconds(header: str, seconds: float | None) -> None:
    """A day at most, and what can't be meant is as if it were not there. (The date form has never
    been seen from Grok.)
    """
    assert refusal_of_response(429, {**JSON, "retry-after": header}, b"").retry_after == seconds


def test_a_retry_after_beyond_reason_does_no_harm() -> None:
    """Every cooling ends, and the client gets a number."""
    error = refusal_of_response(429, {**JSON, "retry-after": "9" * 400}, b"")
    assert dict(error.headers())["x-should-retry"] == "false"


# In the stream ----------------------------------------------------------------------------------

DETAILS: list[tuple[str, type[GrokApiError] | None]] = [
    ("globalRateLimit", UpstreamOverloaded),
    ("modelNotAvailable", UpstreamOverloaded),
    ("systemKillSwitch", UpstreamOverloaded),
    ("concurrencyLimit", UpstreamOverloaded),
    ("usagePoolExhausted", QuotaExhausted),
    ("usageLimitReached", QuotaExhausted),
    ("beyondContextLength", ContextLengthExceeded),
    ("userPromptTooLong", ContextLengthExceeded),
    ("contentModerated", ContentPolicyViolation),
    ("attachmentModerated", AttachmentModerated),
    ("attachmentImageTooLarge", AttachmentRefused),
    ("attachmentFileTooLarge", AttachmentRefused),
    ("attachmentTooManyPages", AttachmentRefused),
    ("attachmentLoadFailed", AttachmentRefused),
    ("internalError", UpstreamFailure),
    ("requestCancelled", UpstreamFailure),
    # A tool's own failure: Grok answers around it.
    ("renderToolFailed", None),
    ("renderToolRateLimited", None),
    ("renderPerMessageLimitExceeded", None),
    ("toolCallFailed", None),
    ("aNewInvention", UpstreamFailure),
]


@pytest.mark.parametrize(("detail", "leaf"), DETAILS)
def test_a_nested_error_is_told_by_its_detail(detail: str, leaf: type[GrokApiError] | None) -> None:
    """Every detail key of the schema (grok-protocol.md §4.3) has its leaf, whatever the message
    says.
    """
    error = refusal_of_stream_error(lines.stream_error(detail, "something happened"))
    assert (None if error is None else type(error)) is leaf
    assert error is None or 'Grok said (in the stream): "something happened"' in error.message


ERROR_LINES: list[tuple[object, type[GrokApiError]]] = [
    (lines.ERROR_429["error"], QuotaExhausted),
    (lines.ERROR_429_HEAVY["error"], UpstreamOverloaded),
    (lines.ERROR_403_ANTIBOT["error"], AntiBotRefusal),
    (lines.ERROR_401["error"], CredentialsRejected),
    (lines.ERROR_403_MODERATED["error"], ContentPolicyViolation),
    (grpc(3, "bad"), UpstreamRefused),
    (grpc(5, "Model not found"), UpstreamRefused),
    (grpc(8, ""), QuotaExhausted),
    (grpc(13, "internal"), UpstreamFailure),
    ({"message": "maximum context length exceeded"}, ContextLengthExceeded),
    ({"message": ["odd"], "code": {}}, UpstreamFailure),
    ("Too many requests", QuotaExhausted),
    (5, UpstreamFailure),
    ([], UpstreamFailure),
]


@pytest.mark.parametrize(("error", "leaf"), ERROR_LINES)
def test_a_top_level_error_is_told_by_its_words_and_its_code(
    error: object, leaf: type[GrokApiError]
) -> None:
    """A nested one without a known detail is read the same way."""
    assert type(refusal_of_error_line(error)) is leaf
    assert type(refusal_of_stream_error(error)) is leaf


@settings(deadline=None, max_examples=100)
@given(json_values)
def test_any_error_object_is_some_leaf(value: object) -> None:
    """Errors of any shape end in our family."""
    assert isinstance(refusal_of_error_line(value), GrokApiError)
    assert isinstance(refusal_of_stream_error(value), GrokApiError | None)


# Words ------------------------------------------------------------------------------------------


def test_upstreams_own_words_are_passed_on_behind_ours() -> None:
    """The client reads what we make of it and what Grok said."""
    error = refusal_of_response(404, JSON, json.dumps(grpc(5, "Model\n<b>not</b> found")).encode())
    assert error.message == 'Grok refused the request. Grok said (HTTP 404): "Model not found"'
    silent = refusal_of_response(404, JSON, b"{}")
    assert silent.message == "Grok refused the request. Grok said nothing more (HTTP 404)."


IMPORT = "python3 grok2api.py import-curl"


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, lines.PAGE_CHALLENGE, ["cf_clearance", "User-Agent", "proxy", IMPORT]),
        (
            403,
            json.dumps(lines.ERROR_403_ANTIBOT),
            ["x_statsig_id", 'web_lane = "socket"', CHAT_PATH, IMPORT],
        ),
        (401, json.dumps(lines.ERROR_401), ["sso", "grok.com", "tokens add", IMPORT]),
    ],
)
def test_a_refusal_says_what_to_refresh(status: int, body: str, words: list[str]) -> None:
    """What only the user can repair names the value, and where it comes from."""
    message = refusal_of_response(status, {}, body.encode()).message
    assert [word for word in words if word not in message] == []


@pytest.mark.parametrize(
    ("headers", "body", "page"),
    [
        ({"content-type": "text/html"}, b"", True),
        ({"content-type": "Text/HTML; charset=utf-8"}, b"{}", True),
        ({}, b" \n<!doctype html>", True),
        (JSON, b'{"a":"<html>"}', False),
        ({}, b"", False),
    ],
)
def test_a_page_is_told_by_its_type_or_its_first_character(
    headers: dict[str, str], body: bytes, page: bool
) -> None:
    """JSON never begins with an angle bracket."""
    assert is_html(headers, body) is page


def test_a_challenge_within_a_body_of_no_type_is_one() -> None:
    """Its marks are known wherever the page begins."""
    body = b"x <title>Just a moment...</title>"
    assert isinstance(refusal_of_response(403, {}, body), Challenge)


@pytest.mark.parametrize(
    ("status", "headers", "body", "away"),
    [
        (403, {}, b"<html>", True),
        (503, {"cf-mitigated": "challenge"}, b"", True),
        (403, {"content-type": "application/json"}, b"{}", False),
        (200, {}, b"<html>", False),
    ],
)
def test_a_page_of_the_edge_is_told_from_grok_s_own_refusal(
    status: int, headers: dict[str, str], body: bytes, away: bool
) -> None:
    """It blames the way, and not the account."""
    assert turns_away(status, headers, body) is away
