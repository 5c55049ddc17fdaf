"""``/v1/responses`` over the whole app: answers that are kept, found again, and forgotten."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest
from openai.types.responses import Response

from grokcore.simulator import lines
from grokcore.simulator.scripts import CUT, Script, Send, answer, error, wrapped
from tests.protocol.dialects.openai_responses.responses_cases import sent_events
from tests.runtime.worlds import make_world
from tests.scenarios import on_fake_clock

from ...servers import Site, on_site
from ..in_process import client_of

MODEL = "grok-3-fast"
BROKEN = Script((Send(lines.line(wrapped(lines.token("Hel")))), CUT))


def sdk(http: httpx.AsyncClient) -> openai.AsyncOpenAI:
    """openai-python over the app, without retries."""
    client = openai.AsyncOpenAI(
        api_key="none", base_url="http://localhost/v1", http_client=http, max_retries=0
    )
    client._platform = "Linux"  # it would ask for it in a thread
    return client


@on_fake_clock
async def test_an_answer_is_a_response_that_goes_on_later() -> None:
    """The conversation comes from the store, and so do its items."""
    world = make_world(answer("Two."), answer("Four."))
    async with client_of(world) as http:
        client = sdk(http)
        first = await client.responses.create(model=MODEL, input="One?")
        assert (first.status, first.output_text) == ("completed", "Two.")
        assert await client.responses.retrieve(first.id) == first
        second = await client.responses.create(
            model=MODEL, input="Three?", previous_response_id=first.id
        )
        assert second.output_text == "Four."
        listed = await client.responses.input_items.list(second.id, order="asc")
        assert [item.type for item in listed.data] == ["message"] * 3
    prompt = world.transport.exchanges[1].request.body
    assert prompt is not None
    assert all(word in prompt for word in (b"One?", b"Two.", b"Three?"))
    assert world.idle


@on_fake_clock
async def test_a_streamed_answer_is_kept() -> None:
    """It can be fetched as soon as its end has arrived."""
    world = make_world(answer("Hello there.", thoughts=[lines.thought("Hm.")]))
    async with client_of(world) as http:
        asked = {"model": MODEL, "input": "hi", "stream": True}
        reply = await http.post("/responses", json=asked)
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        *_, last = sent_events(reply.content)
        assert last.name == "response.completed"
        kept = await http.get(f"/responses/{last.data['response']['id']}")
        assert kept.json() == last.data["response"]
        assert [item["type"] for item in kept.json()["output"]] == ["reasoning", "message"]


@on_fake_clock
async def test_a_stream_that_breaks_off_raises_our_code() -> None:
    """Nothing of it is kept."""
    async with client_of(make_world(BROKEN)) as http:
        with pytest.raises(openai.APIError) as caught:
            async for _ in await sdk(http).responses.create(model=MODEL, input="hi", stream=True):
                pass
        assert caught.value.code == "upstream_error"


@on_fake_clock
async def test_references_of_a_tool_loop_are_resolved() -> None:
    """As AI SDK sends them by default."""
    world = make_world(answer("Two.", thoughts=[lines.thought("Hm.")]), answer("Four."))
    async with client_of(world) as http:
        first = (await http.post("/responses", json={"model": MODEL, "input": "One?"})).json()
        named = [{"type": "item_reference", "id": item["id"]} for item in first["output"]]
        items = [{"role": "user", "content": "One?"}, *named, {"role": "user", "content": "3?"}]
        second = await http.post("/responses", json={"model": MODEL, "input": items})
        assert second.status_code == 200
        assert second.headers["x-grok2api-ignored"] == "input.reasoning"
    assert b"Two." in (world.transport.exchanges[1].request.body or b"")


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "param"),
    [
        ("GET", "/responses/resp_x", 404, "response_not_found", "response_id"),
        ("GET", "/responses/resp_x/input_items", 404, "response_not_found", "response_id"),
        ("DELETE", "/responses/resp_x", 404, "response_not_found", "response_id"),
        ("POST", "/responses/resp_x/cancel", 404, "response_not_found", "response_id"),
        ("GET", "/responses/{kept}?stream=true", 400, None, "stream"),
        ("GET", "/responses/{kept}/input_items?limit=0", 400, None, "limit"),
        ("GET", "/responses/{kept}/input_items?limit=x", 400, None, "limit"),
        ("GET", "/responses/{kept}/input_items?order=up", 400, None, "order"),
        ("GET", "/responses/{kept}/input_items?after=x", 400, None, "after"),
        ("POST", "/responses/{kept}/cancel", 400, None, "response_id"),
        ("POST", "/responses/compact", 404, "unknown_url", None),
        ("GET", "/responses/{kept}/nothing", 404, "unknown_url", None),
        ("GET", "/responses", 405, "method_not_allowed", None),
    ],
)
@on_fake_clock
async def test_requests_for_kept_responses_are_refused(
    method: str, path: str, status: int, code: str | None, param: str | None
) -> None:
    """In OpenAI's form, with the parameter at fault."""
    async with client_of(make_world(answer("Two."))) as http:
        first = (await http.post("/responses", json={"model": MODEL, "input": "One?"})).json()
        reply = await http.request(method, path.format(kept=first["id"]))
        found = reply.json()["error"]
        assert (reply.status_code, found["code"], found["param"]) == (status, code, param)


@on_fake_clock
async def test_a_kept_response_can_be_deleted() -> None:
    """It is gone at once."""
    async with client_of(make_world(answer("Two."))) as http:
        first = (await http.post("/responses", json={"model": MODEL, "input": "One?"})).json()
        path = f"/responses/{first['id']}?include[]=reasoning.encrypted_content"
        assert (await http.get(path)).json() == first
        reply = await http.delete(path)
        assert reply.json() == {"id": first["id"], "object": "response", "deleted": True}
        assert (await http.get(path)).status_code == 404


@on_fake_clock
async def test_an_answer_is_not_kept_if_the_client_asks_so() -> None:
    """Codex and opencode do."""
    async with client_of(make_world(answer("Two."))) as http:
        asked = {"model": MODEL, "input": "One?", "store": False}
        first = (await http.post("/responses", json=asked)).json()
        assert first["store"] is False
        assert (await http.get(f"/responses/{first['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        (
            {"previous_response_id": "resp_x"},
            400,
            "previous_response_not_found",
            "previous_response_id",
        ),
        (
            {"input": [{"type": "item_reference", "id": "msg_unknown"}]},
            404,
            "item_not_found",
            "input",
        ),
        ({"model": "nothing"}, 404, "model_not_found", None),
        ({"background": True}, 400, None, "background"),
    ],
)
@on_fake_clock
async def test_a_request_that_cant_be_asked_is_refused(
    fields: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    """Before Grok is asked."""
    world = make_world(answer("Two."))
    async with client_of(world) as http:
        reply = await http.post("/responses", json={"model": MODEL, "input": "hi", **fields})
        found = reply.json()["error"]
        assert (reply.status_code, found["code"]) == (status, code)
        assert param is None or found["param"] == param
    assert world.transport.exchanges == []


@on_fake_clock
async def test_a_refusal_of_groks_is_a_400_and_asked_once() -> None:
    """Codex repeats any status of 500 or more 30 times."""
    world = make_world(error(400, {"error": {"code": 3, "message": "No."}}))
    async with client_of(world) as http:
        reply = await http.post("/responses", json={"model": MODEL, "input": "hi"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "upstream_refused")


@on_fake_clock
async def test_tokens_are_counted_without_asking() -> None:
    """By the estimate for the prompt, with what the request refers to."""
    world = make_world(answer("Two."))
    async with client_of(world) as http:
        first = (await http.post("/responses", json={"model": MODEL, "input": "One?"})).json()
        Response.model_validate(first)
        fields = {"model": MODEL, "input": "x" * 400}
        short = (await http.post("/responses/input_tokens", json=fields)).json()
        assert short == {"object": "response.input_tokens", "input_tokens": 100}
        fields["previous_response_id"] = first["id"]
        long = (await http.post("/responses/input_tokens", json=fields)).json()
        assert long["input_tokens"] > 100
    assert len(world.transport.exchanges) == 1


@on_site(config="[server]\nresponses_mb = 0")
async def test_a_server_that_keeps_nothing_says_so(site: Site) -> None:
    """A client that reads ``store: true`` would refer to the response."""
    site.simulator.always(answer("ok"))
    response = await site.client.post(
        "/v1/responses", json={"model": "grok-3-fast", "input": "hi", "store": True}
    )
    body = response.json()
    assert body["store"] is False
    kept = await site.client.get(f"/v1/responses/{body['id']}")
    assert kept.json()["error"]["code"] == "response_not_found"
