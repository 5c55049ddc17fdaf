"""Messages as a dialect: a body in, one of two writers out, errors in Anthropic's form."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from grokcore.errors import AttachmentModerated, ContentPolicyViolation, ModelNotFound, Overloaded
from grokcore.protocol.conversation.events import End, Finished, Found, Source, Text, Thinking
from grokcore.protocol.dialects.anthropic_messages.dialect import MessagesDialect
from grokcore.protocol.dialects.dialect import AnswerHead
from grokcore.protocol.dialects.error_forms import anthropic_form
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle

from . import claude_code
from .sdk import frames, validated

DIALECT = MessagesDialect()


def head(thinking: ThinkingStyle = ThinkingStyle.REASONING_CONTENT) -> AnswerHead:
    return AnswerHead("0123456789abcdef01234567", 1_700_000_000, 7, Style(thinking), "req_1")


def body(**fields: Any) -> bytes:
    """A request with these fields beside the required ones."""
    messages = [{"role": "user", "content": "hi"}]
    return json.dumps({"model": "grok-4", "messages": messages, **fields}).encode()


def blocks(head: AnswerHead, **fields: Any) -> list[str]:
    """The types of the blocks of an answer with thinking and text."""
    collector = DIALECT.collector(DIALECT.parse(body(**fields)), head)
    collector.add([Thinking("hm"), Text("Hello"), Finished()])
    return [block["type"] for block in validated(collector.body())["content"]]


ASKED = {"thinking": {"type": "enabled", "budget_tokens": 1024}}


@pytest.mark.parametrize("style", ThinkingStyle)
def test_client_and_owner_decide_about_thinking(style: ThinkingStyle) -> None:
    """It is shown if the client asks for it, and the owner does not hide it."""
    assert blocks(head(style)) == ["text"]
    shown = style is not ThinkingStyle.HIDDEN
    assert blocks(head(style), **ASKED) == (["thinking", "text"] if shown else ["text"])


def test_a_stream_is_written_if_it_is_wanted() -> None:
    """It names the request in errors."""
    assert DIALECT.stream(DIALECT.parse(body()), head()) is None
    writer = DIALECT.stream(DIALECT.parse(body(stream=True)), head())
    assert writer is not None
    assert frames(writer.fail(ModelNotFound("No.")))[0]["request_id"] == "req_1"


def test_claude_code_finds_no_thinking_in_its_answer() -> None:
    """It asks for adaptive thinking and for its omission."""
    asked = DIALECT.parse(json.dumps(claude_code.request()).encode())
    writer = DIALECT.stream(asked, head())
    assert writer is not None
    seen = frames(writer.write([Thinking("hm"), Text("Hello"), Finished()]))
    started = [one["content_block"]["type"] for one in seen if "content_block" in one]
    assert started == ["text"]


def test_a_search_without_a_query_has_the_user_s_words_for_one() -> None:
    """Claude Code's sentence around them is left out."""
    tools = [{"type": "web_search_20250305", "name": "web_search"}]
    words = "Perform a web search for the query: primes"
    asked = DIALECT.parse(body(tools=tools, messages=[{"role": "user", "content": words}]))
    collector = DIALECT.collector(asked, head())
    collector.add([Found((Source("https://example.com"),)), Text("7"), Finished()])
    call, results, _ = validated(collector.body())["content"]
    assert call["input"] == {"query": "primes"}
    assert [page["url"] for page in results["content"]] == ["https://example.com"]


@pytest.mark.parametrize("error", [ContentPolicyViolation("No."), AttachmentModerated("No.")])
def test_what_moderation_blocked_is_a_refusal(error: ContentPolicyViolation) -> None:
    """An error would be repeated five times by Claude Code, each time with a question to Grok."""
    assert DIALECT.soften(error) == Finished(End.REFUSAL, "No.")
    assert DIALECT.soften(Overloaded("Later.")) is None


def test_errors_have_anthropic_s_form() -> None:
    """The status may differ from that of other dialects."""
    error = Overloaded("Later.")
    assert DIALECT.error(error, "req_1") == anthropic_form(error, "req_1")
    assert orjson.loads(DIALECT.error(error, "req_1").body)["error"]["type"] == "overloaded_error"


def test_names_of_the_request_and_of_the_lane_are_one_sorted_list() -> None:
    """For the response header."""
    asked = DIALECT.parse(body(metadata={"user_id": "me"}))
    assert DIALECT.ignored(asked, ["aaa"]) == ("aaa", "metadata")
