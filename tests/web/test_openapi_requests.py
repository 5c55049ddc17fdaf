"""Requests, compared with their description."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from grokcore.simulator.scripts import (
    answer,
    drawing,
)
from tests.servers import Site, chat, on_site
from tests.web.media_site import on_media_site, run_on_media_site
from tests.web.openapi_document import (
    CHAT,
    Described,
    Object,
    document,
    examples,
)

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "grok-4.1",
    "choices": [],
    "usage": {},
}


TOLD = {"x-request-id": "req_1", "x-should-retry": "false"}


REFUSED = {
    "error": {"message": "no", "type": "server_error", "param": None, "code": "upstream_error"}
}


WRONG: list[tuple[str, httpx.Response]] = [
    ("a status", httpx.Response(418, json=REFUSED, headers=TOLD, request=CHAT)),
    (
        "a method",
        httpx.Response(200, json={}, headers=TOLD, request=httpx.Request("PUT", CHAT.url)),
    ),
    (
        "a path",
        httpx.Response(
            200, json={}, headers=TOLD, request=httpx.Request("GET", "http://127.0.0.1/v1/files")
        ),
    ),
    (
        "a header",
        httpx.Response(502, json=REFUSED, headers={**TOLD, "x-grok2api-new": "1"}, request=CHAT),
    ),
    (
        "a header of another route",
        httpx.Response(502, json=REFUSED, headers={**TOLD, "etag": '"1"'}, request=CHAT),
    ),
    (
        "no request id",
        httpx.Response(502, json=REFUSED, headers={"x-should-retry": "false"}, request=CHAT),
    ),
    (
        "odd values",
        httpx.Response(502, json=REFUSED, headers={**TOLD, "retry-after": "0"}, request=CHAT),
    ),
    ("a code of another status", httpx.Response(503, json=REFUSED, headers=TOLD, request=CHAT)),
    ("another content type", httpx.Response(502, text="no", headers=TOLD, request=CHAT)),
    ("too little in it", httpx.Response(200, json=ANSWER, headers=TOLD, request=CHAT)),
    (
        "too much in it",
        httpx.Response(502, json={**REFUSED, "more": 1}, headers=TOLD, request=CHAT),
    ),
    (
        "no event",
        httpx.Response(
            200, text="", headers={**TOLD, "content-type": "text/event-stream"}, request=CHAT
        ),
    ),
]


@pytest.mark.parametrize("reply", [row[1] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_not_described_does_not_pass(reply: httpx.Response) -> None:
    """Or the tests below could not fail."""
    described = Described(document())
    described.check(httpx.Response(502, json=REFUSED, headers=TOLD, request=CHAT))
    with pytest.raises((AssertionError, KeyError, ValueError, jsonschema.ValidationError)):
        described.check(reply)


def test_the_examples_are_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are as their schemas say, nothing in them is without effect, and the answers are as
    described.
    """

    async def scenario(site: Site) -> None:
        described = await Described.by(site)
        found = list(examples(described.document))
        for path, schema, value in found:
            assert described.takes(value, schema["$ref"].rpartition("/")[2])
            reply = await site.client.post(path, json=value)
            assert reply.status_code == 200, reply.text
            assert "x-grok2api-ignored" not in reply.headers
            described.check(reply)
        assert len(found) == 11

    monkeypatch.setattr("grokcore.simulator.app.NATURAL_PACE_S", 0)
    run_on_media_site(scenario, tmp_path)


def parts(*content: Any) -> Object:
    """A chat request whose last message has these parts."""
    return chat(
        messages=[{"role": "user", "content": "hello"}, {"role": "user", "content": [*content]}]
    )


def told_part(part: Any) -> Object:
    """A chat request whose last message is this part, without a list around it."""
    return chat(messages=[{"role": "user", "content": "hello"}, {"role": "user", "content": part}])


def asked(**fields: Any) -> Object:
    """A request of the Responses API."""
    return {"model": "grok-3-fast", "input": "hello", **fields}


FUNCTION = {"name": "read", "description": None, "parameters": None, "strict": True}
FUNCTIONS = [{"type": "function", "function": FUNCTION}]
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
NAMED_SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}


ROUTES = {
    "ChatRequest": "/chat/completions",
    "ResponsesRequest": "/responses",
    "MessagesRequest": "/messages",
    "ImageRequest": "/images/generations",
    "ImageEditRequest": "/images/edits",
}


PICTURE = "data:image/png;base64,iVBORw0KGgo="


TEXT = {"file_data": "data:;base64,aGk=", "filename": "hi.txt"}


RIGHT: list[tuple[str, Object]] = [
    ("ChatRequest", parts("hello", {"type": "text", "text": "hello"}, {"type": "refusal", "refusal": "no"})),
    ("ChatRequest", parts({"type": "input_text", "text": "hello"}, {"type": "output_text", "text": "hi", "more": 1})),
    ("ChatRequest", parts({"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}})),
    ("ChatRequest", parts({"type": "input_image", "image_url": PICTURE})),
    ("ChatRequest", parts({"type": "file", "file": TEXT}, {"type": "input_file", **TEXT})),
    ("ChatRequest", parts({"type": "image", "image": PICTURE}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}})),
    ("ChatRequest", parts(None, {"type": "text", "text": None}, {"text": "hello"})),
    ("ChatRequest", told_part({"type": "text", "text": "hello"})),
    ("ChatRequest", told_part({"type": "image_url", "image_url": {"url": PICTURE}})),
    ("ChatRequest", chat(messages=[{"role": "user", "content": "Look."}, {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "read", "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}]}])),
    ("ChatRequest", chat(messages=[{"role": "user", "content": "hi", "name": "Ann"}, {"role": "tool", "content": "", "tool_call_id": "1"}])),
    ("ChatRequest", chat(stream="false", stream_options=[], search=1, n="1", tool_choice={"type": "none"}, function_call="none")),
    ("ChatRequest", chat(web_search_options=[], modalities=["text"], audio=None, logprobs=False, top_logprobs=0)),
    ("ChatRequest", chat(messages=[{"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]}])),
    ("ChatRequest", chat(messages=[{"role": role, "content": "hi"} for role in ("system", "developer", "tool", "function")])),
    ("ChatRequest", chat(stream=None, stream_options=None, search=None, n=None, tool_choice=None)),
    ("ChatRequest", chat(stream=True, stream_options={"include_usage": None}, search=True, n=1, tool_choice="auto")),
    ("ChatRequest", chat(temperature=0.5, tools=[], whatever={})),
    ("ChatRequest", chat(tools=FUNCTIONS, tool_choice="auto", parallel_tool_calls=False)),
    ("ChatRequest", chat(tools=[{"type": "custom", "custom": {"name": "note"}}], tool_choice={"type": "none"})),
    ("ChatRequest", chat(functions=[FUNCTION], function_call="auto")),
    ("ChatRequest", chat(stop=["."], max_tokens=5, max_completion_tokens=9, n=2, response_format={"type": "text"})),
    ("ChatRequest", chat(stop="", n="4")),
    ("ChatRequest", chat(response_format={"type": "json_object"})),
    ("ChatRequest", chat(response_format=NAMED_SCHEMA)),
    ("ResponsesRequest", asked()),
    ("ResponsesRequest", asked(input=[{"role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]}])),
    ("ResponsesRequest", asked(input=[{"type": "message", "role": "user", "content": "hi"}, {"type": "function_call", "call_id": "1", "name": "read", "arguments": "{"}, {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "a"}]}, {"type": "reasoning"}])),
    ("ResponsesRequest", asked(instructions="Be brief.", store=False, stream=True, search=False, max_output_tokens=16)),
    ("ResponsesRequest", asked(tools=[{"type": "function", **FUNCTION}, {"type": "web_search"}, {"type": "namespace", "name": "a", "tools": [{"type": "function", **FUNCTION}]}, {"type": "custom", "name": "b"}])),
    ("ResponsesRequest", asked(text={"format": {"type": "json_schema", "name": "a", "schema": SCHEMA}}, background=None)),
    ("ResponsesRequest", asked(temperature=0.5, include=["reasoning.encrypted_content"], metadata={})),
    ("MessagesRequest", chat(max_tokens=5, stop_sequences=["."], system=[{"type": "text", "text": "Be brief."}])),
    ("MessagesRequest", chat(messages=[{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}, {"type": "text", "text": "hi"}]}, {"role": "system", "content": "Go on."}])),
    ("MessagesRequest", chat(tools=[{"name": "read", "input_schema": SCHEMA}, {"type": "web_search_20250305", "name": "web_search"}], tool_choice={"type": "auto"})),
    ("MessagesRequest", chat(thinking={"type": "adaptive", "display": "omitted"}, stream=True, temperature=1)),
    ("MessagesRequest", chat(output_config={"format": {"type": "json_schema", "schema": SCHEMA}})),
    ("ImageRequest", {"prompt": "a cat", "model": None, "n": None, "response_format": None, "partial_ok": None}),
    ("ImageRequest", {"prompt": "a cat", "model": "grok-imagine-image", "stream": False, "mask": None, "size": "1x1"}),
    ("ImageRequest", {"prompt": "a cat", "model": "gpt-image-2", "n": "1.0", "partial_ok": "False", "mask": ""}),
    ("ImageRequest", {"prompt": "a cat", "model": "", "n": "", "partial_ok": 1, "images": [PICTURE], "image": ""}),
    ("ImageEditRequest", {"prompt": "a cat", "image": PICTURE.partition(",")[2].replace("=", "AAAADUlIRFIAA") + "AA"}),
    ("ImageEditRequest", {"prompt": "a cat", "image": [PICTURE, PICTURE], "response_format": "url"}),
    ("ImageEditRequest", {"prompt": "a cat", "image": {"image_url": PICTURE}}),
    ("ImageEditRequest", {"prompt": "a cat", "images": [{"image_url": PICTURE}]}),
]  # fmt: skip


BAD: list[tuple[str, Object]] = [
    ("ChatRequest", {}),
    ("ChatRequest", chat(model="gpt-4o")),
    ("ChatRequest", chat(model=None)),
    ("ChatRequest", chat(messages=[])),
    ("ChatRequest", chat(messages=[{"content": "hello"}])),
    ("ChatRequest", chat(messages=[{"role": "robot", "content": "hello"}])),
    ("ChatRequest", chat(messages=[{"role": "user", "content": 5}])),
    ("ChatRequest", parts({"type": "text", "words": "hello"})),
    ("ChatRequest", parts({"type": "text", "text": 5})),
    ("ChatRequest", parts({"type": "refusal", "text": "no"})),
    ("ChatRequest", parts({"type": "hologram"})),
    ("ChatRequest", parts({"type": "thinking", "thinking": "hm"})),
    ("ChatRequest", parts({"type": "input_audio", "input_audio": {}})),
    ("ChatRequest", parts({"type": "image_url", "image_url": {}})),
    ("ChatRequest", parts({"type": "image", "source": {"type": "file", "file_id": "f-1"}})),
    ("ChatRequest", parts({"type": "file", "file": {"file_id": "f-1"}})),
    ("ChatRequest", parts({"type": "input_file", "filename": "a.txt"})),
    ("ChatRequest", chat(stream="maybe")),
    ("ChatRequest", chat(stream_options=True)),
    ("ChatRequest", chat(stream_options={"include_usage": 2})),
    ("ChatRequest", chat(search="perhaps")),
    ("ChatRequest", chat(web_search_options="on")),
    ("ChatRequest", chat(n=5)),
    ("ChatRequest", chat(n=True)),
    ("ChatRequest", chat(tool_choice="required")),
    ("ChatRequest", chat(tool_choice={"type": "any"})),
    ("ChatRequest", chat(function_call={"name": "f"})),
    ("ChatRequest", chat(tools=[{"type": "function"}])),
    ("ChatRequest", chat(tools=[{"type": "function", "function": {"name": "a b"}}])),
    ("ChatRequest", chat(stop=["a", "b", "c", "d", "e"])),
    ("ChatRequest", chat(stop=5)),
    ("ChatRequest", chat(max_tokens=0)),
    ("ChatRequest", chat(response_format={"type": "xml"})),
    ("ChatRequest", chat(response_format={"type": "json_schema"})),
    ("ResponsesRequest", {"model": "grok-3-fast"}),
    ("ResponsesRequest", asked(input=[])),
    ("ResponsesRequest", asked(input=" ")),
    ("ResponsesRequest", asked(input=[{"content": "hi"}])),
    ("ResponsesRequest", asked(background=True)),
    ("ResponsesRequest", asked(conversation="c")),
    ("ResponsesRequest", asked(top_logprobs=2)),
    ("ResponsesRequest", asked(max_output_tokens=0)),
    ("ResponsesRequest", asked(text={"format": {"type": "xml"}})),
    ("ResponsesRequest", asked(tools=[{"type": "function"}])),
    ("MessagesRequest", {"model": "grok-3-fast"}),
    ("MessagesRequest", chat(messages=[])),
    ("MessagesRequest", chat(messages=[{"role": "robot", "content": "hi"}])),
    ("MessagesRequest", chat(system=5)),
    ("MessagesRequest", chat(stop_sequences=5)),
    ("MessagesRequest", chat(max_tokens=0)),
    ("MessagesRequest", chat(tools=[{"input_schema": {}}])),
    ("ChatRequest", chat(modalities=["text", "audio"])),
    ("ChatRequest", chat(audio={"voice": "x", "format": "wav"})),
    ("ChatRequest", chat(logprobs=True)),
    ("ChatRequest", chat(top_logprobs=3)),
    ("ImageRequest", {}),
    ("ImageRequest", {"prompt": " "}),
    ("ImageRequest", {"prompt": "a cat", "n": 5}),
    ("ImageRequest", {"prompt": "a cat", "n": 1.5}),
    ("ImageRequest", {"prompt": "a cat", "model": "midjourney"}),
    ("ImageRequest", {"prompt": "a cat", "model": "grok-imagine-0.9"}),
    ("ImageRequest", {"prompt": "a cat", "response_format": "png"}),
    ("ImageRequest", {"prompt": "a cat", "partial_ok": 2}),
    ("ImageRequest", {"prompt": "a cat", "stream": True}),
    ("ImageRequest", {"prompt": "a cat", "image": "a.png"}),
    ("ImageRequest", {"prompt": "a cat", "mask": PICTURE}),
    ("ImageRequest", {"prompt": "a cat", "output_format": "svg"}),
    ("ImageEditRequest", {"prompt": "a cat"}),
    ("ImageEditRequest", {"prompt": "a cat", "image": "a.png"}),
    ("ImageEditRequest", {"prompt": "a cat", "images": []}),
    ("ImageEditRequest", {"prompt": "a cat", "image": {"file_id": "f-1"}}),
    ("ImageEditRequest", {"prompt": "a cat", "image": PICTURE, "mask": PICTURE}),
]


@on_media_site
async def test_all_forms_of_a_request_that_are_described_are_answered(site: Site) -> None:
    """With 200."""
    described = await Described.by(site)
    for schema, body in RIGHT:
        site.simulator.always(
            drawing(["users/u/generated/a/image.jpg"]) if "prompt" in body else answer('{"a": 1}')
        )
        assert described.takes(body, schema), body
        reply = await site.client.post(ROUTES[schema], json=body)
        assert reply.status_code == 200, (body, reply.text)
        described.check(reply)


@on_site
async def test_what_is_refused_is_not_described_as_a_request(site: Site) -> None:
    """The schemas know of the same faults as the server."""
    described = await Described.by(site)
    for schema, body in BAD:
        assert not described.takes(body, schema), body
        reply = await site.client.post(ROUTES[schema], json=body)
        assert reply.status_code in (400, 404), (body, reply.text)
        described.check(reply)
    assert site.simulator.calls == []
