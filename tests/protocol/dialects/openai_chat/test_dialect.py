"""Chat completions as a dialect: a body in, one of two writers out."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from grokcore.errors import InvalidRequest, ModelNotFound
from grokcore.protocol.conversation.events import Finished, Text
from grokcore.protocol.dialects.dialect import AnswerHead
from grokcore.protocol.dialects.openai_chat.dialect import ChatDialect, is_responses_shaped
from grokcore.protocol.dialects.openai_errors import error_body
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle

HEAD = AnswerHead("0123456789abcdef01234567", 1_700_000_000, 7, Style(ThinkingStyle.HIDDEN))
DIALECT = ChatDialect()


def body(**fields: Any) -> bytes:
    """A request with these fields beside the required ones."""
    messages = [{"role": "user", "content": "hi"}]
    return json.dumps({"model": "grok-4.1", "messages": messages, **fields}).encode()


def test_an_answer_carries_the_id_the_time_and_the_model_of_its_request() -> None:
    """The model is named as the client named it."""
    collector = DIALECT.collector(DIALECT.parse(body()), HEAD)
    collector.add([Text("Hello"), Finished()])
    answer = orjson.loads(collector.body())
    found = (answer["id"], answer["created"], answer["model"], answer["usage"]["prompt_tokens"])
    assert found == ("chatcmpl-0123456789abcdef01234567", 1_700_000_000, "grok-4.1", 7)


@pytest.mark.parametrize("include_usage", [True, False])
def test_a_stream_is_written_if_it_is_wanted(include_usage: bool) -> None:
    """With a usage chunk if the request asks for it."""
    assert DIALECT.stream(DIALECT.parse(body(stream=False)), HEAD) is None
    options = {"include_usage": include_usage}
    writer = DIALECT.stream(DIALECT.parse(body(stream=True, stream_options=options)), HEAD)
    assert writer is not None
    written = writer.write([Text("Hello"), Finished()])
    assert b"chatcmpl-0123456789abcdef01234567" in written
    assert (b'"usage":{' in written) == include_usage


def test_faults_and_errors_have_openai_s_form() -> None:
    """The request's id stands in a header only."""
    with pytest.raises(InvalidRequest):
        DIALECT.parse(b"[]")
    error = ModelNotFound("No such model.", param="model")
    assert DIALECT.error(error, "req_1").body == error_body(error)


def test_names_of_the_request_and_of_the_lane_are_one_sorted_list() -> None:
    """For the response header."""
    asked = DIALECT.parse(body(user="me"))
    assert DIALECT.ignored(asked, ["aaa"]) == ("aaa", *asked.ignored)


@pytest.mark.parametrize(
    ("fields", "shaped"),
    [
        ({"input": "hi"}, True),
        ({"input": []}, True),
        ({"input": "hi", "messages": [{}]}, False),
        ({"messages": []}, False),
        ({"input": None}, False),
    ],
)
def test_the_shape_of_a_body_tells_its_api(fields: Any, shaped: bool) -> None:
    """Cursor posts Responses bodies to chat completions."""
    assert is_responses_shaped(fields) is shaped
