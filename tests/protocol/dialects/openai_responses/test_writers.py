"""Answers in the shape of the Responses API: the rules that its clients insist on, checked with
openai-python's own models.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import httpx
import openai
import orjson
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from grokcore.errors import (
    ContentPolicyViolation,
    GrokApiError,
    IncompleteAnswer,
    UpstreamOverloaded,
)
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
from grokcore.protocol.conversation.tools import ToolKind
from grokcore.protocol.dialects.dialect import AnswerHead
from grokcore.protocol.dialects.openai_responses.request import ResponsesRequest
from grokcore.protocol.dialects.openai_responses.writers import DONE, AnswerWriter, EventWriter
from grokcore.protocol.dialects.rendering import Style, ThinkingStyle

from ...strategies import plain_text
from .responses_cases import HEAD, HIDDEN_HEAD, NONCE, NOW, Sent, asked, sent_events

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
PAGE = Source("https://example.com/a", "A")
PLAIN = asked()
SEARCHING = asked(tools=[{"type": "web_search"}])

KEYS = {
    *("id", "object", "created_at", "completed_at", "status", "incomplete_details", "error"),
    *("model", "instructions", "previous_response_id", "output", "parallel_tool_calls"),
    *("tool_choice", "tools", "text", "truncation", "top_p", "temperature", "presence_penalty"),
    *("frequency_penalty", "top_logprobs", "reasoning", "usage", "max_output_tokens"),
    *("max_tool_calls", "store", "background", "service_tier", "metadata", "safety_identifier"),
    *("prompt_cache_key", "user"),
}
"""All keys of a Response object: the union of OpenAI's and Open Responses' (2026-04-24)."""

USAGE_KEYS = {
    *("input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details"),
    "total_tokens",
}


def body(
    events: Sequence[Event], request: ResponsesRequest | None = None, head: AnswerHead = HEAD
) -> dict[str, Any]:
    """The collected answer."""
    collector = AnswerWriter(request or asked(), head, lambda: NOW)
    collector.add(events)
    found: dict[str, Any] = orjson.loads(collector.body())
    return found


def stream(
    events: Sequence[Event], request: ResponsesRequest | None = None, head: AnswerHead = HEAD
) -> bytes:
    """The streamed answer, each event written alone."""
    writer = EventWriter(request or asked(), head, lambda: NOW)
    return b"".join(writer.write([event]) for event in events)


def names(sent: Sequence[Sent]) -> list[str]:
    """The names of events, without ``response.`` and repetitions."""
    short = [event.name.removeprefix("response.") for event in sent]
    return [name for name, _ in itertools.groupby(short)]


REASONING = [
    *("output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta"),
    *("reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"),
]
MESSAGE = [
    *("output_item.added", "content_part.added", "output_text.delta"),
    *("output_text.done", "content_part.done", "output_item.done"),
]
CITING = [*MESSAGE[:3], "output_text.annotation.added", *MESSAGE[3:]]
CALL = [
    *("output_item.added", "function_call_arguments.delta", "function_call_arguments.done"),
    "output_item.done",
]
CUSTOM_CALL = [name.replace("function_call_arguments", "custom_tool_call_input") for name in CALL]
SEARCH = [
    *("output_item.added", "web_search_call.in_progress", "web_search_call.searching"),
    *("web_search_call.completed", "output_item.done"),
]


@frozen
class Answered:
    """An answer: its events, what is streamed between the begin and the end, its items, and its
    status.
    """

    name: str
    events: tuple[Event, ...]
    streamed: list[str]
    items: list[dict[str, Any]]
    status: str = "completed"
    request: ResponsesRequest = PLAIN


def message(text: str, *annotations: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A message item without its id."""
    part = {
        "type": "output_text",
        "annotations": list(annotations),
        "logprobs": [],
        "text": text,
    }
    whole = {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return {**whole, **fields}


def reasoning(text: str, status: str = "completed") -> dict[str, Any]:
    """A reasoning item without its id."""
    summary = [{"type": "summary_text", "text": text}]
    return {"type": "reasoning", "status": status, "summary": summary}


def call(arguments: str, **fields: Any) -> dict[str, Any]:
    """A function call without its id."""
    return {
        "type": "function_call",
        "call_id": f"call_{NONCE}0000",
        "name": "f",
        "arguments": arguments,
        "status": "completed",
        **fields,
    }


def search(query: str, *urls: str) -> dict[str, Any]:
    """A search without its id."""
    sources = [{"type": "url", "url": url} for url in urls]
    queries = [query] if query else []
    action = {"type": "search", "query": query, "queries": queries, "sources": sources}
    return {"type": "web_search_call", "status": "completed", "action": action}


CITATION = {"type": "url_citation", "url": PAGE.url, "title": "A"}

ANSWERED = [
    Answered("a text", (Text("Hel"), Text("lo"), Finished()), MESSAGE, [message("Hello")]),
    Answered(
        "thinking, then a text",
        (Thinking("Hm. "), Thinking("Yes."), Text("Hello"), Finished()),
        [*REASONING, *MESSAGE],
        [reasoning("Hm. Yes."), message("Hello")],
    ),
    Answered(
        "a cited page",
        (Text("So"), Cited(1, PAGE), Finished()),
        CITING,
        [message("So[1]", {**CITATION, "start_index": 2, "end_index": 5})],
    ),
    Answered(
        "a picture",
        (Text("Look"), Picture("https://example.com/p.png"), Finished()),
        MESSAGE,
        [message("Look\n\n![image](https://example.com/p.png)")],
    ),
    Answered(
        "a search that the client did not declare",
        (ToolUse("web_search", "cats"), Found((PAGE,)), Text("So"), Finished()),
        [*REASONING, *CITING],
        [
            reasoning("[web search: cats]\n- [A](https://example.com/a)\n"),
            message("So", {**CITATION, "start_index": 2, "end_index": 2}),
        ],
    ),
    Answered(
        "a declared search amid thinking",
        (
            Thinking("Hm."),
            ToolUse("web_search", "cats"),
            Activity(),
            Found((PAGE,)),
            Progress(5),
            Thinking("Yes."),
            ToolUse("x_search"),
            Text("So"),
            Finished(),
        ),
        [*REASONING, *SEARCH, *REASONING, *SEARCH, *CITING],
        [
            reasoning("Hm."),
            search("cats", PAGE.url),
            reasoning("5 %\nYes."),
            search(""),
            message("So", {**CITATION, "start_index": 2, "end_index": 2}),
        ],
        request=SEARCHING,
    ),
    Answered(
        "pages of a search that was not reported, and late ones",
        (Found((PAGE,)), Thinking("Hm."), Found((PAGE,)), Text("So"), Found((PAGE,)), Finished()),
        [*SEARCH, *REASONING, *CITING],
        [
            search("", PAGE.url),
            reasoning("Hm."),
            message("So", {**CITATION, "start_index": 2, "end_index": 2}),
        ],
        request=SEARCHING,
    ),
    Answered(
        "a tool of Grok's that is no search",
        (ToolUse("code_execution", "1+1"), Text("2"), Finished()),
        [*REASONING, *MESSAGE],
        [reasoning("[code execution: 1+1]\n"), message("2")],
        request=SEARCHING,
    ),
    Answered(
        "a call without arguments",
        (ToolCall(0, "f", "{}"), Finished(End.CALLS)),
        CALL,
        [call("{}")],
    ),
    Answered(
        "text, then a call in a namespace and one of a custom tool",
        (
            Text("I will."),
            ToolCall(0, "spawn_agent", '{"a":1}', "multi_agent_v1"),
            ToolCall(1, "exec", 'print("a\n")', "", ToolKind.CUSTOM),
            Finished(End.CALLS),
        ),
        [*MESSAGE, *CALL, *CUSTOM_CALL],
        [
            message("I will."),
            call('{"a":1}', name="spawn_agent", namespace="multi_agent_v1"),
            {
                "type": "custom_tool_call",
                "call_id": f"call_{NONCE}0001",
                "name": "exec",
                "input": 'print("a\n")',
                "status": "completed",
            },
        ],
    ),
    Answered(
        "a text that the client's limit cut",
        (Thinking("Hm."), Text("Hel"), Finished(End.LENGTH)),
        [*REASONING, *MESSAGE],
        [reasoning("Hm."), message("Hel", status="incomplete")],
        "incomplete",
    ),
    Answered(
        "calls that the client's limit cut",
        (ToolCall(0, "f", "{}"), Finished(End.LENGTH)),
        CALL,
        [call("{}")],
        "incomplete",
    ),
    Answered(
        "an answer that moderation ended",
        (Text("Hel"), Finished(End.REFUSAL, "No.")),
        MESSAGE,
        [message("Hel", status="incomplete")],
        "incomplete",
    ),
    Answered("a text that is empty", (Text(""), Text("x"), Finished()), MESSAGE, [message("x")]),
]


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.name)
def test_an_answer_is_collected(case: Answered) -> None:
    """All keys are there, and the items in their order."""
    found = body(case.events, case.request)
    assert found.keys() == KEYS
    assert found["usage"].keys() == USAGE_KEYS
    Response.model_validate(found)
    assert found["status"] == case.status
    ids = [item.pop("id") for item in found["output"]]
    assert found["output"] == case.items
    assert len(set(ids)) == len(ids)
    assert all(len(name) <= 64 for name in ids)


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.name)
def test_an_answer_is_streamed(case: Answered) -> None:
    """In the order that Open Responses defines, and with the same end as the collected answer."""
    written = stream(case.events, case.request)
    sent = sent_events(written)
    assert names(sent) == ["created", "in_progress", *case.streamed, case.status]
    assert written.endswith(DONE)
    assert [event.data["sequence_number"] for event in sent] == list(range(len(sent)))
    assert all(event.name == event.data["type"] for event in sent)
    for event in sent:
        EVENT.validate_python(event.data)
    assert sent[-1].data["response"] == body(case.events, case.request)


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.name)
def test_the_events_of_an_item_agree(case: Answered) -> None:
    """Clients put an answer together from either the deltas or the whole items; openai-python
    raises if an item's place or id changes.
    """
    sent = sent_events(stream(case.events, case.request))
    added = [event.data for event in sent if event.name == "response.output_item.added"]
    done = [event.data for event in sent if event.name == "response.output_item.done"]
    assert [data["output_index"] for data in added] == list(range(len(added)))
    assert [data["item"] for data in done] == sent[-1].data["response"]["output"]
    for begun, whole in zip(added, done, strict=True):
        for key in ("id", "type"):
            assert begun["item"][key] == whole["item"][key]
    for place, data in enumerate(done):
        deltas = [
            event.data["delta"]
            for event in sent
            if event.name.endswith(".delta") and event.data["output_index"] == place
        ]
        assert "".join(deltas) == text_of(data["item"])


def text_of(item: dict[str, Any]) -> str:
    """What an item says; empty for a search."""
    match item:
        case {"type": "message", "content": [part]}:
            return str(part["text"])
        case {"type": "reasoning", "summary": [part]}:
            return str(part["text"])
        case {"type": "function_call"}:
            return str(item["arguments"])
        case {"type": "custom_tool_call"}:
            return str(item["input"])
    return ""


def sdk(written: bytes) -> openai.OpenAI:
    """openai-python, answered with these bytes."""

    def reply(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=written, headers={"content-type": "text/event-stream"})

    client = httpx.Client(transport=httpx.MockTransport(reply))
    return openai.OpenAI(api_key="none", base_url="http://localhost/v1", http_client=client)


@pytest.mark.parametrize(
    "case", [case for case in ANSWERED if case.status == "completed"], ids=lambda case: case.name
)
def test_openai_python_accumulates_a_stream(case: Answered) -> None:
    """Its accumulator raises if an event is out of place."""
    client = sdk(stream(case.events, case.request))
    with client.responses.stream(model="grok-4.1", input="hi") as events:
        final = events.get_final_response()
    said = [text_of(item) for item in case.items if item["type"] == "message"]
    assert final.output_text == "".join(said)
    assert [item.type for item in final.output] == [item["type"] for item in case.items]


def test_openai_python_raises_the_error_of_a_stream() -> None:
    """With our own code, so that programs can tell failures apart."""
    writer = EventWriter(asked(), HEAD, lambda: NOW)
    written = writer.write([Text("Hel")]) + writer.fail(IncompleteAnswer("It broke."))
    with pytest.raises(openai.APIError) as caught:
        list(sdk(written).responses.create(model="grok-4.1", input="hi", stream=True))
    assert (caught.value.code, caught.value.message) == ("upstream_incomplete", "It broke.")


@pytest.mark.parametrize("name", ["max_output_tokens", "max_tool_calls"])
def test_a_limit_beyond_all_integers_is_no_limit(name: str) -> None:
    """Some clients write the largest number that they have for "no limit"."""
    assert body([Text("x"), Finished()], asked(**{name: 1.7e308}))[name] is None


def test_the_reason_of_an_incomplete_answer_is_given() -> None:
    """Codex shows it."""
    cut = body([Text("x"), Finished(End.LENGTH)])
    assert cut["incomplete_details"] == {"reason": "max_output_tokens"}
    refused = body([Text("x"), Finished(End.REFUSAL)])
    assert refused["incomplete_details"] == {"reason": "content_filter"}
    assert (cut["completed_at"], body([Text("x"), Finished()])["completed_at"]) == (None, NOW)


def test_hidden_thinking_leaves_no_item() -> None:
    """Its owner hid it; it counts all the same."""
    events = (Thinking("Hm. Hm."), ToolUse("code_execution"), Text("So"), Finished())
    found = body(events, head=HIDDEN_HEAD)
    assert [item["type"] for item in found["output"]] == ["message"]
    assert found["usage"]["output_tokens_details"]["reasoning_tokens"] == 2


def test_thinking_is_never_in_tags() -> None:
    """This API has a place of its own for it, and clients send messages back as history."""
    head = AnswerHead(NONCE, 0, 7, Style(ThinkingStyle.THINK_TAGS))
    events = (Thinking("Hm."), Text("So"), Finished())
    found = body(events, head=head)
    assert [text_of(item) for item in found["output"]] == ["Hm.", "So"]


def test_usage_counts_question_answer_thinking_and_calls() -> None:
    """By the estimate of every dialect."""
    writer = EventWriter(asked(), HEAD, lambda: NOW)
    writer.write([Thinking("1234"), Text("12345678"), ToolCall(0, "name", '"123456"')])
    assert writer.usage()["completion_tokens"] == 1 + 2 + 3
    sent = sent_events(writer.write([Finished()]))
    assert sent[-1].data["response"]["usage"] == {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 6,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 13,
    }
    collector = AnswerWriter(asked(), HEAD, lambda: NOW)
    collector.add([Text("1234")])
    assert collector.usage()["completion_tokens"] == 1
    assert collector.body() == b""


def test_what_the_request_set_is_repeated() -> None:
    """Readers of a Response object expect their settings there."""
    schema = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    tools = [
        {"type": "function", "name": "f"},
        {"type": "custom", "name": "c"},
        {"type": "web_search", "search_context_size": "low"},
        {"type": "mcp", "server_label": "x"},
    ]
    found = body(
        [Text("x"), Finished()],
        asked(
            instructions="Be brief.",
            tools=tools,
            tool_choice={"type": "function", "name": "f"},
            text={"format": schema, "verbosity": "low"},
            metadata={"a": "b", "c": 5},
            temperature=0.5,
            top_p="x",
            reasoning={"effort": "low"},
            max_output_tokens=99,
            truncation="auto",
            parallel_tool_calls=False,
            store=False,
            user="me",
        ),
    )
    Response.model_validate(found)
    assert found["tools"] == [
        {"type": "function", "name": "f", "description": None, "parameters": None, "strict": None},
        {"type": "custom", "name": "c"},
        {"type": "web_search"},
    ]
    assert found["text"] == {
        "format": {**schema, "description": None, "strict": False},
        "verbosity": "low",
    }
    expected = {
        "instructions": "Be brief.",
        "tool_choice": {"type": "function", "name": "f"},
        "metadata": {"a": "b"},
        "temperature": 0.5,
        "top_p": 1.0,
        "reasoning": {"effort": "low", "summary": None},
        "max_output_tokens": 99,
        "truncation": "auto",
        "parallel_tool_calls": False,
        "store": False,
        "user": "me",
    }
    assert {key: found[key] for key in expected} == expected


def test_silence_is_filled_with_events() -> None:
    """Codex' timer ignores comments. The answer's first event is still response.created."""
    writer = EventWriter(asked(), HEAD, lambda: NOW)
    sent = sent_events(writer.empty() + writer.empty() + writer.write([Text("x"), Finished()]))
    assert names(sent) == ["created", "in_progress", *MESSAGE, "completed"]
    assert [event.name for event in sent[1:3]] == ["response.in_progress"] * 2
    assert [event.data["sequence_number"] for event in sent] == list(range(len(sent)))


@frozen
class Broken:
    """An error within a stream, and what a failed response says of it."""

    error: GrokApiError
    code: str
    message: str


BROKEN = [
    Broken(IncompleteAnswer("It broke."), "invalid_prompt", "upstream_incomplete: It broke."),
    Broken(UpstreamOverloaded("Wait."), "upstream_overloaded", "Wait."),
    Broken(ContentPolicyViolation("No."), "content_policy_violation", "No."),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.code)
@pytest.mark.parametrize("begun", [False, True])
def test_an_error_ends_a_stream_in_both_shapes(broken: Broken, begun: bool) -> None:
    """The SDKs raise at the error event, Codex at the failed response; what was said stays."""
    writer = EventWriter(asked(), HEAD, lambda: NOW)
    written = writer.write([Thinking("Hm."), Text("Hel")]) if begun else b""
    written += writer.fail(broken.error)
    sent = sent_events(written)
    assert [event.name for event in sent[:2]] == ["response.created", "response.in_progress"]
    assert [event.name for event in sent[-2:]] == ["error", "response.failed"]
    assert written.endswith(DONE)
    assert [event.data["sequence_number"] for event in sent] == list(range(len(sent)))
    assert sent[-2].data["code"] == sent[-2].data["error"]["code"] == broken.error.code
    failed = sent[-1].data["response"]
    assert failed == orjson.loads(writer.body())
    assert failed.keys() == KEYS
    assert (failed["status"], failed["error"]) == (
        "failed",
        {"code": broken.code, "message": broken.message},
    )
    statuses = [item["status"] for item in failed["output"]]
    assert statuses == (["completed", "incomplete"] if begun else [])


@given(st.lists(plain_text.map(Text) | plain_text.map(Thinking), max_size=8))
@settings(deadline=None, max_examples=100)
def test_any_text_arrives_unchanged(events: list[Event]) -> None:
    """In the deltas, in the items, and in the collected answer."""
    ordered = sorted(events, key=lambda event: isinstance(event, Text))
    ordered.append(Finished())
    said = "".join(event.text for event in ordered if isinstance(event, Text))
    sent = sent_events(stream(ordered))
    deltas = [event.data["delta"] for event in sent if event.name == "response.output_text.delta"]
    assert "".join(deltas) == said
    found = body(ordered)
    assert "".join(text_of(item) for item in found["output"] if item["type"] == "message") == said
    assert sent[-1].data["response"] == found
