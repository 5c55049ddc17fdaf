"""The repairs of the HTTP stack, each beside the plain stack that still needs it: bare
connections.
"""

from __future__ import annotations

import math
import os
import time
from typing import Any

import pytest
import trio
import trio.testing
from attrs import frozen
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import EventWrapper
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection

import grokcore.cli.assembly
from grokcore.simulator.scripts import answer, paced
from grokcore.web import server
from grokcore.web.app import create_app
from grokcore.web.edge import asgi, hypercorn_fixes
from grokcore.web.edge.hypercorn_fixes import EdgeH11Protocol, EdgeTCPServer
from tests.examples import FIRST_TOKEN, FLOOD
from tests.servers import Site, chat, on_site, read_all, read_until, run_on_site
from tests.web.edge.edge_cases import Holdings, keep_no_connection_of_asks
from tests.wire import (
    SOON_S,
    connect_reluctantly,
    ends_within,
    happens,
    http,
    post,
    read_reply,
    reply_to,
    until,
    upstream_free,
)

REPAIRED_OR_PLAIN = pytest.mark.parametrize("repaired", [True, False], ids=["repaired", "plain"])
"""Both worlds: a repair is worth its lines only as long as the plain one still misbehaves."""


# The repairs: connections end -------------------------------------------------------------------


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

    Without the shield around the last message, Quart-Trio cancels Hypercorn in the middle of
    closing.
    """
    if not repaired:
        monkeypatch.setattr(asgi._Wire, "_send_last", lambda self, message: self._send(message))

    async def scenario(site: Site) -> None:
        site.simulator.always(answer("ok"))
        async with await site.connect() as stream:
            await stream.send_all(farewell.request)
            await read_until(stream, b"stop")
            assert await ends_within(stream, SOON_S if repaired else 0.2) is repaired

    run_on_site(scenario)


@pytest.mark.parametrize("stream_wanted", [False, True], ids=["whole", "streamed"])
def test_an_idle_connection_is_closed_also_after_an_answer(
    stream_wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The idle timer runs again after a response; until it is due, the connection serves."""
    monkeypatch.setattr(server, "KEEP_ALIVE_S", 0.1)

    async def scenario(site: Site) -> None:
        site.simulator.always(answer("ok"))
        async with await site.connect() as stream:
            for _ in range(2):
                await stream.send_all(post(chat(stream=stream_wanted)))
                await read_until(
                    stream, b"[DONE]\n\n\r\n0\r\n\r\n" if stream_wanted else b"estimated"
                )
            assert await ends_within(stream, SOON_S)

    run_on_site(scenario)


@pytest.mark.parametrize(
    "beginning", [b"", b"GET /health HTTP/1.1\r\nhos"], ids=["silent", "half a head"]
)
def test_a_connection_without_a_whole_request_head_is_closed(
    beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
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
            http("GET", "/v1/models")
            + post(chat(stream=True))
            + http("GET", "/one")
            + http("GET", "/two")
        )
        received = await read_until(stream, b"GET /two")
    marks = [b'"object":"list"', b"data: [DONE]", b"GET /one", b"GET /two"]
    assert sorted(marks, key=received.index) == marks


# The repairs: clients that stop reading, and clients that leave ---------------------------------


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
                assert await happens(
                    lambda: until(lambda: not site.gateway.open_count and not site.leased())
                )

    run_on_site(scenario, config="[server]\nwrite_timeout_seconds = 0.2\ngrace_seconds = 0")


@REPAIRED_OR_PLAIN
def test_a_stop_does_not_wait_for_a_client_that_does_not_read(
    repaired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the grace time and half a second for last words the write is cut, and the server
    returns.
    """
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
    """No task, descriptor, lease or call to Grok stays. Hypercorn alone stops reading as soon as
    bytes are waiting.
    """
    if not repaired:
        monkeypatch.setattr(hypercorn_fixes, "_Resumption", lambda _: EventWrapper())

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


# The repairs: protocols -------------------------------------------------------------------------


@REPAIRED_OR_PLAIN
@pytest.mark.parametrize("way", ["prior knowledge", "upgrade"])
def test_cleartext_http2_is_refused(
    way: str, repaired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no idle timeout in Hypercorn. An upgrade that is offered is passed over, as RFC 9110
    allows.
    """
    if not repaired:
        monkeypatch.setattr(EdgeH11Protocol, "_check_protocol", H11Protocol._check_protocol)
        # Hypercorn's HTTP/2 would wait for the client for ever inside the shield.
        monkeypatch.setattr(asgi._Wire, "_send_last", lambda self, message: self._send(message))
    offer = (
        "connection: upgrade, http2-settings",
        "upgrade: h2c",
        "http2-settings: AAMAAABkAAQCAAAAAAIAAAAA",
    )
    request = (
        http("GET", "/health", *offer)
        if way == "upgrade"
        else b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    )

    async def scenario(site: Site) -> None:
        async with await site.connect() as stream:
            await stream.send_all(request)
            received = await stream.receive_some(65536)
            if repaired:
                assert received.startswith(b"HTTP/1.1 200 " if way == "upgrade" else b"HTTP/1.1 4")
                assert way == "upgrade" or await ends_within(stream, SOON_S)
            else:
                assert received.startswith(
                    (b"HTTP/1.1 101 ", b"\0\0")
                )  # changed over, or a frame already

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
def test_what_is_not_http_is_refused_in_json_and_closed(
    repaired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also errors from below the application have the error object."""
    if not repaired:
        monkeypatch.setattr(
            EdgeH11Protocol, "_send_error_response", H11Protocol._send_error_response
        )

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
def test_an_answer_may_take_longer_than_quart_would_give_it(
    repaired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quart cuts off every answer after RESPONSE_TIMEOUT, by default 60 s, without an error."""
    monkeypatch.setattr(
        QuartTrio, "default_config", {**QuartTrio.default_config, "RESPONSE_TIMEOUT": 0.1}
    )

    def as_quart_has_it(*arguments: Any) -> QuartTrio:
        app = create_app(*arguments)
        app.asgi_http_class = TrioASGIHTTPConnection
        app.config["RESPONSE_TIMEOUT"] = QuartTrio.default_config["RESPONSE_TIMEOUT"]
        return app

    if not repaired:
        monkeypatch.setattr(grokcore.cli.assembly, "create_app", as_quart_has_it)

    async def scenario(site: Site) -> None:
        site.simulator.always(paced(answer("one two three"), 0.03))
        async with await site.connect() as stream:
            await stream.send_all(post(chat(stream=True), "connection: close"))
            received = await read_all(stream)
        assert received.startswith(b"HTTP/1.1 200 ")
        assert (b"data: [DONE]" in received) is repaired

    run_on_site(scenario)
