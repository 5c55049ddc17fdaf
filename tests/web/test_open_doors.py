"""Routes without a key reveal nothing, and can't be blocked for the owner."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing

from grokcore.simulator.scripts import page
from tests.servers import Site, chat, http_request, on_site, read_all

SECRETS = ("hunter2", "proxy.example.com", "s3cret-value", "eyJhbGciOi")


@pytest.mark.parametrize(("words", "shown"), [
    ("tokens.json: is not valid JSON", "tokens.json: is not valid JSON"),
    ("config.toml: line 3, column 120: Expected a value", "config.toml: line 3, column 120: Expected a value"),
    ("config.toml: [grok] proxy_url: 'http://u:hunter2@proxy.example.com' is no URL", "config.toml: [grok] proxy_url is at fault; the log says more."),
    ("[grok] proxy_url: http://u:hunter2@proxy.example.com", "[grok] proxy_url is at fault; the log says more."),
    ('tokens.json: "s3cret-value" is no token', "tokens.json is at fault; the log says more."),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9u is refused", "It is at fault; the log says more."),
])  # fmt: skip
@on_site(config='[grok]\napi_key = "owner-key"')
async def test_health_says_what_is_at_fault_and_no_value(
    site: Site, words: str, shown: str
) -> None:
    """The owner's key brings the words; without any key on the server, the status page has them."""
    site.server.state.notices["config"] = words
    reply = await site.client.get("/health")
    assert reply.json()["faults"] == {"config": shown}
    assert not [secret for secret in SECRETS if secret in reply.text]
    owner = await site.client.get("/health", headers={"x-api-key": "owner-key"})
    assert owner.json()["faults"] == {"config": words}


@pytest.mark.parametrize(
    "header", [{"sec-fetch-site": "cross-site"}, {"origin": "https://a.example"}], ids=str
)
@on_site
async def test_a_page_takes_no_place_of_the_status_stream(
    site: Site, header: dict[str, str]
) -> None:
    """An image's address would do on a server without a key; programs need no ticket."""
    for _ in range(25):
        assert (await site.client.get("/status/events", headers=header)).status_code == 403
    ticket = (await site.client.post("/status/ticket")).json()["ticket"]
    for path, headers in (
        ("/status/events", {}),
        (f"/status/events?ticket={ticket}", {"sec-fetch-site": "same-origin"}),
    ):
        async with site.client.stream("GET", path, headers=headers) as reply:
            assert reply.status_code == 200


@on_site(
    config='[grok]\nx_statsig_id = "statsig-s3cret-value"\ncf_clearance = "cf_clearance=clear-s3cret-value"'
)
async def test_what_was_sent_to_grok_is_masked_when_it_is_echoed(site: Site) -> None:
    """By its value, whatever stands in front of it; in streams as well."""
    echo = json.dumps(
        {"error": {"code": 7, "message": "not taken: statsig-s3cret-value and clear-s3cret-value"}}
    )
    site.simulator.always(page(400, echo))
    for stream in (False, True):
        reply = await site.ask(stream=stream)
        assert reply.status_code >= 400
        assert "s3cret" not in reply.text


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/images/generations"])
@on_site(config="[server]\ngrace_seconds = 0.1")
async def test_half_a_body_is_refused_properly_at_a_stop(site: Site, path: str) -> None:
    """503 shutting_down when the grace time is over, and not a bare 500."""
    body = json.dumps(chat()).encode()
    async with await site.connect() as stream:
        await stream.send_all(http_request(body, path=path)[:-5])
        await trio.testing.wait_all_tasks_blocked(0.01)
        site.stop.set()
        head, _, rest = (await read_all(stream)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert json.loads(rest)["error"]["code"] == "shutting_down"
