"""Errors as clients of the Responses API take them."""

from __future__ import annotations

import pytest

from grokcore import errors
from grokcore.errors import GrokApiError
from grokcore.protocol.dialects.error_forms import error_form
from grokcore.protocol.dialects.openai_responses.failures import (
    error_event,
    failed_error,
    reply_status,
)

LEAVES = sorted(
    {
        leaf
        for leaf in vars(errors).values()
        if isinstance(leaf, type) and issubclass(leaf, GrokApiError) and leaf is not GrokApiError
    },
    key=lambda leaf: leaf.__name__,
)

LEFT_AS_400 = {
    *("NoTokens", "NoValidTokens", "CredentialsRejected", "InternalError"),
    *("Challenge", "AntiBotRefusal", "UpstreamRefused", "ModeNotIncluded"),
    *("LineTooLong", "AnswerTooLong", "UploadFailed", "EmptyAnswer", "IncompleteAnswer"),
    *("AccessDenied", "CliOutdated", "OfficialCredentialRejected"),
    *("ToolCallFailed", "InvalidStructuredOutput"),
    *("TimeoutFirstResponse", "TimeoutChunk", "TimeoutTotal"),
}
"""Failures with a status of 500 or more that no repeat can mend."""


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_a_failure_that_no_repeat_can_mend_is_a_400(leaf: type[GrokApiError]) -> None:
    """Codex sends a request 30 times that gets a status of 500 or more. All others stay."""
    expected = 400 if leaf.__name__ in LEFT_AS_400 else leaf.status
    error = leaf("No.")
    assert reply_status(error) == expected
    reply = error_form("/responses/resp_1")(error, "req_1")
    assert (reply.status, dict(reply.headers)["x-should-retry"]) == (
        expected,
        "true" if error.should_retry else "false",
    )


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_within_a_stream_the_codes_tell_clients_whether_to_repeat(leaf: type[GrokApiError]) -> None:
    """Codex reads the failed response, and knows few codes; the SDKs read the error event, which
    keeps our own.
    """
    error = leaf("No.", param="input")
    event = error_event(error)
    assert event["type"] == "error"
    assert event["error"]["code"] == event["code"] == error.label
    assert event["error"]["message"] == event["message"] == "No."
    assert event["error"]["param"] == event["param"] == "input"
    failed = failed_error(error)
    final = ("content_policy_violation", "context_length_exceeded", "model_not_found")
    if error.should_retry or error.label in final:
        assert failed == {"code": error.label, "message": "No."}
    else:
        assert failed == {"code": "invalid_prompt", "message": f"{error.label}: No."}
