"""The HTTP edge on bare connections: the repairs of its stack, refusals, paths, keys, and clients that leave."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing
from attrs import define, evolve, frozen
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from quart_trio import QuartTrio

import grokcore.cli.server
from grokcore.protocol.models import SHIPPED
from grokcore.protocol.pool.book import TokenBook
from grokcore.protocol.tokens import TokenEntry
from grokcore.runtime.pool.leases import TokenPool
from grokcore.simulator.limits import UNLIMITED
from grokcore.simulator.scripts import Script, answer, error, paced
from grokcore.web import app as web_app
from grokcore.web import bodies, edge, server
from grokcore.web import chat as web_chat
from grokcore.web.admission import Services
from grokcore.web.app import create_app
from grokcore.web.dashboard import FILES
from grokcore.web.delivery import Deliveries
from grokcore.web.hypercorn_fixes import EdgeH11Protocol, EdgeTCPServer
from grokcore.web.metrics import Metrics
from grokcore.web.state import ServerState
from grokcore.web.status import Census
from grokcore.web.trace import Trace
from tests.examples import FIRST_TOKEN, FLOOD, SILENCE
from tests.servers import TOKENS, Site, chat, configured, on_site, read_all, read_until, run_on_site
from tests.wire import (
    SOON_S,
    chunked,
    connect_reluctantly,
    ends_within,
    happens,
    http,
    leave_at_once,
    post,
    read_reply,
    reply_to,
    send_and_read,
    until,
    upstream_free,
)

REPAIRED_OR_PLAIN = pytest.mark.parametrize("repaired", [True, False], ids=["repaired", "plain"])
"""Both worlds: a repair is worth its lines only as long as the plain one still misbehaves."""


# The repairs: connections end --------------------------------------------------------------------------------------


@frozen
class Farewell:
    """A request behind whose answer the connection must be closed."""

    name: str
    request: bytes


FAREWELLS = (
    Farewell("JSON", post(chat(), "connection: close")),
    Farewell("stream", post(chat(stream=True), "connection: close")),
    Farewell("HTTP/1.0 JSON", post(chat(), version="1.0")),
    Farewell("HTTP/1.0 stream", post(chat(stream=True), version="1.0")),
)


@REPAIRED_OR_PLAIN
@pytest.mark.parametrize("farewell", FAREWELLS, ids=lambda farewell: farewell.name)
def test_a_connection_is_closed_when_both_sides_know_it_is_the_last_answer(
    farewell: Farewell, repaired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For an HTTP/1.0 client the end of the connection is the only end of a stream.

    Without the shield around the last message, Quart-Trio cancels Hypercorn in the middle of closing.
    """
    if not repaired:
        monkeypatch.setattr(edge._Wire, "_send_last", lambda self, message: self._send(message))

    async def scenario(site: Site) -> None:
        site.simulator.always(answer("ok"))
        async with await site.connect() as stream:
            await stream.send_all(farewell.request)
            await read_until(stream, b"stop")
            assert await ends_within(stream, SOON_S if repaired else 0.2) is repaired

    run_on_site(scenario)


@REPAIRED_OR_PLAIN
@pytest.mark.parametrize("stream_wanted", [False, True], ids=["whole", "streamed"])
def test_an_idle_connection_is_closed_also_after_an_answer(
    stream_wanted: bool, repaired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The idle timer runs again after a response; until it is due, the connection serves."""
    monkeypatch.setattr(server, "KEEP_ALIVE_S", 0.1)
    if not repaired:
        monkeypatch.setattr(edge._Wire, "_send_last", lambda self, message: self._send(message))

    async def scenario(site: Site) -> None:
        site.simulator.always(answer("ok"))
        async with await site.connect() as stream:
            for _ in range(2 if repaired else 1):
                await stream.send_all(post(chat(stream=stream_wanted)))
                await read_until(stream, b"[DONE]\n\n\r\n0\r\n\r\n" if stream_wanted else b"estimated")
            assert await ends_within(stream, SOON_S if repaired else 0.35) is repaired

    run_on_site(scenario)


@pytest.mark.parametrize("beginning", [b"", b"GET /health HTTP/1.1\r\nhos"], ids=["silent", "half a head"])
def test_a_connection_without_a_whole_request_head_is_closed(beginning: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Descriptors can't be held by saying nothing, or by saying it slowly."""
    monkeypatch.setattr(server, "KEEP_ALIVE_S", 0.1)

    async def scenario(site: Site) -> None:
        async with await site.connect() as stream:
            await stream.send_all(beginning)
            assert await ends_within(stream, SOON_S)

    run_on_site(scenario)


@on_site
async def test_requests_sent_at_once_over_one_connection_are_answered_in_order(site: Site) -> None:
    """Reading ahead mixes nothing up, behind a stream either."""
    site.simulator.always(answer("ok"))
    async with await site.connect() as stream:
        await stream.send_all(
            http("GET", "/v1/models") + post(chat(stream=True)) + http("GET", "/one") + http("GET", "/two")
        )
        received = await read_until(stream, b"GET /two")
    marks = [b'"object":"list"', b"data: [DONE]", b"GET /one", b"GET /two"]
    assert sorted(marks, key=received.index) == marks


# The repairs: clients that stop reading, and clients that leave -----------------------------------------------------


async def stall(site: Site) -> trio.SocketStream:
    """A client that asked for a long stream and does not read it."""
    site.simulator.always(FLOOD)
    stream = await connect_reluctantly(site)
    await stream.send_all(post(chat(stream=True)))
    await site.simulator.until(lambda: bool(site.simulator.open_calls))
    return stream


@REPAIRED_OR_PLAIN
def test_a_client_that_stops_reading_is_cut_after_the_write_timeout(
    repaired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its task, its lease and the call to Grok end; Hypercorn alone would wait for it for ever."""
    if not repaired:
        monkeypatch.setattr(EdgeTCPServer, "protocol_send", TCPServer.protocol_send)

    async def scenario(site: Site) -> None:
        async with await stall(site):
            assert await happens(upstream_free(site), SOON_S if repaired else 0.5) is repaired
            if repaired:
                assert [call.outcome for call in site.simulator.calls] == ["aborted"]
                assert await happens(lambda: until(lambda: not site.gateway.open_count and not site.leased()))

    run_on_site(scenario, config="[server]\nwrite_timeout_seconds = 0.2\ngrace_seconds = 0")


@REPAIRED_OR_PLAIN
def test_a_stop_does_not_wait_for_a_client_that_does_not_read(repaired: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the grace time and half a second for last words the write is cut, and the server returns."""
    if not repaired:
        monkeypatch.setattr(EdgeTCPServer, "protocol_send", TCPServer.protocol_send)
    stopped_at = math.inf
    left_open: list[int] = []

    async def scenario(site: Site) -> None:
        nonlocal stopped_at
        async with await stall(site) as stream:
            stopped_at = time.monotonic()
            site.stop.set()
            assert await happens(upstream_free(site), SOON_S if repaired else 0.1 + 1) is repaired
            if repaired:
                left_open.append(stream.socket.detach())

    run_on_site(scenario, config="[server]\ngrace_seconds = 0.1")
    if repaired:
        assert time.monotonic() - stopped_at < 0.1 + 0.5 + 1
        os.close(left_open[0])


@REPAIRED_OR_PLAIN
def test_a_disconnect_is_noticed_though_bytes_wait_behind_the_request(
    repaired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No task, descriptor, lease or call to Grok stays. Hypercorn alone stops reading as soon as bytes are waiting."""
    if not repaired:
        monkeypatch.setattr(EdgeTCPServer, "_read_data", TCPServer._read_data)

    async def scenario(site: Site) -> None:
        keep_no_connection_of_asks(site)
        site.simulator.always(FIRST_TOKEN)
        before = Holdings.of(site)
        async with await site.connect() as stream:
            await stream.send_all(post(chat(stream=True)) + b"G")
            await read_until(stream, b"data: ")
        assert await happens(upstream_free(site), SOON_S if repaired else 0.3) is repaired
        if repaired:
            await before.must_be_restored(site)

    run_on_site(scenario, config="[server]\ngrace_seconds = 0")


@on_site(config="[server]\ngrace_seconds = 0")
async def test_a_disconnect_is_noticed_though_bytes_came_one_by_one(site: Site) -> None:
    """How many packets waiting bytes came in makes no difference."""
    site.simulator.always(FIRST_TOKEN)
    async with await site.connect() as stream:
        await stream.send_all(post(chat(stream=True)))
        await read_until(stream, b"data: ")
        for _ in range(8):
            await stream.send_all(b"G")
            await trio.testing.wait_all_tasks_blocked(0.002)
    assert await happens(upstream_free(site), 0.5)


# The repairs: protocols --------------------------------------------------------------------------------------------


@REPAIRED_OR_PLAIN
@pytest.mark.parametrize("way", ["prior knowledge", "upgrade"])
def test_cleartext_http2_is_refused(way: str, repaired: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no idle timeout in Hypercorn. An upgrade that is offered is passed over, as RFC 9110 allows."""
    if not repaired:
        monkeypatch.setattr(EdgeH11Protocol, "_check_protocol", H11Protocol._check_protocol)
        # Hypercorn's HTTP/2 would wait for the client for ever inside the shield.
        monkeypatch.setattr(edge._Wire, "_send_last", lambda self, message: self._send(message))
    offer = ("connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQCAAAAAAIAAAAA")
    request = (
        http("GET", "/health", *offer) if way == "upgrade" else b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    )

    async def scenario(site: Site) -> None:
        async with await site.connect() as stream:
            await stream.send_all(request)
            received = await stream.receive_some(65536)
            if repaired:
                assert received.startswith(b"HTTP/1.1 200 " if way == "upgrade" else b"HTTP/1.1 4")
                assert way == "upgrade" or await ends_within(stream, SOON_S)
            else:
                assert received.startswith((b"HTTP/1.1 101 ", b"\0\0"))  # changed over, or a frame already

    run_on_site(scenario, config="[server]\ngrace_seconds = 0")


MALFORMED = (
    b"rubbish\r\n\r\n",
    b"GET /health HTTP/1.1\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nhost: localhost\r\n\r\n",
    http("GET", "/health", "no colon"),
    http("GET", "/health", b"x: a\0b"),
    http("GET", "/health", "content-length: 1", "content-length: 2"),
    http("POST", "/v1/chat/completions", "transfer-encoding: xchunked"),
    http("POST", "/v1/chat/completions", "transfer-encoding: chunked") + b"zz\r\n\r\n",
    b"GET /health HTTP/1.1\r\nx: " + b"a" * 40_000,
)


@REPAIRED_OR_PLAIN
def test_what_is_not_http_is_refused_in_json_and_closed(repaired: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also errors from below the application have the error object."""
    if not repaired:
        monkeypatch.setattr(EdgeH11Protocol, "_send_error_response", H11Protocol._send_error_response)

    async def scenario(site: Site) -> None:
        for request in MALFORMED:
            async with await site.connect() as stream:
                await stream.send_all(request)
                reply = await read_reply(stream)
                assert await ends_within(stream, SOON_S)
            assert reply.status in (400, 431, 501), request[:60]
            if repaired:
                assert set(reply.error) == {"message", "type", "param", "code"}
                assert reply.headers["content-type"] == "application/json"
            else:
                assert reply.body == b""

    run_on_site(scenario)


def test_what_is_not_http_is_refused_with_the_headers_of_every_error() -> None:
    """A request id and a word on repeating, on every error."""
    reply = reply_to(MALFORMED[0])
    assert reply.headers.get("x-should-retry") == "false"
    assert reply.headers.get("x-request-id")


@REPAIRED_OR_PLAIN
def test_an_answer_may_take_longer_than_quart_would_give_it(repaired: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quart cuts every answer after RESPONSE_TIMEOUT, by default 60 s, without a word."""
    monkeypatch.setattr(QuartTrio, "default_config", {**QuartTrio.default_config, "RESPONSE_TIMEOUT": 0.1})

    def as_quart_has_it(*arguments: Any) -> QuartTrio:
        app = create_app(*arguments)
        app.config["RESPONSE_TIMEOUT"] = QuartTrio.default_config["RESPONSE_TIMEOUT"]
        return app

    if not repaired:
        monkeypatch.setattr(grokcore.cli.server, "create_app", as_quart_has_it)

    async def scenario(site: Site) -> None:
        site.simulator.always(paced(answer("one two three"), 0.03))
        async with await site.connect() as stream:
            await stream.send_all(post(chat(stream=True), "connection: close"))
            received = await read_all(stream)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert (b"data: [DONE]" in received) is repaired

    run_on_site(scenario)


# Refusals ----------------------------------------------------------------------------------------------------------


@frozen
class Refused:
    """A request, and the error object it gets."""

    name: str
    request: bytes
    status: int = 400
    code: str | None = None
    param: str | None = None
    says: str = ""
    config: str = ""
    allow: str | None = None


def bad_field(name: str, value: Any, param: str | None = None, **expected: Any) -> Refused:
    """A chat request with one field that can't be."""
    return Refused(f"{name} = {json.dumps(value)}", post(chat(**{name: value})), param=param or name, **expected)


def bad_message(value: Any, param: str, **expected: Any) -> Refused:
    """A chat request with one message that can't be."""
    return bad_field("messages", [value], f"messages[0]{param}", **expected)


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
SMALL = "[server]\nmax_body_mb = 0.5"
BIG = b'{"model": "' + b"x" * 8_000_000 + b'"}'

REFUSED = (
    Refused("unknown url", http("GET", "/v1/nothing"), 404, "unknown_url", says="GET /v1/nothing"),
    Refused("POST root", http("POST", "/"), 405, "method_not_allowed", allow="GET, HEAD, OPTIONS"),
    Refused("long path", http("GET", "/" + "x" * 9000), 404, "unknown_url"),
    Refused("GET chat", http("GET"), 405, "method_not_allowed", allow="OPTIONS, POST", says="GET"),
    Refused("POST models", http("POST", "/v1/models"), 405, "method_not_allowed", allow="GET, HEAD, OPTIONS"),
    Refused("own method", http("BREW", "/v1/models"), 405, "method_not_allowed", allow="GET, HEAD, OPTIONS"),
    Refused("too large", post(BIG), 413, "request_too_large", says="max_body_mb", config=SMALL),
    Refused("too large, chunked", chunked(BIG), 413, "request_too_large", says="max_body_mb", config=SMALL),
    Refused("no JSON", post(b'{"model":')),
    Refused("no body", post(b"")),
    Refused("no length", http()),
    Refused("not UTF-8", post(b"\xff\xfe")),
    Refused("200 000 lists deep", post(b"[" * 200_000)),
    Refused("200 000 objects deep", post(b'{"a":' * 200_000)),
    Refused("5000 digits", post(b'{"n": ' + b"9" * 5000 + b"}")),
    Refused("null", post(None)),
    Refused("list", post([chat()])),
    Refused("string", post("hello")),
    Refused("empty object", post({}), param="model"),
    Refused("model missing", post({"messages": chat()["messages"]}), param="model"),
    bad_field("model", 5),
    bad_field("model", ""),
    bad_field("model", "grok-3-fats", status=404, code="model_not_found", says="Did you mean grok-3-fast"),
    bad_field("messages", None),
    bad_field("messages", "hello"),
    bad_field("messages", []),
    bad_message("hello", ""),
    bad_message({"content": "hello"}, ".role"),
    bad_message({"role": "wizard", "content": "hello"}, ".role"),
    bad_message({"role": ["user"], "content": "hello"}, ".role"),
    bad_message({"role": "user", "content": 5}, ".content"),
    bad_message({"role": "user", "content": {"words": "hello"}}, ".content"),
    bad_message({"role": "user", "content": [{"type": "smell"}]}, ".content[0]"),
    bad_message({"role": "user", "content": [{"type": "text", "text": 5}]}, ".content[0]"),
    bad_message(
        {"role": "user", "content": [IMAGE]}, ".content[0]", code="invalid_attachment", says="of no known kind"
    ),
    Refused("blank", post(chat("  ")), param="messages"),
    bad_field("stream", "yes"),
    bad_field("stream", 2),
    bad_field("stream_options", True),
    bad_field("stream_options", {"include_usage": 2}, "stream_options.include_usage"),
    bad_field("n", 2),
    bad_field("n", "2"),
    bad_field("n", True),
    bad_field("tool_choice", "required"),
    bad_field("tool_choice", {"type": "function", "function": {"name": "f"}}),
    Refused(
        "unknown model shown", http("GET", "/v1/models/grok-4-expart"), 404, "model_not_found", "model", "grok-4-expert"
    ),
)


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: refused.name[:60])
def test_a_refusal_is_an_error_object_with_the_field_at_fault(refused: Refused) -> None:
    """Four keys, JSON, a request id, and "don't repeat it"; the client gets it also if it sends first and reads later."""
    reply = reply_to(refused.request, config=refused.config)

    assert (reply.status, reply.error["code"], reply.error["param"]) == (refused.status, refused.code, refused.param)
    assert set(reply.error) == {"message", "type", "param", "code"}
    assert reply.error["type"] == "invalid_request_error"
    assert isinstance(reply.error["message"], str)
    assert refused.says in reply.error["message"]
    assert 0 < len(reply.error["message"]) < 500
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-should-retry"] == "false"
    assert re.fullmatch("req_[0-9a-f]{24}", reply.headers["x-request-id"])
    assert reply.headers.get("allow") == refused.allow


@on_site
async def test_content_length_with_transfer_encoding_is_refused_and_closed(site: Site) -> None:
    """Two lengths are how requests are smuggled past a proxy (RFC 9112 §6.1); what follows is not read as a request."""
    smuggled = http("GET", "/v1/models")
    both = http("POST", "/v1/chat/completions", "content-length: 5", "transfer-encoding: chunked")
    async with await site.connect() as stream:
        await stream.send_all(both + b"0\r\n\r\n" + smuggled)
        reply = await read_reply(stream)
        assert await stream.receive_some(65536) == b""
    assert reply.status == 400
    assert set(reply.error) == {"message", "type", "param", "code"}
    assert reply.headers["x-request-id"].startswith("req_")
    assert site.simulator.calls == []


def test_content_length_with_transfer_encoding_is_refused_with_the_headers_of_every_error() -> None:
    """A word on repeating, on every error."""
    reply = reply_to(http("POST", "/health", "content-length: 5", "transfer-encoding: chunked") + b"0\r\n\r\n")
    assert reply.headers.get("x-should-retry") == "false"


def test_a_target_that_is_no_url_is_no_bug() -> None:
    """The path counts, as far as there is one; no request makes a 500, or a traceback in the log."""
    assert reply_to(http("GET", "http://[bad/v1/models")).status < 500
    assert reply_to(http("GET", "http://[bad")).status < 500


def test_a_websocket_is_refused() -> None:
    """There are none here: a 4xx, with the headers of every error, and no traceback in the log."""
    offer = (
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: AAAAAAAAAAA=",
    )
    reply = reply_to(http("GET", "/v1/models", *offer))
    assert 400 <= reply.status < 500
    assert reply.headers.get("x-request-id")


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """408 after BODY_TIMEOUT_S, and the connection is closed after a moment: the rest could not be told from a request."""
    monkeypatch.setattr(bodies, "BODY_TIMEOUT_S", 0.1)
    monkeypatch.setattr(edge, "LINGER_S", 0.1)

    async def scenario(site: Site) -> None:
        async with await site.connect() as stream:
            await stream.send_all(post(chat())[:-5])
            reply = await read_reply(stream)
            assert await ends_within(stream, SOON_S)
        assert reply.status == 408
        assert set(reply.error) == {"message", "type", "param", "code"}

    run_on_site(scenario)


def test_a_bug_is_a_500_that_gives_nothing_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets the request id, the log the traceback under it."""

    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(web_chat, "chosen_model", broken)
    with caplog.at_level(logging.ERROR):
        reply = reply_to(post(chat(), "x-request-id: mine-1"))
    assert (reply.status, reply.error["code"], reply.error["type"]) == (500, "internal_error", "server_error")
    assert b"secret detail" not in reply.body
    assert reply.headers["x-request-id"] == "mine-1"
    assert reply.headers["x-should-retry"] == "false"
    assert "mine-1" in caplog.text
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (http("HEAD", "/v1/models"), 200),
        (http("HEAD", "/health"), 200),
        (http("HEAD", "/nothing"), 404),
        (http("HEAD"), 405),
    ],
)
@on_site
async def test_head_is_get_without_the_body(site: Site, request_: bytes, status: int) -> None:
    """The same status and headers; the connection stays in step."""
    async with await site.connect() as stream:
        await stream.send_all(request_ + http("GET", "/v1/models"))
        received = await read_until(stream, b'"owned_by":"xai"}]}')
    head, _, rest = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"x-request-id: req_" in head
    assert rest.startswith(b"HTTP/1.1 200 ")


def test_options_names_the_methods() -> None:
    """With ``Allow`` and nothing else; no key is needed for it."""
    reply = reply_to(http("OPTIONS"), config=KEYED, bodiless=True)
    assert (reply.status, reply.body) == (204, b"")
    assert not {"content-type", "content-length"} & set(reply.headers)
    assert set(reply.headers["allow"].split(", ")) == {"OPTIONS", "POST"}


@pytest.mark.parametrize("sent", [post(chat(stream=True))[:-20], post(chat(stream=True))], ids=["half", "whole"])
@on_site
async def test_a_client_that_leaves_with_its_first_bytes_is_noticed(site: Site, sent: bytes) -> None:
    """Its request may begin after its end was seen; it must hear of that, or it would wait for its body for two minutes."""
    site.simulator.always(FIRST_TOKEN)
    began: list[edge.Lifetime] = []
    ended: list[Trace] = []
    site.server.state.on_request_end.append(ended.append)
    lifetime = edge.Lifetime.__init__

    def counted(self: edge.Lifetime, *arguments: Any) -> None:
        began.append(self)
        lifetime(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edge.Lifetime, "__init__", counted)
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", site.port)) as connection:
                connection.sendall(sent)
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked(0.01)

        async def calm() -> None:
            while len(ended) < len(began) or site.simulator.open_calls:
                await trio.testing.wait_all_tasks_blocked(0.001)

        assert await happens(calm)


# Paths -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/models", "/models", "/v1/models/", "/models/", "//v1//models", "/v1/v1/models", "/v1/models?limit=5"),
        *("http://localhost/v1/models", "http://localhost:8000/models/", "/v1/%6dodels"),
    ],
)
def test_the_models_are_at_every_spelling_of_their_path(path: str) -> None:
    """With or without ``/v1``, or with two; slashes don't matter; absolute as proxies send it."""
    reply = reply_to(http("GET", path))
    assert reply.status == 200
    assert [model["id"] for model in json.loads(reply.body)["data"]] == list(SHIPPED)


@pytest.mark.parametrize(
    "path", ["/chat/completions", "/v1/chat/completions/", "/v1/v1/chat//completions", "http://a/v1/chat/completions"]
)
def test_a_chat_is_at_every_spelling_of_its_path(path: str) -> None:
    """Base URLs are mistyped in many ways."""
    reply = reply_to(http("POST", path, body=json.dumps(chat()).encode()))
    assert json.loads(reply.body)["choices"][0]["message"]["content"] == "ok"


def test_one_model_is_shown() -> None:
    """``GET /v1/models/NAME``, as SDKs ask for it."""
    reply = reply_to(http("GET", "/v1/models/grok-4.1"))
    assert json.loads(reply.body) == {
        "id": "grok-4.1",
        "object": "model",
        "created": web_app.MODELS_CREATED,
        "owned_by": "xai",
    }


# Keys --------------------------------------------------------------------------------------------------------------

KEYED = '[grok]\napi_key = "correct horse"'


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
    """As OpenAI, Anthropic and Azure clients send it, and as people paste it; a wrong one is told apart from none."""
    reply = reply_to(http("GET", "/v1/models", *headers), config=KEYED)
    if passes:
        assert reply.status == 200
        return
    assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")
    assert reply.headers["www-authenticate"] == "Bearer"
    offered = any(line not in ("authorization: Bearer", "x-api-key: ") and "Basic" not in str(line) for line in headers)
    as_key = offered and not str(headers[0]).startswith(("authorization: correct", "authorization: bearercorrect"))
    assert ("The API key is wrong" in reply.error["message"]) is as_key
    assert reply.error["type"] == "invalid_request_error"
    assert reply.headers["x-should-retry"] == "false"
    assert reply.headers["x-request-id"].startswith("req_")
    assert b"correct" not in reply.body


@pytest.mark.parametrize("key", ["schlüssel-ключ-€", "voilà"])
def test_a_key_may_have_any_letters(key: str) -> None:
    """They are compared as the UTF-8 bytes on the wire; one letter less does not pass."""
    config = f'[grok]\napi_key = "{key}"'
    assert reply_to(http("GET", "/v1/models", f"x-api-key: {key[:-1]}"), config=config).status == 401
    assert reply_to(http("GET", "/v1/models", f"authorization: Bearer {key}"), config=config).status == 200


def test_further_keys_may_be_given_by_their_digest() -> None:
    """``[[keys]]`` in clear or as SHA-256 count beside ``api_key``; a digest is not a key."""
    digest = hashlib.sha256(b"by digest").hexdigest()
    config = f'{KEYED}\n[[keys]]\nname = "a"\nkey = "in clear"\n[[keys]]\nname = "b"\nsha256 = "{digest.upper()}"'

    async def scenario(site: Site) -> None:
        for key, status in (("correct horse", 200), ("in clear", 200), ("by digest", 200), (digest, 401), ("", 401)):
            assert (await send_and_read(site, http("GET", "/v1/models", f"x-api-key: {key}"))).status == status

    run_on_site(scenario, config=config)


def every_route() -> list[tuple[str, str]]:
    """Each method and path that the app knows."""
    unused: Any = None
    gateway: Any = SimpleNamespace(pool=TokenPool(TokenBook(TOKENS), queue_s=1), on_failed_attempt=[])
    services = Services(gateway, ServerState(configured()), unused, Deliveries(None), Census(unused))
    app = create_app(services, Metrics(services))
    return [
        (method, re.sub("<[^>]*>", "x", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in sorted(rule.methods or ())
    ]


KEYLESS = {"/health", "/", *(f"/status/{name}" for name in FILES)}
"""The page holds no data, and asks for the key itself."""


def test_with_a_key_set_everything_but_health_and_the_empty_page_asks_for_it() -> None:
    """Every route and method of the app's own map, and what is no route: strangers learn nothing."""
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
                assert (await send_and_read(site, keyed, bodiless=bodiless)).status != 401, (method, path)

    run_on_site(scenario, config=KEYED)


HEALTH_KEYS = {
    "status",
    "version",
    "tokens",
    "next_reset",
    "egress",
    "open",
    "waiting",
    "overload",
    "faults",
    "upstream",
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
async def test_a_refusal_reaches_a_client_that_is_still_sending(site: Site, form: Callable[[bytes], bytes]) -> None:
    """The rest of the body is read and dropped, so no reset takes the answer away; the connection stays usable."""
    async with await site.connect() as stream:
        await stream.send_all(form(b"x" * 20_000_000))
        assert (await read_reply(stream)).status == 401
        await stream.send_all(http("GET", "/health"))
        assert (await read_reply(stream)).status == 200


def test_an_early_refusal_waits_for_the_body_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that keeps its connection open without sending the rest is let go."""
    monkeypatch.setattr(edge, "LINGER_S", 0.1)

    async def scenario(site: Site) -> None:
        async with await site.connect() as stream:
            await stream.send_all(http("POST", "/v1/chat/completions", "content-length: 1000000"))
            assert (await read_reply(stream)).status == 401
            assert await ends_within(stream, SOON_S)

    run_on_site(scenario, config=KEYED)


# Request ids -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (b"abc-123_X.y:z", True),
        (b"a" * 128, True),
        (b"a" * 129, False),
        (b"", False),
        (b"two words", False),
        (b"a\tb", False),
        (b"a,b", False),
        (b"<script>", False),
        (b"a%0d%0aset-cookie: x=1", False),
        (b'"; DROP', False),
        ("ключ".encode(), False),
        (b"a\xc4\x8d\xc4\x8ab", False),
    ],
)
def test_a_request_id_is_taken_over_if_it_is_harmless(offered: bytes, taken: bool) -> None:
    """It goes into a header and the log; anything else is replaced."""
    reply = reply_to(http("GET", "/v1/models", b"x-request-id: " + offered))
    found = reply.headers["x-request-id"]
    assert found == offered.decode() if taken else re.fullmatch("req_[0-9a-f]{24}", found)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (http("GET", "/v1/models", "x-request-id: mine"), 200),
        (http("GET", "/health", "x-request-id: mine"), 200),
        (http("OPTIONS", "/health", "x-request-id: mine"), 204),
        (http("GET", "/nothing", "x-request-id: mine"), 404),
        (http("DELETE", "/health", "x-request-id: mine"), 405),
        (post(b"{", "x-request-id: mine"), 400),
        (post(BIG, "x-request-id: mine"), 413),
        (post(chat(), "x-request-id: mine"), 200),
        (post(chat(stream=True), "x-request-id: mine"), 200),
        (post(chat(model="grok-4-heavy"), "x-request-id: mine"), 503),
    ],
)
@on_site(config=SMALL, tokens=(TokenEntry("sso-basic"),))
async def test_every_answer_has_the_request_id_once(site: Site, request_: bytes, status: int) -> None:
    """Whatever became of the request."""
    site.simulator.always(answer("ok"))
    async with await site.connect() as stream:
        await stream.send_all(request_)
        head = await read_until(stream, b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert head.lower().count(b"x-request-id") == 1
    assert b"\r\nx-request-id: mine\r\n" in head


# How much at once --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream_wanted", [False, True], ids=["whole", "streamed"])
@on_site(config="[server]\nmax_streams = 1")
async def test_beyond_max_streams_a_request_is_turned_away(site: Site, stream_wanted: bool) -> None:
    """503 overloaded, "again in a second", without a call to Grok; a place that is free again is given away again."""
    site.simulator.always(FIRST_TOKEN)
    async with await site.connect() as stream:
        await stream.send_all(post(chat(stream=True)))
        await read_until(stream, b"data: ")
        reply = await send_and_read(site, post(chat(stream=stream_wanted)))
        assert (reply.status, reply.error["code"]) == (503, "overloaded")
        assert (reply.headers["retry-after"], reply.headers["x-should-retry"]) == ("1", "true")
        assert (await send_and_read(site, http("GET", "/v1/models"))).status == 200
    await upstream_free(site)()
    assert len(site.simulator.calls) == 1
    site.simulator.always(answer("ok"))
    await until(lambda: site.gateway.open_count == 0)
    assert (await send_and_read(site, post(chat()))).status == 200


# Clients that leave ------------------------------------------------------------------------------------------------


def keep_no_connection_of_asks(site: Site) -> None:
    """What is left of an allowance is asked for beside the chats; Grok closes that connection at once."""
    told = error(200, UNLIMITED, (("connection", "close"),))
    for entry in TOKENS:
        site.simulator.script_asks(entry.sso, told)


@define
class Holdings:
    """What a process holds because of its clients."""

    tasks: int
    threads: int
    descriptors: int
    leases: int
    completions: int

    @classmethod
    def of(cls, site: Site) -> Holdings:
        return cls(
            trio.lowlevel.current_statistics().tasks_living,
            threading.active_count(),
            len(list(Path("/proc/self/fd").iterdir())),
            site.leased(),
            site.gateway.open_count,
        )

    async def must_be_restored(self, site: Site) -> None:
        """Fail if there is more than this for long. (There may be less: trio's idle threads end after a while.)"""
        await happens(lambda: until(lambda: Holdings.of(site) == self.with_threads_of(site)))
        assert Holdings.of(site) == self.with_threads_of(site)

    def with_threads_of(self, site: Site) -> Holdings:
        """The same, and as many threads as there are, if they are not more."""
        return evolve(self, threads=min(self.threads, Holdings.of(site).threads))


@frozen
class Leaving:
    """When a client leaves.

    :ivar script: what Grok is doing then.
    :ivar read: what the client has read by then; if nothing, it leaves as soon as Grok was asked.
    :ivar times: how many clients do so.
    """

    name: str
    stream: bool
    script: Script
    read: bytes = b""
    config: str = "[server]\ngrace_seconds = 0"
    times: int = 20


HELD = "[server]\ngrace_seconds = 0\nhold_seconds = 0"
LEAVING = (
    Leaving("whole, before Grok's head", stream=False, script=Script((), before=math.inf)),
    Leaving("whole, before the first event", stream=False, script=SILENCE, times=100),
    Leaving("whole, after the first event", stream=False, script=FIRST_TOKEN),
    Leaving("stream, before the head", stream=True, script=SILENCE),
    Leaving("stream, before the first event", stream=True, script=SILENCE, read=b"\r\n\r\n", config=HELD),
    Leaving("stream, after the first event", stream=True, script=FIRST_TOKEN, read=b"data: ", times=100),
    Leaving("stream, lively", stream=True, script=paced(answer("a b c " * 1000), 0.0005), read=b"data: "),
)


@pytest.mark.parametrize("leaving", LEAVING, ids=lambda leaving: leaving.name)
@on_site(config=lambda leaving: leaving.config)
async def test_of_a_client_that_left_nothing_stays(site: Site, leaving: Leaving) -> None:
    """Grok is let go, and after many of them there is no task, thread, descriptor, lease or completion more.

    Every other client closes, the others reset the connection.
    """
    keep_no_connection_of_asks(site)
    site.simulator.always(leaving.script)
    before = Holdings.of(site)
    for number in range(leaving.times):
        async with await site.connect() as stream:
            await stream.send_all(post(chat(stream=leaving.stream)))
            await site.simulator.until(lambda: len(site.simulator.calls) == number + 1)  # noqa: B023
            if leaving.read:
                await read_until(stream, leaving.read)
            if number % 2:
                leave_at_once(stream)
        assert await happens(upstream_free(site))
        assert site.simulator.calls[-1].outcome == "aborted"
    await before.must_be_restored(site)


@pytest.mark.parametrize("sent", [b"", post(chat())[:60], post(chat())], ids=["nothing", "half a head", "a request"])
@on_site
async def test_of_a_client_that_left_while_nothing_was_under_way_nothing_stays(site: Site, sent: bytes) -> None:
    """Before its first request, in the middle of a head, or after its answer, like every curl."""
    keep_no_connection_of_asks(site)
    site.simulator.always(answer("ok"))
    await send_and_read(site, post(chat()))  # makes the connection to Grok, which is kept
    await until(lambda: not site.gateway.open_count)
    await site.settled()  # the question of what is left has a connection, too, for as long as it takes
    await trio.testing.wait_all_tasks_blocked(0.05)
    before = Holdings.of(site)
    for _ in range(5):
        async with await site.connect() as stream:
            await stream.send_all(sent)
            if sent == post(chat()):
                await read_reply(stream)
    await before.must_be_restored(site)


@on_site(config="[pool]\nmax_in_flight_per_token = 1", tokens=(TokenEntry("sso-one"),))
async def test_a_client_that_leaves_the_queue_for_a_token_leaves_no_gap(site: Site) -> None:
    """The one behind it is served when its turn comes."""
    site.simulator.script("sso-one", FIRST_TOKEN, answer("ok"))
    before = Holdings.of(site)
    async with await site.connect() as first, await site.connect() as last:
        await first.send_all(post(chat(stream=True)))
        await read_until(first, b"data: ")
        async with await site.connect() as second:
            await second.send_all(post(chat()))
            await until(lambda: site.gateway.pool.waiting == 1)
            await last.send_all(post(chat()))
            await until(lambda: site.gateway.pool.waiting == 2)
        await until(lambda: site.gateway.pool.waiting == 1)
        await first.aclose()
        assert (await read_reply(last)).status == 200
    await until(lambda: not site.gateway.open_count)
    assert (site.leased(), len(site.simulator.calls)) == (before.leases, 2)
