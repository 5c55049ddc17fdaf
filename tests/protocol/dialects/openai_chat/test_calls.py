"""Calls of tools and several choices in OpenAI's shape: by the rules that clients insist on, and
through OpenAI's own SDK.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx2
import openai
import orjson
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from grokcore.errors import IncompleteAnswer
from grokcore.protocol.conversation.events import (
    End,
    Event,
    Finished,
    OfChoice,
    Picture,
    Text,
    Thinking,
    ToolCall,
)
from grokcore.protocol.conversation.tools import ToolKind
from grokcore.protocol.dialects.openai_chat.writers import AnswerWriter, ChatHead, ChunkWriter
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle

from ...strategies import plain_text

NONCE = "0123456789abcdef01234567"
STYLE = Style(ThinkingStyle.REASONING_CONTENT)
HEAD = ChatHead(f"chatcmpl-{NONCE}", 1_700_000_000, "grok-4.1", 7, STYLE)
TAGGED = evolve(HEAD, style=Style(ThinkingStyle.THINK_TAGS))
LEGACY = evolve(HEAD, legacy_calls=True)
FIRST_ID, SECOND_ID = "call_0123456789abcdef01230000", "call_0123456789abcdef01230001"

READ = ToolCall(0, "read", '{"path":"a"}')
PATCH = ToolCall(1, "patch", 'say "x"\n', kind=ToolKind.CUSTOM)
CALLING: list[Event] = [Text("Look:"), READ, PATCH, Finished(End.CALLS)]


def frames(data: bytes) -> list[Any]:
    """The objects of a stream."""
    *lines, rest = data.split(b"\n\n")
    assert rest == b""
    return ["[DONE]" if line == b"data: [DONE]" else orjson.loads(line[6:]) for line in lines]


def streamed(events: Sequence[Event], head: ChatHead = HEAD, *, usage: bool = False) -> list[Any]:
    return frames(ChunkWriter(head, include_usage=usage).write(events))


def deltas(found: list[Any]) -> list[tuple[int, Any, str | None]]:
    """Index, delta and end of each chunk with a choice."""
    return [
        (choice["index"], choice["delta"], choice["finish_reason"])
        for frame in found
        if frame != "[DONE]"
        for choice in frame["choices"]
    ]


def whole(events: Sequence[Event], head: ChatHead = HEAD) -> Any:
    writer = AnswerWriter(head)
    writer.add(events)
    return orjson.loads(writer.body())


ROLE = {"role": "assistant", "content": ""}


def test_a_call_is_two_deltas() -> None:
    """Id, type and name stand in the first only: clients concatenate them. A delta has one call:
    some clients read no other.
    """
    assert deltas(streamed(CALLING)) == [
        (0, ROLE, None),
        (0, {"content": "Look:"}, None),
        (0, {"tool_calls": [{"index": 0, "id": FIRST_ID, "type": "function", "function": {"name": "read", "arguments": ""}}]}, None),
        (0, {"tool_calls": [{"index": 0, "function": {"arguments": '{"path":"a"}'}}]}, None),
        (0, {"tool_calls": [{"index": 1, "id": SECOND_ID, "type": "custom", "custom": {"name": "patch", "input": ""}}]}, None),
        (0, {"tool_calls": [{"index": 1, "custom": {"input": 'say "x"\n'}}]}, None),
        (0, {}, "tool_calls"),
    ]  # fmt: skip


def test_a_whole_answer_has_the_calls_in_its_message() -> None:
    """The text before them stays."""
    choice = whole(CALLING)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {
        "role": "assistant",
        "content": "Look:",
        "refusal": None,
        "tool_calls": [
            {"id": FIRST_ID, "type": "function", "function": {"name": "read", "arguments": '{"path":"a"}'}},
            {"id": SECOND_ID, "type": "custom", "custom": {"name": "patch", "input": 'say "x"\n'}},
        ],
    }  # fmt: skip


def test_the_content_of_an_answer_of_calls_only_is_null() -> None:
    """The key is there: some clients read it unguarded. An empty text without calls is a text."""
    message = whole([READ, Finished(End.CALLS)])["choices"][0]["message"]
    assert message["content"] is None
    stopped = whole([Finished(End.STOP_SEQUENCE, "END")])["choices"][0]
    assert (stopped["message"]["content"], stopped["finish_reason"]) == ("", "stop")


def test_an_older_client_gets_its_call_as_function_call() -> None:
    """Without an id, and with an end of that name."""
    events: list[Event] = [READ, Finished(End.CALLS)]
    assert deltas(streamed(events, LEGACY)) == [
        (0, ROLE, None),
        (0, {"function_call": {"name": "read", "arguments": ""}}, None),
        (0, {"function_call": {"arguments": '{"path":"a"}'}}, None),
        (0, {}, "function_call"),
    ]
    choice = whole(events, LEGACY)["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "function_call": {"name": "read", "arguments": '{"path":"a"}'},
    }
    assert whole([Text("a"), Finished()], LEGACY)["choices"][0]["finish_reason"] == "stop"


ENDS = [
    (End.STOP, "stop"),
    (End.STOP_SEQUENCE, "stop"),
    (End.LENGTH, "length"),
    (End.CALLS, "tool_calls"),
    (End.REFUSAL, "content_filter"),
]


@pytest.mark.parametrize(("end", "reason"), ENDS)
def test_the_finish_reason_is_that_of_the_end(end: End, reason: str) -> None:
    """In a stream and in a body."""
    assert len(ENDS) == len(End)
    events: list[Event] = [Text("a"), Finished(end)]
    assert deltas(streamed(events))[-1] == (0, {}, reason)
    assert whole(events)["choices"][0]["finish_reason"] == reason


def test_calls_count_among_the_tokens() -> None:
    """Grok wrote them; the estimate is of name and arguments."""
    plain, calling = (
        whole([Text("Look"), *calls, Finished()])["usage"]["completion_tokens"]
        for calls in ([], [READ])
    )
    assert calling - plain == len(READ.name + READ.arguments) // 4


def test_the_thinking_is_closed_before_a_call() -> None:
    """Nothing of the content may stand behind it."""
    found = deltas(streamed([Thinking("hm"), READ, Finished(End.CALLS)], TAGGED))
    assert [delta.get("content") for _, delta, _ in found[:3]] == [
        *("", "<think>\nhm", "\n</think>\n\n"),
    ]
    assert "tool_calls" in found[3][1]


# Several choices --------------------------------------------------------------------------------

THREE = evolve(HEAD, choices=3)
CHOICES: list[Event] = [
    *(OfChoice(0), Thinking("hm"), OfChoice(1), Text("b"), OfChoice(0), Text("a")),
    *(OfChoice(2), READ, Finished(End.CALLS), OfChoice(1), Finished(End.LENGTH)),
    *(OfChoice(0), Text("!"), Finished()),
]


def test_each_choice_has_its_index_its_role_and_its_end() -> None:
    """Usage comes in one last chunk: the question once, all choices together."""
    found = streamed(CHOICES, THREE, usage=True)
    assert deltas(found) == [
        (0, ROLE, None),
        (0, {"reasoning_content": "hm"}, None),
        (1, ROLE, None),
        (1, {"content": "b"}, None),
        (0, {"content": "a"}, None),
        (2, ROLE, None),
        (2, {"tool_calls": [{"index": 0, "id": "call_0123456789abcdef01232000", "type": "function", "function": {"name": "read", "arguments": ""}}]}, None),
        (2, {"tool_calls": [{"index": 0, "function": {"arguments": '{"path":"a"}'}}]}, None),
        (2, {}, "tool_calls"),
        (1, {}, "length"),
        (0, {"content": "!"}, None),
        (0, {}, "stop"),
    ]  # fmt: skip
    assert found[-1] == "[DONE]"
    assert found[-2]["choices"] == []
    assert found[-2]["usage"] == whole(CHOICES, THREE)["usage"]
    assert found[-2]["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 7,
        "total_tokens": 14,
        "completion_tokens_details": {"reasoning_tokens": 1},
    }


def test_a_body_has_all_choices_in_order() -> None:
    """Each with its own message and end."""
    choices = whole(CHOICES, THREE)["choices"]
    assert [
        (choice["index"], choice["message"]["content"], choice["finish_reason"])
        for choice in choices
    ] == [(0, "a!", "stop"), (1, "b", "length"), (2, None, "tool_calls")]


def test_an_empty_chunk_is_of_a_choice_that_goes_on() -> None:
    """A delta behind a finish_reason would open the choice again."""
    writer = ChunkWriter(evolve(HEAD, choices=2), include_usage=False)
    writer.write([OfChoice(0), Text("a"), Finished(), OfChoice(1)])
    assert deltas(frames(writer.empty() + writer.empty())) == [(1, ROLE, None), (1, {}, None)]


def test_choices_that_break_off_close_their_thinking() -> None:
    """Of each choice, before the one error."""
    writer = ChunkWriter(evolve(TAGGED, choices=2), include_usage=False)
    writer.write([OfChoice(0), Thinking("a"), OfChoice(1), Thinking("b")])
    *closing, error = frames(writer.fail(IncompleteAnswer("It broke off.")))
    closed = {"content": "\n</think>\n\n"}
    assert deltas(closing) == [(0, closed, None), (1, closed, None)]
    assert error["error"]["code"] == "upstream_incomplete"


EVENTS = st.lists(
    st.builds(Text, plain_text.filter(bool)) | st.builds(Picture, plain_text),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=100)
@given(st.lists(EVENTS, min_size=2, max_size=4), st.data())
def test_choices_add_up_to_what_each_is_alone(
    choices: list[list[Event]], data: st.DataObject
) -> None:
    """However they are mixed and cut."""
    head = evolve(HEAD, choices=len(choices))
    rest = [[*events, Finished()] for events in choices]
    writer, collector, sent = ChunkWriter(head, include_usage=False), AnswerWriter(head), b""
    while any(rest):
        index = data.draw(st.sampled_from([i for i, events in enumerate(rest) if events]))
        count = data.draw(st.integers(1, len(rest[index])))
        part: list[Event] = [OfChoice(index), *rest[index][:count]]
        del rest[index][:count]
        if not rest[index] and any(rest):
            part.append(OfChoice(next(i for i, events in enumerate(rest) if events)))
        sent += writer.write(part)
        collector.add(part)
    assert sent.count(b"[DONE]") == 1
    found = deltas(frames(sent))
    for index, events in enumerate(choices):
        mine = [(delta, end) for i, delta, end in found if i == index]
        alone = [(delta, end) for _, delta, end in deltas(streamed([*events, Finished()]))]
        assert mine == alone
        message = orjson.loads(collector.body())["choices"][index]["message"]
        assert message == whole([*events, Finished()])["choices"][0]["message"]
    assert writer.usage() == collector.usage()


# OpenAI's own SDK -------------------------------------------------------------------------------


def client_of(body: bytes, media_type: str) -> openai.OpenAI:
    """The SDK, whose every request is answered with *body*."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": media_type}, content=body)

    http = openai.DefaultHttpxClient(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(
        api_key="any", base_url="http://127.0.0.1:1/v1", max_retries=0, http_client=http
    )


ASKING: Any = {"model": "grok-4.1", "messages": [{"role": "user", "content": "hi"}]}


def through_the_sdk(events: Sequence[Event], head: ChatHead, **more: Any) -> list[Any]:
    """The answer in the SDK's objects: streamed and added up, and whole."""
    stream = ChunkWriter(head, include_usage=True).write(events)
    body = AnswerWriter(head)
    body.add(events)
    with (
        client_of(stream, "text/event-stream") as client,
        client.chat.completions.stream(**ASKING, **more) as chunks,
    ):
        added = chunks.get_final_completion()
    with client_of(body.body(), "application/json") as client:
        return [added, client.chat.completions.parse(**ASKING, **more)]


def test_the_sdk_adds_a_call_up() -> None:
    """Both forms have the same calls, ids and ends."""
    calls = [READ, ToolCall(1, "list", "{}")]
    for answer in through_the_sdk([Text("Look:"), *calls, Finished(End.CALLS)], HEAD):
        (choice,) = answer.choices
        assert (choice.finish_reason, choice.message.content) == ("tool_calls", "Look:")
        assert [
            (call.id, call.type, call.function.name, call.function.arguments)
            for call in choice.message.tool_calls
        ] == [
            (FIRST_ID, "function", "read", '{"path":"a"}'),
            (SECOND_ID, "function", "list", "{}"),
        ]
        assert answer.usage.completion_tokens > 0


def test_the_sdk_adds_choices_up() -> None:
    """Each by its index. It raises on an answer that was cut, so none is."""
    whole_ones = [Finished() if event == Finished(End.LENGTH) else event for event in CHOICES]
    for answer in through_the_sdk(whole_ones, THREE):
        found = [
            (one.index, one.message.content or "", one.finish_reason) for one in answer.choices
        ]
        assert found == [(0, "a!", "stop"), (1, "b", "stop"), (2, "", "tool_calls")]


class City(BaseModel):
    name: str
    people: int


def test_the_sdk_parses_a_structured_answer() -> None:
    """One delta with the whole JSON."""
    text = json.dumps({"name": "Łódź", "people": 650_000})
    for answer in through_the_sdk([Text(text), Finished()], HEAD, response_format=City):
        assert answer.choices[0].message.parsed == City(name="Łódź", people=650_000)


def test_the_sdk_knows_a_cut_structured_answer() -> None:
    """By its finish_reason."""
    with pytest.raises(openai.LengthFinishReasonError):
        through_the_sdk([Text('{"name": "'), Finished(End.LENGTH)], HEAD, response_format=City)


def test_the_sdk_reads_the_older_call() -> None:
    """Where the client asked with ``functions``."""
    for answer in through_the_sdk([READ, Finished(End.CALLS)], LEGACY):
        (choice,) = answer.choices
        assert choice.finish_reason == "function_call"
        assert choice.message.function_call.arguments == '{"path":"a"}'
