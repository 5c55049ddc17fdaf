"""Answers in OpenAI's shape: the rules that clients were found to insist on."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from grokcore.errors import IncompleteAnswer, RateLimitExceeded
from grokcore.protocol.conversation.events import (
    Activity,
    Cited,
    Event,
    File,
    Finished,
    Found,
    FoundPicture,
    Picture,
    Progress,
    Source,
    Text,
    Thinking,
    ToolUse,
    Video,
)
from grokcore.protocol.dialects.openai_chat.writers import (
    DONE,
    KEEP_ALIVE,
    AnswerWriter,
    ChatHead,
    ChunkWriter,
    error_frame,
)
from grokcore.protocol.dialects.openai_errors import error_object
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle
from grokcore.protocol.grok_web.decoder import Decoder
from grokcore.simulator import lines
from grokcore.simulator.scripts import wrapped

from ...strategies import marked_up_text, plain_text

STYLE = Style(ThinkingStyle.REASONING_CONTENT)
HEAD = ChatHead("chatcmpl-1", 1_700_000_000, "grok-4.1", 7, STYLE)
COMMON = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1_700_000_000,
    "model": "grok-4.1",
}
ERROR = IncompleteAnswer("It broke off.")
ERROR_BODY = {
    "error": {
        "message": "It broke off.",
        "type": "server_error",
        "param": None,
        "code": "upstream_incomplete",
    }
}


def thinking(style: ThinkingStyle) -> ChatHead:
    """The head of an answer that shows its thinking so."""
    return evolve(HEAD, style=evolve(STYLE, thinking=style))


def frames(data: bytes) -> list[Any]:
    """The objects of an event stream, read as the strictest client reads it: ``data: ``, one line,
    one blank line.
    """
    *found, rest = data.split(b"\n\n")
    assert rest == b""
    assert all(
        frame.startswith(b"data: ") and b"\n" not in frame and b"\r" not in frame for frame in found
    )
    return ["[DONE]" if frame == b"data: [DONE]" else orjson.loads(frame[6:]) for frame in found]


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        **COMMON,
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        **more,
    }


def streamed(
    events: Sequence[Event], head: ChatHead = HEAD, *, include_usage: bool = False
) -> list[Any]:
    return frames(ChunkWriter(head, include_usage=include_usage).write(events))


def whole(events: Sequence[Event], head: ChatHead = HEAD) -> Any:
    writer = AnswerWriter(head)
    writer.add(events)
    return orjson.loads(writer.body())


ROLE = {"role": "assistant", "content": ""}
ANSWER: list[Event] = [Thinking("hm, hm"), Activity(), Text("Hello"), Text(" wörld"), Finished()]
USAGE = {
    "prompt_tokens": 7,
    "completion_tokens": 5,
    "total_tokens": 12,
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def test_a_stream_is_these_chunks() -> None:
    """The role once and first, every choice with its index, a finish_reason at the end, then
    ``[DONE]``; no usage.
    """
    assert streamed(ANSWER) == [
        chunk(ROLE),
        chunk({"reasoning_content": "hm, hm"}),
        chunk({"content": "Hello"}),
        chunk({"content": " wörld"}),
        chunk({}, "stop"),
        "[DONE]",
    ]


def test_usage_comes_in_one_last_chunk_without_choices_when_asked_for() -> None:
    """All others have ``usage: null``: clients add it up otherwise, or withhold the text."""
    assert streamed(ANSWER, include_usage=True) == [
        chunk(ROLE, usage=None),
        chunk({"reasoning_content": "hm, hm"}, usage=None),
        chunk({"content": "Hello"}, usage=None),
        chunk({"content": " wörld"}, usage=None),
        chunk({}, "stop", usage=None),
        {**COMMON, "choices": [], "usage": USAGE},
        "[DONE]",
    ]


def test_a_whole_answer_is_this_body() -> None:
    """The same events, collected."""
    assert whole(ANSWER) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "grok-4.1",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello wörld",
                    "refusal": None,
                    "reasoning_content": "hm, hm",
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }


def test_reasoning_is_no_key_of_an_answer_without_it() -> None:
    """Nor of one where it is hidden; it is counted all the same, since Grok produced it."""
    hidden = whole(ANSWER, thinking(ThinkingStyle.HIDDEN))
    assert hidden["choices"][0]["message"] == {
        "role": "assistant",
        "content": "Hello wörld",
        "refusal": None,
    }
    assert hidden["usage"] == USAGE


# What is shown ----------------------------------------------------------------------------------


@frozen
class Rendering:
    """Events, and the two fields they become."""

    name: str
    style: ThinkingStyle
    events: list[Event]
    content: str
    reasoning: str = ""


R, T, H = ThinkingStyle.REASONING_CONTENT, ThinkingStyle.THINK_TAGS, ThinkingStyle.HIDDEN
THOUGHTS: list[Event] = [Thinking("a"), Activity(), Thinking("b")]

PRIMES = Source("https://example.org/p(1)", "All [the] primes")
NAMELESS = Source("https://example.org/x")

RENDERINGS = [
    Rendering("text", H, [Text("a"), Text("b")], "ab"),
    Rendering("thinking hidden", H, [*THOUGHTS, Text("c")], "c"),
    Rendering("thinking beside the content", R, [*THOUGHTS, Text("c")], "c", "ab"),
    Rendering("thinking in tags", T, [*THOUGHTS, Text("c"), Text("d")], "<think>\nab\n</think>\n\ncd"),
    Rendering("a picture behind thinking in tags", T, [*THOUGHTS, Picture("https://assets.example.com/x.jpg")], "<think>\nab\n</think>\n\n![image](https://assets.example.com/x.jpg)"),
    Rendering("no thinking, no tags", T, [Text("c")], "c"),
    Rendering("a picture", R, [Picture("https://assets.example.com/users/u/image.jpg")], "![image](https://assets.example.com/users/u/image.jpg)"),
    Rendering("pictures behind text", R, [Text("Here:"), Picture("https://assets.example.com/a.jpg"), Picture("https://assets.example.com/b.jpg")], "Here:\n\n![image](https://assets.example.com/a.jpg)\n\n![image](https://assets.example.com/b.jpg)"),
    Rendering("a video", H, [Video("https://assets.example.com/v.mp4"), Text("Made.")], '[video](https://assets.example.com/v.mp4)\n\n<video src="https://assets.example.com/v.mp4" controls>https://assets.example.com/v.mp4</video>\n\nMade.'),
    Rendering("a picture in the answer itself", R, [Picture("data:image/png;base64,AAAA")], "![image](data:image/png;base64,AAAA)"),
    Rendering("a citation", R, [Text("7 is prime"), Cited(1, PRIMES), Text("."), Cited(1, PRIMES)], "7 is prime[1].[1]"),
    Rendering("a search", R, [Thinking("Well"), ToolUse("web_search", "primes"), Found((PRIMES, NAMELESS)), Thinking("so"), Text("7")], "7", "Well\n[web search: primes]\n- [All (the) primes](https://example.org/p%281%29)\n- [https://example.org/x](https://example.org/x)\nso"),
    Rendering("a search in tags", T, [ToolUse("web_search"), Text("7")], "<think>\n[web search]\n\n</think>\n\n7"),
    Rendering("hidden means hidden", H, [Thinking("hm"), ToolUse("x", "y"), Found((PRIMES,)), Progress(5), Text("7")], "7"),
    Rendering("work that goes on behind the answer", R, [Text("7"), ToolUse("x"), Found((PRIMES,)), Progress(50), Text("8")], "78"),
    Rendering("progress", R, [Progress(1), Progress(66), Video("https://assets.example.com/v.mp4")], '[video](https://assets.example.com/v.mp4)\n\n<video src="https://assets.example.com/v.mp4" controls>https://assets.example.com/v.mp4</video>', "1 %\n66 %\n"),
    Rendering("a picture that was found", R, [Text("Look:"), FoundPicture("https://example.org/a.png", "A [gate]", "https://example.org/a")], "Look:\n\n[![A (gate)](https://example.org/a.png)](https://example.org/a)"),
    Rendering("the same without a page", R, [FoundPicture("https://example.org/a.png")], "![image](https://example.org/a.png)"),
    Rendering("a file", R, [File("https://assets.example.com/users/u/r.txt", "r.txt")], "[r.txt](https://assets.example.com/users/u/r.txt)"),
    Rendering("absolute urls", H, [Picture("https://imagine-public.x.ai/a.png")], "![image](https://imagine-public.x.ai/a.png)"),
    Rendering("urls that would break the markup", H, [Picture("https://assets.example.com/a (1).jpg")], "![image](https://assets.example.com/a%20%281%29.jpg)"),
    Rendering("everything that needs escaping", R, [Thinking('"\\\n\u2028'), Text("<&>\x00\x1f\u2028\u2029\x85🙂é\r\n\n")], "<&>\x00\x1f\u2028\u2029\x85🙂é\r\n\n", '"\\\n\u2028'),
]  # fmt: skip


@pytest.mark.parametrize("case", RENDERINGS, ids=lambda case: case.name)
def test_both_writers_show_the_same(case: Rendering) -> None:
    """What a stream adds up to is what the whole body holds."""
    head = thinking(case.style)
    message = whole([*case.events, Finished()], head)["choices"][0]["message"]
    assert (message["content"], message.get("reasoning_content", "")) == (
        case.content,
        case.reasoning,
    )
    deltas = [
        frame["choices"][0]["delta"] for frame in streamed([*case.events, Finished()], head)[:-1]
    ]
    assert "".join(delta.get("content", "") for delta in deltas) == case.content
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == case.reasoning


def test_a_think_tag_is_closed_at_the_end_at_the_latest() -> None:
    """An answer of pictures of which none is text still ends its thinking."""
    head = thinking(T)
    assert streamed([Thinking("a"), Finished()], head) == [
        chunk(ROLE),
        chunk({"content": "<think>\na"}),
        chunk({"content": "\n</think>\n\n"}),
        chunk({}, "stop"),
        "[DONE]",
    ]


EVENTS = st.lists(
    st.builds(Text, marked_up_text.filter(bool))
    | st.builds(Thinking, plain_text.filter(bool))
    | st.builds(Picture, plain_text)
    | st.builds(Cited, st.integers(1, 3), st.builds(Source, plain_text, plain_text))
    | st.builds(Found, st.tuples(st.builds(Source, plain_text, plain_text)))
    | st.builds(ToolUse, plain_text, plain_text)
    | st.builds(Progress, st.integers(0, 100))
    | st.just(Activity()),
    max_size=8,
)


@settings(deadline=None, max_examples=60)
@given(EVENTS, st.sampled_from(ThinkingStyle), st.booleans(), st.data())
def test_every_complete_stream_keeps_the_rules(
    events: list[Event], style: ThinkingStyle, include_usage: bool, data: st.DataObject
) -> None:
    """Role first and once; index everywhere; one finish_reason, in the last chunk with a choice;
    usage as asked for; ``[DONE]`` last; and the chunks don't depend on how many events came at
    once.
    """
    head = thinking(style)
    events = [*events, Text("."), Finished()]
    writer = ChunkWriter(head, include_usage=include_usage)
    cut = data.draw(st.integers(0, len(events)))
    found = frames(writer.write(events[:cut]) + writer.write(events[cut:]))
    assert found == streamed(events, head, include_usage=include_usage)

    assert found.pop() == "[DONE]"
    if include_usage:
        last = found.pop()
        assert (last["choices"], set(last["usage"])) == ([], set(USAGE))
    assert all(
        ("usage" in frame) == include_usage and frame.get("usage") is None for frame in found
    )
    choices = [choice for frame in found for choice in frame["choices"]]
    assert len(choices) == len(found)
    assert [choice["index"] for choice in choices] == [0] * len(choices)
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert ["role" in choice["delta"] for choice in choices] == [True] + [False] * (
        len(choices) - 1
    )
    assert all(choice["delta"] for choice in choices[:-1])


# Annotations ------------------------------------------------------------------------------------


def citation(source: Source, start: int, end: int) -> dict[str, Any]:
    told = {
        "url": source.url,
        "title": source.title or source.url,
        "start_index": start,
        "end_index": end,
    }
    return {"type": "url_citation", "url_citation": told}


BASED: list[Event] = [
    Thinking("hm"),
    Found((PRIMES, NAMELESS)),
    Text("7"),
    Cited(1, PRIMES),
    Text(" and 11"),
    Cited(1, PRIMES),
]


@pytest.mark.parametrize("style", ThinkingStyle)
def test_what_an_answer_is_based_on_is_told_completely_at_its_end(style: ThinkingStyle) -> None:
    """Each place that cites, with where it is in the content; then what is cited nowhere. A
    stream's have an index.
    """
    message = whole([*BASED, Finished()], thinking(style))["choices"][0]["message"]
    annotations = message["annotations"]
    assert [
        message["content"][one["url_citation"]["start_index"] : one["url_citation"]["end_index"]]
        for one in annotations
    ] == ["[1]", "[1]", ""]
    length = len(message["content"])
    assert annotations[2] == citation(NAMELESS, length, length)
    *_, told, end, done = streamed([*BASED, Finished()], thinking(style))
    assert told["choices"][0]["delta"] == {
        "annotations": [{"index": index, **one} for index, one in enumerate(annotations)]
    }
    assert (end["choices"][0]["finish_reason"], done) == ("stop", "[DONE]")


def test_without_citations_the_text_has_no_marks_and_the_sources_are_told_all_the_same() -> None:
    """Some clients would show the marks as they are."""
    head = evolve(HEAD, style=evolve(STYLE, citations=False))
    message = whole([*BASED, Finished()], head)["choices"][0]["message"]
    assert message["content"] == "7 and 11"
    assert message["annotations"] == [citation(PRIMES, 8, 8), citation(NAMELESS, 8, 8)]


def test_an_answer_that_is_based_on_nothing_has_no_annotations() -> None:
    """Not even an empty list: the key is new to some clients."""
    assert "annotations" not in whole(ANSWER)["choices"][0]["message"]


# Silence ----------------------------------------------------------------------------------------


def test_a_heartbeat_is_a_comment_with_one_newline() -> None:
    """A blank line behind it dispatches an empty event, which kills clients."""
    assert KEEP_ALIVE == b": keep-alive\n"


def test_events_with_nothing_to_show_are_no_chunks() -> None:
    """Not even the role."""
    writer = ChunkWriter(thinking(H), include_usage=False)
    assert writer.write([]) == writer.write([Activity(), Thinking("a")]) == b""


def test_an_empty_chunk_carries_the_role_if_nothing_has() -> None:
    """The first delta has the role and no later one, whoever comes first."""
    writer = ChunkWriter(HEAD, include_usage=False)
    data = writer.empty() + writer.empty() + writer.write([Text("a")]) + writer.empty()
    assert frames(data) == [chunk(ROLE), chunk({}), chunk({"content": "a"}), chunk({})]


# Failure ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "events", "closing"),
    [(R, [], []), (R, [Thinking("a"), Text("b")], []), (T, [Thinking("a"), Text("b")], []), (T, [Thinking("a")], [chunk({"content": "\n</think>\n\n"})])],
    ids=["first", "in the answer", "behind the think tag", "in the think tag"],
)  # fmt: skip
def test_an_answer_that_breaks_off_never_looks_complete(
    style: ThinkingStyle, events: list[Event], closing: list[Any]
) -> None:
    """One whole error object on one line; no finish_reason, no ``[DONE]``; an open tag is closed
    before it.
    """
    writer = ChunkWriter(thinking(style), include_usage=True)
    before = frames(writer.write(events))
    after = frames(writer.fail(ERROR))
    assert after == [*({**frame, "usage": None} for frame in closing), ERROR_BODY]
    assert all(frame["choices"][0]["finish_reason"] is None for frame in before)


def test_an_error_frame_is_the_same_object_as_an_error_body() -> None:
    """All four keys, the message a string, whatever is in it."""
    error = RateLimitExceeded('"\n\u2028🙂', param="model", retry_after=3)
    frame = error_frame(error)
    assert frame.startswith(b"data: {")
    assert frames(frame) == [error_object(error)]
    assert frames(error_frame(ERROR)) == [ERROR_BODY]


def test_the_end_of_a_stream_is_this_line() -> None:
    """Some clients know the end by nothing else."""
    assert DONE == b"data: [DONE]\n\n"


@pytest.mark.large
@pytest.mark.parametrize(
    "text", ["0123456789 of an answer, ", "晴天去走走，好不好？", 'say "no"\n\\ ']
)
@pytest.mark.parametrize("shown", [lines.token, lines.thought], ids=["text", "thinking"])
def test_a_long_answer_is_held_in_memory_less_than_four_times(
    text: str, shown: Callable[[str], dict[str, object]]
) -> None:
    """From Grok's tokens to the body: no list of pieces, which takes 50 bytes and more for each."""
    line = lines.line(wrapped(shown(text)))
    count = 400_000 // len(text.encode())
    decoder, writer = Decoder(), AnswerWriter(HEAD)
    tracemalloc.start()
    try:
        for _ in range(count // 100):
            writer.add(decoder.receive(line * 100))
        writer.add(
            decoder.receive(
                lines.line(wrapped(lines.token("."))) + lines.line(wrapped(lines.soft_stop()))
            )
        )
        writer.add(decoder.close())
        body = writer.body()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = orjson.loads(body)["choices"][0]["message"]
    assert text * (count // 100 * 100) in (
        message["content"][:-1],
        message.get("reasoning_content"),
    )
    assert peak < 4 * len(body)


def test_the_log_learns_of_usage_from_a_stream_and_from_a_whole_answer() -> None:
    """Both count the same, whether the client asked for usage or not."""
    stream, collector = ChunkWriter(HEAD, include_usage=False), AnswerWriter(HEAD)
    stream.write(ANSWER)
    collector.add(ANSWER)
    assert stream.usage() == collector.usage() == USAGE
