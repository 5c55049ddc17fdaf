"""``/v1/messages`` as its clients see it: Claude Code's requests, and Anthropic's own library."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx
import httpx2
import pytest
from attrs import field, frozen

from grokcore.errors import (
    ContentPolicyViolation,
    ContextLengthExceeded,
    GrokApiError,
    QuotaExhausted,
    UpstreamOverloaded,
    UpstreamRefused,
)
from grokcore.protocol.conversation.events import End, Event, Finished, Text, Thinking, ToolCall
from grokcore.protocol.conversation.question import Question, Rendering
from tests.protocol.dialects.anthropic_messages import claude_code
from tests.protocol.dialects.anthropic_messages.sdk import accumulated
from tests.runtime.echo_lane import EchoLane
from tests.runtime.worlds import World, make_world
from tests.scenarios import on_fake_clock
from tests.servers import Site, on_site
from tests.web.edge.edge_cases import KEYED
from tests.web.in_process import app_over, client_of

MODEL = "grok-3-fast"
HELLO = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hi there"}]}
CALLING: list[list[Event]] = [
    [Thinking("hm"), Text("I look.")],
    [ToolCall(0, "Bash", '{"text": "ls"}'), Finished(End.CALLS)],
]


def answering(*scripts: list[list[Event]], refusals: tuple[GrokApiError, ...] = ()) -> World:
    """A world whose Grok has these answers, or refuses one attempt after the other."""
    world = make_world(tokens=1)
    world.gateway.lane = EchoLane(_facts, list(refusals), [[*script] for script in scripts])
    return world


def _facts(question: Question) -> Rendering:
    return Rendering(question, prompt_tokens=len(question.messages))


def asked(world: World) -> list[Question]:
    """The questions that Grok was asked."""
    lane = world.gateway.lane
    assert isinstance(lane, EchoLane)
    return lane.asked


async def post(world: World, path: str = "/messages", **fields: Any) -> httpx.Response:
    async with client_of(world) as client:
        response = await client.post(path, json={**HELLO, **fields})
    assert world.idle
    return response


@asynccontextmanager
async def library(world: World) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Anthropic's own client of the app."""
    app: Any = app_over(world)
    transport = httpx2.ASGITransport(app)
    async with anthropic.AsyncAnthropic(
        api_key="x",
        base_url="http://localhost",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=transport),
    ) as client:
        yield client


@on_fake_clock
async def test_claude_code_is_answered() -> None:
    """Its system prompts and tools reach Grok; a query behind the path changes nothing."""
    world = answering(CALLING)
    response = await post(world, "/messages?beta=true", **claude_code.request(model=MODEL))
    assert response.status_code == 200
    assert response.headers["request-id"] == response.headers["x-request-id"]
    message = accumulated(response.content)
    assert [block.type for block in message.content] == ["text", "tool_use"]
    (question,) = asked(world)
    assert [tool.name for tool in question.toolbox.tools] == list(claude_code.TOOLS)
    assert [turn.role for turn in question.messages] == ["system", "user", "system"]
    assert question.bounds.most_tokens == 32000
    assert response.headers["x-grok2api-ignored"].startswith("context_management, metadata")


@on_fake_clock
async def test_anthropics_library_is_answered() -> None:
    """Whole, and in a stream."""
    world = answering(CALLING, CALLING)
    tools: Any = [claude_code.tool("Bash")]
    messages: Any = HELLO["messages"]
    async with library(world) as client:
        whole = await client.messages.create(
            model=MODEL, max_tokens=100, messages=messages, tools=tools
        )
        async with client.messages.stream(
            model=MODEL, max_tokens=100, messages=messages, tools=tools
        ) as stream:
            streamed = await stream.get_final_message()
    for message in (whole, streamed):
        text, call = message.content
        assert isinstance(text, anthropic.types.TextBlock)
        assert isinstance(call, anthropic.types.ToolUseBlock)
        assert (text.text, call.name, call.input) == ("I look.", "Bash", {"text": "ls"})
        assert message.stop_reason == "tool_use"
        assert message.usage.input_tokens == 1
    assert whole._request_id


@pytest.mark.parametrize("stream", [False, True])
@on_fake_clock
async def test_what_moderation_blocked_is_a_refusal(*, stream: bool) -> None:
    """With its reason. Claude Code would repeat an error, and ask Grok each time."""
    world = answering(refusals=(ContentPolicyViolation("Not that."),))
    response = await post(world, stream=stream)
    assert response.status_code == 200
    message = (
        accumulated(response.content)
        if stream
        else anthropic.types.Message.model_validate_json(response.content)
    )
    assert (message.stop_reason, message.content) == ("refusal", [])
    assert message.stop_details is not None
    assert message.stop_details.explanation == "Not that."


@frozen
class Refused:
    """An error of Grok's, and the library's for it."""

    error: GrokApiError
    raised: type[anthropic.APIStatusError]
    kind: str
    again: str


@pytest.mark.parametrize(
    "case",
    [
        Refused(
            QuotaExhausted("Used up.", retry_after=7200),
            anthropic.RateLimitError,
            "rate_limit_error",
            "false",
        ),
        Refused(UpstreamRefused("No."), anthropic.InternalServerError, "api_error", "false"),
        Refused(UpstreamOverloaded("Later."), anthropic.APIStatusError, "overloaded_error", "true"),
    ],
    ids=lambda case: case.kind,
)
@on_fake_clock
async def test_a_failure_has_a_type_of_the_library(case: Refused) -> None:
    """It names the request, and says whether another one makes sense."""
    world = answering(refusals=(case.error,) * 5)
    async with library(world) as client:
        with pytest.raises(case.raised) as raised:
            await client.messages.create(
                model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "hi"}]
            )
    body: Any = raised.value.body
    assert body["error"]["type"] == case.kind
    assert body["request_id"] == raised.value.request_id
    assert raised.value.response.headers["x-should-retry"] == case.again


@on_fake_clock
async def test_tokens_are_counted_without_asking_grok() -> None:
    """Claude Code sends 24 such requests at once; they are no questions of its key."""
    world = answering()
    async with library(world) as client:
        count = await client.messages.count_tokens(
            model=MODEL,
            messages=[{"role": "user", "content": "hi"}],
            system="Be brief.",
            tools=[claude_code.tool("Bash")],
        )
    assert count.input_tokens == 2
    assert asked(world) == []
    response = await post(world, "/messages/count_tokens?beta=true")
    assert "request-id" in response.headers
    assert "x-grok2api-attempts" not in response.headers
    assert (await post(world, "/messages/count_tokens", model="no")).status_code == 404


@pytest.mark.parametrize(
    ("excess", "status", "key"), [((9, 5), 200, "input_tokens"), (None, 400, "error")]
)
@on_fake_clock
async def test_a_conversation_that_is_too_long_is_counted_all_the_same(
    excess: tuple[int, int] | None, status: int, key: str
) -> None:
    """Claude Code decides by the count when to shorten it. Asked, it is refused in its words."""
    world = answering()

    def too_long(_: Question) -> Rendering:
        raise ContextLengthExceeded("Too long.", excess=excess)

    world.gateway.lane = EchoLane(too_long)
    counted = await post(world, "/messages/count_tokens")
    assert (counted.status_code, key in counted.json()) == (status, True)
    refused = await post(world)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"].startswith("prompt is too long: ")


@frozen
class Early:
    """A request that no dialect gets to see, and its answer."""

    name: str
    method: str
    path: str
    status: int
    kind: str
    headers: dict[str, str] = field(factory=lambda: {"x-api-key": "correct horse"})


EARLY = [
    Early("no key", "POST", "/v1/messages", 401, "authentication_error", {}),
    Early("another method", "GET", "/v1/messages", 405, "invalid_request_error"),
    Early("no such route", "POST", "/v1/messages/batches", 501, "api_error"),
    Early("no JSON", "POST", "/v1/messages", 400, "invalid_request_error"),
    Early(
        "a foreign host",
        "POST",
        "/v1/messages",
        403,
        "permission_error",
        {"x-api-key": "correct horse", "host": "evil.example.com"},
    ),
]


@on_site(config=f'{KEYED}\n[server]\nmax_body_mb = 0.01\nallowed_hosts = ["localhost"]')
async def test_errors_before_the_handler_have_anthropic_s_form(site: Site) -> None:
    """Claude Code shows nothing of another form."""
    for case in EARLY:
        reply = await site.client.request(case.method, case.path, headers=case.headers)
        assert reply.status_code == case.status, case.name
        told = reply.json()
        assert (told["type"], told["error"]["type"]) == ("error", case.kind), case.name
        assert told["request_id"] == reply.headers["x-request-id"]
        assert reply.headers.get_list("request-id") == [told["request_id"]], case.name
    large = json.dumps({**HELLO, "system": "x" * 20_000})
    headers = {"x-api-key": "correct horse"}
    reply = await site.client.post("/v1/messages", content=large, headers=headers)
    assert (reply.status_code, reply.json()["error"]["type"]) == (413, "request_too_large")


@on_site(config=KEYED)
async def test_claude_code_finds_the_server_without_a_key(site: Site) -> None:
    """It looks for these two before its first request."""
    for path in ("/", "/api/hello"):
        reply = await site.client.head(path)
        assert (reply.status_code, reply.content) == (200, b"")


@on_fake_clock
async def test_anthropics_library_lists_the_models() -> None:
    """The list has the fields of both libraries."""
    world = answering()
    async with library(world) as client:
        listed = [model async for model in client.models.list()]
        one = await client.models.retrieve(MODEL)
    assert MODEL in {model.id for model in listed}
    assert (one.type, one.display_name, one.created_at.year) == ("model", MODEL, 2025)
