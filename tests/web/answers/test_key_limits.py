"""Limits of API keys, and the figures that their holders see."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from grokcore.simulator.scripts import (
    HANG,
    Script,
    answer,
    error,
)
from grokcore.web.observing.trace import Trace
from tests.examples import FIRST_TOKEN
from tests.servers import Site, chat, on_site, read_until
from tests.wire import post, upstream_free

LIMITED = """
[grok]
api_key = "owner"
[[keys]]
name = "slow"
key = "slow"
rpm = 2
[[keys]]
name = "one"
key = "one"
concurrent = 1
[[keys]]
name = "small"
key = "small"
models = ["grok-3-fast", "grok-4.1"]
[[keys]]
name = "free"
key = "free"
"""


async def ask_as(site: Site, key: str, **fields: Any) -> httpx.Response:
    """A chat request with this key."""
    return await site.client.post(
        "/v1/chat/completions", json=chat(**fields), headers={"x-api-key": key}
    )


@on_site(config=LIMITED)
async def test_a_key_has_its_requests_per_minute(site: Site) -> None:
    """The limit is in the headers of each answer, and of the refusal with the wait; it does not
    concern other keys.
    """
    site.simulator.always(answer("ok"))
    first, second = await ask_as(site, "slow"), await ask_as(site, "slow")
    assert (
        first.headers["x-ratelimit-limit-requests"]
        == second.headers["x-ratelimit-limit-requests"]
        == "2"
    )
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert second.headers["x-ratelimit-remaining-requests"] == "0"
    third = await ask_as(site, "slow")
    assert (third.status_code, third.json()["error"]["code"]) == (429, "key_limit_exceeded")
    assert third.headers["x-ratelimit-remaining-requests"] == "0"
    assert 1 <= int(third.headers["retry-after"]) <= 60
    assert third.headers["x-ratelimit-reset-requests"] in (
        "1m",
        "60s",
        *(f"{seconds}s" for seconds in range(55, 60)),
    )
    assert third.headers["x-should-retry"] == "true"
    assert (await ask_as(site, "free")).status_code == 200
    assert (await ask_as(site, "owner")).status_code == 200


@on_site(config=LIMITED)
async def test_a_guest_sees_nothing_of_the_tokens(site: Site) -> None:
    """Neither which one answered nor what all of them have left, also when they have nothing left;
    the owner does.
    """
    await ask_as(site, "free")
    await site.settled()
    owner, guest = await ask_as(site, "free"), await ask_as(site, "small")
    site.simulator.always(error(429, {}))
    refused = await ask_as(site, "slow")
    assert {"x-grok2api-token", "x-ratelimit-limit-requests"} <= set(owner.headers)
    assert not {"x-grok2api-token", "x-ratelimit-limit-requests"} & set(guest.headers)
    assert refused.status_code == 429
    assert (
        refused.headers["x-ratelimit-limit-requests"],
        refused.headers["x-ratelimit-remaining-requests"],
    ) == (
        "2",
        "1",
    )


@on_site(config=LIMITED)
async def test_a_key_has_its_requests_at_once(site: Site) -> None:
    """However they end, their place is free again: answered, failed, or because the client left."""
    site.simulator.always(FIRST_TOKEN)
    async with await site.connect() as stream:
        await stream.send_all(post(chat(stream=True), "x-api-key: one"))
        await read_until(stream, b"data: ")
        refused = await ask_as(site, "one")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "key_limit_exceeded")
        assert "x-ratelimit-limit-requests" not in refused.headers
    await upstream_free(site)()
    await trio.testing.wait_all_tasks_blocked(0.01)
    site.simulator.always(error(500, {}))
    assert (await ask_as(site, "one")).status_code == 502
    assert (await ask_as(site, "one", model="?")).status_code == 404
    site.simulator.always(answer("ok"))
    assert (await ask_as(site, "one")).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
@on_site(config=LIMITED)
async def test_whoever_has_the_whole_answer_may_ask_again_at_once(site: Site, stream: bool) -> None:
    """The place is free before the last byte goes out, not when the rest of Grok's response has
    been read.
    """
    site.simulator.always(Script((*answer("ok").steps, HANG)))
    for _ in range(5):
        assert (await ask_as(site, "one", stream=stream)).status_code == 200


@on_site(config=LIMITED)
async def test_a_key_has_its_models(site: Site) -> None:
    """It sees no others, and asks no others, by any route."""
    as_small = {"x-api-key": "small"}
    listed = (await site.client.get("/v1/models", headers=as_small)).json()["data"]
    assert [model["id"] for model in listed] == ["grok-4.1", "grok-3-fast"]
    assert (await site.client.get("/v1/models/grok-4.1", headers=as_small)).status_code == 200
    for refused in (
        await site.client.get("/v1/models/grok-4-heavy", headers=as_small),
        await ask_as(site, "small", model="grok-4-heavy"),
        await site.client.post(
            "/v1/images/generations",
            json={"prompt": "p", "model": "grok-4-heavy"},
            headers=as_small,
        ),
    ):
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_not_allowed")
        assert refused.json()["error"]["message"].endswith("it may use: grok-3-fast, grok-4.1.")
    unknown = (await ask_as(site, "small", model="?")).json()["error"]
    assert unknown["code"] == "model_not_found"
    assert unknown["message"].endswith("There are: grok-3-fast, grok-4.1.")
    assert site.simulator.calls == []


@on_site(config=LIMITED)
async def test_looking_is_not_counted(site: Site) -> None:
    """The list of models does not ask Grok, so it costs a key nothing."""
    for _ in range(5):
        assert (
            await site.client.get("/v1/models", headers={"x-api-key": "slow"})
        ).status_code == 200
    assert (await ask_as(site, "slow")).headers["x-ratelimit-remaining-requests"] == "1"


@on_site(config=LIMITED)
async def test_what_was_used_stays_used_over_a_reload(site: Site) -> None:
    """Otherwise any edit of the configuration file would give every key a fresh minute."""
    await ask_as(site, "slow")
    site.server.adopt_config(site.server.state.config)
    assert (await ask_as(site, "slow")).headers["x-ratelimit-remaining-requests"] == "0"
    assert (await ask_as(site, "slow")).status_code == 429


def test_the_request_line_is_json_when_the_log_is() -> None:
    """Its fields are plain JSON values."""
    trace = Trace("r", "POST", "/x", 1.0, asks=True, status=200, complete=True)
    trace.ended = 2.5
    from grokcore.web.observing.request_log import _fields

    assert json.loads(json.dumps(_fields(trace))) == {
        "id": "r",
        "method": "POST",
        "path": "/x",
        "status": 200,
        "total": 1.5,
    }


@on_site(config=LIMITED)
async def test_each_choice_counts_as_a_request_of_its_key(site: Site) -> None:
    """All of them or none; and what could never be allowed is refused for good."""
    site.simulator.always(answer("ok"))
    whole = await ask_as(site, "slow", n=2)
    assert [choice["index"] for choice in whole.json()["choices"]] == [0, 1]
    assert whole.headers["x-ratelimit-remaining-requests"] == "0"
    assert whole.headers["x-grok2api-attempts"] == "2"
    for key, status, param in (("slow", 429, None), ("one", 400, "n")):
        refused = await ask_as(site, key, n=3)
        assert (refused.status_code, refused.json()["error"]["param"]) == (status, param)
    assert (await ask_as(site, "one")).status_code == 200
    assert (await ask_as(site, "free", n=4, stream=True)).text.count("[DONE]") == 1
