"""The JSON of an error: OpenAI's form, Anthropic's, and the choice between them by path."""

from __future__ import annotations

import orjson
import pytest

from grokcore.errors import ModelNotFound
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
