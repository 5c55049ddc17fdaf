"""Refusals of the simulated services, and their words."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from .place import MODEL, UNTHINKING, Place, events_in, in_place, of_cli

REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("no input", {"input": None}, 422),
    ("no objects", {"input": ["x"]}, 422),
    ("no object as a tool", {"tools": ["x"]}, 422),
    ("no model", {"model": None}, 422),
    ("empty input", {"input": ""}, 400),
    ("no items", {"input": []}, 400),
    ("empty message", {"input": [{"role": "user", "content": ""}]}, 400),
    ("no parts", {"input": [{"role": "user", "content": []}]}, 400),
    (
        "empty part",
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": ""}]}]},
        400,
    ),
    ("part", {"input": [{"role": "user", "content": [{"type": "output_text", "text": "x"}]}]}, 400),
    ("role", {"input": [{"role": "tool", "content": "x"}]}, 400),
    ("orphan", {"input": [{"type": "function_call_output", "call_id": "a", "output": "x"}]}, 400),
    ("unknown field", {"stop": ["x"]}, 400),
    ("background", {"background": True}, 400),
    ("temperature", {"temperature": 3}, 400),
    ("top_p", {"top_p": 2}, 400),
    ("top_logprobs", {"top_logprobs": 9}, 400),
    ("max_output_tokens", {"max_output_tokens": -1}, 400),
    ("tool_choice", {"tool_choice": "any"}, 400),
    ("effort", {"reasoning": {"effort": "none"}}, 400),
    ("many tools", {"tools": [{"type": "function", "name": f"f{n}"} for n in range(129)]}, 400),
    ("kind of tool", {"tools": [{"type": "web_search_preview"}]}, 400),
    ("unnamed tool", {"tools": [{"type": "function"}]}, 400),
    ("context size", {"tools": [{"type": "web_search", "search_context_size": "low"}]}, 400),
    ("location", {"tools": [{"type": "web_search", "user_location": {}}]}, 400),
    ("domains", {"tools": [{"type": "web_search", "allowed_domains": list("abcdef")}]}, 400),
    (
        "filters",
        {"tools": [{"type": "web_search", "filters": {"excluded_domains": list("abcdef")}}]},
        400,
    ),
    (
        "both",
        {"tools": [{"type": "web_search", "allowed_domains": ["a"], "excluded_domains": ["b"]}]},
        400,
    ),
    ("handles", {"tools": [{"type": "x_search", "allowed_x_handles": list("abcdefghijk")}]}, 400),
    ("option of x", {"tools": [{"type": "x_search", "allowed_domains": []}]}, 400),
    ("live search", {"search_parameters": {"mode": "auto"}}, 410),
    ("no such model", {"model": "grok-2"}, 404),
    ("a picture model", {"model": "grok-imagine-image"}, 404),
]


@pytest.mark.parametrize(
    ("fields", "status"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
@in_place
async def test_bad_requests_are_refused(place: Place, fields: dict[str, Any], status: int) -> None:
    """A renderer that writes one of them must fail a test."""
    body = {"model": MODEL, "input": "x", **fields}
    reply = await place.post({name: value for name, value in body.items() if value is not None})
    assert reply.status_code == status, reply.text
    assert place.simulator.spent_ticks == 0


@in_place
async def test_good_requests_are_taken(place: Place) -> None:
    """All that the API honours, and metadata, which it ignores."""
    call = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
    items = [
        {"role": "developer", "content": "be brief"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        call,
        {"type": "function_call_output", "call_id": "a", "output": "x"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "y"}]},
        {"role": "user", "content": "z"},
    ]
    tools = [
        {"type": "web_search", "filters": {"allowed_domains": ["a"]}},
        {"type": "x_search", "from_date": "2026-01-01"},
        {"type": "code_interpreter"},
    ]
    reply = await place.ask(
        input=items,
        tools=tools,
        instructions="x",
        metadata={"a": "b"},
        reasoning={"effort": "low", "summary": "concise"},
        include=["reasoning.encrypted_content"],
        store=False,
        service_tier="priority",
        prompt_cache_key="k",
    )
    assert reply.status_code == 200, reply.text
    assert reply.json()["output"][0]["encrypted_content"]
    stored = [{"type": "function_call_output", "call_id": "b", "output": "x"}]
    assert (await place.ask(input=stored, previous_response_id="r")).status_code == 200


@in_place
async def test_a_body_that_is_no_json_is_refused(place: Place) -> None:
    """In two ways, by the type of the content."""
    url = f"{place.urls.api}/responses"
    headers = {"authorization": "Bearer xai-test"}
    assert (await place.http.post(url, content=b"{", headers=headers)).status_code == 415
    headers["content-type"] = "application/json"
    assert (await place.http.post(url, content=b"{", headers=headers)).status_code == 400
    headers = {**of_cli(), "content-type": "application/json"}
    assert (
        await place.http.post(f"{place.urls.cli}/responses", content=b"[]", headers=headers)
    ).status_code == 400


@pytest.mark.parametrize(
    ("header", "status", "word"),
    [
        ("", 401, "No credentials"),
        ("Basic abc", 401, "No credentials"),
        ("Bearer xai-wrong", 400, "Incorrect API key provided: xa***ng"),
    ],
)
@in_place
async def test_a_key_must_be_known(place: Place, header: str, status: int, word: str) -> None:
    """A wrong key is a bad request to xAI, and no missing sign-in."""
    headers = {"authorization": header} if header else {}
    for method, path in (("GET", "/models"), ("POST", "/responses"), ("GET", "/videos/1")):
        reply = await place.http.request(method, f"{place.urls.api}{path}", headers=headers)
        assert reply.status_code == status
        assert word in reply.json()["error"]


@in_place
async def test_the_status_for_a_wrong_key_can_be_set(place: Place) -> None:
    """Reports have seen 401 as well."""
    place.simulator.wrong_key_status = 401
    headers = {"authorization": "Bearer x"}
    reply = await place.http.get(f"{place.urls.api}/models", headers=headers)
    assert reply.status_code == 401


@pytest.mark.parametrize(
    ("changed", "status", "word"),
    [
        ({"x_grok_client_version": ""}, 426, "CLI version (none) is outdated"),
        ({"x_grok_client_version": "0.1.201"}, 426, "CLI version 0.1.201 is outdated"),
        ({"x_grok_client_version": "grok-shell/1.0.0"}, 426, "0.1.202 or later"),
        ({"authorization": "Bearer old"}, 401, "Invalid or expired credentials (auth_kind=bearer)"),
        ({"authorization": "cli-test"}, 401, "Invalid or expired credentials"),
        ({"authorization": ""}, 401, "Invalid or expired credentials"),
        ({"x_xai_token_auth": ""}, 401, "Invalid or expired credentials"),
        ({"x_grok_model_override": ""}, 404, "No route"),
        ({"x_grok_model_override": "grok-4.7"}, 400, "Model mismatch"),
    ],
)
@in_place
async def test_the_proxy_wants_the_headers_of_the_cli(
    place: Place, changed: dict[str, str], status: int, word: str
) -> None:
    """Each of them, and the version before the session."""
    reply = await place.ask_cli(headers=of_cli(**changed))
    assert (reply.status_code, word in reply.json()["error"]) == (status, True)


@pytest.mark.parametrize("version", ["0.1.202", "0.2.0-beta.1", "1.0.13"])
@in_place
async def test_the_proxy_answers_the_cli(place: Place, version: str) -> None:
    """With the headers that it adds."""
    reply = await place.ask_cli(headers=of_cli(x_grok_client_version=version))
    assert events_in(reply.text)[-1]["type"] == "response.completed"
    assert reply.headers["x-grok-context-window"] == "500000"


@pytest.mark.parametrize(
    "fields",
    [
        {"stream": False},
        {"previous_response_id": "r"},
        {"stream_options": {}},
        {"prompt_cache_retention": "24h"},
        {"safety_identifier": "u"},
    ],
)
@in_place
async def test_the_proxy_takes_less_than_the_api(place: Place, fields: dict[str, Any]) -> None:
    """A body for the API is not good enough for it."""
    assert (await place.ask_cli(**fields)).status_code == 400


@in_place
async def test_the_proxy_takes_more_tools(place: Place) -> None:
    """Two hundred, where the API takes 128."""
    tools = [{"type": "function", "name": f"f{number}"} for number in range(201)]
    assert (await place.ask_cli(tools=tools[:200])).status_code == 200
    assert (await place.ask_cli(tools=tools)).status_code == 400


@pytest.mark.parametrize("path", ["/files", "/responses/compact", "/images/generations", "/x"])
@in_place
async def test_the_proxy_lacks_most_routes(place: Place, path: str) -> None:
    """Files and media are the API's."""
    reply = await place.http.post(f"{place.urls.cli}{path}", json={}, headers=of_cli())
    assert reply.status_code == 404


@in_place
async def test_paths_of_no_service_are_not_found(place: Place) -> None:
    """Neither beside the services nor within the API."""
    root = place.urls.api.removesuffix("/api/v1")
    assert (await place.http.get(f"{root}/v1/models")).status_code == 404
    assert (await place.http.get(f"{root}/apiv1/models")).status_code == 404
    assert (await place.get("/nothing")).status_code == 404
    assert (await place.post({}, "/nothing")).status_code == 404


@in_place
async def test_websockets_are_refused(place: Place) -> None:
    """With 405, as the proxy does."""
    port = int(place.urls.cli.split(":")[2].split("/")[0])
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(
            b"GET /cli/v1/responses HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n"
            b"connection: upgrade\r\nsec-websocket-version: 13\r\n"
            b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 405")


@in_place
async def test_failures_can_be_lined_up(place: Place) -> None:
    """They hit one path a number of times, with their headers; then requests succeed again."""
    headers = (("x-should-retry", "true"),)
    place.simulator.fail_next(503, {"error": "x"}, headers, times=2)
    place.simulator.fail_next(502, b"<html>", path="/models")
    first = await place.ask()
    assert (first.status_code, first.headers["x-should-retry"]) == (503, "true")
    assert (await place.ask_cli()).status_code == 503
    assert (await place.ask()).status_code == 200
    listed = await place.get("/models")
    assert (listed.status_code, listed.text) == (502, "<html>")
    place.simulator.fail_next(500, {}, path="")
    assert [(await place.get("/models")).status_code for _ in range(2)] == [500, 200]


@in_place
async def test_a_limit_says_when_to_come_again(place: Place) -> None:
    """In the headers of xAI."""
    reply = await place.ask("simulate:rate_limited", model=UNTHINKING)
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")
    assert reply.headers["x-ratelimit-remaining-requests"] == "0"
    assert (await place.ask("simulate:no_retry")).headers["x-should-retry"] == "false"
    page = await place.ask("simulate:challenge")
    assert page.headers["content-type"].startswith("text/html")
