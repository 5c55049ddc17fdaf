"""The JSON of an error: OpenAI's form, Anthropic's, and the choice between them by path."""

from __future__ import annotations

import orjson
import pytest
from attrs import frozen

from grokcore import errors
from grokcore.errors import GrokApiError, ModelNotFound
from grokcore.protocol.dialects import anthropic_errors, openai_errors
from grokcore.protocol.dialects.error_forms import error_form

ERROR = ModelNotFound("No such model.", param="model")


@pytest.mark.parametrize("path", ["/messages", "/Messages/", "/messages/count_tokens", "messages"])
def test_paths_of_the_messages_api_get_anthropics_form(path: str) -> None:
    """Its type goes by the status, and the request's id is in the body."""
    assert orjson.loads(error_form(path)(ERROR, "req_1").body) == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "No such model."},
        "request_id": "req_1",
    }


@pytest.mark.parametrize(
    "path", ["/", "", "/models/messages", "/chat/completions", "/message", "/messagesx"]
)
def test_all_other_paths_get_openais_form(path: str) -> None:
    """Four keys, whatever is known of the error."""
    assert error_form(path)(ERROR, "req_1").body == openai_errors.error_body(ERROR)
    assert orjson.loads(openai_errors.error_body(ERROR)) == openai_errors.error_object(ERROR)


@pytest.mark.parametrize(
    ("status", "openai", "anthropic"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (401, "invalid_request_error", "authentication_error"),
        (429, "requests", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (501, "invalid_request_error", "api_error"),
    ],
)
def test_the_type_goes_by_the_status(status: int, openai: str, anthropic: str) -> None:
    """Each dialect has names of its own."""

    class Leaf(ModelNotFound):
        """An error with another status."""

    Leaf.status = status
    assert openai_errors.error_type(status) == openai
    assert orjson.loads(anthropic_errors.error_body(Leaf("no"), ""))["error"]["type"] == anthropic


@frozen
class Anthropics:
    """An error, and what Anthropic's clients get: status, type, and whether to ask again."""

    error: GrokApiError
    status: int
    kind: str
    again: str = "false"


INVALID, API, OVERLOADED = "invalid_request_error", "api_error", "overloaded_error"

ANTHROPICS = [
    Anthropics(errors.InvalidRequest("no"), 400, INVALID),
    Anthropics(errors.AttachmentRefused("no"), 400, INVALID),
    Anthropics(errors.ContextLengthExceeded("no"), 400, INVALID),
    Anthropics(errors.InvalidApiKey("no"), 401, "authentication_error"),
    Anthropics(errors.ModelNotAllowed("no"), 403, "permission_error"),
    Anthropics(errors.HostNotAllowed("no"), 403, "permission_error"),
    Anthropics(errors.ModelNotFound("no"), 404, "not_found_error"),
    Anthropics(errors.MethodNotAllowed("no"), 405, INVALID),
    Anthropics(errors.RequestTooLarge("no"), 413, "request_too_large"),
    Anthropics(errors.RateLimitExceeded("no", retry_after=3600), 429, "rate_limit_error"),
    Anthropics(errors.RateLimitExceeded("no", retry_after=5), 429, "rate_limit_error", "true"),
    Anthropics(errors.InternalError("no"), 500, API),
    Anthropics(errors.Challenge("no"), 502, API),
    Anthropics(errors.AntiBotRefusal("no"), 502, API),
    Anthropics(errors.UpstreamRefused("no"), 502, API),
    Anthropics(errors.IncompleteAnswer("no"), 502, API),
    Anthropics(errors.EmptyAnswer("no"), 502, API),
    Anthropics(errors.ToolCallFailed("no"), 502, API),
    Anthropics(errors.InvalidStructuredOutput("no"), 502, API),
    Anthropics(errors.TransportFailure("no"), 502, API, "true"),
    Anthropics(errors.NoTokens("no"), 503, API),
    Anthropics(errors.NoValidTokens("no"), 503, API),
    Anthropics(errors.TimeoutChunk("no"), 504, "timeout_error"),
    Anthropics(errors.Overloaded("no"), 529, OVERLOADED, "true"),
    Anthropics(errors.ShuttingDown("no"), 529, OVERLOADED, "true"),
    Anthropics(errors.UpstreamOverloaded("no"), 529, OVERLOADED, "true"),
]


@pytest.mark.parametrize("case", ANTHROPICS, ids=lambda case: type(case.error).__name__)
def test_anthropics_clients_read_a_type_and_whether_to_ask_again(case: Anthropics) -> None:
    """Claude Code backs off at 529, and repeats other errors unless a header forbids it."""
    reply = error_form("/messages")(case.error, "req_1")
    assert (reply.status, orjson.loads(reply.body)["error"]["type"]) == (case.status, case.kind)
    headers = dict(reply.headers)
    assert (headers["x-should-retry"], headers["request-id"]) == (case.again, "req_1")
    assert len(headers) == len(reply.headers)


@pytest.mark.parametrize(
    ("excess", "message"),
    [
        (None, "prompt is too long: It is."),
        ((30_000, 25_000), "prompt is too long: 30000 tokens > 25000 maximum. It is."),
    ],
)
def test_a_conversation_that_is_too_long_is_said_to_be_so(
    excess: tuple[int, int] | None, message: str
) -> None:
    """Claude Code knows it by these words, and shortens the conversation by itself."""
    error = errors.ContextLengthExceeded("It is.", excess=excess)
    assert orjson.loads(anthropic_errors.error_body(error, ""))["error"]["message"] == message


@pytest.mark.parametrize(
    ("param", "details"),
    [
        ("thread", {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}),
        ("messages", None),
        (None, None),
    ],
)
def test_clients_learn_that_no_thread_is_kept(param: str | None, details: object) -> None:
    """At these details, anthropic-python's tool runner sends all messages instead."""
    body = anthropic_errors.error_body(errors.InvalidRequest("No.", param=param), "")
    assert orjson.loads(body)["error"].get("details") == details
