"""Answers in Anthropic's shape: each is one that Anthropic's own library takes, whole or as a
stream.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import anthropic
import orjson
import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import IncompleteAnswer
from grokcore.protocol.conversation.events import (
    Activity,
    Cited,
    End,
    Event,
    Finished,
    Found,
    Picture,
    Progress,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolUse,
)
from grokcore.protocol.dialects.anthropic_messages.content import MessageHead
from grokcore.protocol.dialects.anthropic_messages.writers import (
    PING,
    SIGNATURE,
    EventWriter,
    MessageCollector,
)
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle

from .sdk import accumulated, frames, validated

NONCE = "0123456789abcdef01234567"
STYLE = Style(ThinkingStyle.REASONING_CONTENT, links=True)
HEAD = MessageHead(NONCE, "grok-4", 7, STYLE, "req_1")
HIDDEN = evolve(HEAD, style=evolve(STYLE, thinking=ThinkingStyle.HIDDEN))
SEARCHING = evolve(HIDDEN, query="the user's words")
SEVEN = Source("https://example.com/7", "Seven")
NINE = Source("https://example.com/9")


@frozen
class Answer:
    """Events of one answer, its blocks, and fields of the message."""

    name: str
    events: list[Event]
    blocks: list[dict[str, Any]]
    head: MessageHead = HEAD
    stop: str = "end_turn"


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def thinking(words: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": SIGNATURE}


def use(number: int, name: str, given: dict[str, Any]) -> dict[str, Any]:
    identifier = f"toolu_0123456789abcdef0123{number:04x}"
    return {"type": "tool_use", "id": identifier, "name": name, "input": given}


def search(number: int, query: str, *sources: Source) -> list[dict[str, Any]]:
    identifier = f"srvtoolu_0123456789abcdef0123{number:04x}"
    call = {
        "type": "server_tool_use",
        "id": identifier,
        "name": "web_search",
        "input": {"query": query},
    }
    results = [
        {
            "type": "web_search_result",
            "url": source.url,
            "title": source.title or source.url,
            "encrypted_content": "",
            "page_age": None,
        }
        for source in sources
    ]
    return [call, {"type": "web_search_tool_result", "tool_use_id": identifier, "content": results}]


ANSWERS = [
    Answer("text", [Text("Hel"), Text("lo"), Finished()], [text("Hello")]),
    Answer("separators", [Text('"\u2028\\\n'), Finished()], [text('"\u2028\\\n')]),
    Answer(
        "thinking",
        [Thinking("h"), Activity(), Thinking("m"), Text("Hi"), Finished()],
        [thinking("hm"), text("Hi")],
    ),
    Answer("hidden thinking", [Thinking("hm"), Text("Hi"), Finished()], [text("Hi")], HIDDEN),
    Answer(
        "a tool of Grok's",
        [ToolUse("web_search", "x"), Found((SEVEN,)), Text("Hi"), Finished()],
        [
            thinking("[web search: x]\n- [Seven](https://example.com/7)\n"),
            text("Hi"),
        ],
    ),
    Answer(
        "sources",
        [Text("So"), Cited(1, SEVEN), Text(". And"), Cited(2, NINE), Finished()],
        [text("So[[1]](https://example.com/7). And[[2]](https://example.com/9)")],
    ),
    Answer(
        "a picture",
        [Progress(50), Picture("https://example.com/a.png"), Finished()],
        [text("![image](https://example.com/a.png)")],
        HIDDEN,
    ),
    Answer(
        "a call",
        [Text("I look."), ToolCall(0, "Bash", '{"command":"ls"}'), Finished(End.CALLS)],
        [text("I look."), use(0, "Bash", {"command": "ls"})],
        stop="tool_use",
    ),
    Answer(
        "two calls behind thinking",
        [
            Thinking("hm"),
            ToolCall(0, "now", "{}"),
            ToolCall(1, "Edit", '{"old": "a\\"b", "n": 5}'),
            Finished(End.CALLS),
        ],
        [thinking("hm"), use(0, "now", {}), use(1, "Edit", {"old": 'a"b', "n": 5})],
        stop="tool_use",
    ),
    Answer("nothing before the stop", [Finished(End.LENGTH)], [], stop="max_tokens"),
    Answer(
        "a search",
        [ToolUse("web_search", "seven"), Found((SEVEN, NINE)), Text("7"), Finished()],
        [*search(0, "seven", SEVEN, NINE), text("7")],
        SEARCHING,
    ),
    Answer(
        "two searches, the second without pages",
        [
            ToolUse("web_search", "seven"),
            Found((SEVEN,)),
            ToolUse("code_execution", "1 + 1"),
            ToolUse("x_keyword_search", ""),
            Text("7"),
            Finished(),
        ],
        [*search(0, "seven", SEVEN), *search(1, "the user's words"), text("7")],
        SEARCHING,
    ),
    Answer(
        "pages that come late, of no search",
        [Text("7"), Found((SEVEN,)), Found((NINE,)), Finished()],
        [text("7"), *search(0, "the user's words", SEVEN, NINE)],
        SEARCHING,
    ),
    Answer("no search at all", [Text("7"), Finished()], [text("7")], SEARCHING),
]


def streamed(answer: Answer) -> bytes:
    writer = EventWriter(answer.head)
    return b"".join(writer.write([event]) for event in answer.events)


def collected(answer: Answer) -> dict[str, Any]:
    collector = MessageCollector(answer.head)
    collector.add(answer.events)
    return validated(collector.body())


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
def test_an_answer_is_the_same_whole_and_in_a_stream(answer: Answer) -> None:
    """Blocks in order, with the reason why it ended; the library puts the stream together."""
    whole, data = collected(answer), streamed(answer)
    assert (whole["content"], whole["stop_reason"]) == (answer.blocks, answer.stop)
    put_together = accumulated(data).to_dict(mode="json")
    put_together.pop("stop_details", None)
    assert {key: put_together[key] for key in whole} == whole
    together = EventWriter(answer.head)
    assert accumulated(together.write(answer.events)) == accumulated(data)


def test_a_message_has_the_model_s_name_and_the_usage() -> None:
    """Searches are counted if the client asked for one."""
    plain = {
        "input_tokens": 7,
        "output_tokens": 1,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }
    whole = collected(ANSWERS[0])
    assert whole["usage"] == {**plain, "output_tokens": 2}
    assert (whole["id"], whole["model"], whole["role"]) == (f"msg_{NONCE}", "grok-4", "assistant")
    searched = next(answer for answer in ANSWERS if answer.name == "a search")
    assert collected(searched)["usage"] == {
        **plain,
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
    }


@frozen
class Ended:
    """An end, and the fields that say so."""

    end: Finished
    fields: dict[str, Any]


@pytest.mark.parametrize(
    "case",
    [
        Ended(Finished(), {"stop_reason": "end_turn", "stop_sequence": None}),
        Ended(Finished(End.LENGTH), {"stop_reason": "max_tokens", "stop_sequence": None}),
        Ended(
            Finished(End.STOP_SEQUENCE, "END"),
            {"stop_reason": "stop_sequence", "stop_sequence": "END"},
        ),
        Ended(Finished(End.CALLS), {"stop_reason": "tool_use", "stop_sequence": None}),
        Ended(
            Finished(End.REFUSAL, "No."),
            {
                "stop_reason": "refusal",
                "stop_sequence": None,
                "stop_details": {"type": "refusal", "category": None, "explanation": "No."},
            },
        ),
    ],
    ids=lambda case: case.end.end.name,
)
def test_the_end_says_why(case: Ended) -> None:
    """Clients act on it: they run tools, ask for more, or show a refusal."""
    answer = Answer("", [Text("Hi"), case.end], [])
    whole = collected(answer)
    assert {name: whole[name] for name in case.fields} == case.fields
    *_, delta, stop = frames(streamed(answer))
    assert (delta["delta"], stop) == (case.fields, {"type": "message_stop"})
    assert delta["usage"] == whole["usage"]


def test_a_stream_is_a_strict_sequence() -> None:
    """Indices count up, the signature ends the thinking, a call's input is one delta."""
    answer = next(one for one in ANSWERS if one.name == "two calls behind thinking")
    seen = [
        (event["type"], event.get("index"), event.get("delta", {}).get("type"))
        for event in frames(streamed(answer))
    ]
    delta = "content_block_delta"
    assert seen == [
        ("message_start", None, None),
        ("ping", None, None),
        ("content_block_start", 0, None),
        (delta, 0, "thinking_delta"),
        (delta, 0, "signature_delta"),
        ("content_block_stop", 0, None),
        ("content_block_start", 1, None),
        (delta, 1, "input_json_delta"),
        ("content_block_stop", 1, None),
        ("content_block_start", 2, None),
        (delta, 2, "input_json_delta"),
        ("content_block_stop", 2, None),
        ("message_delta", None, None),
        ("message_stop", None, None),
    ]


def test_silence_is_filled_with_pings() -> None:
    """The first sign of life is the message's start, which may come once only."""
    writer = EventWriter(HIDDEN)
    first, second = writer.empty(), writer.empty()
    data = first + second + writer.write([Thinking("hm")]) + writer.write([Text("Hi"), Finished()])
    assert [event["type"] for event in frames(first)] == ["message_start", "ping"]
    assert second == PING
    assert accumulated(data).content[0].to_dict() == text("Hi")


@pytest.mark.parametrize("events", [[], [Text("Hel")], [Thinking("hm")]], ids=repr)
def test_a_broken_answer_ends_with_an_error(events: list[Event]) -> None:
    """The library raises it, with our message. Nothing that ends a whole answer comes before."""
    writer = EventWriter(HEAD)
    data = (writer.write(events) if events else b"") + writer.fail(IncompleteAnswer("It broke."))
    *before, last = frames(data)
    assert last == {
        "type": "error",
        "error": {"type": "api_error", "message": "It broke."},
        "request_id": "req_1",
    }
    assert "message_stop" not in {event["type"] for event in before}
    with pytest.raises(anthropic.APIStatusError, match="It broke"):
        accumulated(data)


@given(
    events=st.lists(
        st.builds(Text, st.text(min_size=1, max_size=5))
        | st.builds(Cited, st.integers(1, 3), st.just(SEVEN))
        | st.builds(Found, st.just((SEVEN, NINE)))
        | st.builds(ToolUse, st.sampled_from(["web_search", "browse"]), st.text(max_size=3))
        | st.just(Picture("https://example.com/a.png"))
        | st.just(Activity()),
        max_size=8,
    ),
    thoughts=st.lists(st.builds(Thinking, st.text(min_size=1, max_size=5)), max_size=3),
    calls=st.integers(0, 3),
    head=st.sampled_from([HEAD, HIDDEN, SEARCHING]),
)
@settings(deadline=None, max_examples=100)
def test_any_answer_is_one_that_the_library_takes(
    events: list[Event], thoughts: list[Event], calls: int, head: MessageHead
) -> None:
    """Every block is whole, and the same in a stream and in a body."""
    called: list[Event] = [ToolCall(number, "x", "{}") for number in range(calls)]
    answer = Answer("", [*thoughts, *events, *called, Finished()], [], head)
    whole = collected(answer)
    data = streamed(answer)
    frames(data)
    put_together = accumulated(data).to_dict(mode="json")
    assert {key: put_together[key] for key in whole} == whole


def test_a_long_answer_is_in_memory_once() -> None:
    """And once more in its body."""
    piece, times = "x" * 1024, 4096
    tracemalloc.start()
    collector = MessageCollector(HEAD)
    for _ in range(times):
        collector.add([Text(piece)])
    collector.add([Finished()])
    body = collector.body()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(orjson.loads(body)["content"][0]["text"]) == len(piece) * times
    assert peak < 3 * len(body)


def test_counts_are_for_the_log() -> None:
    """Both writers have them."""
    writer, collector = EventWriter(HEAD), MessageCollector(HEAD)
    writer.write([Text("Hello"), Finished()])
    collector.add([Text("Hello"), Finished()])
    counts = writer.usage()
    assert counts == collector.usage()
    assert (counts["prompt_tokens"], counts["completion_tokens"]) == (7, 2)
