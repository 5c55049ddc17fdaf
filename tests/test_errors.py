"""The error family: one table of what the client sees, and whom a failure concerns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from attrs import frozen

from grokcore import errors
from grokcore.errors import Blame, GrokApiError
from grokcore.protocol.dialects.openai_errors import error_object


@frozen
class Row:
    """One leaf: what the client sees, whether the server tries again by itself, and whether the
    client's SDK may.
    """

    leaf: type[GrokApiError]
    status: int
    code: str | None
    sdk_may_repeat: bool
    again: bool = False
    blame: Blame = Blame.UPSTREAM
    type: str = "server_error"
    retry_after: str = ""


ASKED_WRONGLY = "invalid_request_error"

# The design's table of failures, in its order. 429s may be repeated if the wait is short: see
# below.
TABLE = [
    Row(errors.InvalidApiKey, 401, "invalid_api_key", False, False, Blame.REQUEST, ASKED_WRONGLY),
    Row(errors.InvalidRequest, 400, None, False, False, Blame.REQUEST, ASKED_WRONGLY),
    Row(
        errors.PermissionDenied,
        403,
        "permission_denied",
        False,
        False,
        Blame.REQUEST,
        ASKED_WRONGLY,
    ),
    Row(
        errors.ModelNotAllowed, 403, "model_not_allowed", False, False, Blame.REQUEST, ASKED_WRONGLY
    ),
    Row(errors.HostNotAllowed, 403, "host_not_allowed", False, False, Blame.REQUEST, ASKED_WRONGLY),
    Row(
        errors.OriginNotAllowed,
        403,
        "origin_not_allowed",
        False,
        False,
        Blame.REQUEST,
        ASKED_WRONGLY,
    ),
    Row(
        errors.KeyLimitExceeded, 429, "key_limit_exceeded", False, False, Blame.REQUEST, "requests"
    ),
    Row(errors.ModelGone, 404, "model_not_found", False, True, Blame.UPSTREAM, ASKED_WRONGLY),
    Row(errors.ModelNotFound, 404, "model_not_found", False, False, Blame.REQUEST, ASKED_WRONGLY),
    Row(errors.UnknownUrl, 404, "unknown_url", False, False, Blame.REQUEST, ASKED_WRONGLY),
    Row(
        errors.MethodNotAllowed,
        405,
        "method_not_allowed",
        False,
        False,
        Blame.REQUEST,
        ASKED_WRONGLY,
    ),
    Row(
        errors.RequestTooLarge, 413, "request_too_large", False, False, Blame.REQUEST, ASKED_WRONGLY
    ),
    Row(
        errors.UnsupportedEncoding,
        415,
        "unsupported_encoding",
        False,
        False,
        Blame.REQUEST,
        ASKED_WRONGLY,
    ),
    Row(
        errors.NotImplementedHere,
        501,
        "not_implemented",
        False,
        False,
        Blame.REQUEST,
        ASKED_WRONGLY,
    ),
    Row(
        errors.PreviousResponseNotFound,
        400,
        "previous_response_not_found",
        False,
        False,
        Blame.REQUEST,
        ASKED_WRONGLY,
    ),
    Row(errors.ItemNotFound, 404, "item_not_found", False, False, Blame.REQUEST, ASKED_WRONGLY),
    Row(
        errors.ResponseNotFound,
        404,
        "response_not_found",
        False,
        False,
        Blame.REQUEST,
        ASKED_WRONGLY,
    ),
    Row(errors.VideoNotFound, 404, "video_not_found", False, False, Blame.REQUEST, ASKED_WRONGLY),
    Row(errors.VideoNotReady, 409, "video_not_ready", False, False, Blame.REQUEST, ASKED_WRONGLY),
    Row(errors.ToolCallFailed, 502, "tool_call_failed", False),
    Row(errors.InvalidStructuredOutput, 502, "invalid_structured_output", False),
    Row(errors.NoTokens, 503, "no_tokens", False, False, Blame.SERVER),
    Row(errors.NoValidTokens, 503, "no_valid_tokens", False, False, Blame.SERVER),
    Row(
        errors.RateLimitExceeded, 429, "rate_limit_exceeded", False, False, Blame.SERVER, "requests"
    ),
    Row(errors.Overloaded, 503, "overloaded", True, False, Blame.SERVER, retry_after="1"),
    Row(errors.CredentialsRejected, 503, "no_valid_tokens", False, True, Blame.TOKEN),
    Row(errors.QuotaExhausted, 429, "rate_limit_exceeded", False, True, Blame.TOKEN, "requests"),
    Row(errors.CreditsExhausted, 429, "rate_limit_exceeded", False, True, Blame.TOKEN, "requests"),
    Row(
        errors.SpendingCapReached,
        429,
        "rate_limit_exceeded",
        False,
        False,
        Blame.SERVER,
        "requests",
    ),
    Row(errors.OfficialCredentialRejected, 503, "no_valid_tokens", False, True, Blame.TOKEN),
    Row(errors.AccessDenied, 502, "upstream_refused", False, True, Blame.TOKEN),
    Row(errors.CliOutdated, 502, "upstream_refused", False, True, Blame.TOKEN),
    Row(errors.Challenge, 502, "upstream_challenge", False, False, Blame.EGRESS),
    Row(errors.AntiBotRefusal, 502, "upstream_antibot", False, False, Blame.EGRESS),
    Row(
        errors.AttachmentModerated,
        400,
        "content_policy_violation",
        False,
        False,
        Blame.REQUEST,
        ASKED_WRONGLY,
    ),
    Row(
        errors.ContentPolicyViolation,
        400,
        "content_policy_violation",
        False,
        False,
        Blame.REQUEST,
        ASKED_WRONGLY,
    ),
    Row(
        errors.ContextLengthExceeded,
        400,
        "context_length_exceeded",
        False,
        False,
        Blame.REQUEST,
        ASKED_WRONGLY,
    ),
    Row(
        errors.AttachmentRefused,
        400,
        "invalid_attachment",
        False,
        False,
        Blame.REQUEST,
        ASKED_WRONGLY,
    ),
    Row(errors.UploadFailed, 502, "upload_failed", False, True),
    Row(errors.UpstreamRefused, 502, "upstream_refused", False),
    Row(errors.ModeNotIncluded, 502, "upstream_refused", False, True),
    Row(errors.UpstreamOverloaded, 503, "upstream_overloaded", True, True, retry_after="5"),
    Row(errors.UpstreamFailure, 502, "upstream_error", True, True, retry_after="5"),
    Row(errors.UpstreamUnavailable, 502, "upstream_error", True, True, retry_after="5"),
    Row(errors.LineTooLong, 502, "upstream_error", False),
    Row(errors.AnswerTooLong, 502, "upstream_error", False),
    Row(errors.TransportFailure, 502, "upstream_error", True, True, retry_after="5"),
    Row(errors.EmptyAnswer, 502, "empty_upstream_response", False, True),
    Row(errors.IncompleteAnswer, 502, "upstream_incomplete", False),
    Row(errors.TimeoutFirstResponse, 504, "timeout_first_response", False),
    Row(errors.TimeoutChunk, 504, "timeout_chunk", False),
    Row(errors.TimeoutTotal, 504, "timeout_total", False),
    Row(
        errors.SharedPoolUnreachable,
        503,
        "shared_pool_unreachable",
        True,
        False,
        Blame.SERVER,
        retry_after="1",
    ),
    Row(errors.ShuttingDown, 503, "shutting_down", True, False, Blame.SERVER, retry_after="5"),
    Row(errors.InternalError, 500, "internal_error", False, False, Blame.SERVER),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.leaf.__name__)
def test_a_failure_looks_like_this(row: Row) -> None:
    """Status, code, type, ``x-should-retry``, and whose fault it was."""
    error = row.leaf("Something happened.", param="messages[0]")
    assert (error.status, error.blame, error.again) == (row.status, row.blame, row.again)
    assert error_object(error) == {
        "error": {
            "message": "Something happened.",
            "type": row.type,
            "param": "messages[0]",
            "code": row.code,
        }
    }
    asks_for_key = [("www-authenticate", "Bearer")] if row.status == 401 else []
    retry_after = [("retry-after", row.retry_after)] if row.retry_after else []
    headers = [
        ("x-should-retry", "true" if row.sdk_may_repeat else "false"),
        *retry_after,
        *asks_for_key,
    ]
    assert error.headers() == headers
    assert bool(retry_after) == row.sdk_may_repeat, "an invitation to repeat says when"


def family(cls: type[GrokApiError]) -> Iterator[type[GrokApiError]]:
    for leaf in cls.__subclasses__():
        if leaf.__module__ == errors.__name__:
            yield leaf
            yield from family(leaf)


def test_the_table_holds_every_leaf() -> None:
    """A new failure needs its line: in the design, in README, and here."""
    assert sorted(leaf.__name__ for leaf in family(GrokApiError)) == sorted(
        row.leaf.__name__ for row in TABLE
    )
    assert set(errors.__all__) == {row.leaf.__name__ for row in TABLE} | {
        "Blame",
        "ConfigError",
        "GrokApiError",
    }


@pytest.mark.parametrize(
    "leaf", [errors.RateLimitExceeded, errors.QuotaExhausted, errors.KeyLimitExceeded]
)
@pytest.mark.parametrize(
    ("retry_after", "headers"),
    [
        (None, [("x-should-retry", "false")]),
        (0, [("x-should-retry", "true"), ("retry-after", "1")]),
        (0.2, [("x-should-retry", "true"), ("retry-after", "1")]),
        (59.1, [("x-should-retry", "true"), ("retry-after", "60")]),
        (60, [("x-should-retry", "true"), ("retry-after", "60")]),
        (60.1, [("x-should-retry", "false"), ("retry-after", "61")]),
        (7200, [("x-should-retry", "false"), ("retry-after", "7200")]),
    ],
)
def test_a_429_may_be_repeated_if_the_wait_is_short(
    leaf: type[GrokApiError], retry_after: float | None, headers: list[tuple[str, str]]
) -> None:
    """``Retry-After`` is honest, in whole seconds, at least one; above a minute no SDK shall wait
    for it.
    """
    assert leaf("used up", retry_after=retry_after).headers() == headers


def test_any_failure_may_say_when_to_come_back() -> None:
    """``x-should-retry`` does not depend on it elsewhere."""
    challenge = errors.Challenge("challenged", retry_after=4.2)
    assert challenge.headers() == [("x-should-retry", "false"), ("retry-after", "5")]
    overloaded = errors.Overloaded("full", retry_after=1)
    assert overloaded.headers() == [("x-should-retry", "true"), ("retry-after", "1")]


def test_only_a_tokens_own_failures_count_against_it() -> None:
    """Each is told to the client as what it means for the pool: no token, a wait, or a refusal."""
    blamed = {row.leaf for row in TABLE if row.blame is Blame.TOKEN}
    assert blamed == {
        errors.AccessDenied,
        errors.CliOutdated,
        errors.CredentialsRejected,
        errors.CreditsExhausted,
        errors.OfficialCredentialRejected,
        errors.QuotaExhausted,
    }
    assert {leaf.__base__ for leaf in blamed} == {
        errors.NoValidTokens,
        errors.RateLimitExceeded,
        errors.UpstreamRefused,
    }


def test_a_failed_attempt_does_not_speak_of_all_tokens() -> None:
    """An owner who reads `no_valid_tokens` looks for a fault in the whole pool."""
    of_all = {"no_valid_tokens", "rate_limit_exceeded"}
    named = {row.leaf: row.leaf("no").attempt_label for row in TABLE}
    of_one = {leaf: label for leaf, label in named.items() if leaf.cause}
    assert of_one == {
        errors.CredentialsRejected: "refused_token",
        errors.CreditsExhausted: "used_up_credits",
        errors.OfficialCredentialRejected: "refused_credential",
        errors.QuotaExhausted: "used_up_token",
    }
    blamed = {row.leaf for row in TABLE if row.blame is Blame.TOKEN}
    assert not {leaf for leaf in blamed if named[leaf] in of_all}
    assert named[errors.UpstreamFailure] == "upstream_error"


def test_nobody_raises_the_family_itself() -> None:
    """Who raises must say whose fault it was."""
    with pytest.raises(TypeError, match="abstract"):
        GrokApiError("something")


@pytest.mark.parametrize("name", ["message", "short", "param", "retry_after"])
def test_an_error_changes_only_through_its_methods(name: str) -> None:
    """So all places that edit an error on its way up can be found."""
    with pytest.raises(AttributeError):
        setattr(errors.InvalidRequest("x"), name, None)


def test_an_amended_error_keeps_the_facts_that_are_not_given() -> None:
    """Each place that handles an error knows another part of them."""
    error = errors.RateLimitExceeded("x", retry_after=7.0)
    error.amend(param="messages")
    assert (error.param, error.retry_after) == ("messages", 7.0)
    error.amend(retry_after=3.0)
    assert (error.param, error.retry_after) == ("messages", 3.0)
