"""Requests of the transport that are not for Grok: led to an address, as a plain client."""

from __future__ import annotations

from functools import partial

import pytest
import trio
import trio.testing

from grokcore.errors import TransportFailure
from grokcore.runtime.transport.curl import (
    CurlSettings,
    CurlTransport,
)
from grokcore.runtime.transport.seam import UpstreamRequest
from grokcore.simulator.scripts import error
from tests.runtime.transport.bench import PATH, Bench, on_bench, read_all
from tests.scenarios import on_real_clock

BROWSER_S = {
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-site",
    "sec-fetch-mode",
    "accept-language",
}


@on_bench(settings=lambda tls: CurlSettings(ca_file=tls[2]), certificate=lambda tls: tls[:2])
async def test_a_connection_goes_where_it_is_told_to_and_the_host_stays_the_url_s(
    bench: Bench,
) -> None:
    """Name and certificate are the URL's, without a look-up; the head has the address of the other
    end.
    """
    port = bench.url.rsplit(":", 1)[1]
    bench.simulator.always(error(200, {}))
    exchange = bench.open(
        f"https://grok.example.com:{port}{PATH}", connect_to="127.0.0.1", who="the site"
    )
    with pytest.raises(
        TransportFailure, match="the site could not be reached: the server's certificate"
    ):
        await read_all(exchange)
    exchange = bench.open(f"https://127.0.0.1:{port}{PATH}", connect_to="127.0.0.1")
    assert (await exchange.head()).peer == "127.0.0.1"
    await exchange.aclose()


@on_bench
async def test_where_a_connection_is_led_to_does_not_survive_on_the_handle(bench: Bench) -> None:
    """The next request with the same handle goes its own way, and shares no connection with the one
    that was led.
    """
    port = bench.url.rsplit(":", 1)[1]
    nobody = f"http://[::1]:{port}{PATH}"
    bench.simulator.always(error(200, {}))
    for _ in range(2):
        await read_all(bench.open(nobody, connect_to="127.0.0.1"))
        with pytest.raises(TransportFailure):
            await read_all(bench.open(nobody))
        with pytest.raises(TransportFailure):
            await read_all(bench.open(connect_to="::1"))
        await read_all(bench.open())
    assert [call.headers["host"] for call in bench.simulator.calls] == [
        f"[::1]:{port}",
        f"127.0.0.1:{port}",
    ] * 2
    assert bench.transport._loop is not None
    assert len(bench.transport._loop._idle) == 1


@on_real_clock
async def test_a_connection_can_be_led_to_an_ipv6_address() -> None:
    """From a URL that says something else."""

    async def answer_once(stream: trio.SocketStream) -> None:
        await stream.receive_some(4096)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    try:
        listeners = await trio.open_tcp_listeners(0, host="::1")
    except OSError:
        pytest.skip("there is no IPv6 here")
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, answer_once, listeners)
        transport = CurlTransport(CurlSettings())
        await nursery.start(transport.run)
        for host in ("grok.example.com", "127.0.0.1", "[::2]"):
            request = UpstreamRequest("GET", f"http://{host}:{port}/", (), b"", connect_to="::1")
            exchange = transport.open(request)
            assert (await exchange.head()).peer == "::1"
            assert await read_all(exchange) == b"hi"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "address", ["grok.example.com", "127.1", "127.0.0.1:80", "[::1]", "fe80::1%eth0", " "]
)
def test_only_an_address_can_be_led_to(address: str) -> None:
    """libcurl would pass over anything else, and resolve the URL's name."""
    with pytest.raises(ValueError, match=r"address|scope"):
        UpstreamRequest("GET", "http://grok.example.com/", (), b"", connect_to=address)


@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "https"])
@on_bench(
    settings=lambda encrypted, tls: CurlSettings(ca_file=tls[2] if encrypted else ""),
    certificate=lambda encrypted, tls: tls[:2] if encrypted else None,
)
async def test_a_plain_client_is_no_browser_and_keeps_to_itself(
    bench: Bench, *, encrypted: bool
) -> None:
    """It sends the headers that it is given, over a connection of its own, and leaves nothing
    behind on the handle.
    """
    bench.simulator.always(error(200, {}))
    for impersonated in (True, False, False, True):
        await read_all(
            bench.open(headers=(("User-Agent", "plain"),), body=b"", impersonated=impersonated)
        )
    browser, plain, other, again = bench.simulator.calls
    assert set(plain.headers) == set(other.headers) == {"host", "user-agent"}
    assert set(browser.headers) == set(again.headers) >= BROWSER_S
    assert browser.client == again.client
    assert len({call.client for call in bench.simulator.calls}) == 3


@on_real_clock
async def test_a_plain_client_s_handshake_is_the_same_after_a_browser_s() -> None:
    """No trace of the browser is left on the handle: neither its extensions nor HTTP/2."""
    hellos: list[bytes] = []

    async def listen(stream: trio.SocketStream) -> None:
        hellos.append(bytes(await stream.receive_some(65536)))

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, listen, 0, host="127.0.0.1"))
        url = f"https://example.com:{listeners[0].socket.getsockname()[1]}/"
        transport = CurlTransport(CurlSettings())
        await nursery.start(transport.run)
        for impersonated in (False, True, False):
            request = UpstreamRequest(
                "GET", url, (), b"", connect_to="127.0.0.1", impersonated=impersonated
            )
            with pytest.raises(TransportFailure):
                await read_all(transport.open(request))
        nursery.cancel_scope.cancel()
    plain, browser, again = (sorted(_extensions(hello)) for hello in hellos)
    assert plain == again != browser
    assert [b"\x02h2" in hello for hello in hellos] == [False, True, False]


def _extensions(hello: bytes) -> list[int]:
    """The numbers of a ClientHello's extensions. Before them: record, handshake, version, random;
    three lists.
    """
    at = 5 + 4 + 2 + 32
    for size in (1, 2, 1):
        at += size + int.from_bytes(hello[at : at + size], "big")
    at += 2
    found = []
    while at < len(hello):
        found.append(int.from_bytes(hello[at : at + 2], "big"))
        at += 4 + int.from_bytes(hello[at + 2 : at + 4], "big")
    return found
