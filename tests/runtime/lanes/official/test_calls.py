"""Small requests to xAI: over real sockets, and on a clock that jumps."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from grokcore.errors import TransportFailure
from grokcore.runtime.lanes.official.calls import MOST_BYTES, get_json
from grokcore.runtime.transport.curl import CurlSettings, CurlTransport
from grokcore.simulator.scripts import CUT, HANG, Script, Send
from tests.certificates import issue
from tests.scenarios import on_fake_clock, run_on_real_clock

from ...fakes import FakeTransport

URL = "https://api.example.com/v1/models"
HEADERS = (("Authorization", "Bearer key-1"), ("User-Agent", "grok2api/1"))
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@on_fake_clock
async def test_a_request_is_a_plain_client_s() -> None:
    """The browser's headers belong to grok.com, and the connection to nobody else."""
    transport = FakeTransport([Script((Send(b"{}"),))])
    proxy = "http://proxy.example.com:8080"
    assert await get_json(transport, URL, HEADERS, proxy_url=proxy, seconds=5) == (
        200,
        {"content-type": "application/json"},
        b"{}",
    )
    request = transport.exchanges[0].request
    assert (request.method, request.url, request.proxy_url) == ("GET", URL, proxy)
    assert not request.impersonated
    assert request.headers == (("Accept", "application/json"), *HEADERS)
    assert transport.all_closed


@on_fake_clock
async def test_an_answer_is_waited_for_within_bounds() -> None:
    """A status page, and the keeper of lists, do not hang."""
    transport = FakeTransport([Script((HANG,), before=100)])
    with pytest.raises(TransportFailure, match="xAI did not answer within 5 s"):
        await get_json(transport, URL, HEADERS, proxy_url="", seconds=5)
    assert trio.current_time() == 5
    assert transport.all_closed


@on_fake_clock
async def test_a_long_body_is_cut() -> None:
    """It can't fill the memory."""
    transport = FakeTransport([Script((Send(b"x" * (MOST_BYTES + 5)),))])
    _, _, body = await get_json(transport, URL, (), proxy_url="", seconds=5)
    assert len(body) == MOST_BYTES


@on_fake_clock
async def test_a_failure_quotes_no_secret() -> None:
    """Whatever the transport's words are."""
    transport = FakeTransport([Script((CUT,))])
    with pytest.raises(TransportFailure) as caught:
        await get_json(transport, URL, HEADERS, proxy_url="", seconds=5, secrets=("script",))
    assert caught.value.message == "cut by …"


def over_sockets(
    scenario: Callable[[CurlTransport, int], Awaitable[None]],
    answer: bytes,
    heads: list[bytes],
    *,
    settings: CurlSettings | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Run *scenario* with libcurl, and a server on loopback that gives one answer to all."""

    async def handle(stream: trio.abc.Stream) -> None:
        try:
            heads.append(await _head(stream))
            await stream.send_all(answer)
        except trio.BrokenResourceError:
            heads.append(b"broken")

    async def main() -> None:
        transport = CurlTransport(settings or CurlSettings())
        async with trio.open_nursery() as nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            wrapped = [one if tls is None else trio.SSLListener(one, tls) for one in listeners]
            nursery.start_soon(trio.serve_listeners, handle, wrapped)
            await nursery.start(transport.run)
            await scenario(transport, listeners[0].socket.getsockname()[1])
            nursery.cancel_scope.cancel()

    run_on_real_clock(main)


async def _head(stream: trio.abc.Stream) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head and (piece := await stream.receive_some(4096)):
        head += piece
    return head


def test_the_request_has_our_own_name_and_no_browser_s_header() -> None:
    """xAI is asked openly."""
    heads: list[bytes] = []

    async def scenario(transport: CurlTransport, port: int) -> None:
        url = f"http://127.0.0.1:{port}/v1/models"
        status, _, body = await get_json(transport, url, HEADERS, proxy_url="", seconds=10)
        assert (status, body) == (200, b"{}")

    over_sockets(scenario, OK, heads)
    lines = heads[0].decode().split("\r\n")
    assert lines[0] == "GET /v1/models HTTP/1.1"
    names = {line.partition(":")[0].lower() for line in lines[1:] if line}
    assert names == {"host", "accept", "authorization", "user-agent"}
    assert "User-Agent: grok2api/1" in lines


def test_a_redirect_is_not_followed() -> None:
    """The key would go to another host."""
    heads: list[bytes] = []
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/other\r\nContent-Length: 0\r\n\r\n"

    async def scenario(transport: CurlTransport, port: int) -> None:
        url = f"http://127.0.0.1:{port}/v1/models"
        status, _, _ = await get_json(transport, url, HEADERS, proxy_url="", seconds=10)
        assert status == 302

    over_sockets(scenario, moved, heads)
    assert len(heads) == 1


def test_the_proxy_gets_the_request() -> None:
    """The lane's own egress."""
    heads: list[bytes] = []

    async def scenario(transport: CurlTransport, port: int) -> None:
        proxy = f"http://127.0.0.1:{port}"
        url = "http://api.example.com/v1/models"
        status, _, _ = await get_json(transport, url, HEADERS, proxy_url=proxy, seconds=10)
        assert status == 200

    over_sockets(scenario, OK, heads)
    assert heads[0].startswith(b"GET http://api.example.com/v1/models HTTP/1.1\r\n")


@pytest.mark.parametrize("trusted", [True, False])
def test_the_certificate_is_checked(tmp_path: Path, trusted: bool) -> None:
    """With the system's authorities, or those of ``ca_file``; a stranger gets no key."""
    chain, key, authority = issue(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    heads: list[bytes] = []

    async def scenario(transport: CurlTransport, port: int) -> None:
        url = f"https://127.0.0.1:{port}/v1/models"
        if trusted:
            status, _, _ = await get_json(transport, url, HEADERS, proxy_url="", seconds=10)
            assert status == 200
        else:
            with pytest.raises(TransportFailure, match="xAI could not be reached"):
                await get_json(transport, url, HEADERS, proxy_url="", seconds=10)

    over_sockets(
        scenario,
        OK,
        heads,
        settings=CurlSettings(ca_file=authority if trusted else ""),
        tls=context,
    )
    assert any(b"key-1" in head for head in heads) is trusted
