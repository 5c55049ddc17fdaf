"""API keys: the routes that need none, and the headers that may carry one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from grokcore.protocol.pool.book import TokenBook
from grokcore.runtime.pool.leases import TokenPool
from grokcore.web.app import create_app
from grokcore.web.dashboard import FILES
from grokcore.web.delivery import Deliveries
from grokcore.web.edge import asgi
from grokcore.web.observing.census import Census
from grokcore.web.observing.metrics import Metrics
from grokcore.web.services import Services
from grokcore.web.state import ServerState
from tests.servers import TOKENS, Site, configured, on_site, run_on_site
from tests.web.edge.edge_cases import KEYED
from tests.wire import SOON_S, chunked, ends_within, http, post, read_reply, reply_to, send_and_read


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        (["authorization: Bearer correct horse"], True),
        (["Authorization: bearer correct horse"], True),
        (["authorization: Bearer   correct horse  "], True),
        (["x-api-key: correct horse"], True),
        (["api-key: correct horse"], True),
        (["authorization: Bearer wrong", "x-api-key: correct horse"], True),
        (["authorization: Bearer Bearer correct horse"], True),
        (["authorization: bearer: correct horse"], True),
        (["authorization: Bearer 'correct horse' "], True),
        (['x-api-key: "correct horse"'], True),
        (["x-api-key: Bearer correct horse"], True),
        (["authorization: Bearer \u201ccorrect horse\u201d\u200b"], True),
        ([b"api-key: \xc2\xa0correct horse\xc2\xa0"], True),
        ([], False),
        (["authorization: Bearer"], False),
        (["authorization: Bearer wrong"], False),
        (["authorization: Bearer correct"], False),
        (["authorization: Bearer correct horses"], False),
        (["authorization: bearercorrect horse"], False),
        (["authorization: Bearer " + "' " * 4000 + "correct horse"], False),
        (["authorization: Bearer Correct Horse"], False),
        (["authorization: correct horse"], False),
        (["authorization: Basic correct horse"], False),
        (["x-api-key: "], False),
        ([b"x-api-key: correct\xa0horse"], False),
        ([b"x-api-key: \xff\xfe"], False),
    ],
)
def test_a_key_is_taken_from_three_headers(headers: list[str | bytes], passes: bool) -> None:
    """As OpenAI, Anthropic and Azure clients send it, and as people paste it; the errors for a wrong
    key and a missing one differ.
    """
    reply = reply_to(http("GET", "/v1/models", *headers), config=KEYED)
    if passes:
        assert reply.status == 200
        return
    assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
    assert reply.headers["www-authenticate"] == "Bearer"
    offered = any(
        line not in ("authorization: Bearer", "x-api-key: ") and "Basic" not in str(line)
        for line in headers
    )
    as_key = offered and not str(headers[0]).startswith(
        ("authorization: correct", "authorization: bearercorrect")
    )
    assert ("The API key is wrong" in reply.error["message"]) is as_key
    assert reply.error["type"] == "invalid_request_error"
    assert reply.headers["x-should-retry"] == "false"
    assert reply.headers["x-request-id"].startswith("req_")
    assert b"correct" not in reply.body


@pytest.mark.parametrize("key", ["schlüssel-ключ-€", "voilà"])
def test_a_key_may_have_any_letters(key: str) -> None:
    """They are compared as the UTF-8 bytes on the wire; one letter less does not pass."""
    config = f'[grok]\napi_key = "{key}"'
    assert (
        reply_to(http("GET", "/v1/models", f"x-api-key: {key[:-1]}"), config=config).status == 401
    )
    assert (
        reply_to(http("GET", "/v1/models", f"authorization: Bearer {key}"), config=config).status
        == 200
    )


def test_further_keys_may_be_given_by_their_digest() -> None:
    """``[[keys]]`` in clear or as SHA-256 count beside ``api_key``; a digest is not a key."""
    digest = hashlib.sha256(b"by digest").hexdigest()
    config = f'{KEYED}\n[[keys]]\nname = "a"\nkey = "in clear"\n[[keys]]\nname = "b"\nsha256 = "{digest.upper()}"'

    async def scenario(site: Site) -> None:
        for key, status in (
            ("correct horse", 200),
            ("in clear", 200),
            ("by digest", 200),
            (digest, 401),
            ("", 401),
        ):
            assert (
                await send_and_read(site, http("GET", "/v1/models", f"x-api-key: {key}"))
            ).status == status

    run_on_site(scenario, config=config)


def every_route() -> list[tuple[str, str]]:
    """Each method and path that the app knows."""
    unused: Any = None
    gateway: Any = SimpleNamespace(
        pool=TokenPool(TokenBook(TOKENS), queue_s=1),
        on_failed_attempt=[],
        lending=SimpleNamespace(desks=()),
    )
    watch: Any = SimpleNamespace(shared=lambda: None)
    services = Services(
        gateway, ServerState(configured()), unused, Deliveries(None), Census(unused), watch
    )
    app = create_app(services, Metrics(services.measured))
    return [
        (method, re.sub("<[^>]*>", "x", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods or ())
    ]


KEYLESS = {"/health", "/ready", "/", "/api/hello", *(f"/status/{name}" for name in FILES)}
"""The page holds no data, and asks for the key itself. Claude Code looks for ``/api/hello`` without
one."""


def test_with_a_key_set_everything_but_health_and_the_empty_page_asks_for_it() -> None:
    """Every route and method of the app's map, and unknown paths: clients without a key learn
    nothing.
    """
    unknown = [
        ("GET", "/nothing"),
        ("GET", "/health/x"),
        ("GET", "/health/../models"),
        ("BREW", "/models"),
    ]
    routes = every_route()
    assert ("POST", "/chat/completions") in routes

    async def scenario(site: Site) -> None:
        for method, path in (*routes, *unknown):
            if method == "OPTIONS":  # it names the methods, to anybody
                continue
            bodiless = method == "HEAD"
            reply = await send_and_read(site, http(method, path, body=b""), bodiless=bodiless)
            assert (reply.status == 401) is (path not in KEYLESS), (method, path)
            if (method, path) != ("GET", "/status/events"):  # which has no end with it
                keyed = http(method, path, "x-api-key: correct horse", body=b"")
                assert (await send_and_read(site, keyed, bodiless=bodiless)).status != 401, (
                    method,
                    path,
                )

    run_on_site(scenario, config=KEYED)


HEALTH_KEYS = {
    "reasons",
    "status",
    "version",
    "tokens",
    "next_reset",
    "lanes",
    "egress",
    "open",
    "waiting",
    "overload",
    "faults",
    "warnings",
    "upstream",
    "sharing",
    "workers",
}


def test_health_is_open_and_tells_no_secrets() -> None:
    """Status, version and counts: nothing of a token or a key."""
    reply = reply_to(http("GET", "/health"), config=KEYED)
    assert set(json.loads(reply.body)) == HEALTH_KEYS
    assert b"sso" not in reply.body
    assert b"horse" not in reply.body


@on_site(config=KEYED)
async def test_a_wrong_key_is_refused_before_the_body_has_come(site: Site) -> None:
    """Headers are enough for a 401; a body that never comes is not waited for."""
    async with await site.connect() as stream:
        await stream.send_all(http("POST", "/v1/chat/completions", "content-length: 1000000"))
        with trio.fail_after(SOON_S):
            assert (await read_reply(stream)).status == 401


@pytest.mark.parametrize("form", [post, chunked], ids=["length told", "chunked"])
@on_site(config=KEYED)
async def test_a_refusal_reaches_a_client_that_is_still_sending(
    site: Site, form: Callable[[bytes], bytes]
) -> None:
    """The rest of the body is read and dropped, so no reset takes the answer away; the connection
    stays usable.
    """
    async with await site.connect() as stream:
        await stream.send_all(form(b"x" * 20_000_000))
        assert (await read_reply(stream)).status == 401
        await stream.send_all(http("GET", "/health"))
        assert (await read_reply(stream)).status == 200


def test_an_early_refusal_waits_for_the_body_for_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client that keeps its connection open without sending the rest is let go."""
    monkeypatch.setattr(asgi, "LINGER_S", 0.1)

    async def scenario(site: Site) -> None:
        async with await site.connect() as stream:
            await stream.send_all(http("POST", "/v1/chat/completions", "content-length: 1000000"))
            assert (await read_reply(stream)).status == 401
            assert await ends_within(stream, SOON_S)

    run_on_site(scenario, config=KEYED)
