"""The Responses API as a dialect: a body in, one of two writers out."""

from __future__ import annotations

import orjson
import pytest

from grokcore.errors import InvalidRequest, UpstreamRefused
from grokcore.protocol.conversation.events import Finished, Text
from grokcore.protocol.dialects.dialect import Dialect
from grokcore.protocol.dialects.openai_responses.dialect import ResponsesDialect
from grokcore.protocol.dialects.openai_responses.request import (
    ResponsesRequest,
    parse_responses_request,
)
from grokcore.protocol.dialects.openai_responses.writers import AnswerWriter

from .responses_cases import HEAD, NOW, asked

DIALECT = ResponsesDialect(lambda: NOW)


def test_a_stream_is_written_if_it_is_wanted() -> None:
    """Else the answer is one body."""
    assert DIALECT.stream(asked(), HEAD) is None
    writer = DIALECT.stream(asked(stream=True), HEAD)
    assert writer is not None
    assert writer.write([Text("Hello"), Finished()]).endswith(b"data: [DONE]\n\n")
    collector = DIALECT.collector(asked(), HEAD)
    collector.add([Text("Hello"), Finished()])
    assert orjson.loads(collector.body())["completed_at"] == NOW


def test_bodies_are_parsed() -> None:
    """With the errors of the parser."""
    body = b'{"model":"m","input":"hi"}'
    assert DIALECT.parse(body) == parse_responses_request(body)
    with pytest.raises(InvalidRequest):
        DIALECT.parse(b"[]")


def test_names_of_the_request_and_of_the_lane_are_one_sorted_list() -> None:
    """For the response header."""
    assert DIALECT.ignored(asked(seed=5), ["aaa"]) == ("aaa", "seed")


def test_errors_have_openai_s_form_and_are_never_softened() -> None:
    """With the status that keeps Codex from repeating the request."""
    error = UpstreamRefused("No.")
    reply = DIALECT.error(error, "req_1")
    assert (reply.status, orjson.loads(reply.body)["error"]["code"]) == (400, "upstream_refused")
    seam: Dialect[ResponsesRequest, AnswerWriter] = DIALECT
    assert seam.soften(error) is None
